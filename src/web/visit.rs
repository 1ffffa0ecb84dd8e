//! A request and what answering it takes.

use std::ops::Deref;

use rocket::Ignite;
use rocket::Request;
use rocket::Rocket;
use rocket::Sentinel;
use rocket::async_trait;
use rocket::outcome::Outcome;
use rocket::request;
use rocket::request::FromRequest;

use crate::rejection::Rejection;
use crate::session::Current;
use crate::user::User;
use crate::web::Web;
use crate::web::is_unattached;
use crate::web::wants_json;

/// A request whose session was read, with [`Web`]: what our handlers begin with.
///
/// It fails with 503 when the store does not answer, and with nothing else.
#[derive(Clone, Copy)]
pub struct Visit<'r> {
    request: &'r Request<'r>,
    web: &'r Web,
    user: Option<&'r User>,
}

impl<'r> Visit<'r> {
    /// Gives the request.
    pub fn request(&self) -> &'r Request<'r> {
        self.request
    }

    /// Gives who is logged in.
    pub fn user(&self) -> Option<&'r User> {
        self.user
    }

    /// Tells whether the request wants JSON.
    pub fn wants_json(&self) -> bool {
        wants_json(self.request)
    }

    /// Refuses whoever is logged in.
    ///
    /// # Errors
    ///
    /// [`Rejection::AlreadyAuthenticated`].
    pub fn anonymous_only(&self) -> Result<(), Rejection> {
        match self.user {
            Some(_) => Err(Rejection::AlreadyAuthenticated),
            None => Ok(()),
        }
    }
}

impl Deref for Visit<'_> {
    type Target = Web;

    fn deref(&self) -> &Web {
        self.web
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for Visit<'r> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let Some(web) = request.rocket().state::<Web>() else {
            return refuse(request);
        };
        let user = match web.sessions().current(request).await {
            Current::Unavailable => return refuse(request),
            Current::Active(active) => Some(&active.user),
            Current::Nobody | Current::Anonymous(_) | Current::Expired | Current::Ended => None,
        };
        Outcome::Success(Self { request, web, user })
    }
}

impl Sentinel for Visit<'_> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        is_unattached::<Self>(rocket)
    }
}

fn refuse<'r>(request: &Request<'_>) -> request::Outcome<Visit<'r>, Rejection> {
    let rejection = Rejection::Unavailable.remember(request);
    Outcome::Error((rejection.status(), rejection))
}
