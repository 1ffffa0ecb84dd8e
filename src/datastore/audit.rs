//! The journal of what happened, for the feature `audit`.

use std::sync::Arc;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::chain::{ChainSealer, Sealed, link};
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::UserId;

/// Keeps a journal to which rows are only ever added, each chained to the one before.
///
/// The store keeps one head, which says what the last row is. To add a row, a store locks the head
/// first, reads it, adds [`AuditHead::next`], and replaces the head by that row's
/// [`AuditRow::head`], all in one transaction: so the chain never forks, however many add to it at
/// once, and what is rolled back leaves no gap.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `audit` needs a store that keeps a journal",
    label = "`{Self}` does not implement `AuditStore`",
    note = "implement `rocket_security::datastore::AuditStore` for it, or do not enable `Audit`"
)]
pub trait AuditStore: Send + Sync + 'static {
    /// Returns what adds these entries, in their order, in the transaction of a change: committed
    /// with it, or not at all.
    ///
    /// It comes last in the transaction ([`Together::and_last`]), so that all transactions lock in one
    /// order, first what belongs to a user and then the head, and none holds the head for long.
    fn audit_along(&self, entries: Vec<AuditEntry>, sealer: &Arc<ChainSealer>) -> Together;

    /// Adds entries, in their order, in a transaction of their own.
    async fn append_audit(&self, entries: Vec<AuditEntry>, sealer: &Arc<ChainSealer>)
    -> Result<()>;

    /// Lists rows in order, beginning behind the number `after`, at most `limit`.
    async fn list_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>>;

    /// Finds the head.
    async fn find_audit_head(&self) -> Result<AuditHead>;
}

/// Something to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When it happened.
    pub at: Timestamp,
    /// The name of the event.
    pub event: String,
    /// The account that it is about. It outlives the account.
    pub user_id: Option<UserId>,
    /// The event as JSON.
    pub payload: String,
}

impl AuditEntry {
    /// Returns an entry about no account.
    pub fn new(at: Timestamp, event: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { at, event: event.into(), user_id: None, payload: payload.into() }
    }
}

/// What was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRow {
    /// The number: 1, 2, 3, …
    pub sequence: i64,
    /// What it says.
    pub entry: AuditEntry,
    /// The hash of the row before it; 32 zero bytes in the first one.
    pub previous: Digest,
    /// The hash of all of the above.
    pub hash: Digest,
    /// Which key the seal was made with.
    pub key_id: i64,
    /// What vouches for the hash.
    pub seal: Digest,
}

impl AuditRow {
    /// Returns a row as it was written, for stores that read it.
    pub fn new(
        sequence: i64,
        entry: AuditEntry,
        previous: Digest,
        hash: Digest,
        key_id: i64,
        seal: Digest,
    ) -> Self {
        Self { sequence, entry, previous, hash, key_id, seal }
    }

    /// Computes what the hash has to be.
    pub fn right_hash(&self) -> Digest {
        let Self { sequence, entry, previous, .. } = self;
        let user = entry.user_id.map(UserId::as_uuid);
        link(
            previous,
            &[
                &sequence.to_be_bytes(),
                &entry.at.timestamp_micros().to_be_bytes(),
                entry.event.as_bytes(),
                user.as_ref().map_or(&[], |user| user.as_bytes()),
                entry.payload.as_bytes(),
            ],
        )
    }

    /// Returns the head of a journal whose last row this is.
    pub fn head(&self, sealer: &ChainSealer) -> AuditHead {
        let (key_id, seal) = sealer.seal(Sealed::Head, &self.hash);
        AuditHead { sequence: self.sequence, hash: self.hash, key_id, seal }
    }
}

/// What the last row of a journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditHead {
    /// Its number; 0 when there is no row.
    pub sequence: i64,
    /// Its hash; 32 zero bytes when there is no row.
    pub hash: Digest,
    /// Which key the seal was made with.
    pub key_id: i64,
    /// What vouches for the hash being the last one.
    pub seal: Digest,
}

impl AuditHead {
    /// Returns a head as it was written, for stores that read it.
    pub fn new(sequence: i64, hash: Digest, key_id: i64, seal: Digest) -> Self {
        Self { sequence, hash, key_id, seal }
    }

    /// The head of a journal without rows.
    pub fn empty() -> Self {
        let zero = Digest::from_bytes([0; 32]);
        Self { sequence: 0, hash: zero, key_id: 0, seal: zero }
    }

    /// Returns the row that follows.
    pub fn next(&self, entry: AuditEntry, sealer: &ChainSealer) -> AuditRow {
        let zero = Digest::from_bytes([0; 32]);
        let mut row = AuditRow {
            sequence: self.sequence.saturating_add(1),
            entry,
            previous: self.hash,
            hash: zero,
            key_id: 0,
            seal: zero,
        };
        row.hash = row.right_hash();
        (row.key_id, row.seal) = sealer.seal(Sealed::Row, &row.hash);
        row
    }
}
