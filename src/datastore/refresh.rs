//! Which programs are logged in, for the feature `tokens`: one row for each, a family of refresh tokens.

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

/// Keeps families of refresh tokens.
///
/// A store that has this capability also ends families with what they began in: whatever ends a session
/// for good ([`end_session`](crate::datastore::SessionStore::end_session), and
/// [`begin_session`](crate::datastore::SessionStore::begin_session) one that gives way or is replaced)
/// ends the families that name it or its series, in the same step, and a change of a user
/// ([`update_user`](crate::UserDatastore::update_user) and whatever else raises the epoch) ends all of
/// theirs. The deletion of an expired session ends none.
///
/// A browser that is remembered comes back to one session after the other, which all name its series. So
/// whatever ends a series ([`end_series`](crate::datastore::RememberStore::end_series) and
/// [`end_other_series`](crate::datastore::RememberStore::end_other_series)) ends the families that name it,
/// whether a session is there or not; that it expires ends none. A series that
/// [`create_series`](crate::datastore::RememberStore::create_series) ends for another is no longer named by its
/// families, and they live on.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tokens` needs a store that keeps families of refresh tokens",
    label = "`{Self}` does not implement `RefreshStore`",
    note = "implement `rocket_security::datastore::RefreshStore` for it, or do not enable `Tokens`"
)]
pub trait RefreshStore: Denylist {
    /// Begins a family and ends the user's oldest others beyond `max_per_user`, of which those that are
    /// over by then are none: gives which. The user no longer expires ([`User::expires_at`]), because
    /// the account is in use.
    ///
    /// The family names the series that the session names at that moment, whatever `family` says.
    ///
    /// None when the user is gone, switched off, closed, or has another epoch by now, and when the session
    /// that it names has ended. Of any number of families begun at once, `max_per_user` remain.
    async fn begin_family(
        &self,
        family: &FamilyRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedFamily>>>;

    /// Finds a family by its name, over or not.
    async fn find_family(&self, family: Uuid) -> Result<Option<FamilyRecord>>;

    /// Lists the families of a user, the newest first, those that are over but not deleted yet among them.
    async fn list_families(&self, user: UserId) -> Result<Vec<FamilyRecord>>;

    /// Finds the user of a token, with their roles, and what it lives by: its family if it names one, else
    /// its session, else the user alone. In one query: a store answers this with each request that brings a
    /// token.
    ///
    /// None when the token is denied, and when what it lives by is gone, another user's, or of an older
    /// epoch than its user's. A session or a family that is too old is found until it is deleted.
    async fn find_bearer(&self, token: &TokenTrace) -> Result<Option<(User, LivesBy)>>;

    /// Replaces the token that was presented by its successor. Of any number of callers who present one
    /// token at once, one is told [`FamilyRotated::Next`]; nothing else changes anything. One whose id is
    /// [denied](Denylist::deny) by then is [`FamilyRotated::Over`].
    async fn rotate_family(&self, rotation: &FamilyRotation) -> Result<FamilyRotated>;

    /// Ends a family of a user; false when there was none, and then nothing is committed together with it.
    async fn end_family(&self, user: UserId, family: Uuid, together: &Together) -> Result<bool>;

    /// Ends families that were over at or before `now`, at most `limit`; gives which.
    async fn delete_expired_families(&self, now: Timestamp, limit: u32)
    -> Result<Vec<EndedFamily>>;
}

/// A family as the store keeps it: a program that is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyRecord {
    /// Its name, for people and in tokens; no credential.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's epoch when it began.
    pub epoch: i64,
    /// The id, `jti`, of the refresh token that is good. No credential: tokens are sealed.
    pub token_id: Uuid,
    /// The id of the one before.
    pub previous_id: Option<Uuid>,
    /// The public id of the session that it began in, if it began in one.
    pub session_id: Option<Uuid>,
    /// The series that this session named, if its browser is remembered: the store knows.
    pub series: Option<Digest>,
    /// What its user proved.
    pub proofs: Proofs,
    /// The network address it began from.
    pub client: Option<IpAddr>,
    /// What its program called itself, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its token was last replaced.
    pub rotated_at: Timestamp,
    /// When it is over unless its token is replaced before; no later than `expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it is over, however often its token is replaced.
    pub expires_at: Timestamp,
}

impl FamilyRecord {
    /// Returns a family that begins now, in no session, and is over when its lifetime is.
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

    /// Returns `true` if it is not over yet.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.idle_expires_at > now && self.expires_at > now
    }

    /// Says what a token of this family is that could not be replaced, for stores.
    pub fn judge(self, rotation: &FamilyRotation) -> FamilyRotated {
        let is_theirs = self.user_id == rotation.user_id && self.epoch == rotation.epoch;
        if !is_theirs || !self.is_alive(rotation.now) {
            return FamilyRotated::Over;
        }
        if self.token_id == rotation.presented {
            // The one that is good, and yet it could not be: it is denied.
            return FamilyRotated::Over;
        }
        let is_previous = self.previous_id == Some(rotation.presented);
        if is_previous && rotation.since.is_some_and(|since| self.rotated_at > since) {
            return FamilyRotated::SameAgain(Box::new(self));
        }
        FamilyRotated::Reused
    }
}

/// What a token says of its bearer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenTrace {
    /// Whose it is.
    pub user: UserId,
    /// The family that it belongs to.
    pub family: Option<Uuid>,
    /// The session that it was made in.
    pub session: Option<Uuid>,
    /// By what the [`Denylist`] knows it.
    pub jti: String,
}

impl TokenTrace {
    /// Returns what a token says that belongs to no family and was made in no session.
    pub fn new(user: UserId, jti: impl Into<String>) -> Self {
        Self { user, family: None, session: None, jti: jti.into() }
    }
}

/// By what a token lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivesBy {
    /// Its family.
    Family(FamilyRecord),
    /// The session that it was made in.
    Session(SessionRecord),
    /// Its user alone.
    User,
}

/// A refresh token that is presented, and what is to replace it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FamilyRotation {
    /// Its family.
    pub family: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The epoch that its user had.
    pub epoch: i64,
    /// Its id.
    pub presented: Uuid,
    /// The id of its successor.
    pub next: Uuid,
    /// When.
    pub now: Timestamp,
    /// When the family is over then unless the successor is replaced before.
    pub idle_expires_at: Timestamp,
    /// A token that was replaced after that is told its successor once more; `None` for no token.
    pub since: Option<Timestamp>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FamilyRotated {
    /// The successor has taken its place.
    Next,
    /// It was replaced a moment ago, by the token that the family has now.
    SameAgain(Box<FamilyRecord>),
    /// It was replaced earlier: two hold what one should.
    Reused,
    /// There is no such family, or it is over, or the token is denied.
    Over,
}

/// A family that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EndedFamily {
    /// Its name.
    pub id: Uuid,
    /// Whose it was.
    pub user_id: UserId,
}

impl EndedFamily {
    /// Returns a family of a user that has ended.
    pub fn new(id: Uuid, user_id: UserId) -> Self {
        Self { id, user_id }
    }
}
