//! The guard that admits guests as well.

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::web::demand::optionally;

/// Lets in guests, and the users whom `G` lets in. For a guest it contains `None`.
///
/// Use it for a page that greets its user but is open to everyone. A request without credentials that `G`
/// accepts is a guest's: for `Maybe<BasicUser>`, a user with a session is a guest. Invalid credentials still
/// fail as they do with `G`. Rocket's `Option<G>` would treat a forged or revoked session as a guest.
///
/// ```
/// use rocket::get;
/// use rocket_security::{AuthUser, Maybe};
///
/// #[get("/")]
/// fn index(user: Maybe<AuthUser>) -> String {
///     match user.0 {
///         Some(user) => format!("Hello, {}!", user.email),
///         None => "Hello, stranger!".to_owned(),
///     }
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the credentials for `G` are invalid | as `G` | as `G` |
/// | the user does not pass `G`, for example lacks a role | as `G` | as `G` |
#[derive(Clone, Debug)]
pub struct Maybe<G>(pub Option<G>);

/// A guard that can be used within [`Maybe`]: it knows whether a request has credentials for it at all.
#[async_trait]
pub trait OptionalGuard<'r>: FromRequest<'r> {
    /// Returns `true` if the request has credentials for this guard, valid or not.
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
