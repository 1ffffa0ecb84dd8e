//! A tamper-evident journal of every event.
//!
//! It is not among the default features: `Security::default().enable(Audit::default())`. It has no
//! route, page or mail, and tells of no event itself. The store needs the capability
//! [`AuditStore`], which [`SqlxDatastore`](crate::SqlxDatastore) has, in the tables `security_audit`
//! and `security_audit_head`.
//!
//! | setting `[default.security.audit]` | default |
//! |---|---|
//! | `record_unlimited` | `false` |
//!
//! # What is written down
//!
//! Every [`Event`] except those that a client can cause without limit, because strangers could use them to
//! fill the disk: `user_unauthenticated`, `csrf_failed` and `throttled` are written down with
//! `record_unlimited = true` only. Of an event: its time, its name, the account it is about, and the event itself as JSON,
//! with the method and the route of its request. A refusal names the missing role, permission or scope.
//! An account's id stays when the account is deleted. No row holds a secret or an e-mail address;
//! network addresses are there.
//!
//! - A change and its row are committed together, or neither is: when the row cannot be written, the
//!   change does not happen, and the visitor is told to try again later, with 503. It is written at
//!   the end of the transaction. Changes wait for each other there, for one journal has one end.
//!   Sessions that end by their age, or because there are too many, are the exception: they are gone
//!   first and written down afterwards.
//! - What comes with no change, such as a failed login, is written after the request, up to 64 rows in
//!   one transaction. If the store does not answer, the journal tries again for ten seconds. A process
//!   that is killed loses what it has not written.
//! - Equal events are counted: the first is written at once, and those of the next minute become one
//!   row, with their number as `count` and the time of the last as `last_at`. Events are equal if they
//!   differ only in their time, their request, and the client's address within one IPv6 network (/48).
//! - Each kind of event has a queue of its own, so that one user's flood of forbidden requests crowds
//!   out no failed login. Of one kind, at most 512 events that differ are written a minute, and 512 counts.
//!   What is beyond that, or could not be written, is lost. A row `events_lost` then names the event, how
//!   many are missing and from when to when, and `audit verify` reports it. The first that is lost in a
//!   minute has such a row at once, and the others of that minute have one together.
//! - Ended logins are not counted together. Up to 16,384 of them wait.
//! - Changes that an operator makes with `rocket-security` are written down once the journal has a
//!   row, or `[default.security.audit]` stands in the configuration.
//!
//! # The chain
//!
//! | column | what |
//! |---|---|
//! | `sequence` | 1, 2, 3, … without a gap |
//! | `happened_at`, `event`, `user_id`, `payload` | the event |
//! | `previous` | the hash of the row before |
//! | `hash` | SHA-256 of `previous` and all of the above |
//! | `key_id`, `seal` | HMAC-SHA-256 of the hash, by a key derived from `security.keys` |
//!
//! `rocket-security audit verify` goes through all of it, names the first row where something is
//! wrong, and ends with 1 then. If no row is wrong but events were lost, it prints how many and when in
//! place of calling the journal whole, and ends with 0: no row was tampered with. It finds a row that was changed, inserted, deleted or moved, even by
//! an attacker who can write to the tables and recomputes every hash, because the seals need the keys.
//! The head, which is sealed too, says what the last row is, so that rows that were cut off at the
//! end are missed.
//!
//! After a change of keys, rows are sealed by the new one. Those of an older key are verified by
//! it while it stands in `security.keys`; when it is gone, by the seals of the rows after them.
//!
//! What it cannot find out:
//!
//! - That both tables were put back to an earlier state of both, from a backup for example, or
//!   emptied to the state that the migration makes. Nothing within a database can show that. Against
//!   it, write down elsewhere what `audit verify` prints as the end, and hand it back with
//!   `audit verify --expect <sequence>:<hash>`.
//! - False rows written with the keys: by the application itself, or by a reader of its configuration.
//! - Why a row is wrong. A journal whose head was damaged takes no row, and no change is made until
//!   it is repaired.
//!
//! Rows are never deleted, for there is no setting that would.
//!
//! # Command line
//!
//! | command | what it does |
//! |---|---|
//! | `rocket-security audit verify` | says how many rows there are, what the end is, and whether all is well |
//! | `rocket-security audit verify --expect N:HASH` | also that the row of that number has that hash |
//! | `rocket-security audit tail [-n N] [--json] [--follow]` | prints the newest rows |

mod walk;

pub use crate::features::audit::walk::{Broken, Fault, Lost, Report};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rocket::async_trait;
use rocket::tokio::time::sleep;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::crypto::chain::ChainSealer;
use crate::crypto::keys::Keyring;
use crate::crypto::one_time::Digest;
use crate::datastore::audit::{AuditEntry, AuditRow};
use crate::datastore::{AuditStore, Together};
use crate::error::{Error, Result};
use crate::event::{Counted, Event};
use crate::feature::{Feature, Installation, Journaling};
use crate::features::audit::walk::Walk;

/// The feature `audit`; its value is `[default.security.audit]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Audit {
    /// Sets whether to record the events that a client can cause without limit, too. _Default:_ `false`.
    pub record_unlimited: bool,
}

impl<D: AuditStore> Feature<D> for Audit {
    const NAME: &'static str = "audit";

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let journal = Journal::new(at.store(), at.keyring())?;
        at.journaling(Recorder { journal, record_unlimited: self.record_unlimited });
        Ok(())
    }
}

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// How often, and with what pause, what came with no change is tried to be written.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The journal of a store.
#[derive(Clone)]
pub struct Journal {
    store: Arc<dyn AuditStore>,
    sealer: Arc<ChainSealer>,
}

impl Journal {
    /// Opens the journal of a store with the keys of the application.
    ///
    /// # Errors
    ///
    /// Never in practice, as for [`Keyring::derive`].
    pub fn new(store: Arc<dyn AuditStore>, keyring: &Keyring) -> Result<Self> {
        Ok(Self { store, sealer: Arc::new(ChainSealer::new(keyring)?) })
    }

    /// Returns what writes events down in the transaction of their change.
    ///
    /// # Errors
    ///
    /// Never in practice: every event can be written as JSON.
    pub(crate) fn along(&self, events: &[&Event]) -> Result<Together> {
        let entries = events.iter().map(|event| entry(event, None)).collect::<Result<_>>()?;
        Ok(self.store.audit_along(entries, &self.sealer))
    }

    /// Writes events down that came with no change.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store does not answer.
    pub async fn append(&self, events: &[&Event]) -> Result<()> {
        let entries = events.iter().map(|event| entry(event, None)).collect::<Result<_>>()?;
        self.store.append_audit(entries, &self.sealer).await
    }

    async fn append_counted(&self, events: &[&Counted]) -> Result<()> {
        let entry = |counted: &&Counted| {
            let repeated = (counted.count > 1)
                .then_some(Repeated { count: counted.count, last_at: counted.last_at });
            entry(&counted.event, repeated)
        };
        let entries = events.iter().map(entry).collect::<Result<_>>()?;
        self.store.append_audit(entries, &self.sealer).await
    }

    /// Returns the newest rows, at most `count`, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store does not answer.
    #[cfg(feature = "cli")]
    pub(crate) async fn tail(&self, count: u32) -> Result<Vec<AuditRow>> {
        let end = self.store.find_audit_head().await?.sequence;
        self.after(end.saturating_sub(i64::from(count)), count).await
    }

    /// Returns the rows behind the one of that number, at most `count`, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store does not answer.
    pub(crate) async fn after(&self, sequence: i64, count: u32) -> Result<Vec<AuditRow>> {
        self.store.list_audit(sequence, count).await
    }

    /// Verifies the journal, while others may add to it, and returns whether all of it is as it was
    /// written. `expected` is the number and the hash of a row that was noted elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store does not answer, [`Error::Corrupt`] when something in it cannot
    /// be read at all.
    pub async fn verify(&self, expected: Option<(i64, Digest)>) -> Result<Report> {
        let mut walk = Walk::new(&self.sealer, expected);
        loop {
            let rows = self.after(walk.end.sequence, PAGE).await?;
            if rows.is_empty() {
                // Read after the rows: it knows at least those.
                let head = self.store.find_audit_head().await?;
                let is_further = head.sequence > walk.end.sequence;
                if !is_further || self.after(walk.end.sequence, 1).await?.is_empty() {
                    return Ok(walk.finish(&head));
                }
            }
            for row in rows {
                if let Err(fault) = walk.step(row) {
                    return Ok(walk.broken(fault));
                }
            }
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

/// Writes events down as they happen.
struct Recorder {
    journal: Journal,
    record_unlimited: bool,
}

#[async_trait]
impl Journaling for Recorder {
    async fn before_commit(&self, event: &Event) -> Result<Together> {
        self.journal.along(&[event])
    }

    async fn happened(&self, events: &[Counted]) -> Result<()> {
        let is_recorded =
            |counted: &&Counted| self.record_unlimited || !is_unlimited(&counted.event);
        let events: Vec<&Counted> = events.iter().filter(is_recorded).collect();
        if events.is_empty() {
            return Ok(());
        }
        for _ in 1..ATTEMPTS {
            match self.journal.append_counted(&events).await {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    log::warn!("the journal cannot record anything at the moment: {fault}")
                }
            }
            sleep(PAUSE).await;
        }
        self.journal.append_counted(&events).await
    }
}

/// Returns `true` if a client can cause an event as often as it likes.
fn is_unlimited(event: &Event) -> bool {
    matches!(
        event,
        Event::UserUnauthenticated { .. } | Event::CsrfFailed { .. } | Event::Throttled { .. }
    )
}

/// What a row says that stands for several events, beside the first of them.
#[derive(Serialize)]
struct Repeated {
    count: u64,
    last_at: Timestamp,
}

#[derive(Serialize)]
struct Payload<'e> {
    #[serde(flatten)]
    event: &'e Event,
    #[serde(flatten)]
    repeated: Option<Repeated>,
}

fn entry(event: &Event, repeated: Option<Repeated>) -> Result<AuditEntry> {
    let payload = serde_json::to_string(&Payload { event, repeated })
        .map_err(|fault| Error::Corrupt(format!("an event cannot be written as JSON: {fault}")))?;
    Ok(AuditEntry {
        at: event.origin().at,
        event: event.name().to_owned(),
        user_id: event.user(),
        payload,
    })
}
