//! Personal access tokens, which users create for their programs: for the feature `personal_tokens`.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{ScopeName, User, UserId};

/// Stores personal access tokens.
///
/// The feature `personal_tokens` needs this capability. The user keeps the token; the store only ever sees
/// the digest of its secret.
///
/// A change of a user ([`update_user`](crate::UserDatastore::update_user), and everything else that raises
/// the epoch) ends all the user's tokens together with the sessions.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `personal_tokens` needs a store that keeps them",
    label = "`{Self}` does not implement `PersonalTokenStore`",
    note = "implement `rocket_security::datastore::PersonalTokenStore` for it, or do not enable \
            `PersonalTokens`"
)]
pub trait PersonalTokenStore: Send + Sync + 'static {
    /// Stores a token, unless its user already has `max_per_user` tokens or one of that name. Tokens that
    /// have expired but are not deleted yet count, too.
    ///
    /// The checks and the insertion are one step: of any number of tokens created at once, at most
    /// `max_per_user` are stored, and of those with the same name exactly one. Only [`Creation::Created`]
    /// changes anything and commits `together`.
    async fn create_personal_token(
        &self,
        token: &PersonalTokenRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Creation>;

    /// Lists the tokens of a user, the newest first. Tokens that have expired but are not deleted yet are
    /// included.
    async fn list_personal_tokens(&self, user: UserId) -> Result<Vec<PersonalTokenRecord>>;

    /// Finds a token by the digest of its secret, with its user and their roles, in one query. Every request
    /// with a personal access token calls this.
    ///
    /// A token of an older epoch than its user's is not found. An expired token is found until it is deleted.
    async fn find_personal_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(PersonalTokenRecord, User)>>;

    /// Sets when a token was last presented to `now`, whether it was accepted or refused because it had
    /// expired. Changes nothing if it was last presented after `unless_since`.
    async fn touch_personal_token(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()>;

    /// Deletes a token of a user by its public id, and commits `together` with it. Returns `false`, and
    /// commits nothing, if the user has no such token.
    async fn revoke_personal_token(
        &self,
        user: UserId,
        id: Uuid,
        together: &Together,
    ) -> Result<bool>;

    /// Deletes tokens that expired at or before `expired`, and returns how many.
    async fn delete_expired_personal_tokens(&self, expired: Timestamp) -> Result<u64>;
}

/// The outcome of storing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Creation {
    /// The token was stored.
    Created,
    /// The user already has as many tokens as allowed.
    TooMany,
    /// The user already has a token of that name.
    NameTaken,
    /// The user is gone, deactivated or closed, or has another epoch than the token: a password change in the
    /// meantime wins.
    AccountChanged,
}

/// A personal access token as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonalTokenRecord {
    /// The digest of its secret.
    pub digest: Digest,
    /// The public id, under which it is listed and revoked. It is not a credential.
    pub id: Uuid,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The user's epoch when it was created.
    pub epoch: i64,
    /// The name that its user chose: 1 to 100 characters, different from those of the user's other tokens.
    pub name: String,
    /// The scopes, which limit what it may be used for.
    pub scopes: Vec<ScopeName>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, or refused because it had expired, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl PersonalTokenRecord {
    /// Creates a token without scopes that does not expire and has not been used yet.
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
