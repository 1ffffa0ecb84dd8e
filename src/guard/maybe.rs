//! Guests welcome.

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::web::demand::optionally;

/// Another guard, or nothing for a guest.
///
/// Absent credentials are none; credentials that are bad still fail as `G` does. Those of a kind that
/// `G` does not take are not looked at: for `Maybe<BasicUser>`, a user with a session is a guest. Rocket's
/// `Option<G>` would treat a forged or revoked session as a guest.
///
/// ```
/// # use rocket::get;
/// use rocket_security::AuthUser;
/// use rocket_security::Maybe;
///
/// #[get("/")]
/// fn index(user: Maybe<AuthUser>) -> String {
///     match user.0 {
///         Some(user) => format!("Hello, {}!", user.email),
///         None => "Hello, stranger!".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Maybe<G>(pub Option<G>);

/// A guard that can tell whether a request brings credentials for it at all.
#[async_trait]
pub trait OptionalGuard<'r>: FromRequest<'r> {
    /// Returns `true` if credentials are given, good or bad.
    async fn are_given(request: &'r Request<'_>) -> bool;
}

#[async_trait]
impl<'r, G: OptionalGuard<'r>> FromRequest<'r> for Maybe<G> {
    type Error = G::Error;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, G::Error> {
        if G::are_given(request).await {
            G::from_request(request).await.map(|guard| Self(Some(guard)))
        } else {
            Outcome::Success(Self(None))
        }
    }
}

impl<G: Sentinel> Sentinel for Maybe<G> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        optionally(rocket, "Maybe", || G::abort(rocket))
    }
}
