//! Protection of forms and JSON that guests may send, too.

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

/// Protects an application's own forms and JSON against forged requests, whether or not the sender is logged
/// in: a contact form, a vote, a newsletter.
///
/// It lets everybody in; an unsafe request has to bring the anti-forgery token of its visitor, as for
/// [`AuthUser`](crate::AuthUser), which needs no `Csrf` beside it. Without the token the answer is 400,
/// to a request that another site started, too; it is 503 when the store does not answer.
///
/// The token for the form is [`token`](Csrf::token); a [`Page`](crate::Page) has it as `csrf_token`.
/// A visitor gets the cookie that it is tied to with the first answer that holds one. Nothing is
/// stored on the server.
///
/// ```
/// # use rocket::FromForm;
/// # use rocket::form::Form;
/// # use rocket::get;
/// # use rocket::post;
/// use rocket_security::Csrf;
/// use rocket_security::Page;
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
#[derive(Clone, Copy)]
pub struct Csrf<'r> {
    request: &'r Request<'r>,
    sessions: &'r SessionManager,
}

impl Csrf<'_> {
    /// Returns the token for what this request is answered with: for the first field of a form,
    /// `csrf_token`, or the header `X-XSRF-Token`. The answer is `Vary: Cookie` and `Cache-Control:
    /// no-store`, and a visitor who has no cookie of ours yet gets one.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when there is no randomness for a visitor's id.
    pub fn token(&self) -> Result<String, Rejection> {
        Ok(self.sessions.csrf_token(self.request)?)
    }
}

/// A token does not print.
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
    // A visitor who is not known yet would get another id.
    if matches!(site.sessions().current(request).await, Current::Unavailable) {
        return Err(Rejection::Unavailable);
    }
    csrf::check(request, site, None).await?;
    Ok(Csrf { request, sessions: site.sessions() })
}
