//! Sessions: who a request comes from.
//!
//! The browser of a user who is logged in holds a cookie with a random 256-bit id, sealed as PASETO
//! `v4.local`. The id leads, through its digest, to a row in the store. The browser of a guest holds an id in
//! a cookie of its own, which leads nowhere and only ties anti-forgery tokens to one browser, so that
//! anonymous traffic stores nothing.
//!
//! Where `security.csrf.cookie` names one, script finds the anti-forgery token in a cookie beside it.
//!
//! What an application keeps with a session, logged in or not, is in a cookie beside it: [`data`].
//!
//! The session of a request is read once, in one query, when the first guard asks. What changes is
//! noted beside the request and written to the answer by the fairing, for Rocket drops the cookies
//! of a handler that fails.

pub mod cookie;
mod csrf_cookie;
pub mod data;
mod guest;
pub(crate) mod names;
mod pending;
mod refresh;
pub mod remember;
mod token_cookie;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use rocket::tokio::sync::OnceCell;
use rocket::{Request, Response};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, NEVER, Timestamp};
use crate::config::{SessionConfig, Span};
use crate::crypto::one_time::Token;
use crate::datastore::UserDatastore;
use crate::datastore::session::SessionRecord;
use crate::deadline::with_deadline;
use crate::error::Result;
use crate::session::cookie::Cookies;
use crate::session::guest::Guest;
use crate::session::names::Kind;
use crate::session::remember::Restorer;
use crate::user::{User, UserId};

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
    restorer: Option<Restorer>,
}

/// The session of a request, as its cookie told when it came.
pub enum Current {
    /// There is no cookie of ours.
    Nobody,
    /// Somebody who is not logged in.
    Anonymous(Token),
    /// Somebody who is.
    Active(Box<Active>),
    /// The cookie is that of a session that has ended, beside the id of a guest if there is one.
    Ended(Option<Token>),
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

impl Active {
    /// Tells whether its user proved to be them no longer ago than `window`.
    pub fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.record.is_fresh(window.delta(), now)
    }
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
            Self::Ended(guest) => guest.as_ref(),
            Self::Nobody | Self::Unavailable => None,
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
        Self { store, cookies, config, clock, restorer: None }
    }

    /// Brings browsers back that are remembered, if a feature does.
    pub(crate) fn restored_by(self, restorer: Option<Restorer>) -> Self {
        Self { restorer, ..self }
    }

    /// Gives the cookies, for the features that keep something in one.
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Gives the session of a request. The store is asked once a request, whoever asks here.
    pub async fn current<'r>(&self, request: &'r Request<'_>) -> &'r Current {
        cell(request).get_or_init(|| with_deadline(self.read(request))).await
    }

    /// Gives the anti-forgery token for what this request is answered with: that of the session
    /// as it will be. A visitor without an id gets one, and the answer is for them alone.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an id.
    pub fn csrf_token(&self, request: &Request<'_>) -> Result<String> {
        let offer = self.offer_csrf_token(request)?;
        self.accept(request, &offer)?;
        tells_token(request).store(true, Ordering::Relaxed);
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
            Some(Change::User(token) | Change::Guest(token)) => Some(token.csrf_token()),
            Some(Change::Forget) => None,
            None => self.known_token(request).as_ref().map(Token::csrf_token),
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
            Some(id) => self.set_guest(request, id),
            None => Ok(()),
        }
    }

    /// Makes `token`, which leads to a row of `user`'s, the id of the browser from this answer on.
    /// Nobody but `flow` calls this.
    pub(crate) fn become_user(
        &self,
        request: &Request<'_>,
        token: &Token,
        user: UserId,
    ) -> Result<()> {
        self.carry_data(request, user);
        self.drop_login(request);
        self.forget_token(request);
        self.set_user(request, token)
    }

    fn set_user(&self, request: &Request<'_>, token: &Token) -> Result<()> {
        let payload = Payload { id: token.reveal(), at: self.clock.now().timestamp() };
        cookie::set(request, self.cookies.session(&payload)?);
        self.forget_guest(request);
        *changes(request) = Some(Change::User(token.clone()));
        Ok(())
    }

    /// Takes the id from the browser with this answer, and by what it is remembered.
    pub(crate) fn forget(&self, request: &Request<'_>) {
        self.drop_data(request);
        self.drop_login(request);
        self.forget_keepsake(request);
        self.forget_refresh_token(request);
        self.forget_token(request);
        cookie::set(request, self.cookies.removal(Kind::Session));
        // What somebody left in this browser is not for whoever comes next.
        for cookie in self.cookies.without_leftovers(request) {
            cookie::set(request, cookie);
        }
        *changes(request) = Some(Change::Forget);
    }

    /// Writes what changed to the answer, whatever became of the handler.
    pub(crate) async fn finish(&self, request: &Request<'_>, response: &mut Response<'_>) {
        self.finish_data(request, response).await;
        let tells = tells_token(request).load(Ordering::Relaxed);
        self.finish_csrf_cookie(request, response, tells);
        let is_told = self.finish_guest(request);
        if tells || is_told || matches!(*changes(request), Some(Change::User(_) | Change::Guest(_)))
        {
            // Whoever comes back does so with whatever page they ask for, also one that may be cached.
            data::keep_private(response);
        }
        if loaded(request).is_some() {
            // A guard has asked who it is, and the answer may go by that.
            data::vary_by_cookie(response);
        }
        self.finish_token_cookie(request, response);
        cookie::write(request, response);
    }

    /// Says since when a session must have been used and begun to be alive at `now`.
    pub fn limits(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now - self.config.idle.delta(), now - self.config.absolute.delta())
    }

    /// Gives the id that the browser has, as far as that is known without the store: whoever has
    /// one must not be given another in its place because nobody asked the store yet.
    fn known_token(&self, request: &Request<'_>) -> Option<Token> {
        match loaded(request) {
            Some(Current::Unavailable) | None => self
                .open(request)
                .filter(|it| !it.is_over)
                .map(|it| it.token)
                .or_else(|| self.guest_id(request)),
            Some(current) => current.token().cloned(),
        }
    }

    /// Opens the cookie of the session, without asking the store. One that none of our keys opens is a
    /// stranger's, and one that is older than any session may be is no sign of an attack.
    fn open(&self, request: &Request<'_>) -> Option<Opened> {
        let payload: Payload = self.cookies.open_session(request)?;
        let end = payload.at.saturating_add(self.config.absolute.delta().num_seconds());
        let is_over = self.clock.now().timestamp() >= end;
        Token::parse(&payload.id).map(|token| Opened { token, is_over })
    }

    fn is_over(&self, guest: &Guest) -> bool {
        let end = guest.made_at().saturating_add(ANONYMOUS_LIFETIME.num_seconds());
        self.clock.now().timestamp() >= end
    }

    async fn read(&self, request: &Request<'_>) -> Current {
        let current = match self.open(request) {
            Some(Opened { token, is_over: false }) => self.read_user(request, token).await,
            Some(Opened { token, is_over: true }) => self.read_outlived(request, &token).await,
            None => self.guest_id(request).map_or(Current::Nobody, Current::Anonymous),
        };
        match current {
            Current::Active(_) | Current::Unavailable => current,
            nobody => self.come_back(request, nobody).await,
        }
    }

    /// Returns whether the browser has the cookie of a session, however old.
    pub(crate) fn brings_session(&self, request: &Request<'_>) -> bool {
        self.cookies.open_any_session::<Payload>(request).is_some()
    }

    /// Gives the id of a session that the browser still has though the session lives no more: that proves
    /// nothing but which browser it is.
    pub(crate) async fn outlived_id(&self, request: &Request<'_>) -> Option<Token> {
        if matches!(self.current(request).await, Current::Active(_) | Current::Unavailable) {
            return None;
        }
        let payload: Payload = self.cookies.open_any_session(request)?;
        Token::parse(&payload.id)
    }

    /// Finds the session that the browser had until it was too old, with its user, unless it is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store does not answer.
    pub(crate) async fn find_outlived(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<(SessionRecord, User)>> {
        match self.outlived_id(request).await {
            Some(id) => self.store.find_session(&id.digest()).await,
            None => Ok(None),
        }
    }

    async fn read_user(&self, request: &Request<'_>, token: Token) -> Current {
        match self.find_active(token, self.clock.now()).await {
            Ok(Some(active)) => Current::Active(Box::new(active)),
            Ok(None) => {
                // What somebody left in this browser is not for whoever comes next.
                self.bury(request, &[Kind::Session, Kind::Link, Kind::Form]);
                Current::Ended(self.guest_id(request))
            }
            Err(fault) => {
                log::error!("a session could not be read: {fault}");
                Current::Unavailable
            }
        }
    }

    /// Treats the browser of a session that is older than any may be as a guest's.
    async fn read_outlived(&self, request: &Request<'_>, token: &Token) -> Current {
        self.expire(token, self.clock.now()).await;
        self.bury(request, &[Kind::Session, Kind::Link, Kind::Form]);
        self.guest_id(request).map_or(Current::Nobody, Current::Anonymous)
    }

    /// Keeps a session dead that is too old at `now`, whatever the clock says next. One that ends for another
    /// reason is left as it is. A store that can be read and not written keeps nobody from being refused.
    async fn expire(&self, token: &Token, now: Timestamp) {
        let (used_after, begun_after) = self.limits(now);
        let expired = self.store.expire_session(&token.digest(), used_after, begun_after).await;
        if let Err(fault) = expired {
            log::warn!("the end of a session could not be noted: {fault}");
        }
    }

    async fn find_active(&self, token: Token, now: Timestamp) -> Result<Option<Active>> {
        let digest = token.digest();
        let Some((record, user)) = self.store.find_session(&digest).await? else {
            return Ok(None);
        };
        let (used_after, begun_after) = self.limits(now);
        let is_alive =
            user.is_open() && record.last_seen_at > used_after && record.created_at > begun_after;
        if !is_alive {
            if record.last_seen_at > NEVER {
                self.expire(&token, now).await;
            }
            return Ok(None);
        }
        if record.last_seen_at <= now - TOUCH_INTERVAL {
            // A store that can be read and not written keeps nobody from reading.
            let touched = self.store.touch_session(&digest, now, now - TOUCH_INTERVAL).await;
            if let Err(fault) = touched {
                log::warn!("the use of a session could not be noted: {fault}");
            }
        }
        Ok(Some(Active { token, record, user }))
    }
}

/// What the cookie of a session holds, before the store is asked.
struct Opened {
    token: Token,
    /// Whether it is older than any session may be.
    is_over: bool,
}

/// Gives the session of a request, if a guard has asked for it already.
pub fn loaded<'r>(request: &'r Request<'_>) -> Option<&'r Current> {
    cell(request).get()
}

fn cell<'r>(request: &'r Request<'_>) -> &'r OnceCell<Current> {
    &request.local_cache(|| Cell(OnceCell::new())).0
}

/// The session of a request, once it was read.
struct Cell(OnceCell<Current>);

/// Whether an anti-forgery token was given for what a request is answered with.
struct TellsToken(AtomicBool);

fn tells_token<'r>(request: &'r Request<'_>) -> &'r AtomicBool {
    &request.local_cache(|| TellsToken(AtomicBool::new(false))).0
}

/// What becomes of the browser's id with the answer.
enum Change {
    /// It is that of a session from now on.
    User(Token),
    /// It is that of a guest from now on.
    Guest(Token),
    Forget,
}

/// What changes with the answer to a request.
struct Changes(Mutex<Option<Change>>);

fn changes<'r>(request: &'r Request<'_>) -> std::sync::MutexGuard<'r, Option<Change>> {
    let changes: &'r Changes = request.local_cache(|| Changes(Mutex::new(None)));
    changes.0.lock().unwrap_or_else(PoisonError::into_inner)
}
