//! How an application changes what the framework shows: pages, users, and answers to 401 and 403.

use rocket::http::Status;
use rocket::{Request, async_trait};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::rejection::Rejection;
use crate::user::{User, UserPayload};
use crate::web::next::Next;
use crate::web::page::builder::Page;

/// Changes what the framework shows: its pages, its users, and its answers to refused requests.
///
/// Implement the methods you need: each default changes nothing. Pass the value to
/// [`Security::presentation`](crate::Security::presentation).
///
/// To replace a whole page or mail, write a template with its name; the guide on [pages](crate::guide::pages)
/// has an example of each. To add fields to the registration form, implement
/// [`RegistrationFields`](crate::RegistrationFields).
///
/// ```
/// use rocket::Request;
/// use rocket_security::{Instead, Page, Presentation, Security};
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
    /// Adds variables to a page before it is rendered. It is called for the framework's pages and the
    /// application's own.
    ///
    /// [`Page::template`] returns the name of the page's template. Load data that has to be awaited earlier,
    /// in a guard or a fairing, and put it into the request-local cache.
    fn page(&self, page: Page, _request: &Request<'_>) -> Page {
        page
    }

    /// Returns the JSON description of a user, in place of [`UserPayload`].
    ///
    /// It is the `user` of JSON answers, the `current_user` of templates, and the result of
    /// [`AuthUser::payload`](crate::AuthUser::payload). The user can see everything in it.
    ///
    /// It is called once for each request of a logged-in user, so it must be fast. The framework's templates
    /// show `current_user.email` if it exists, and treat an empty value as no user. Mails always have a
    /// [`UserPayload`] as their `user`.
    ///
    /// # Errors
    ///
    /// Any failure of the application. The request is answered with 503.
    async fn user(&self, user: &User) -> Result<Value> {
        Ok(json!(UserPayload::from(user)))
    }

    /// Returns the answer to a request without a user, in place of a redirect to the login page.
    fn unauthenticated(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }

    /// Returns the answer to a request that the user is not allowed to make, in place of the framework's page
    /// for 403.
    fn forbidden(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }

    /// Returns the answer to a request for which the user has to authenticate again or prove a second factor,
    /// in place of a redirect to `/verify`.
    fn not_fresh(&self, _request: &Request<'_>) -> Instead {
        Instead::ours()
    }
}

/// The answer to a refused request, in place of the framework's own.
///
/// Browsers get the page or the redirect. Programs always get JSON, with the members added here. It is
/// returned by the methods of [`Presentation`].
#[derive(Debug, Default)]
pub struct Instead {
    pub(crate) view: Option<Rendering>,
    pub(crate) status: Option<Status>,
    pub(crate) response: Map<String, Value>,
}

impl Instead {
    /// Keeps the framework's answer.
    pub fn ours() -> Self {
        Self::default()
    }

    /// Shows a page, with the status of the rejection.
    pub fn page(page: Page) -> Self {
        Self { view: Some(Rendering::Page(page)), ..Self::default() }
    }

    /// Redirects browsers to another page, with status 303.
    pub fn redirect(next: Next) -> Self {
        Self { view: Some(Rendering::Redirect(next)), ..Self::default() }
    }

    /// Sets another status for the JSON answer and the page, for example 404 to hide that something exists.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the member `key` in the `response` of the JSON answer, replacing the existing one.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.response.insert(key.to_owned(), json!(value));
        self
    }

    /// Returns the application's answer to a rejection.
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

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Rendering {
    Page(Page),
    Redirect(Next),
    /// JSON, whatever the request asks for.
    Data,
}

/// A presentation that changes nothing.
pub(crate) struct AsItComes;

impl Presentation for AsItComes {}
