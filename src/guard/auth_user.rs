//! Whoever is logged in.

use std::ops::Deref;

use rocket::Ignite;
use rocket::Request;
use rocket::Rocket;
use rocket::Sentinel;
use rocket::async_trait;
use rocket::outcome::Outcome;
use rocket::request;
use rocket::request::FromRequest;

use crate::event::Event;
use crate::guard::maybe::Credentials;
use crate::guard::parts;
use crate::guard::refuse;
use crate::rejection::Rejection;
use crate::session::Current;
use crate::user::User;
use crate::user::UserPayload;
use crate::web::csrf;
use crate::web::is_unattached;

/// The user who is logged in, with their roles as they are at this moment.
///
/// Nobody logged in is answered with 401, or for a page with 303 to the login page and back.
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
pub struct AuthUser(User);

impl AuthUser {
    /// Gives the user.
    pub fn into_user(self) -> User {
        self.0
    }

    /// Gives what the outside may know of the user: id, e-mail and roles, to be serialised.
    pub fn payload(&self) -> UserPayload {
        UserPayload::from(&self.0)
    }
}

impl Deref for AuthUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for AuthUser {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match authenticate(request).await {
            Ok(user) => Outcome::Success(Self(user)),
            Err(rejection) => refuse(request, rejection),
        }
    }
}

#[async_trait]
impl<'r> Credentials<'r> for AuthUser {
    async fn are_given(request: &'r Request<'_>) -> bool {
        match parts(request) {
            Ok((web, _)) => {
                let current = web.sessions().current(request).await;
                matches!(current, Current::Active(_) | Current::Ended | Current::Unavailable)
            }
            Err(_) => true,
        }
    }
}

impl Sentinel for AuthUser {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        is_unattached::<Self>(rocket)
    }
}

async fn authenticate(request: &Request<'_>) -> Result<User, Rejection> {
    let (web, flow) = parts(request)?;
    match web.sessions().current(request).await {
        Current::Active(active) => {
            flow.check_session(&active.user).await?;
            csrf::check(request, web, None).await?;
            Ok(active.user.clone())
        }
        Current::Unavailable => Err(Rejection::Unavailable),
        Current::Nobody | Current::Anonymous(_) | Current::Expired | Current::Ended => {
            web.signals().send(&Event::UserUnauthenticated { origin: web.origin(request) });
            Err(Rejection::Unauthenticated)
        }
    }
}
