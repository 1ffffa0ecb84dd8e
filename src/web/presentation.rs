//! How an application presents what is ours: its pages, its user, its answers to 401 and 403.

use rocket::http::Status;
use rocket::{Request, async_trait};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::rejection::Rejection;
use crate::user::{User, UserPayload};
use crate::web::next::Next;
use crate::web::page::builder::Page;

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

    /// Returns what is shown of a user, in place of [`UserPayload`]: the `user` of JSON answers, the
    /// `current_user` of templates, and [`AuthUser::payload`](crate::AuthUser::payload). Everything
    /// in it is public to that user.
    ///
    /// It is called once for each request of a logged-in user, and must be quick. Our templates show
    /// `current_user.email` if it is there; they treat an empty value as a guest.
    /// Mails have a [`UserPayload`] as their `user`.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on our side: the answer is 503.
    async fn user(&self, user: &User) -> Result<Value> {
        Ok(json!(UserPayload::from(user)))
    }

    /// Answers a request that needs a login, in place of the redirect to the login page.
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
    pub(crate) view: Option<Rendering>,
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
        Self { view: Some(Rendering::Page(page)), ..Self::default() }
    }

    /// Leads browsers elsewhere, by 303.
    pub fn redirect(next: Next) -> Self {
        Self { view: Some(Rendering::Redirect(next)), ..Self::default() }
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
    pub(crate) fn of(
        rejection: &Rejection,
        request: &Request<'_>,
        presentation: &dyn Presentation,
    ) -> Self {
        match rejection {
            Rejection::Unauthenticated => presentation.unauthenticated(request),
            Rejection::Forbidden => presentation.forbidden(request),
            Rejection::NotFresh | Rejection::NotAssured(_) => presentation.not_fresh(request),
            _ => Self::ours(),
        }
    }
}

/// What a browser is answered with.
#[derive(Debug)]
pub(crate) enum Rendering {
    Page(Page),
    Redirect(Next),
    /// JSON, whatever the request wants.
    Data,
}

/// Everything as it comes.
pub(crate) struct AsItComes;

impl Presentation for AsItComes {}
