//! Logged-in programs, for the feature `tokens`: one row, a family of refresh tokens, for each.

use std::net::IpAddr;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::denylist::Denylist;
use crate::datastore::session::SessionRecord;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{Proofs, User, UserId};

/// Stores families of refresh tokens.
///
/// The feature `tokens` needs this capability. A family stands for one logged-in program. It begins with a
/// login and holds the id of the one refresh token that is currently valid; each use of that token replaces
/// it.
///
/// # Families end with what they began in
///
/// - Ending a session ends the families that name it or its series, in the same step. This holds for
///   [`end_session`](crate::datastore::SessionStore::end_session), and for a session that
///   [`begin_session`](crate::datastore::SessionStore::begin_session) ends or replaces. The deletion of an
///   expired session ends no family.
/// - A remembered browser gets a new session again and again, and all of them name its series. So ending a
///   series ([`end_series`](crate::datastore::RememberStore::end_series),
///   [`end_other_series`](crate::datastore::RememberStore::end_other_series)) ends the families that name it,
///   whether or not there is a session. The expiry of a series ends no family. A series that
///   [`create_series`](crate::datastore::RememberStore::create_series) ends because there are too many is no
///   longer named by its families, and they live on.
/// - A change of a user ([`update_user`](crate::UserDatastore::update_user), and everything else that raises
///   the epoch) ends all the user's families.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tokens` needs a store that keeps families of refresh tokens",
    label = "`{Self}` does not implement `RefreshStore`",
    note = "implement `rocket_security::datastore::RefreshStore` for it, or do not enable `Tokens`"
)]
pub trait RefreshStore: Denylist {
    /// Begins a family, ends the user's oldest other families so that at most `max_per_user` remain, and
    /// returns those that it ended. Families that have expired by then are neither counted nor ended. The
    /// user no longer expires ([`User::expires_at`]), because the account is in use.
    ///
    /// The store sets the family's series to the one that its session names at that moment, and ignores
    /// [`FamilyRecord::series`] of the parameter.
    ///
    /// Returns `None`, and changes nothing, if the user is gone, deactivated or closed, or has another epoch
    /// than the family, or if the session that the family names has ended.
    ///
    /// All of it is one step, which commits `together` with it. Of any number of families begun at once,
    /// `max_per_user` remain.
    async fn begin_family(
        &self,
        family: &FamilyRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedFamily>>>;

    /// Finds a family by its id, whether or not it has expired.
    async fn find_family(&self, family: Uuid) -> Result<Option<FamilyRecord>>;

    /// Lists the families of a user, the newest first. Families that have expired but are not deleted yet are
    /// included.
    async fn list_families(&self, user: UserId) -> Result<Vec<FamilyRecord>>;

    /// Finds the user of a token, with their roles, and what the token depends on: its family if it names
    /// one, otherwise its session if it names one, otherwise the user alone.
    ///
    /// Every request with a token calls this, so a store answers it in one query. Returns `None` if the token
    /// is denied, or if its family or session is gone, belongs to another user, or has an older epoch than
    /// the user. An expired session or family is found until it is deleted.
    async fn find_bearer(&self, token: &TokenTrace) -> Result<Option<(User, LivesBy)>>;

    /// Replaces the presented token by its successor, in one step. Only [`FamilyRotated::Next`] changes
    /// anything.
    ///
    /// Of any number of concurrent callers that present the same token, one gets [`FamilyRotated::Next`]. A
    /// token whose id is [denied](Denylist::deny) by then gets [`FamilyRotated::Over`].
    /// [`FamilyRecord::judge`] computes the outcome for a token that could not be replaced.
    async fn rotate_family(&self, rotation: &FamilyRotation) -> Result<FamilyRotated>;

    /// Ends a family of a user, and commits `together` with it. Returns `false`, and commits nothing, if the
    /// user has no such family.
    async fn end_family(&self, user: UserId, family: Uuid, together: &Together) -> Result<bool>;

    /// Deletes families that expired at or before `now`, at most `limit`, and returns them.
    async fn delete_expired_families(&self, now: Timestamp, limit: u32)
    -> Result<Vec<EndedFamily>>;
}

/// A family as stored: a logged-in program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyRecord {
    /// Its id, shown to users and contained in tokens (`fam`). It is not a credential.
    pub id: Uuid,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The user's epoch when the family began.
    pub epoch: i64,
    /// The id (`jti`) of the refresh token that is currently valid. It is not a credential, because tokens
    /// are sealed.
    pub token_id: Uuid,
    /// The id of the refresh token before.
    pub previous_id: Option<Uuid>,
    /// The public id of the session that the family began in, if any.
    pub session_id: Option<Uuid>,
    /// The series that this session names, if its browser is remembered. The store sets it.
    pub series: Option<Digest>,
    /// What the user has proved.
    pub proofs: Proofs,
    /// The IP address that the family began from.
    pub client: Option<IpAddr>,
    /// The `User-Agent` of the program, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its token was last replaced.
    pub rotated_at: Timestamp,
    /// When it expires unless its token is replaced before; not later than `expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it expires, however often its token is replaced.
    pub expires_at: Timestamp,
}

impl FamilyRecord {
    /// Creates a family that begins at `created_at`, outside any session, and expires at `expires_at` even if
    /// its token is not replaced.
    pub fn new(
        id: Uuid,
        user_id: UserId,
        epoch: i64,
        token_id: Uuid,
        proofs: Proofs,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id,
            user_id,
            epoch,
            token_id,
            previous_id: None,
            session_id: None,
            series: None,
            proofs,
            client: None,
            user_agent: None,
            created_at,
            rotated_at: created_at,
            idle_expires_at: expires_at,
            expires_at,
        }
    }

    /// Returns `true` if it has not expired at `now`.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.idle_expires_at > now && self.expires_at > now
    }

    /// Computes, for stores, the outcome for a token of this family that could not be replaced.
    pub fn judge(self, rotation: &FamilyRotation) -> FamilyRotated {
        let is_theirs = self.user_id == rotation.user_id && self.epoch == rotation.epoch;
        if !is_theirs || !self.is_alive(rotation.now) {
            return FamilyRotated::Over;
        }
        if self.token_id == rotation.presented {
            // It is the current token and yet could not be replaced, so it is denied.
            return FamilyRotated::Over;
        }
        let is_previous = self.previous_id == Some(rotation.presented);
        if is_previous && rotation.since.is_some_and(|since| self.rotated_at > since) {
            return FamilyRotated::SameAgain(Box::new(self));
        }
        FamilyRotated::Reused
    }
}

/// What a token says about its bearer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenTrace {
    /// The user of the token.
    pub user: UserId,
    /// The family that it belongs to.
    pub family: Option<Uuid>,
    /// The session that it was issued in.
    pub session: Option<Uuid>,
    /// The id by which the [`Denylist`] knows the token.
    pub jti: String,
}

impl TokenTrace {
    /// Creates the trace of a token that belongs to no family and was issued in no session.
    pub fn new(user: UserId, jti: impl Into<String>) -> Self {
        Self { user, family: None, session: None, jti: jti.into() }
    }
}

/// What a token depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivesBy {
    /// Its family.
    Family(FamilyRecord),
    /// The session that it was issued in.
    Session(SessionRecord),
    /// Its user alone.
    User,
}

/// A presented refresh token and its successor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FamilyRotation {
    /// The family of the token.
    pub family: Uuid,
    /// The user of the token.
    pub user_id: UserId,
    /// The user's epoch when the token was issued.
    pub epoch: i64,
    /// The id of the presented token.
    pub presented: Uuid,
    /// The id of its successor.
    pub next: Uuid,
    /// When the rotation happens.
    pub now: Timestamp,
    /// When the family then expires, unless the successor is replaced before.
    pub idle_expires_at: Timestamp,
    /// A token that was replaced after this time gets its successor once more ([`FamilyRotated::SameAgain`]).
    /// `None` if no replaced token does.
    pub since: Option<Timestamp>,
}

/// The outcome of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FamilyRotated {
    /// The successor has replaced the token.
    Next,
    /// The presented token was replaced a moment ago by the current token of this family.
    SameAgain(Box<FamilyRecord>),
    /// The presented token was replaced earlier. Two programs hold it, so it was copied.
    Reused,
    /// There is no such family, or it has expired, or the token is denied.
    Over,
}

/// A family that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedFamily {
    /// Its id.
    pub id: Uuid,
    /// The user it belonged to.
    pub user_id: UserId,
}

impl EndedFamily {
    /// Creates the record of a user's ended family.
    pub fn new(id: Uuid, user_id: UserId) -> Self {
        Self { id, user_id }
    }
}
