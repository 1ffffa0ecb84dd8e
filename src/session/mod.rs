//! Sessions: who a request comes from.
//!
//! A browser holds one cookie of ours with a random 256-bit id, sealed as PASETO `v4.local`. The
//! id of somebody logged in leads, through its digest, to a row in the store; the id of an
//! anonymous visitor leads nowhere and only ties anti-forgery tokens to one browser, so that
//! anonymous traffic stores nothing.
//!
//! The session of a request is read once, in one query, when the first guard asks. What changes is
//! noted beside the request and written to the answer by the fairing, for Rocket drops the cookies
//! of a handler that fails.

pub mod cookie;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use chrono::TimeDelta;
use rocket::Request;
use rocket::Response;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::config::SessionConfig;
use crate::crypto::one_time::Token;
use crate::datastore::UserDatastore;
use crate::datastore::session::SessionRecord;
use crate::error::Result;
use crate::session::cookie::Cookies;
use crate::user::User;

/// How long an anonymous id is good for: a form may lie open for a day.
const ANONYMOUS_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How often, at most, the use of a session is written down.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// Reads and replaces the sessions of requests.
pub struct Sessions {
    store: Arc<dyn UserDatastore>,
    cookies: Cookies,
    config: SessionConfig,
    clock: Clock,
}

/// The session of a request, as its cookie told when it came.
pub enum Current {
    /// There is no cookie of ours.
    Nobody,
    /// Somebody who is not logged in.
    Anonymous(Token),
    /// Somebody who is.
    Active(Box<Active>),
    /// The cookie opens nothing, any more or ever.
    Ended,
    /// The store did not answer: nobody knows.
    Unavailable,
}

/// A live session.
pub struct Active {
    /// The id in the cookie.
    pub token: Token,
    /// The row.
    pub record: SessionRecord,
    /// Whose it is, with roles as they are now.
    pub user: User,
}

impl Current {
    /// Gives the live session, if there is one.
    pub fn active(&self) -> Option<&Active> {
        match self {
            Self::Active(active) => Some(active),
            _ => None,
        }
    }

    /// Gives the id to which anti-forgery tokens are tied.
    pub fn token(&self) -> Option<&Token> {
        match self {
            Self::Anonymous(token) => Some(token),
            Self::Active(active) => Some(&active.token),
            Self::Nobody | Self::Ended | Self::Unavailable => None,
        }
    }
}

/// An anti-forgery token, and the id it is tied to when that is a new one.
pub(crate) struct Offer {
    pub(crate) csrf_token: String,
    id: Option<Token>,
}

/// What the session cookie holds.
#[derive(Serialize, Deserialize)]
struct Payload {
    id: String,
    /// Whether the id leads to a row.
    user: bool,
    /// When the cookie was made, in seconds since 1970.
    at: i64,
}

impl Sessions {
    /// Reads sessions from `store`.
    pub fn new(
        store: Arc<dyn UserDatastore>,
        cookies: Cookies,
        config: SessionConfig,
        clock: Clock,
    ) -> Self {
        Self { store, cookies, config, clock }
    }

    /// Gives the cookies, for the features that keep something in one.
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Gives the session of a request. The store is asked once a request, whoever asks here.
    pub async fn current<'r>(&self, request: &'r Request<'_>) -> &'r Current {
        request.local_cache_async(self.read(request)).await
    }

    /// Gives the anti-forgery token for what this request is answered with: that of the session
    /// as it will be. A visitor without an id gets one.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an id.
    pub fn csrf_token(&self, request: &Request<'_>) -> Result<String> {
        let offer = self.offer_csrf_token(request)?;
        self.accept(request, &offer)?;
        Ok(offer.csrf_token)
    }

    /// Offers the same token, but leaves the browser alone until it is accepted: a page that has
    /// no form sets no cookie.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an id.
    pub(crate) fn offer_csrf_token(&self, request: &Request<'_>) -> Result<Offer> {
        let known = match &*changes(request) {
            Some(Change::Become(token)) => Some(token.csrf_token()),
            Some(Change::Forget) => None,
            None => loaded(request).token().map(Token::csrf_token),
        };
        if let Some(csrf_token) = known {
            return Ok(Offer { csrf_token, id: None });
        }
        let id = Token::random()?;
        Ok(Offer { csrf_token: id.csrf_token(), id: Some(id) })
    }

    /// Makes the browser the one to which an offered token is tied.
    pub(crate) fn accept(&self, request: &Request<'_>, offer: &Offer) -> Result<()> {
        match &offer.id {
            Some(id) => self.replace(request, id, false),
            None => Ok(()),
        }
    }

    /// Makes `token` the id of the browser from this answer on.
    pub(crate) fn replace(&self, request: &Request<'_>, token: &Token, user: bool) -> Result<()> {
        let at = self.clock.now().timestamp();
        let payload = Payload { id: token.reveal(), user, at };
        cookie::set(request, self.cookies.session(&payload)?);
        *changes(request) = Some(Change::Become(token.clone()));
        Ok(())
    }

    /// Takes the id from the browser with this answer.
    pub(crate) fn forget(&self, request: &Request<'_>) {
        cookie::set(request, self.cookies.without_session());
        *changes(request) = Some(Change::Forget);
    }

    /// Writes what changed to the answer, whatever became of the handler.
    pub(crate) fn finish(&self, request: &Request<'_>, response: &mut Response<'_>) {
        let is_dead = matches!(loaded(request), Current::Ended) && changes(request).is_none();
        if is_dead {
            self.forget(request);
        }
        cookie::write(request, response);
    }

    /// Says since when a session must have been used and begun to be alive at `now`.
    pub fn limits(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now - self.config.idle.delta(), now - self.config.absolute.delta())
    }

    async fn read(&self, request: &Request<'_>) -> Current {
        let Some(sealed) = self.cookies.find_session(request) else {
            return Current::Nobody;
        };
        let Some(payload) = self.cookies.open_session::<Payload>(sealed) else {
            return Current::Ended;
        };
        let Some(token) = Token::parse(&payload.id) else {
            return Current::Ended;
        };
        let now = self.clock.now();
        if !payload.user {
            let is_fresh = now.timestamp() < payload.at + ANONYMOUS_LIFETIME.num_seconds();
            return if is_fresh { Current::Anonymous(token) } else { Current::Ended };
        }
        match self.find_active(token, now).await {
            Ok(Some(active)) => Current::Active(Box::new(active)),
            Ok(None) => Current::Ended,
            Err(fault) => {
                log::error!("a session could not be read: {fault}");
                Current::Unavailable
            }
        }
    }

    async fn find_active(&self, token: Token, now: Timestamp) -> Result<Option<Active>> {
        let digest = token.digest();
        let Some((record, user)) = self.store.find_session(&digest).await? else {
            return Ok(None);
        };
        let (used_after, begun_after) = self.limits(now);
        let is_alive =
            user.active && record.last_seen_at > used_after && record.created_at > begun_after;
        if !is_alive {
            return Ok(None);
        }
        if record.last_seen_at <= now - TOUCH_INTERVAL {
            self.store.touch_session(&digest, now, now - TOUCH_INTERVAL).await?;
        }
        Ok(Some(Active { token, record, user }))
    }
}

/// Gives the session of a request if somebody has asked for it already, and else nobody's.
pub fn loaded<'r>(request: &'r Request<'_>) -> &'r Current {
    request.local_cache(|| Current::Nobody)
}

/// What becomes of the browser's id with the answer.
enum Change {
    Become(Token),
    Forget,
}

fn changes<'r>(request: &'r Request<'_>) -> std::sync::MutexGuard<'r, Option<Change>> {
    let cell: &'r Mutex<Option<Change>> = request.local_cache(|| Mutex::new(None));
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}
