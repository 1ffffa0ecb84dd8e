//! Whoever comes by some ways and no other.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::guard::auth_user::AuthUser;
use crate::guard::maybe::Credentials;
use crate::guard::mechanism::is_missing;
use crate::guard::via::{Basic, Via, ViaSet};
use crate::guard::ways::Ways;
use crate::guard::who;
use crate::rejection::Rejection;
use crate::user::User;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// A user whose request was authenticated by one of the mechanisms in `M`: one of [`via`], or a tuple
/// of them, whatever [`security.mechanisms`](crate::config::Config::mechanisms) says. What else a request brings
/// is not looked at; what it brings by these has to be good and to mean one user, who came by the first of the
/// tuple.
///
/// Answers otherwise as [`AuthUser`] does; a browser is led to the login page only where a session is
/// among them. With guards of roles and the like it stands **before** them: they take whom it let in,
/// and the session of somebody else that comes with the request counts for nothing. Behind them it
/// refuses with 400 when the two are not one user.
///
/// ```
/// # use rocket::post;
/// use rocket_security::AuthVia;
/// use rocket_security::RolesRequired;
/// use rocket_security::via;
///
/// rocket_security::roles! { pub Admin = "admin"; }
///
/// /// For people at a browser: no token opens it.
/// #[post("/payout")]
/// fn pay_out(user: AuthVia<via::Session>) -> String {
///     format!("Paid out, {}.", user.email)
/// }
///
/// /// For programs of admins.
/// #[post("/import")]
/// fn import(by: AuthVia<(via::Token, via::Basic)>, _admin: RolesRequired<Admin>) -> String {
///     format!("Imported for {} by {}.", by.email, by.mechanism())
/// }
/// ```
///
/// A mechanism whose feature is not enabled stops the launch.
///
/// [`via`]: crate::via
pub struct AuthVia<M> {
    user: AuthUser,
    via: PhantomData<fn() -> M>,
}

/// A user who sends name and password with the request itself, as HTTP's Basic authentication has it:
/// for programs that can do nothing else.
///
/// It needs the feature [`basic`](crate::features::basic), without which the launch stops; what that
/// page says of limits and second factors holds here. Whoever brings no such credentials, or bad ones,
/// is answered with 401 and a challenge, page and JSON alike: a browser asks its user then. An unsafe
/// request needs the anti-forgery token unless it is plainly a program's
/// ([`web::csrf`](crate::web::csrf)), for a browser sends the password with forged requests, too.
///
/// ```
/// # use rocket::get;
/// use rocket_security::BasicUser;
///
/// #[get("/feed")]
/// fn feed(user: BasicUser) -> String {
///     format!("News for {}", user.email)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BasicUser(AuthUser);

impl<M> AuthVia<M> {
    /// Gives the user.
    pub fn into_user(self) -> User {
        self.user.into_user()
    }
}

impl BasicUser {
    /// Gives the user.
    pub fn into_user(self) -> User {
        self.0.into_user()
    }
}

impl<M> Clone for AuthVia<M> {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), via: PhantomData }
    }
}

impl<M> fmt::Debug for AuthVia<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthVia").field(&self.user).finish()
    }
}

impl<M> Deref for AuthVia<M> {
    type Target = AuthUser;

    fn deref(&self) -> &AuthUser {
        &self.user
    }
}

impl Deref for BasicUser {
    type Target = AuthUser;

    fn deref(&self) -> &AuthUser {
        &self.0
    }
}

#[async_trait]
impl<'r, M: ViaSet> FromRequest<'r> for AuthVia<M> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let user = AuthUser::let_in(request, &Ways::only(request, &M::names())).await;
        user.map(|user| Self { user, via: PhantomData })
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for BasicUser {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        AuthUser::let_in(request, &Ways::only(request, &[Basic::NAME])).await.map(Self)
    }
}

#[async_trait]
impl<'r, M: ViaSet> Credentials<'r> for AuthVia<M> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        who::is_from_somebody(request, &Ways::only(request, &M::names())).await
    }
}

#[async_trait]
impl<'r> Credentials<'r> for BasicUser {
    async fn are_given(request: &'r Request<'_>) -> bool {
        who::is_from_somebody(request, &Ways::only(request, &[Basic::NAME])).await
    }
}

impl<M: ViaSet> Sentinel for AuthVia<M> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "AuthVia").ways(&M::names()).csrf();
        let is_missing = || is_missing::<Self>(rocket, &M::names());
        demands(rocket, demand, || is_unattached::<Self>(rocket) || is_missing())
    }
}

impl Sentinel for BasicUser {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "BasicUser").ways(&[Basic::NAME]).csrf();
        let is_missing = || is_missing::<Self>(rocket, &[Basic::NAME]);
        demands(rocket, demand, || is_unattached::<Self>(rocket) || is_missing())
    }
}
