//! One-time tokens: what a mailed link carries.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::Together;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::user::User;
use crate::user::UserId;

/// Keeps one-time tokens, as digests.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep one-time tokens, too",
    label = "`{Self}` does not implement `OneTimeStore`",
    note = "mailed links carry them, those of the feature `confirm` for example: implement \
            `rocket_security::datastore::OneTimeStore` for the store"
)]
pub trait OneTimeStore: Send + Sync + 'static {
    /// Keeps a token, in place of one that was made for the same mail before. False, and nothing
    /// kept, when the user is gone or goes by another address.
    async fn create_token(&self, token: &OneTimeToken) -> Result<bool>;

    /// Finds a token that may still be used. Changes nothing.
    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>>;

    /// Uses a token up and applies `change` to its user, as
    /// [`update_user`](crate::datastore::UserDatastore::update_user) does, in one step.
    ///
    /// None when the token is unknown, used, expired, of another purpose, or the user goes by
    /// another address by now. Of any number of callers at once, exactly one gets the user.
    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Deletes tokens that have expired; says how many.
    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64>;
}

/// A one-time token as the store keeps it: for one purpose, one user, one address, one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeToken {
    /// The digest of what the link carries.
    pub digest: Digest,
    /// What it is for: the stem of the feature.
    pub purpose: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The canonical address it was mailed to.
    pub address: String,
    /// The mail it went out with.
    pub mail_id: Uuid,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}
