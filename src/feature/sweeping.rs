//! What is deleted when it is over.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::feature::announcer::Announcer;

/// Deletes what is over.
#[async_trait]
pub trait Sweeping: Send + Sync + 'static {
    /// Deletes what is over by `now`, every ten minutes, and returns how many rows that were. `announcer` tells
    /// of what happens to an account by this.
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64>;
}
