//! The guard for forms and JSON that guests may send, too.

use std::fmt;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::guard::state::parts;
use crate::rejection::Rejection;
use crate::session::{Current, SessionManager};
use crate::web::catchers::refuse;
use crate::web::csrf;
use crate::web::demand::{Demand, demands};
use crate::web::site::is_unattached;

/// Lets in every visitor, logged in or not, whose unsafe request is not forged.
///
/// Use it for an application's own forms and JSON that guests may send: a contact form, a vote, a newsletter.
/// An unsafe request has to have the anti-forgery token of its visitor. Guards that require a user check it,
/// too: [`AuthUser`](crate::AuthUser) needs no `Csrf` beside it.
///
/// A [`Page`](crate::Page) has the token for its forms as `csrf_token`; anywhere else, call
/// [`token`](Csrf::token). The token belongs to a cookie that the visitor gets with the first answer that
/// contains a token. Nothing is stored on the server.
///
/// ```
/// use rocket::form::Form;
/// use rocket::{FromForm, get, post};
/// use rocket_security::{Csrf, Page};
///
/// #[derive(FromForm)]
/// struct Message {
///     text: String,
/// }
///
/// /// Its form begins with `{{ csrf_field(token=csrf_token) }}`.
/// #[get("/contact")]
/// fn contact() -> Page {
///     Page::new("contact.html")
/// }
///
/// #[post("/contact", data = "<message>")]
/// fn send(_csrf: Csrf<'_>, message: Form<Message>) -> String {
///     format!("Thank you for {} characters.", message.text.len())
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | an unsafe request without the anti-forgery token | 400 | `csrf_failed` |
/// | an unsafe request or a WebSocket, started by another site | 400 | `cross_site` |
/// | the store does not answer | 503 | `unavailable` |
#[derive(Clone, Copy)]
pub struct Csrf<'r> {
    request: &'r Request<'r>,
    sessions: &'r SessionManager,
}

impl Csrf<'_> {
    /// Returns the anti-forgery token for the answer to this request. The client sends it back as
    /// `csrf_token`, the first field of a form, or in the header `X-XSRF-Token`.
    ///
    /// The answer gets `Vary: Cookie` and `Cache-Control: no-store`. A visitor without one of the framework's
    /// cookies gets one.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the system has no randomness for the id of a visitor.
    pub fn token(&self) -> Result<String, Rejection> {
        Ok(self.sessions.csrf_token(self.request)?)
    }
}

/// Prints nothing, because the token is a secret.
impl fmt::Debug for Csrf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csrf").finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for Csrf<'r> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match open(request).await {
            Ok(csrf) => Outcome::Success(csrf),
            Err(rejection) => refuse(request, rejection),
        }
    }
}

impl Sentinel for Csrf<'_> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::tool("Csrf").csrf();
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}

async fn open<'r>(request: &'r Request<'_>) -> Result<Csrf<'r>, Rejection> {
    let (site, _) = parts(request)?;
    // Otherwise a visitor whose session cannot be read would get another id.
    if matches!(site.sessions().current(request).await, Current::Unavailable) {
        return Err(Rejection::Unavailable);
    }
    csrf::check(request, site, None).await?;
    Ok(Csrf { request, sessions: site.sessions() })
}
