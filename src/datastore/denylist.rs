//! Denied tokens, which are refused before they expire: for the feature `tokens`.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::together::Together;
use crate::error::Result;

/// Stores the ids of denied tokens.
///
/// The feature `tokens` needs this capability to revoke a single access token or refresh token. An id is
/// stored only until its token would have expired.
///
/// ```
/// use chrono::TimeDelta;
/// use rocket_security::MemoryDatastore;
/// use rocket_security::clock::Timestamp;
/// use rocket_security::datastore::{Denylist, Together};
///
/// # rocket::async_test(async {
/// let store = MemoryDatastore::new();
/// let until = Timestamp::UNIX_EPOCH + TimeDelta::hours(1);
/// assert!(store.deny("a-token-id", until, &Together::nothing()).await?);
/// assert!(store.is_denied("a-token-id").await?);
/// # Ok::<_, rocket_security::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer.
/// [`deny`](Self::deny) also fails with it if the application's work in its [`Together`] fails; then nothing
/// is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tokens` needs a store that keeps which tokens are denied",
    label = "`{Self}` does not implement `Denylist`",
    note = "implement `rocket_security::datastore::Denylist` for it, or do not enable `Tokens`"
)]
pub trait Denylist: Send + Sync + 'static {
    /// Denies the token with the id `jti`, of at most [`MAX_JTI_BYTES`] bytes, until it would have expired,
    /// and commits `together` with it.
    ///
    /// Returns `false` if it is already denied. It then stays denied until the later of both times, and
    /// `together` is not committed.
    async fn deny(&self, jti: &str, until: Timestamp, together: &Together) -> Result<bool>;

    /// Checks whether the token with the id `jti` is denied. Every instance sees a denial as soon as
    /// [`deny`](Self::deny) has returned.
    async fn is_denied(&self, jti: &str) -> Result<bool>;

    /// Deletes the ids of tokens that expired at or before `now`, at most `limit`, and returns how many.
    async fn delete_expired_denials(&self, now: Timestamp, limit: u32) -> Result<u64>;
}

/// The longest id of a token that a store must accept, in bytes.
pub const MAX_JTI_BYTES: usize = 64;
