//! Sessions: one row for each browser in which a user is logged in.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta};
use rocket::async_trait;
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{Proofs, User, UserId};

/// Stores sessions.
///
/// Every application needs this capability: each login in a browser begins a session, and each request with a
/// session cookie looks one up. The cookie holds the session's id; the store only ever sees the digest of it.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep sessions, too",
    label = "`{Self}` does not implement `SessionStore`",
    note = "every login begins a session: implement \
            `rocket_security::datastore::SessionStore` for the store"
)]
pub trait SessionStore: Send + Sync + 'static {
    /// Begins a session, ends the user's oldest other sessions so that at most `max_per_user` remain, and
    /// returns those that it ended. The user no longer expires ([`User::expires_at`]), because the account is
    /// in use.
    ///
    /// Returns `None`, and changes nothing, if the user is gone, deactivated or closed, or has another epoch
    /// than the session: a password change during this login wins.
    ///
    /// `replaces` is the session of the same user and browser that ends with it, together with its series and
    /// the programs that logged in with it. It does not count, and is not among those that are returned.
    ///
    /// A session that names a [`series`](SessionRecord::series) also replaces the session that names it already.
    /// It does not begin (`None`) if its user no longer has this series. A session that ends because there
    /// are too many takes its series along. In a store that does not implement
    /// [`RememberStore`](crate::datastore::RememberStore), no session names a series.
    ///
    /// All of it is one step, which commits `together` with it. Of any number of sessions begun at once,
    /// `max_per_user` remain.
    async fn begin_session(
        &self,
        session: &SessionRecord,
        replaces: Replaces,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedSession>>>;

    /// Lists the sessions of a user, the newest first. Sessions that are too old but not deleted yet are
    /// included.
    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>>;

    /// Finds a session by the digest of its id, with its user and their roles, in one query.
    ///
    /// Returns `None` if there is no such session, or if it has an older epoch than its user. The caller
    /// checks how old the session is and whether the user may log in.
    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>>;

    /// Finds a session of a user by its public id, with that user and their roles. A token that was issued in
    /// a session is checked this way.
    ///
    /// As with [`find_session`](Self::find_session), a session of an older epoch is not found. The framework
    /// calls this only if the feature `tokens` is not enabled, which uses
    /// [`find_bearer`](crate::datastore::RefreshStore::find_bearer) instead. The default implementation is
    /// correct for every store, but needs two queries where one would do.
    async fn find_session_of(
        &self,
        user: UserId,
        id: Uuid,
    ) -> Result<Option<(SessionRecord, User)>> {
        let sessions = self.list_sessions(user).await?;
        match sessions.into_iter().find(|session| session.id == id) {
            Some(session) => self.find_session(&session.digest).await,
            None => Ok(None),
        }
    }

    /// Sets when the session was last used to `now`. Changes nothing if it was last used after
    /// `unless_since`, or if the session has [expired](Self::expire_session).
    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()>;

    /// Expires a session if it was last used at or before `idle`, or begun at or before `begun`: sets its
    /// last use to [`NEVER`], so that a clock that is set back does not revive it. The row stays, so that a
    /// logout still finds it.
    ///
    /// The default implementation is correct for every store whose [`touch_session`](Self::touch_session) is,
    /// but needs three statements where one would do.
    async fn expire_session(
        &self,
        digest: &Digest,
        idle: Timestamp,
        begun: Timestamp,
    ) -> Result<()> {
        self.touch_session(digest, NEVER, idle).await?;
        match self.find_session(digest).await? {
            Some((session, _)) if session.created_at <= begun => {
                self.touch_session(digest, NEVER, AFTER_ALL_USE).await
            }
            _ => Ok(()),
        }
    }

    /// Ends a session and the series that it names, because the browser would otherwise log in again with it.
    /// In a [`RefreshStore`](crate::datastore::RefreshStore), also ends the families that began in the
    /// session or name that series. All of it is one step, which commits `together` with it.
    ///
    /// Returns `false`, and commits nothing, if there is no such session.
    async fn end_session(&self, digest: &Digest, together: &Together) -> Result<bool>;

    /// Deletes sessions that were last used at or before `idle`, or begun at or before `begun`, at most
    /// `limit`, and returns them.
    async fn delete_ended_sessions(
        &self,
        idle: Timestamp,
        begun: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedSession>>;
}

/// A moment after every use of a session: the beginning of the year 9999. All databases can represent it.
const AFTER_ALL_USE: Timestamp = match DateTime::from_timestamp(253_370_764_800, 0) {
    Some(time) => time,
    None => Timestamp::MAX_UTC,
};

/// The session that a new session replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// None: the browser has no session.
    Nothing,
    /// The session with this digest, if it has not ended yet.
    Session(Digest),
    /// The session with this digest. If it has ended, the new session does not begin.
    LiveSession(Digest),
}

impl Replaces {
    /// Returns the digest of the session.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Nothing => None,
            Self::Session(digest) | Self::LiveSession(digest) => Some(digest),
        }
    }

    /// Returns `true` if the new session begins only if the other one is live.
    pub fn must_be_live(&self) -> bool {
        matches!(self, Self::LiveSession(_))
    }
}

/// A session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedSession {
    /// Its public id.
    pub id: Uuid,
    /// The user it belonged to.
    pub user_id: UserId,
}

impl EndedSession {
    /// Creates the record of a user's ended session.
    pub fn new(id: Uuid, user_id: UserId) -> Self {
        Self { id, user_id }
    }
}

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The digest of the id that the cookie holds.
    pub digest: Digest,
    /// The public id, under which the session is listed and ended. It is not a credential.
    pub id: Uuid,
    /// The user who is logged in.
    pub user_id: UserId,
    /// The user's epoch when the session began.
    pub epoch: i64,
    /// What the user has proved.
    pub proofs: Proofs,
    /// The IP address that the session began from.
    pub client: Option<IpAddr>,
    /// The `User-Agent` of the browser that it began in, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// The digest of the selector of the series by which the browser is remembered, if it is.
    pub series: Option<Digest>,
}

impl SessionRecord {
    /// Creates a session that begins at `created_at`, without IP address, user agent and series.
    pub fn new(
        digest: Digest,
        id: Uuid,
        user_id: UserId,
        epoch: i64,
        proofs: Proofs,
        created_at: Timestamp,
    ) -> Self {
        Self {
            digest,
            id,
            user_id,
            epoch,
            proofs,
            client: None,
            user_agent: None,
            created_at,
            last_seen_at: created_at,
            series: None,
        }
    }

    /// Returns the name of the method that the session began with, for example `password`.
    pub fn authn_via(&self) -> &str {
        self.proofs.authn_via()
    }

    /// Returns the time of the user's latest proof, or [`NEVER`] if the user has only been remembered by the
    /// browser.
    pub fn authenticated_at(&self) -> Timestamp {
        self.proofs.latest()
    }

    /// Checks whether the user's latest proof is less than `window` old.
    pub fn is_fresh(&self, window: TimeDelta, now: Timestamp) -> bool {
        let at = self.authenticated_at();
        at > NEVER && now - at < window
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use crate::clock::Clock;
    use crate::crypto::one_time::Digest;
    use crate::datastore::session::SessionRecord;
    use crate::user::{Method, Proof, Proofs, UserId};

    #[test]
    fn a_session_that_nobody_proved_anything_for_is_fresh_in_no_window() {
        let now = Clock::default().now();
        let proved = SessionRecord {
            digest: Digest::from_bytes([0; 32]),
            id: Uuid::nil(),
            user_id: UserId::from_uuid(Uuid::nil()),
            epoch: 0,
            proofs: Proofs::from(Proof::new(Method::Password, now)),
            client: None,
            user_agent: None,
            created_at: now,
            last_seen_at: now,
            series: None,
        };
        let remembered = Proofs::from(Proof::new(Method::Remembered, now));
        let never = SessionRecord { proofs: remembered, ..proved.clone() };
        for window in [TimeDelta::minutes(5), TimeDelta::days(36_500), TimeDelta::MAX] {
            assert!(proved.is_fresh(window, now));
            assert!(!never.is_fresh(window, now));
        }
        assert!(!proved.is_fresh(TimeDelta::minutes(5), now + TimeDelta::minutes(5)));
    }
}
