//! Which browsers are remembered, for the feature `remember`: one row for each, a series.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{Proofs, User, UserId};

/// Keeps the series by which browsers are remembered.
///
/// A store that has this capability also keeps what [`SessionStore`](crate::datastore::SessionStore)
/// says of sessions that name a series, and a change of a user
/// ([`update_user`](crate::UserDatastore::update_user) and whatever else raises the epoch) ends all
/// their series with their sessions.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `remember` needs a store that keeps series",
    label = "`{Self}` does not implement `RememberStore`",
    note = "implement `rocket_security::datastore::RememberStore` for it, or do not enable `Remember`"
)]
pub trait RememberStore: Send + Sync + 'static {
    /// Begins a series and ends the user's oldest others beyond `max_per_user`; the sessions of those
    /// live on, and name no series any more; nor do families.
    ///
    /// False when the user is gone, switched off, closed, or has another epoch by now. Of any number of
    /// series begun at once, `max_per_user` remain.
    async fn create_series(&self, series: &SeriesRecord, max_per_user: u32) -> Result<bool>;

    /// Finds a series by the digest of its selector, with its user and their roles. One of an older
    /// epoch than its user's is not found; one that has expired is, until it is deleted.
    async fn find_series(&self, series: &Digest) -> Result<Option<(SeriesRecord, User)>>;

    /// Replaces the validator that was presented by its successor and begins `session`, which names the
    /// series, as [`begin_session`](crate::datastore::SessionStore::begin_session) does: in one step.
    ///
    /// Of any number of callers who present one validator at once, one is told
    /// [`SeriesRotated::Rotated`] and the others [`SeriesRotated::SameAgain`]. What is handed over as `together` is
    /// committed with [`SeriesRotated::Rotated`] and with nothing else; nothing else changes anything.
    async fn rotate_series(
        &self,
        turn: &SeriesRotation,
        session: &SessionRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<SeriesRotated>;

    /// Ends a series of a user, the session that names it, and the families of both; none when there was no
    /// such series, and then nothing is committed together with it.
    async fn end_series(
        &self,
        user: UserId,
        series: &Digest,
        together: &Together,
    ) -> Result<Option<EndedSeries>>;

    /// Ends all series of a user but `kept`, the sessions that name them, and the families of both.
    async fn end_other_series(
        &self,
        user: UserId,
        kept: Option<&Digest>,
    ) -> Result<Vec<EndedSeries>>;

    /// Ends series that expired at or before `now` and the sessions that name them, at most `limit`
    /// series; gives which.
    async fn delete_expired_series(&self, now: Timestamp, limit: u32) -> Result<Vec<EndedSeries>>;
}

/// A series as the store keeps it: a browser that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesRecord {
    /// The digest of its selector, which stays.
    pub series: Digest,
    /// Who is remembered.
    pub user_id: UserId,
    /// The user's epoch when it began.
    pub epoch: i64,
    /// The digest of the validator that the browser holds.
    pub validator: Digest,
    /// The digest of the one before.
    pub previous: Option<Digest>,
    /// What its user proved at the login that it began with.
    pub proofs: Proofs,
    /// When it began.
    pub created_at: Timestamp,
    /// When the validator was last replaced.
    pub rotated_at: Timestamp,
    /// When it ends, however often it is used.
    pub expires_at: Timestamp,
}

impl SeriesRecord {
    /// Returns a series that begins now.
    pub fn new(
        series: Digest,
        user_id: UserId,
        epoch: i64,
        validator: Digest,
        proofs: Proofs,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            series,
            user_id,
            epoch,
            validator,
            previous: None,
            proofs,
            created_at,
            rotated_at: created_at,
            expires_at,
        }
    }

    /// Says what a validator is by now whose digest was presented: a previous one is taken for the
    /// current one if that replaced it after `since`.
    pub fn judge(&self, presented: &Digest, since: Timestamp) -> Presented {
        if *presented == self.validator {
            Presented::Current
        } else if self.previous.as_ref() == Some(presented) && self.rotated_at > since {
            Presented::Previous
        } else {
            Presented::Stale
        }
    }
}

/// What a validator is that belongs to a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The current one, which the next return replaces.
    Current,
    /// The one that has just been replaced.
    Previous,
    /// An older one: two hold what one should.
    Stale,
}

/// A validator that is presented, and what is to replace it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SeriesRotation {
    /// The digest of the series' selector.
    pub series: Digest,
    /// The digest of what was presented.
    pub presented: Digest,
    /// The digest of its successor.
    pub next: Digest,
    /// When.
    pub now: Timestamp,
    /// A previous validator is the same browser's if it was replaced after that.
    pub since: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesRotated {
    /// The successor has taken its place, and the session has begun. These others ended for it.
    Rotated(Vec<EndedSession>),
    /// It was replaced a moment ago, by the validator of this digest.
    SameAgain(Digest),
    /// It was replaced earlier, or is no validator of this series.
    Stale,
    /// There is no such series, or it has expired, or its user may not log in.
    Unknown,
}

/// A series that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedSeries {
    /// Whose it was.
    pub user_id: UserId,
    /// The public id of the session that ended with it, if there was one.
    pub session: Option<Uuid>,
}

impl EndedSeries {
    /// Returns a series of a user that has ended, with the session that ended with it.
    pub fn new(user_id: UserId, session: Option<Uuid>) -> Self {
        Self { user_id, session }
    }
}
