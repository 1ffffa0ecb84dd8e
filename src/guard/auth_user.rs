//! The guard for authenticated users.

use std::ops::Deref;
use std::sync::Arc;

use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::maybe::OptionalGuard;
use crate::guard::mechanism::SESSION;
use crate::guard::who;
use crate::rejection::Rejection;
use crate::token::Holder;
use crate::user::{Level, Proofs, ScopeName, User};
use crate::web::demand::{Demand, Who, demands};
use crate::web::principal::Principal;
use crate::web::site::is_unattached;

/// Lets in authenticated users: those who are logged in with a session, and those whose program sends a
/// token.
///
/// Use it for every route that needs a user and nothing more. The handler gets the user as stored now, with
/// the current roles. [`security.mechanisms`](crate::config::Config::mechanisms) lists what may authenticate
/// a request. All credentials of the request by these mechanisms must be valid and belong to one user. The
/// first of them, in the order of the list, becomes the [`mechanism`](Self::mechanism) of the request.
///
/// ```
/// use rocket::get;
/// use rocket_security::AuthUser;
///
/// #[get("/me")]
/// fn me(user: AuthUser) -> String {
///     format!("Hello, {}!", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | no credentials, or a session that has ended | 401; page: 303 to `/login` and back | `unauthenticated` |
/// | an invalid token | 401 | that of the [`TokenFault`](crate::rejection::TokenFault) |
/// | a revoked token, or a wrong password by Basic | 401 | `credentials_refused` |
/// | a [personal token][personal], which needs [`Scoped`](crate::Scoped) | 401 | `token_scoped` |
/// | credentials of two users, or two tokens | 400 | `conflicting_credentials` |
/// | an unsafe request without the anti-forgery token | 400 | `csrf_failed` |
/// | an unsafe request or a WebSocket, started by another site | 400 | `cross_site` |
/// | the user has to change the password first | 403; page: 303 to `/change` | `password_change_required` |
/// | a [hook](crate::Hooks::session_checked) objects | that of the hook | that of the hook |
/// | too many attempts by Basic | 429 or 503 | `throttled` or `saturated` |
/// | the store does not answer | 503 | `unavailable` |
///
/// A page is redirected to `/login` only if a session would be accepted and Basic would not. If Basic is
/// among the mechanisms, the answer is 401, because the browser itself asks its user for the password.
/// [`web::csrf`](crate::web::csrf) lists the requests that need no anti-forgery token.
///
/// [personal]: crate::features::personal_tokens
#[derive(Clone, Debug)]
pub struct AuthUser {
    principal: Arc<Principal>,
    payload: Value,
}

impl AuthUser {
    /// Returns the user, without how the request was authenticated.
    pub fn into_user(self) -> User {
        self.principal.user.clone()
    }

    /// Returns the name of the mechanism that authenticated the request: `session`, `token`, `ticket`,
    /// `personal_token`, `basic`, or a custom one.
    pub fn mechanism(&self) -> &'static str {
        self.principal.mechanism
    }

    /// Returns how the user was authenticated, as events show it. For a session this is what it began with,
    /// for example `password`. Otherwise it is the name that the mechanism reports, such as `basic`.
    pub fn authn_via(&self) -> &str {
        &self.principal.authn_via
    }

    /// Returns the time of the user's latest proof of identity: the login, the last `/verify`, or with Basic
    /// this request. Returns `None` if the mechanism does not know the time; the user is then never
    /// [`Fresh`](crate::Fresh).
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.principal.authenticated_at()
    }

    /// Returns what the user proved for the login that the request belongs to, or `None` if the mechanism
    /// does not know.
    pub fn proofs(&self) -> Option<&Proofs> {
        self.principal.proofs.as_ref()
    }

    /// Returns the level that these proofs reach: one factor or two. Returns one factor if the proofs are
    /// unknown. See [`Assured`](crate::Assured).
    pub fn level(&self) -> Level {
        self.principal.level()
    }

    /// Returns the public id of the session that the request belongs to, also if the request was
    /// authenticated with a token of that session. Returns `None` if it belongs to no session.
    pub fn session_id(&self) -> Option<Uuid> {
        self.principal.session
    }

    /// Returns the scopes of the token that authenticated the request, or `None` if the request is not limited
    /// to scopes.
    pub fn scopes(&self) -> Option<&[ScopeName]> {
        self.principal.scopes.as_deref()
    }

    /// Returns the public id of the program's login that the request belongs to. This is the id of the family
    /// of refresh tokens that the access token was issued with. Returns `None` if it belongs to no such
    /// login.
    pub fn family_id(&self) -> Option<Uuid> {
        self.principal.family
    }

    /// Returns the description of the user for an answer, as JSON: a
    /// [`UserPayload`](crate::user::UserPayload) with id, email address and roles, or the replacement that
    /// the application's [`Presentation`](crate::Presentation) returns.
    pub fn payload(&self) -> Value {
        self.payload.clone()
    }

    /// Lets in the user of a request, if one of these mechanisms authenticates it, or fails the request.
    pub(super) async fn let_in(
        request: &Request<'_>,
        mechanisms: &AcceptedMechanisms,
    ) -> request::Outcome<Self, Rejection> {
        who::let_in(request, mechanisms)
            .await
            .map(|(principal, payload)| Self { principal, payload })
    }

    /// Returns `true` if the user's latest proof of identity is younger than `window`.
    pub(super) fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.principal.is_fresh(window, now)
    }
}

/// A token issued for this user ends with the login that the request belongs to.
impl Holder for AuthUser {
    fn user(&self) -> &User {
        self
    }

    fn session_id(&self) -> Option<Uuid> {
        self.principal.session
    }

    fn family_id(&self) -> Option<Uuid> {
        self.principal.family
    }

    fn proofs(&self) -> Option<&Proofs> {
        self.principal.proofs.as_ref()
    }

    fn is_scoped(&self) -> bool {
        self.principal.scopes.is_some()
    }

    fn is_without_session(&self) -> bool {
        self.principal.mechanism != SESSION
    }
}

/// Guards that contain an [`AuthUser`] issue tokens like it.
impl<G: Deref<Target = AuthUser>> Holder for G {
    fn user(&self) -> &User {
        self
    }

    fn session_id(&self) -> Option<Uuid> {
        self.deref().session_id()
    }

    fn family_id(&self) -> Option<Uuid> {
        self.deref().family_id()
    }

    fn proofs(&self) -> Option<&Proofs> {
        self.deref().proofs()
    }

    fn is_scoped(&self) -> bool {
        self.scopes().is_some()
    }

    fn is_without_session(&self) -> bool {
        self.deref().is_without_session()
    }
}

impl Deref for AuthUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.principal.user
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for AuthUser {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        Self::let_in(request, &AcceptedMechanisms::configured(request)).await
    }
}

#[async_trait]
impl<'r> OptionalGuard<'r> for AuthUser {
    async fn are_given(request: &'r Request<'_>) -> bool {
        who::is_authenticated(request, &AcceptedMechanisms::configured(request)).await
    }
}

impl Sentinel for AuthUser {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "AuthUser").csrf();
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}
