//! One-time tokens, which mailed links carry, and tickets.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::{User, UserId};

/// Stores the digests of one-time tokens.
///
/// Every application needs this capability. The links that features such as `confirm` and `reset` mail carry
/// such a token. The link holds the token itself; the store only ever sees its digest.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer.
/// [`consume_token`](Self::consume_token) also fails with it if the application's work in its [`Together`]
/// fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep one-time tokens, too",
    label = "`{Self}` does not implement `OneTimeStore`",
    note = "mailed links carry them, those of the feature `confirm` for example: implement \
            `rocket_security::datastore::OneTimeStore` for the store"
)]
pub trait OneTimeStore: Send + Sync + 'static {
    /// Stores a token, in one step with the checks and deletions below, and returns `true`.
    ///
    /// - It replaces a token that was created for the same mail before.
    /// - It replaces the user's older tokens of its purpose, unless it or they are
    ///   [`lasting`](OneTimeToken::lasting). A lasting token replaces only the token of its mail.
    ///
    /// Returns `false`, and stores nothing:
    ///
    /// - if the user is gone or has another epoch than `epoch`;
    /// - for a token that is not lasting: if the user has one of its purpose that was requested later;
    /// - for a lasting token: if its mail is no longer in the outbox, because an owner who took the account
    ///   back has dropped it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if a token that stays has this digest, or the store does not
    /// answer.
    async fn create_token(&self, token: &OneTimeToken, epoch: i64) -> Result<bool>;

    /// Finds a token of this purpose that has not expired at `now`. Changes nothing.
    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>>;

    /// Uses up a token and applies `change` to its user as
    /// [`update_user`](crate::datastore::UserDatastore::update_user) does, with `together`, in one step.
    /// Returns the changed user.
    ///
    /// Returns `None`, and changes nothing, if the token is unknown, used, expired or of another purpose, or
    /// if the change does not apply. Of any number of concurrent callers, exactly one gets the user.
    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Uses up a token and returns it. Changes nothing else: the user's sessions and other tokens stay.
    ///
    /// Returns `None` if the token is unknown, used, expired or of another purpose. Of any number of
    /// concurrent callers, exactly one gets the token.
    async fn spend_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>>;

    /// Deletes tokens that have expired at `now`, and returns how many.
    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64>;
}

/// Stores one-time tokens of which a user may have several at once.
///
/// The feature `tickets` needs this capability: a user may open several WebSockets at once, each with its own
/// ticket.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tickets` needs a store in which a user can have several tokens at once",
    label = "`{Self}` does not implement `TicketStore`",
    note = "implement `rocket_security::datastore::TicketStore` for it, or do not enable `Tickets`"
)]
pub trait TicketStore: Send + Sync + 'static {
    /// Stores a token in addition to the user's other tokens of its purpose, and deletes the oldest of these
    /// so that at most `at_most` remain. No mail carries the token. Returns `true`.
    ///
    /// Returns `false`, and changes nothing, if the user is gone or has another epoch than `epoch`. Of any
    /// number of tokens created at once, `at_most` remain.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the store does not answer.
    async fn create_token_beside(
        &self,
        token: &OneTimeToken,
        at_most: u32,
        epoch: i64,
    ) -> Result<bool>;
}

/// A one-time token as stored: for one purpose, one user, one address and one use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OneTimeToken {
    /// The digest of the token that the link carries.
    pub digest: Digest,
    /// What it is for: the stem of the feature.
    pub purpose: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The e-mail address it was mailed to, as it was spelled.
    pub address: String,
    /// The id of the mail that carries it.
    pub mail_id: Uuid,
    /// Whether it survives newer tokens of its purpose and changes of its user's credentials. Such a token
    /// lets the previous owner take the account back after a change.
    pub lasting: bool,
    /// When its mail was requested.
    pub asked_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl OneTimeToken {
    /// Creates a token that is not [`lasting`](Self::lasting).
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
