//! The guard for session data.

use std::fmt;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::guard::state::parts;
use crate::rejection::Rejection;
use crate::session::data::{Data, Flash, SessionError};
use crate::session::{Current, SessionManager};
use crate::web::catchers::refuse;
use crate::web::csrf;
use crate::web::demand::{Demand, demands};
use crate::web::site::is_unattached;

/// Lets in every visitor, logged in or not, and provides the data that the application keeps with their
/// session: values by name, and messages that are shown once.
///
/// Use it for a basket, or for a message after a redirect. The data is kept in the encrypted cookie
/// `security_data`, which can be opened only with the id of its session. A basket that is filled before the
/// login is still there after it. After a logout, and when the session has ended, the data is gone. A visitor
/// whose requests use none of it gets no cookie. [`guide::sessions`](crate::guide::sessions) describes how
/// much fits, and what happens with requests at the same time.
///
/// ```
/// use rocket::{get, post};
/// use rocket_security::{Rejection, Session};
///
/// #[post("/basket/<article>")]
/// fn add(session: Session<'_>, article: u32) -> Result<&'static str, Rejection> {
///     let mut basket: Vec<u32> = session.get("basket")?.unwrap_or_default();
///     basket.push(article);
///     session.insert("basket", basket)?;
///     Ok("It is in your basket.")
/// }
///
/// #[get("/basket")]
/// fn basket(session: Session<'_>) -> Result<String, Rejection> {
///     let basket: Vec<u32> = session.get("basket")?.unwrap_or_default();
///     Ok(format!("There are {} articles in your basket.", basket.len()))
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | an unsafe request without the anti-forgery token | 400 | `csrf_failed` |
/// | an unsafe request or a WebSocket, started by another site | 400 | `cross_site` |
/// | the store does not answer | 503 | `unavailable` |
///
/// The anti-forgery token is also needed beside a bearer token, because the guard changes a cookie. Answers
/// to requests that use the guard have `Vary: Cookie` and `Cache-Control: no-store`. Changes are kept
/// whatever the handler answers.
#[derive(Clone, Copy)]
pub struct Session<'r> {
    request: &'r Request<'r>,
    sessions: &'r SessionManager,
}

impl Session<'_> {
    /// Returns the value with this name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`SessionError::WrongType`] if the value cannot be read as a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SessionError> {
        self.with(|data| data.find(name))
    }

    /// Keeps a value under this name, and replaces the previous one.
    ///
    /// # Errors
    ///
    /// [`SessionError::TooLarge`] if the cookie would be larger than browsers keep,
    /// [`SessionError::NotSerializable`] if the value cannot be written as JSON. The data is then unchanged.
    /// As the error of a handler, the first is answered with 400 `session_full`, the second with 503.
    pub fn insert(&self, name: &str, value: impl Serialize) -> Result<(), SessionError> {
        self.with(|data| data.insert(self.sessions, name, &value))
    }

    /// Removes the value with this name. Returns `false` if there was none.
    pub fn remove(&self, name: &str) -> bool {
        self.with(|data| data.remove(name))
    }

    /// Removes everything, including messages that were not shown yet. The user stays logged in.
    pub fn clear(&self) {
        self.with(Data::clear);
    }

    /// Leaves a message for the next page, for example `flash("success", "Saved.")`. The application chooses
    /// the names of the levels.
    ///
    /// # Errors
    ///
    /// [`SessionError::TooLarge`] if the cookie would be larger than browsers keep. The data is then
    /// unchanged.
    pub fn flash(&self, level: &str, text: impl Into<String>) -> Result<(), SessionError> {
        self.with(|data| data.flash(self.sessions, level, text.into()))
    }

    /// Takes out the messages to show, the oldest first. They are kept for the next page if this answer shows
    /// nothing: a redirect, a 5xx, or the answer to a `HEAD`.
    pub fn take_flashes(&self) -> Vec<Flash> {
        self.with(Data::take_flashes)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Data) -> T) -> T {
        self.sessions.with_data(self.request, work)
    }
}

/// Prints none of the data, because it may be personal.
impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for Session<'r> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match open(request).await {
            Ok(session) => Outcome::Success(session),
            Err(rejection) => refuse(request, rejection),
        }
    }
}

impl Sentinel for Session<'_> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::tool("Session").csrf();
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}

async fn open<'r>(request: &'r Request<'_>) -> Result<Session<'r>, Rejection> {
    let (site, _) = parts(request)?;
    let sessions = site.sessions();
    if matches!(sessions.current(request).await, Current::Unavailable) {
        return Err(Rejection::Unavailable);
    }
    csrf::check(request, site, None).await?;
    sessions.with_data(request, Data::mark_used);
    Ok(Session { request, sessions })
}
