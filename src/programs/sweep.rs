//! Deletes expired families and denials.

use crate::clock::Timestamp;
use crate::datastore::RefreshStore;
use crate::error::Result;
use crate::event::{Origin, SessionEnd};
use crate::feature::Announcer;
use crate::programs::revoked::revoked;

/// How many rows are deleted at a time.
const BATCH: u32 = 200;

/// Deletes the families that have expired, and the denials of tokens that have expired. Returns the number of
/// rows.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store) if the store does not answer.
pub(crate) async fn sweep(
    store: &dyn RefreshStore,
    now: Timestamp,
    announcer: &Announcer,
) -> Result<u64> {
    let mut all = 0;
    loop {
        let ended = store.delete_expired_families(now, BATCH).await?;
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        all += count;
        let event = |family| revoked(family, SessionEnd::Expired, Origin::new(now, None));
        announcer.learned(ended.into_iter().map(event));
        if count < u64::from(BATCH) {
            break;
        }
    }
    loop {
        let count = store.delete_expired_denials(now, BATCH).await?;
        all += count;
        if count < u64::from(BATCH) {
            return Ok(all);
        }
    }
}
