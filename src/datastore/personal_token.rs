//! Tokens that people make for programs of theirs, for the feature `personal_tokens`.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{ScopeName, User, UserId};

/// Keeps personal access tokens.
///
/// In a store that has this capability a change of a user
/// ([`update_user`](crate::UserDatastore::update_user) and whatever else raises the epoch) ends all
/// their tokens with their sessions.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `personal_tokens` needs a store that keeps them",
    label = "`{Self}` does not implement `PersonalTokenStore`",
    note = "implement `rocket_security::datastore::PersonalTokenStore` for it, or do not enable \
            `PersonalTokens`"
)]
pub trait PersonalTokenStore: Send + Sync + 'static {
    /// Keeps a token, unless its user has `max_per_user` of them or one of that name, those that have
    /// expired but are not deleted among them.
    ///
    /// Of any number of tokens made at once no more than `max_per_user` are kept, and of those of one
    /// name one is. What is handed over as `together` is committed with [`Creation::Created`] and with
    /// nothing else.
    async fn create_personal_token(
        &self,
        token: &PersonalTokenRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Creation>;

    /// Lists the tokens of a user, the newest first, those that have expired but are not deleted yet
    /// among them.
    async fn list_personal_tokens(&self, user: UserId) -> Result<Vec<PersonalTokenRecord>>;

    /// Finds a token by the digest of its secret, with its user and their roles, in one query: asked with
    /// each request that brings one.
    ///
    /// One of an older epoch than its user's is not found; one that has expired is, until it is deleted.
    async fn find_personal_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(PersonalTokenRecord, User)>>;

    /// Notes that a token was used, or refused for its age, unless that was noted after `unless_since`.
    async fn touch_personal_token(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()>;

    /// Ends a token of a user by its public id; false when that user has no such token, and then nothing
    /// is committed together with it.
    async fn revoke_personal_token(
        &self,
        user: UserId,
        id: Uuid,
        together: &Together,
    ) -> Result<bool>;

    /// Deletes tokens that expired at or before `expired`; says how many.
    async fn delete_expired_personal_tokens(&self, expired: Timestamp) -> Result<u64>;
}

/// What came of keeping a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Creation {
    /// It is kept.
    Created,
    /// The user has as many as they may.
    TooMany,
    /// The user has one of that name.
    NameTaken,
    /// The user is gone, switched off, closed, or has another epoch by now: a change of the password
    /// meanwhile wins.
    AccountChanged,
}

/// A token as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonalTokenRecord {
    /// The digest of its secret.
    pub digest: Digest,
    /// The name under which it is listed and revoked; no credential.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's epoch when it was made.
    pub epoch: i64,
    /// What its owner calls it: 1 to 100 characters, and no other token of theirs has the same.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<ScopeName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none when it does not by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, or refused for its age, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl PersonalTokenRecord {
    /// Returns a token without scopes that does not end by itself and was not used yet.
    pub fn new(
        digest: Digest,
        id: Uuid,
        user_id: UserId,
        epoch: i64,
        name: impl Into<String>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            digest,
            id,
            user_id,
            epoch,
            name: name.into(),
            scopes: Vec::new(),
            created_at,
            expires_at: None,
            last_used_at: None,
        }
    }
}
