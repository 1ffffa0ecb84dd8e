//! The guard for routes that are public on purpose.

use std::convert::Infallible;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// Lets in every request, and states that the route is public on purpose.
///
/// Where [`security.require_guard`](crate::config::Config::require_guard) is set, a route without a guard
/// stops the launch, because its guard may have been forgotten. `Public` counts as a guard. It never refuses
/// a request and looks at no credentials.
///
/// ```
/// use rocket::get;
/// use rocket_security::Public;
///
/// #[get("/imprint")]
/// fn imprint(_everyone: Public) -> &'static str {
///     "Harbour Library, 1 Quay Street"
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Public(());

#[async_trait]
impl<'r> FromRequest<'r> for Public {
    type Error = Infallible;

    async fn from_request(_request: &'r Request<'_>) -> request::Outcome<Self, Infallible> {
        Outcome::Success(Self(()))
    }
}

impl Sentinel for Public {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::of(Who::Everybody, "Public"), || is_unattached::<Self>(rocket))
    }
}
