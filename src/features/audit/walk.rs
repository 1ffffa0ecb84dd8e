//! Verifies a journal, row by row.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::crypto::chain::{ChainSealer, Sealed, Vouched};
use crate::crypto::one_time::Digest;
use crate::datastore::audit::{AuditEntry, AuditHead, AuditRow};
use crate::event::Event;

/// The outcome of verifying a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many rows are as they were written, up to the first that is not.
    pub rows: u64,
    /// The number of the last of these rows; 0 if there is none.
    pub end: i64,
    /// The hash of that row.
    pub hash: Digest,
    /// The first row that is wrong, if there is one.
    pub broken: Option<Broken>,
    /// The events that these rows report as lost: they happened, but have no row.
    pub lost: Vec<Lost>,
}

/// Events of one name that were not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The name of the events. `None` if an older version wrote the rows, which did not record the name.
    pub event: Option<String>,
    /// How many were lost, in all.
    pub count: u64,
    /// When the first of them happened.
    pub since: Timestamp,
    /// When the last of them happened.
    pub until: Timestamp,
}

/// The place where a journal is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {sequence} {fault}")]
#[non_exhaustive]
pub struct Broken {
    /// The number of the first row that is known to be wrong.
    pub sequence: i64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The row was deleted, or rows were inserted before it.
    #[error("is missing")]
    Missing,
    /// The row before it is not the one that was there when this row was written.
    #[error("does not follow the one before it")]
    Unchained,
    /// The content of the row was changed.
    #[error("was changed")]
    Changed,
    /// The row was written without the keys.
    #[error("was not written with the keys of this application, or rows before it were changed")]
    Forged,
    /// Nothing confirms the row: its key is missing, and so are the keys of all later rows.
    #[error("was sealed by a key that is not among security.keys, and so was every later one")]
    KeyIsGone,
    /// The row is the last one, but not the one that the head of the journal names: the head was changed.
    #[error("is not what the head of the journal says")]
    Headless,
    /// The row is not the one that was stored elsewhere.
    #[error("is not the one that was expected")]
    Unexpected,
}

/// The state of a verification.
pub(super) struct Walk<'s> {
    sealer: &'s ChainSealer,
    expected: Option<(i64, Digest)>,
    rows: u64,
    pub(super) end: AuditHead,
    /// The first row that no seal confirms yet.
    unvouched: Option<i64>,
    lost: BTreeMap<Option<String>, Lost>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(sealer: &'s ChainSealer, expected: Option<(i64, Digest)>) -> Self {
        let (end, lost) = (AuditHead::empty(), BTreeMap::new());
        Self { sealer, expected, rows: 0, end, unvouched: None, lost }
    }

    pub(super) fn step(&mut self, row: AuditRow) -> std::result::Result<(), Broken> {
        let sequence = self.end.sequence.saturating_add(1);
        let broken = |fault| Err(Broken { sequence, fault });
        if row.sequence != sequence {
            return broken(Fault::Missing);
        }
        if row.previous != self.end.hash {
            return broken(Fault::Unchained);
        }
        if row.right_hash() != row.hash {
            return broken(Fault::Changed);
        }
        match self.sealer.look_at(Sealed::Row, &row.hash, row.key_id, &row.seal) {
            Vouched::Yes => self.unvouched = None,
            Vouched::No => return broken(Fault::Forged),
            Vouched::KeyIsGone => self.unvouched = self.unvouched.or(Some(sequence)),
        }
        if self.expected.is_some_and(|(number, hash)| number == sequence && hash != row.hash) {
            return broken(Fault::Unexpected);
        }
        self.rows = self.rows.saturating_add(1);
        self.end = AuditHead { sequence, hash: row.hash, key_id: row.key_id, seal: row.seal };
        if row.entry.event == Event::LOST {
            self.note_lost(&row.entry);
        }
        Ok(())
    }

    fn note_lost(&mut self, entry: &AuditEntry) {
        // Rows that the application wrote can be read.
        let Ok(noted) = serde_json::from_str::<NotedLoss>(&entry.payload) else {
            return;
        };
        let (count, since, until) = (noted.count, noted.since.unwrap_or(entry.at), entry.at);
        let lost = self.lost.entry(noted.lost.clone()).or_insert(Lost {
            event: noted.lost,
            count: 0,
            since,
            until,
        });
        lost.count = lost.count.saturating_add(count);
        lost.since = lost.since.min(since);
        lost.until = lost.until.max(until);
    }

    /// Compares the last row with the head, and returns the report.
    pub(super) fn finish(self, head: &AuditHead) -> Report {
        let end = self.end.sequence;
        let behind = end.saturating_add(1);
        let is_cut = head.sequence > end
            || self.expected.as_ref().is_some_and(|(expected, _)| *expected > end);
        let is_empty = *head == AuditHead::empty() && end == 0;
        let seal = self.sealer.look_at(Sealed::Head, &head.hash, head.key_id, &head.seal);
        let broken = if is_cut {
            Some(Broken { sequence: behind, fault: Fault::Missing })
        } else if is_empty {
            None
        } else if head.sequence != end || head.hash != self.end.hash || seal == Vouched::No {
            Some(Broken { sequence: end, fault: Fault::Headless })
        } else {
            match (seal, self.unvouched) {
                (Vouched::Yes, _) => None,
                (_, Some(sequence)) => Some(Broken { sequence, fault: Fault::KeyIsGone }),
                (_, None) => Some(Broken { sequence: end, fault: Fault::Headless }),
            }
        };
        self.report(broken)
    }

    pub(super) fn broken(self, broken: Broken) -> Report {
        self.report(Some(broken))
    }

    fn report(self, broken: Option<Broken>) -> Report {
        let (end, hash) = (self.end.sequence, self.end.hash);
        Report { rows: self.rows, end, hash, broken, lost: self.lost.into_values().collect() }
    }
}

/// The content of an `events_lost` row. Rows of older versions have only the count.
#[derive(Deserialize)]
struct NotedLoss {
    lost: Option<String>,
    count: u64,
    since: Option<Timestamp>,
}
