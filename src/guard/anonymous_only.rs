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

/// Admits requests without a login: for pages such as registration.
///
/// A request of a logged-in user is answered with 400, or for a page with 303 to the home page. So is a
/// request authenticated by another mechanism of [`security.mechanisms`](crate::config::Config::mechanisms), and with bad credentials
/// of one, 401. A session that is over makes a guest.
///
/// ```
/// # use rocket::get;
/// use rocket_security::AnonymousOnly;
///
/// #[get("/welcome")]
/// fn welcome(_guest: AnonymousOnly) -> &'static str {
///     "Hello, stranger!"
/// }
/// ```
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
