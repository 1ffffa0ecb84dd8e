//! How the session of a request is read: once, when the first guard asks.

use chrono::TimeDelta;
use rocket::Request;
use serde::{Deserialize, Serialize};

use crate::clock::{NEVER, Timestamp};
use crate::crypto::one_time::Token;
use crate::datastore::session::SessionRecord;
use crate::deadline::with_deadline;
use crate::error::Result;
use crate::session::current::{Active, Current, cell};
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;
use crate::user::User;

/// How often, at most, the use of a session is written down.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// What the session cookie holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) id: String,
    /// When the cookie was made, in seconds since 1970.
    pub(super) at: i64,
}

impl SessionManager {
    /// Returns the session of a request. The store is asked once for each request.
    pub async fn current<'r>(&self, request: &'r Request<'_>) -> &'r Current {
        cell(request).get_or_init(|| with_deadline(self.read(request))).await
    }

    /// Opens the cookie of the session, without asking the store. One that none of our keys opens is a
    /// stranger's, and one that is older than any session may be is no sign of an attack.
    pub(super) fn open(&self, request: &Request<'_>) -> Option<Opened> {
        let payload: Payload = self.cookies.open_session(request)?;
        let end = payload.at.saturating_add(self.config.absolute.delta().num_seconds());
        let is_over = self.clock.now().timestamp() >= end;
        Token::parse(&payload.id).map(|token| Opened { token, is_over })
    }

    async fn read(&self, request: &Request<'_>) -> Current {
        let current = match self.open(request) {
            Some(Opened { token, is_over: false }) => self.read_user(request, token).await,
            Some(Opened { token, is_over: true }) => self.read_outlived(request, &token).await,
            None => self.guest_id(request).map_or(Current::Unknown, Current::Anonymous),
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

    /// Returns the id of a session that the browser still has though the session has ended. It proves only
    /// which browser it is.
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
                // What one user left in this browser is not for the next.
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
        self.guest_id(request).map_or(Current::Unknown, Current::Anonymous)
    }

    /// Keeps a session dead that is too old at `now`, whatever the clock says next. One that ends for another
    /// reason is left as it is. If the store can be read but not written, the session is refused all the same.
    async fn expire(&self, token: &Token, now: Timestamp) {
        let (used_after, begun_after) = self.limits(now);
        let expired = self.store.expire_session(&token.digest(), used_after, begun_after).await;
        if let Err(fault) = expired {
            log::warn!("the end of a session could not be noted: {fault}");
        }
    }

    pub(super) async fn find_active(&self, token: Token, now: Timestamp) -> Result<Option<Active>> {
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
            // If the store can be read but not written, users can still read.
            let touched = self.store.touch_session(&digest, now, now - TOUCH_INTERVAL).await;
            if let Err(fault) = touched {
                log::warn!("the use of a session could not be noted: {fault}");
            }
        }
        Ok(Some(Active { token, record, user }))
    }
}

/// What the cookie of a session holds, before the store is asked.
pub(super) struct Opened {
    pub(super) token: Token,
    /// Whether it is older than any session may be.
    pub(super) is_over: bool,
}
