//! One-time tokens: what a mailed link carries.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::{User, UserId};

/// Keeps one-time tokens, as digests.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep one-time tokens, too",
    label = "`{Self}` does not implement `OneTimeStore`",
    note = "mailed links carry them, those of the feature `confirm` for example: implement \
            `rocket_security::datastore::OneTimeStore` for the store"
)]
pub trait OneTimeStore: Send + Sync + 'static {
    /// Keeps a token, in place of one that was made for the same mail before and of the user's
    /// older ones of its purpose; a [`lasting`](OneTimeToken::lasting) one replaces only the one of
    /// its mail.
    ///
    /// False, and nothing kept, when the user is gone or has another epoch by now, and for one that
    /// is not lasting when there is one of its purpose that was asked for later; for one that is, when
    /// its mail is not in the outbox any more: the owner who took the account back has dropped it.
    async fn create_token(&self, token: &OneTimeToken, epoch: i64) -> Result<bool>;

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
    /// None when the token is unknown, used, expired or of another purpose, or the change does not
    /// apply; it then stays as it is. Of any number of callers at once, exactly one gets the user.
    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Uses a token up and changes nothing else, its user's sessions and other tokens least of all; gives
    /// what was kept of it.
    ///
    /// None when the token is unknown, used, expired or of another purpose. Of any number of callers at
    /// once, exactly one gets it.
    async fn spend_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>>;

    /// Deletes tokens that have expired; says how many.
    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64>;
}

/// Keeps one-time tokens of which a user may have several at once.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tickets` needs a store in which a user can have several tokens at once",
    label = "`{Self}` does not implement `TicketStore`",
    note = "implement `rocket_security::datastore::TicketStore` for it, or do not enable `Tickets`"
)]
pub trait TicketStore: Send + Sync + 'static {
    /// Keeps a token beside the user's others of its purpose, of which the oldest beyond `at_most` go:
    /// one that no mail carries, of which a user may have several at once.
    ///
    /// False, and nothing changed, when the user is gone or has another epoch by now. Of any number of
    /// tokens made at once, `at_most` remain.
    async fn create_token_beside(
        &self,
        token: &OneTimeToken,
        at_most: u32,
        epoch: i64,
    ) -> Result<bool>;
}

/// A one-time token as the store keeps it: for one purpose, one user, one address, one use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OneTimeToken {
    /// The digest of what the link carries.
    pub digest: Digest,
    /// What it is for: the stem of the feature.
    pub purpose: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The address it was mailed to, as it was spelled.
    pub address: String,
    /// The mail it went out with.
    pub mail_id: Uuid,
    /// Whether it outlives newer ones of its purpose and changes of its user's credentials: the way
    /// back for the owner before such a change.
    pub lasting: bool,
    /// When its mail was asked for.
    pub asked_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

impl OneTimeToken {
    /// Returns a token that does not outlive a change of its user's credentials.
    pub fn new(
        digest: Digest,
        purpose: impl Into<String>,
        user_id: UserId,
        address: impl Into<String>,
        mail_id: Uuid,
        asked_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let (purpose, address) = (purpose.into(), address.into());
        Self { digest, purpose, user_id, address, mail_id, lasting: false, asked_at, expires_at }
    }
}
