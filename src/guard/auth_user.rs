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

/// The user who sent the request, with their current roles: logged in with a session, or authenticated with a
/// token, as [`security.mechanisms`](crate::config::Config::mechanisms) says. Whatever a request
/// brings by these has to be good and to mean one user; the first in their order is how the user came.
///
/// A request without credentials is answered with 401, or for a page with 303 to the login page and back. If
/// Basic is among the mechanisms, a page is answered with 401, too, because the browser itself asks its user.
///
/// ```
/// # use rocket::get;
/// use rocket_security::AuthUser;
///
/// #[get("/me")]
/// fn me(user: AuthUser) -> String {
///     format!("Hello, {}!", user.email)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AuthUser {
    principal: Arc<Principal>,
    payload: Value,
}

impl AuthUser {
    /// Returns the user.
    pub fn into_user(self) -> User {
        self.principal.user.clone()
    }

    /// Returns the name of the mechanism by which the request was authenticated: `session`, `token`,
    /// `personal_token`, `basic`, or one of the application's own.
    pub fn mechanism(&self) -> &'static str {
        self.principal.mechanism
    }

    /// Says how the user had proved to be them, as events tell it: what the session began with, for
    /// example `password`; else what the mechanism says, such as `basic`.
    pub fn authn_via(&self) -> &str {
        &self.principal.authn_via
    }

    /// Says when that was: at the login, or at the last `/verify`, and with Basic just now. None when
    /// the mechanism cannot tell; then the user is never [`Fresh`](crate::Fresh).
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.principal.authenticated_at()
    }

    /// Returns what the user proved for the login that the request belongs to; none when the mechanism cannot
    /// tell.
    pub fn proofs(&self) -> Option<&Proofs> {
        self.principal.proofs.as_ref()
    }

    /// Returns how much that is worth: one factor or two. See [`Assured`](crate::Assured).
    pub fn level(&self) -> Level {
        self.principal.level()
    }

    /// Returns the public id of the session that the request belongs to, also when it came with a token
    /// of that session.
    pub fn session_id(&self) -> Option<Uuid> {
        self.principal.session
    }

    /// Returns what alone the request may be for, when it came by a token that was made for some scopes; none
    /// when its sender may do whatever the user may.
    pub fn scopes(&self) -> Option<&[ScopeName]> {
        self.principal.scopes.as_deref()
    }

    /// Returns the public id of the program's login that the request belongs to: of the family of refresh
    /// tokens that its access token came with.
    pub fn family_id(&self) -> Option<Uuid> {
        self.principal.family
    }

    /// Returns what is shown of the user, to be serialised: a
    /// [`UserPayload`](crate::user::UserPayload) (id, e-mail and roles), or what the application's
    /// [`Presentation`](crate::Presentation) gives in its place.
    pub fn payload(&self) -> Value {
        self.payload.clone()
    }

    /// Lets in the user whom a request is from by one of these ways, or fails the request.
    pub(super) async fn let_in(
        request: &Request<'_>,
        mechanisms: &AcceptedMechanisms,
    ) -> request::Outcome<Self, Rejection> {
        who::let_in(request, mechanisms)
            .await
            .map(|(principal, payload)| Self { principal, payload })
    }

    /// Returns `true` if the user proved to be them no longer ago than `window`.
    pub(super) fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.principal.is_fresh(window, now)
    }
}

/// A token that is made for them ends with the login that they came by.
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

/// As for the [`AuthUser`] that it gives.
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
