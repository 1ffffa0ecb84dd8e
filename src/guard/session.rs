//! What an application keeps with a session.

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

/// What the application keeps with the session of a visitor, logged in or not: values by name, and
/// sentences that are shown once.
///
/// It is kept in an encrypted cookie, `security_data`, that opens with the id of its session alone. A
/// basket that is filled before the login is there after it; after a logout, and when the session is
/// over, nothing is left. A visitor whose requests use none of it gets no cookie.
/// [`guide::sessions`](crate::guide::sessions) says what holds when requests run at once.
///
/// The guard lets everybody in. An unsafe request has to bring the anti-forgery token, as for
/// [`AuthUser`](crate::AuthUser), also beside a bearer token, for it changes a cookie; the answer is 503 when the store does not. Answers to requests that
/// use it are `Vary: Cookie` and `Cache-Control: no-store`. Changes are kept whatever the handler
/// answers.
///
/// ```
/// # use rocket::get;
/// # use rocket::post;
/// use rocket_security::Rejection;
/// use rocket_security::Session;
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
#[derive(Clone, Copy)]
pub struct Session<'r> {
    request: &'r Request<'r>,
    sessions: &'r SessionManager,
}

impl Session<'_> {
    /// Returns the value of that name; none when there is none.
    ///
    /// # Errors
    ///
    /// [`SessionError::WrongType`] when it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SessionError> {
        self.with(|data| data.find(name))
    }

    /// Keeps a value under that name, in place of the one that is there.
    ///
    /// # Errors
    ///
    /// [`SessionError::TooLarge`] when the cookie would be larger than browsers keep,
    /// [`SessionError::NotSerializable`] when the value has no JSON. Nothing is changed then.
    pub fn insert(&self, name: &str, value: impl Serialize) -> Result<(), SessionError> {
        self.with(|data| data.insert(self.sessions, name, &value))
    }

    /// Removes the value of that name; returns whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.with(|data| data.remove(name))
    }

    /// Removes everything, including messages not shown yet. The user stays logged in.
    pub fn clear(&self) {
        self.with(Data::clear);
    }

    /// Leaves a sentence for the next page, for example `flash("success", "Saved.")`. The level is in
    /// the application's own words.
    ///
    /// # Errors
    ///
    /// [`SessionError::TooLarge`] when the cookie would be larger than browsers keep.
    pub fn flash(&self, level: &str, text: impl Into<String>) -> Result<(), SessionError> {
        self.with(|data| data.flash(self.sessions, level, text.into()))
    }

    /// Takes the messages to show, the oldest first. They come again if the answer
    /// shows nothing: a redirect, a 5xx, the answer to a `HEAD`.
    pub fn take_flashes(&self) -> Vec<Flash> {
        self.with(Data::take_flashes)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Data) -> T) -> T {
        self.sessions.with_data(self.request, work)
    }
}

/// What is kept may be personal: it does not print.
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
