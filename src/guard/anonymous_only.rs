//! The guard for guests only.

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::guard::state::parts;
use crate::guard::who::is_from_a_bearer;
use crate::rejection::Rejection;
use crate::session::Current;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// Lets in guests only: requests without a login.
///
/// Use it for pages that make no sense for a logged-in user, such as a page that advertises registration. A
/// session that has ended counts as a guest, and so do credentials by a mechanism that is not in
/// [`security.mechanisms`](crate::config::Config::mechanisms). The guard does not check the anti-forgery
/// token: for a form, take [`Csrf`](crate::Csrf) as well.
///
/// ```
/// use rocket::get;
/// use rocket_security::AnonymousOnly;
///
/// #[get("/welcome")]
/// fn welcome(_guest: AnonymousOnly) -> &'static str {
///     "Hello, stranger!"
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user is logged in | 400; page: 303 to the home page | `already_authenticated` |
/// | a token, or another of the mechanisms, authenticates the request | the same | the same |
/// | invalid credentials by such a mechanism | 401 | as [`AuthUser`](crate::AuthUser) |
/// | the store does not answer | 503 | `unavailable` |
#[derive(Clone, Copy, Debug)]
pub struct AnonymousOnly(());

#[async_trait]
impl<'r> FromRequest<'r> for AnonymousOnly {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let (site, _) = match parts(request) {
            Ok(parts) => parts,
            Err(rejection) => return refuse(request, rejection),
        };
        match site.sessions().current(request).await {
            Current::Unknown | Current::Anonymous(_) | Current::Ended(_) => {}
            Current::Active(_) => return refuse(request, Rejection::AlreadyAuthenticated),
            Current::Unavailable => return refuse(request, Rejection::Unavailable),
        }
        match is_from_a_bearer(request).await {
            Ok(false) => Outcome::Success(Self(())),
            Ok(true) => refuse(request, Rejection::AlreadyAuthenticated),
            Err(rejection) => refuse(request, rejection),
        }
    }
}

impl Sentinel for AnonymousOnly {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Guests, "AnonymousOnly");
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}
