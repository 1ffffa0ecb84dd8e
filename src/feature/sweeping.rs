//! Deletes expired data.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::feature::announcer::Announcer;

/// Deletes expired data regularly.
#[async_trait]
pub trait Sweeping: Send + Sync + 'static {
    /// Deletes what has expired by `now` and returns the number of deleted rows. Called every ten minutes.
    /// `announcer` sends the events for changes that this makes to accounts.
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64>;
}
