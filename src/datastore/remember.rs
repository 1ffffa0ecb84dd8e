//! Remembered browsers, for the feature `remember`: one row, a series, for each.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{Proofs, User, UserId};

/// Stores the series by which browsers are remembered.
///
/// The feature `remember` needs this capability. A series lets a browser log in again after its session has
/// ended. Its cookie holds a selector, which stays, and a validator, which is replaced at each use. The store
/// only ever sees digests of both.
///
/// A store with this capability also does what [`SessionStore`](crate::datastore::SessionStore) requires for
/// sessions that name a series. A change of a user ([`update_user`](crate::UserDatastore::update_user), and
/// everything else that raises the epoch) ends all the user's series together with the sessions.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `remember` needs a store that keeps series",
    label = "`{Self}` does not implement `RememberStore`",
    note = "implement `rocket_security::datastore::RememberStore` for it, or do not enable `Remember`"
)]
pub trait RememberStore: Send + Sync + 'static {
    /// Begins a series and ends the user's oldest others so that at most `max_per_user` remain, in one step.
    /// The sessions and families of those that end live on, but no longer name a series.
    ///
    /// Returns `false`, and changes nothing, if the user is gone, deactivated or closed, or has another epoch
    /// than the series. Of any number of series begun at once, `max_per_user` remain.
    async fn create_series(&self, series: &SeriesRecord, max_per_user: u32) -> Result<bool>;

    /// Finds a series by the digest of its selector, with its user and their roles. A series of an older
    /// epoch than its user's is not found. An expired series is found until it is deleted.
    async fn find_series(&self, series: &Digest) -> Result<Option<(SeriesRecord, User)>>;

    /// Replaces the presented validator by its successor and begins `session`, which names the series, as
    /// [`begin_session`](crate::datastore::SessionStore::begin_session) does, in one step.
    ///
    /// Only [`SeriesRotated::Rotated`] changes anything and commits `together`. Of any number of concurrent
    /// callers that present the same validator, one gets [`SeriesRotated::Rotated`] and the others
    /// [`SeriesRotated::SameAgain`].
    async fn rotate_series(
        &self,
        rotation: &SeriesRotation,
        session: &SessionRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<SeriesRotated>;

    /// Ends a series of a user, the session that names it, and the families of both, in one step, which
    /// commits `together`. Returns `None`, and commits nothing, if the user has no such series.
    async fn end_series(
        &self,
        user: UserId,
        series: &Digest,
        together: &Together,
    ) -> Result<Option<EndedSeries>>;

    /// Ends all series of a user except `kept`, the sessions that name them, and the families of both.
    /// Returns the ended series.
    async fn end_other_series(
        &self,
        user: UserId,
        kept: Option<&Digest>,
    ) -> Result<Vec<EndedSeries>>;

    /// Deletes series that expired at or before `now`, at most `limit`, and the sessions that name them. The
    /// families of the expired series live on. Returns the ended series.
    async fn delete_expired_series(&self, now: Timestamp, limit: u32) -> Result<Vec<EndedSeries>>;
}

/// A series as stored: a remembered browser.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesRecord {
    /// The digest of its selector, which stays the same.
    pub series: Digest,
    /// The user who is remembered.
    pub user_id: UserId,
    /// The user's epoch when the series began.
    pub epoch: i64,
    /// The digest of the validator that the browser holds.
    pub validator: Digest,
    /// The digest of the validator before.
    pub previous: Option<Digest>,
    /// What the user proved at the login that the series began with.
    pub proofs: Proofs,
    /// When it began.
    pub created_at: Timestamp,
    /// When the validator was last replaced.
    pub rotated_at: Timestamp,
    /// When it expires, however often it is used.
    pub expires_at: Timestamp,
}

impl SeriesRecord {
    /// Creates a series that begins at `created_at`.
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

    /// Checks a presented validator. A previous validator is accepted as [`Presented::Previous`] if it was
    /// replaced after `since`.
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

/// What a presented validator is to its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presented {
    /// The current one, which the next rotation replaces.
    Current,
    /// The one that was replaced a moment ago.
    Previous,
    /// An older one. Two browsers hold the series, so the cookie was copied.
    Stale,
}

/// A presented validator and its successor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SeriesRotation {
    /// The digest of the series' selector.
    pub series: Digest,
    /// The digest of the presented validator.
    pub presented: Digest,
    /// The digest of its successor.
    pub next: Digest,
    /// When the rotation happens.
    pub now: Timestamp,
    /// A previous validator is still accepted as the same browser's if it was replaced after this time.
    pub since: Timestamp,
}

/// The outcome of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeriesRotated {
    /// The successor has replaced the validator, and the session has begun. The sessions listed ended for it.
    Rotated(Vec<EndedSession>),
    /// The presented validator was replaced a moment ago by the validator with this digest.
    SameAgain(Digest),
    /// The presented validator was replaced earlier, or does not belong to this series.
    Stale,
    /// There is no such series, or it has expired, or its user may not log in.
    Unknown,
}

/// A series that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedSeries {
    /// The user it belonged to.
    pub user_id: UserId,
    /// The public id of the session that ended with it, if there was one.
    pub session: Option<Uuid>,
}

impl EndedSeries {
    /// Creates the record of a user's ended series, with the session that ended with it.
    pub fn new(user_id: UserId, session: Option<Uuid>) -> Self {
        Self { user_id, session }
    }
}
