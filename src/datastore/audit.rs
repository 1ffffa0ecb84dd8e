//! The journal of events, for the feature `audit`.

use std::sync::Arc;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::chain::{ChainSealer, Sealed, link};
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::UserId;

/// Stores a journal. Rows are only ever added, and each contains the hash of the row before it.
///
/// The feature `audit` needs this capability. The store also stores one head, which identifies the last row.
/// To add a row, the store locks the head, reads it, adds [`AuditHead::next`], and replaces the head by that
/// row's [`AuditRow::head`], all in one transaction. So the chain never forks, however many transactions add
/// to it at once, and a rollback leaves no gap.
///
/// # Errors
///
/// Every method that returns a `Result` fails with [`Error::Store`](crate::Error::Store) if the store does
/// not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `audit` needs a store that keeps a journal",
    label = "`{Self}` does not implement `AuditStore`",
    note = "implement `rocket_security::datastore::AuditStore` for it, or do not enable `Audit`"
)]
pub trait AuditStore: Send + Sync + 'static {
    /// Returns the work that adds these entries, in their order, in the transaction of a change: they are
    /// committed with the change, or not at all.
    ///
    /// It must run last in the transaction ([`Together::and_last`]). All transactions then lock in one order,
    /// first the rows of a user and then the head, and hold the head only briefly.
    fn audit_along(&self, entries: Vec<AuditEntry>, sealer: &Arc<ChainSealer>) -> Together;

    /// Adds entries, in their order, in a transaction of their own.
    async fn append_audit(&self, entries: Vec<AuditEntry>, sealer: &Arc<ChainSealer>)
    -> Result<()>;

    /// Lists at most `limit` rows in order, starting after the number `after`.
    async fn list_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>>;

    /// Returns the head.
    async fn find_audit_head(&self) -> Result<AuditHead>;
}

/// An entry to add to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When the event happened.
    pub at: Timestamp,
    /// The name of the event.
    pub event: String,
    /// The user whom it concerns. The id stays here after the user is deleted.
    pub user_id: Option<UserId>,
    /// The event as JSON.
    pub payload: String,
}

impl AuditEntry {
    /// Creates an entry that concerns no user.
    pub fn new(at: Timestamp, event: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { at, event: event.into(), user_id: None, payload: payload.into() }
    }
}

/// A row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRow {
    /// Its number: 1, 2, 3, …
    pub sequence: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// The hash of the row before it; 32 zero bytes in the first row.
    pub previous: Digest,
    /// The hash of all fields above.
    pub hash: Digest,
    /// The id of the key that the seal was made with.
    pub key_id: i64,
    /// The seal, which authenticates the hash.
    pub seal: Digest,
}

impl AuditRow {
    /// Creates a row from its stored fields, for stores.
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

    /// Computes the hash that the row must have.
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

    /// Returns the head of a journal whose last row is this one.
    pub fn head(&self, sealer: &ChainSealer) -> AuditHead {
        let (key_id, seal) = sealer.seal(Sealed::Head, &self.hash);
        AuditHead { sequence: self.sequence, hash: self.hash, key_id, seal }
    }
}

/// The head of a journal, which identifies its last row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditHead {
    /// The number of the last row; 0 if there is no row.
    pub sequence: i64,
    /// The hash of the last row; 32 zero bytes if there is no row.
    pub hash: Digest,
    /// The id of the key that the seal was made with.
    pub key_id: i64,
    /// The seal, which authenticates that this hash is the last one.
    pub seal: Digest,
}

impl AuditHead {
    /// Creates a head from its stored fields, for stores.
    pub fn new(sequence: i64, hash: Digest, key_id: i64, seal: Digest) -> Self {
        Self { sequence, hash, key_id, seal }
    }

    /// Returns the head of a journal without rows.
    pub fn empty() -> Self {
        let zero = Digest::from_bytes([0; 32]);
        Self { sequence: 0, hash: zero, key_id: 0, seal: zero }
    }

    /// Returns the row that comes next, with this entry.
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
