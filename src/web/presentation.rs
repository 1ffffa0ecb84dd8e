//! How an application presents what is ours: its pages, its user, its answers to 401 and 403.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::http::Status;
use rocket::{Request, async_trait};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::rejection::Rejection;
use crate::session;
use crate::session::Current;
use crate::user::{User, UserId, UserPayload};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::View;
use crate::web::{Web, sender};

/// What an application changes in what we show, method by method; each leaves things as they are
/// until it is written. Handed to [`Security::presentation`](crate::Security::presentation).
///
/// A page as a whole, and a mail, is replaced by a template of its name: see
/// [`guide::pages`](crate::guide::pages), which has an example of each that runs. Fields of a form
/// are added by [`RegistrationFields`](crate::RegistrationFields).
///
/// ```
/// # use rocket::Request;
/// use rocket_security::Page;
/// use rocket_security::Security;
/// use rocket_security::web::presentation::Instead;
/// use rocket_security::web::presentation::Presentation;
///
/// struct Shop;
///
/// impl Presentation for Shop {
///     fn page(&self, page: Page, _request: &Request<'_>) -> Page {
///         page.with("opening_hours", "9 to 5")
///     }
///
///     fn forbidden(&self, _request: &Request<'_>) -> Instead {
///         Instead::page(Page::new("members_only.html"))
///     }
/// }
///
/// let security = Security::default().presentation(Shop);
/// # drop(security);
/// ```
#[async_trait]
pub trait Presentation: Send + Sync + 'static {
    /// Adds to what a template sees, before the page is rendered: ours and the application's own.
    /// [`Page::template`] says which one it is. What has to be awaited is loaded by a guard or a
    /// fairing before, into the request-local cache.
    fn page(&self, page: Page, _request: &Request<'_>) -> Page {
        page
    }

    /// Gives what is shown of a user, in place of [`UserPayload`]: the `user` of JSON answers, the
    /// `current_user` of templates, and [`AuthUser::payload`](crate::AuthUser::payload). Everything
    /// in it is public to that user.
    ///
    /// It is asked once for each request of somebody who is logged in: it must be quick. Our
    /// templates show `current_user.email`, if it is there; one that is empty is nobody to them.
    /// Mails have a [`UserPayload`] as their `user`.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on our side: the answer is 503.
    async fn user(&self, user: &User) -> Result<Value> {
        Ok(json!(UserPayload::from(user)))
    }

    /// Answers when nobody is logged in, in place of the way to the login page.
    fn unauthenticated(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }

    /// Answers when the user may not do this, in place of our page for 403.
    fn forbidden(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }

    /// Answers when the user has to prove that it is still them, in place of the way to `/verify`.
    fn not_fresh(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }
}

/// An answer in place of ours to a request that was refused. Browsers get the page or the redirect;
/// programs get JSON in any case, with what is added here.
#[derive(Debug, Default)]
pub struct Instead {
    pub(crate) view: Option<View>,
    pub(crate) status: Option<Status>,
    pub(crate) response: Map<String, Value>,
}

impl Instead {
    /// Leaves our answer.
    pub fn ours() -> Self {
        Self::default()
    }

    /// Shows that page, with the status of the refusal.
    pub fn page(page: Page) -> Self {
        Self { view: Some(View::Page(page)), ..Self::default() }
    }

    /// Leads browsers elsewhere, by 303.
    pub fn redirect(next: Next) -> Self {
        Self { view: Some(View::Redirect(next)), ..Self::default() }
    }

    /// Answers with another status, in JSON and with the page: 404 to hide what is there.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Puts `value` as `key` into the JSON's `response`, in place of what is there.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.response.insert(key.to_owned(), json!(value));
        self
    }

    /// Asks the application what it answers to a refusal.
    pub(crate) fn of(rejection: &Rejection, request: &Request<'_>, web: &Web) -> Self {
        match rejection {
            Rejection::Unauthenticated => web.presentation().unauthenticated(request),
            Rejection::Forbidden => web.presentation().forbidden(request),
            Rejection::NotFresh | Rejection::NotAssured(_) => web.presentation().not_fresh(request),
            _ => Self::ours(),
        }
    }
}

/// Everything as it comes.
pub(crate) struct AsItComes;

impl Presentation for AsItComes {}

/// Reads the session of a request, and has what is shown of its user at hand, for templates cannot
/// wait for it.
///
/// # Errors
///
/// [`Rejection::Unavailable`] when the application could not tell.
pub(crate) async fn current<'r>(
    request: &'r Request<'_>,
    web: &Web,
) -> Result<&'r Current, Rejection> {
    let current = web.sessions().current(request).await;
    if let Some(active) = current.active() {
        show(request, web, &active.user).await?;
    }
    Ok(current)
}

/// Gives what is shown of a user, and has it at hand for the rest of the request.
///
/// # Errors
///
/// [`Rejection::Unavailable`] when the application could not tell.
pub(crate) async fn show(
    request: &Request<'_>,
    web: &Web,
    user: &User,
) -> Result<Value, Rejection> {
    if let Some(shown) = shown(request, user.id) {
        return shown.ok_or(Rejection::Unavailable);
    }
    let value = web.presentation().user(user).await;
    let value = value.map_err(|fault| log::error!("{fault}")).ok();
    lock(request).push((user.id, value.clone()));
    value.ok_or(Rejection::Unavailable)
}

/// Gives what is shown of the user of a request: of whoever a guard let in, or else of whoever is
/// logged in, if a guard has asked.
pub(crate) fn current_user(request: &Request<'_>) -> Option<Value> {
    let of_session = || session::loaded(request).and_then(Current::active).map(|it| it.user.id);
    let user = sender::decided(request).map(|it| it.user.id).or_else(of_session)?;
    shown(request, user).flatten()
}

/// Gives what is shown of a user, if it was asked for: none when it could not be found out.
fn shown(request: &Request<'_>, user: UserId) -> Option<Option<Value>> {
    let shown = lock(request);
    shown.iter().find(|(id, _)| *id == user).map(|(_, value)| value.clone())
}

/// What is shown of the users of a request: of one, but where a session and other credentials are two
/// people's.
struct Shown(Mutex<Vec<(UserId, Option<Value>)>>);

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Vec<(UserId, Option<Value>)>> {
    let shown: &'r Shown = request.local_cache(|| Shown(Mutex::default()));
    shown.0.lock().unwrap_or_else(PoisonError::into_inner)
}
