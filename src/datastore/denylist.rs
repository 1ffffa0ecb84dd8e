//! Denied tokens, which are refused before they expire: for the feature `tokens`.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::together::Together;
use crate::error::Result;

/// Keeps the ids of denied tokens.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `tokens` needs a store that keeps which tokens are denied",
    label = "`{Self}` does not implement `Denylist`",
    note = "implement `rocket_security::datastore::Denylist` for it, or do not enable `Tokens`"
)]
pub trait Denylist: Send + Sync + 'static {
    /// Denies the token of that id, of at most [`MAX_JTI_BYTES`] bytes, until it would have expired. False
    /// when it is denied already: then it is until the later of both ends, and nothing is committed together
    /// with it.
    async fn deny(&self, jti: &str, until: Timestamp, together: &Together) -> Result<bool>;

    /// Checks whether the token of that id is denied, from any instance, from the moment of
    /// [`deny`](Self::deny) on.
    async fn is_denied(&self, jti: &str) -> Result<bool>;

    /// Forgets the tokens that have expired at or before `now`, at most `limit`; says how many.
    async fn delete_expired_denials(&self, now: Timestamp, limit: u32) -> Result<u64>;
}

/// The longest id of a token that is kept, in bytes.
pub const MAX_JTI_BYTES: usize = 64;
