//! Guards: what a handler's signature demands of a request.
//!
//! | guard | lets in | else |
//! |---|---|---|
//! | [`AuthUser`] | whoever is logged in | 401; page: 303 to the login page |
//! | [`RolesRequired<R>`] | users with every role in `R` | 401, 403 |
//! | [`RolesAccepted<R>`] | users with at least one role in `R` | 401, 403 |
//! | [`Maybe<G>`] | guests too | what `G` fails with for bad credentials |
//! | [`AnonymousOnly`] | whoever is not logged in | 400; page: 303 home |
//!
//! A guard fails, it never forwards: a route of lower rank does not answer in its place. On an
//! unsafe request that a cookie authenticates it also demands the anti-forgery token, in the
//! header `X-XSRF-Token` or as the first field of a form (`application/x-www-form-urlencoded`; a
//! `multipart/form-data` form needs the header).
//!
//! A guard whose fairing is not attached stops the launch and says so.

mod anonymous_only;
mod auth_user;
mod maybe;
mod roles;

pub use crate::guard::anonymous_only::AnonymousOnly;
pub use crate::guard::auth_user::AuthUser;
pub use crate::guard::maybe::Credentials;
pub use crate::guard::maybe::Maybe;
pub use crate::guard::roles::RolesAccepted;
pub use crate::guard::roles::RolesRequired;

use rocket::Request;
use rocket::outcome::Outcome;
use rocket::request;

use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::web::Web;

/// Fails a request and leaves the reason for the catchers.
fn refuse<G>(request: &Request<'_>, rejection: Rejection) -> request::Outcome<G, Rejection> {
    let rejection = rejection.remember(request);
    Outcome::Error((rejection.status(), rejection))
}

/// Gives what every guard needs. Sentinels see to it that it is there.
fn parts<'r>(request: &'r Request<'_>) -> Result<(&'r Web, &'r Flow), Rejection> {
    let rocket = request.rocket();
    rocket.state::<Web>().zip(rocket.state::<Flow>()).ok_or(Rejection::Unavailable)
}
