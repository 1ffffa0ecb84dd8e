//! The guard for users with an access token.

use std::fmt;
use std::ops::Deref;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde::de::DeserializeOwned;

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::maybe::OptionalGuard;
use crate::guard::mechanism::TOKEN;
use crate::guard::paseto::{lacks_tokens, read, refuse_token, with_csrf};
use crate::rejection::Rejection;
use crate::token::{Access, NoClaims, VerifiedToken};
use crate::user::User;
use crate::web::bearer;
use crate::web::demand::{Demand, Who, demands};

/// Lets in users whose request has an access token, and provides the user, and the token with its claims read
/// into `C`.
///
/// Use it for a route that only programs call and that needs the user, the claims, or both. It is
/// [`AuthVia<via::BearerToken>`](crate::AuthVia) with the token beside the user. The user is loaded and
/// checked like a logged-in user: the account is open and has not changed since the token was issued, the
/// password does not have to be changed first, and no hook objects. Guards of roles and the like after it
/// accept the user that it let in.
///
/// ```
/// use rocket::get;
/// use rocket_security::TokenUser;
/// use serde::Deserialize;
///
/// #[get("/me")]
/// fn me(user: TokenUser) -> String {
///     format!("Hello, {}!", user.email)
/// }
///
/// #[derive(Deserialize)]
/// struct Plan {
///     plan: String,
/// }
///
/// #[get("/plan")]
/// fn plan(user: TokenUser<Plan>) -> String {
///     format!("{} pays for {}", user.email, user.claims().plan)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | no token; a session alone does not count | 401 | `unauthenticated` |
/// | the token is of a trusted issuer, and so of no user of this application | 401 | `token_issuer_wrong` |
/// | the claims cannot be read into `C` | 401 | `token_claims_unreadable` |
/// | the user has to change the password first | 403; page: 303 to `/change` | `password_change_required` |
/// | a [hook](crate::Hooks::session_checked) objects | that of the hook | that of the hook |
/// | anything else | as [`Paseto`](crate::Paseto) | as [`Paseto`](crate::Paseto) |
///
/// An answer of 401 has a challenge, as a page and as JSON, and is never a redirect.
///
/// If the feature [`tokens`](crate::features::tokens) is not enabled, the launch stops.
pub struct TokenUser<C = NoClaims> {
    user: AuthUser,
    token: VerifiedToken<C, Access>,
}

impl<C> TokenUser<C> {
    /// Returns the application's own claims.
    pub fn claims(&self) -> &C {
        &self.token.claims
    }

    /// Returns the token.
    pub fn token(&self) -> &VerifiedToken<C, Access> {
        &self.token
    }

    /// Returns the user, without the token.
    pub fn into_user(self) -> User {
        self.user.into_user()
    }
}

impl<C> Deref for TokenUser<C> {
    type Target = AuthUser;

    fn deref(&self) -> &AuthUser {
        &self.user
    }
}

/// Prints the user only, because the token may contain secrets.
impl<C> fmt::Debug for TokenUser<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenUser").field("user", &self.user).finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r, C: DeserializeOwned> FromRequest<'r> for TokenUser<C> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match AuthUser::let_in(request, &AcceptedMechanisms::only(request, &[TOKEN])).await {
            Outcome::Success(user) => {
                match bearer::verified::<Access>(request).and_then(|token| read(&token)) {
                    Ok(token) => Outcome::Success(Self { user, token }),
                    Err(rejection) => refuse_token(request, rejection),
                }
            }
            Outcome::Error(error) => Outcome::Error(error),
            Outcome::Forward(status) => Outcome::Forward(status),
        }
    }
}

#[async_trait]
impl<'r, C: DeserializeOwned> OptionalGuard<'r> for TokenUser<C> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        bearer::is_brought(request)
    }
}

impl<C> Sentinel for TokenUser<C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = with_csrf(rocket, Demand::of(Who::Users, "TokenUser").mechanisms(&[TOKEN]));
        demands(rocket, demand, || lacks_tokens::<Self>(rocket))
    }
}
