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

/// Keeps sessions.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep sessions, too",
    label = "`{Self}` does not implement `SessionStore`",
    note = "every login begins a session: implement \
            `rocket_security::datastore::SessionStore` for the store"
)]
pub trait SessionStore: Send + Sync + 'static {
    /// Begins a session and ends the user's oldest others beyond `max_per_user`: gives which. The user no longer
    /// expires ([`User::expires_at`]), because the account is in use.
    ///
    /// None when the user is gone, switched off, closed, or has another epoch by now: a change of the
    /// password during this login wins. Of any number of sessions begun at once,
    /// `max_per_user` remain.
    ///
    /// A session that names a series takes the place of the one that names it already; none begins when
    /// its user has no such series any more. One that ends because there are too many takes its series
    /// along. In a store that is no [`RememberStore`](crate::datastore::RememberStore) no session ever
    /// names one.
    async fn begin_session(
        &self,
        session: &SessionRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedSession>>>;

    /// Lists the sessions of a user, the newest first, those that are too old but not deleted yet among
    /// them.
    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>>;

    /// Finds a session by the digest of its id, with its user and their roles, in one query.
    ///
    /// A session of an older epoch than its user's is not found.
    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>>;

    /// Finds a session of a user by its public id, with that user and their roles: what a token that was
    /// made in the session is looked up by.
    ///
    /// As [`find_session`](Self::find_session) it does not find one of an older epoch. It is asked where the
    /// feature `tokens` is not enabled, which has
    /// [`find_bearer`](crate::datastore::RefreshStore::find_bearer) for that; this is right for any store, and
    /// takes two queries where one would do.
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

    /// Notes that the session was used, unless that was noted after `unless_since` or the session has
    /// [expired](Self::expire_session).
    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()>;

    /// Makes a session unused since [`NEVER`], so that no clock that steps back revives
    /// it, if it was last used at or before `idle` or begun at or before `begun`. The row stays: a logout
    /// still finds it.
    ///
    /// The default is right for any store whose [`touch_session`](Self::touch_session) is, and takes three
    /// statements where one would do.
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

    /// Ends a session, the series that it names, for its browser would come back by it, and in a
    /// [`RefreshStore`](crate::datastore::RefreshStore) the families that began in it or name that series; false
    /// when there was no such session, and then nothing is committed together with it.
    async fn end_session(&self, digest: &Digest, together: &Together) -> Result<bool>;

    /// Deletes sessions that were last used at or before `idle`, or begun at or before `begun`, at most
    /// `limit`; gives which.
    async fn delete_ended_sessions(
        &self,
        idle: Timestamp,
        begun: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedSession>>;
}

/// A moment after every use of a session: the beginning of the year 9999, to which all databases count.
const AFTER_ALL_USE: Timestamp = match DateTime::from_timestamp(253_370_764_800, 0) {
    Some(time) => time,
    None => Timestamp::MAX_UTC,
};

/// A session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedSession {
    /// Its public id.
    pub id: Uuid,
    /// Whose it was.
    pub user_id: UserId,
}

impl EndedSession {
    /// Returns a session of a user that has ended.
    pub fn new(id: Uuid, user_id: UserId) -> Self {
        Self { id, user_id }
    }
}

/// A session as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The digest of the id that the cookie holds.
    pub digest: Digest,
    /// The name under which people see the session; no credential.
    pub id: Uuid,
    /// Whose session it is.
    pub user_id: UserId,
    /// The user's epoch when it began.
    pub epoch: i64,
    /// What its user proved.
    pub proofs: Proofs,
    /// The network address it began from.
    pub client: Option<IpAddr>,
    /// The browser it began in, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// The digest of the selector of the series by which its browser is remembered, if it is.
    pub series: Option<Digest>,
}

impl SessionRecord {
    /// Returns a session that begins now, of which neither address nor browser is known.
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

    /// Returns the time of the user's latest proof; [`NEVER`] if their browser was remembered and nothing
    /// more.
    pub fn authenticated_at(&self) -> Timestamp {
        self.proofs.latest()
    }

    /// Checks whether the user proved who they are no longer ago than `window`.
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
