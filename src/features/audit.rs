//! Keeps a tamper-evident journal of every event, such as logins and changes of an account.
//!
//! It is off by default; `Security::default().enable(Audit::default())` switches it on. Users see nothing of
//! it. Operators read the journal with `rocket-security audit tail`, and check with `rocket-security audit
//! verify` that no row was changed, inserted, deleted or moved.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::audit::Audit;
//!
//! let mut audit = Audit::default();
//! audit.record_unlimited = true;
//! let security = Security::default().enable(audit);
//! # drop(security);
//! ```
//!
//! | setting `[default.security.audit]` | default |
//! |---|---|
//! | `record_unlimited` | `false` |
//!
//! - Routes, templates, mails: none. It sends no events of its own.
//! - The store needs the capability [`AuditStore`], which [`SqlxDatastore`](crate::SqlxDatastore) has, in the
//!   tables `security_audit` and `security_audit_head`.
//!
//! | command | what it does |
//! |---|---|
//! | `rocket-security audit verify` | prints how many rows there are, what the last row is, and whether the journal is intact |
//! | `rocket-security audit verify --expect N:HASH` | also checks that row `N` has that hash |
//! | `rocket-security audit tail [-n N] [--json] [--follow]` | prints the newest rows |
//!
//! # Details
//!
//! **What is recorded.** Every [`Event`] is recorded, except those that a client can cause without limit:
//! `user_unauthenticated`, `csrf_failed` and `throttled` are recorded only with `record_unlimited = true`. A
//! row has the time and the name of the event, the account it is about, and the event itself as JSON, with
//! the method and the route of its request. A refusal names the missing role, permission or scope. The id of
//! an account stays when the account is deleted. No row holds a secret or an email address; network addresses
//! are recorded.
//!
//! **Changes.** A change and its row are committed together. If the row cannot be written, the change is not
//! made, and the request is answered with 503. The row is written at the end of the transaction. Changes wait
//! for each other there, because the journal has one end. Sessions that end by their age, or because there
//! are too many, are an exception: they end first and are recorded afterwards. Ended logins are not counted
//! together, and up to 16,384 of them wait to be written.
//!
//! **Other events**, such as a failed login, are written after the request, up to 64 rows in one transaction.
//! If the store does not answer, the journal tries again for ten seconds. A process that is killed loses what
//! it has not written.
//!
//! - Equal events are counted. The first is written at once. Those of the next minute become one row, with
//!   their number as `count` and the time of the last as `last_at`. Events are equal if they differ only in
//!   their time, their request, and the client's address within one IPv6 network (/48).
//! - Each kind of event has its own queue, so that one user's flood of forbidden requests does not displace
//!   failed logins. Of one kind, at most 512 different events and 512 counts are written a minute.
//! - What exceeds that, or could not be written, is lost. A row `events_lost` then names the event, how many
//!   are missing, and from when to when; `audit verify` reports it. The first loss in a minute has such a row
//!   at once, and the others of that minute share one.
//!
//! **The command line.** Changes that an operator makes with `rocket-security` are recorded once the journal
//! has a row, or the configuration has the table `[default.security.audit]`.
//!
//! **The chain.**
//!
//! | column | what |
//! |---|---|
//! | `sequence` | 1, 2, 3, … without a gap |
//! | `happened_at`, `event`, `user_id`, `payload` | the event |
//! | `previous` | the hash of the row before |
//! | `hash` | SHA-256 of `previous` and all of the above |
//! | `key_id`, `seal` | HMAC-SHA-256 of the hash, with a key derived from `security.keys` |
//!
//! **Verifying.** `rocket-security audit verify` reads the whole journal, names the first row that is wrong,
//! and then exits with status 1. If no row is wrong but events were lost, it prints how many and when instead
//! of reporting the journal as whole, and exits with status 0, because no row was tampered with. It detects
//! changes even by an attacker who can write to the tables and recomputes every hash, because the seals need
//! the keys. The head, which is sealed too, names the last row, so that rows that were cut off at the end are
//! missed.
//!
//! **Changing keys.** After a change of keys, new rows are sealed with the new key. Rows of an older key are
//! verified with it while it is in `security.keys`, and after that by the seals of the rows that follow them.
//!
//! **What it cannot detect.**
//!
//! - Both tables were restored to an earlier state, for example from a backup, or emptied to the state that
//!   the migration creates. Nothing inside a database can show that. To detect it, store what `audit verify`
//!   prints as the end elsewhere, and pass it back with `audit verify --expect <sequence>:<hash>`.
//! - False rows were written with the keys, by the application itself or by a reader of its configuration.
//! - Why a row is wrong. A journal whose head was damaged accepts no row, and no change is made until it is
//!   repaired.
//!
//! **Keeping rows.** Rows are never deleted, and no setting deletes them.

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

/// The feature `audit`. Its settings are `[default.security.audit]`.
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

/// How often the journal tries to write events that came with no change, and how long it waits in between.
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

    /// Returns the writes that record events in the transaction of their change.
    ///
    /// # Errors
    ///
    /// Never in practice: every event can be written as JSON.
    pub(crate) fn along(&self, events: &[&Event]) -> Result<Together> {
        let entries = events.iter().map(|event| entry(event, None)).collect::<Result<_>>()?;
        Ok(self.store.audit_along(entries, &self.sealer))
    }

    /// Records events that came with no change.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store does not answer.
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
    /// [`Error::Store`] if the store does not answer.
    #[cfg(feature = "cli")]
    pub(crate) async fn tail(&self, count: u32) -> Result<Vec<AuditRow>> {
        let end = self.store.find_audit_head().await?.sequence;
        self.after(end.saturating_sub(i64::from(count)), count).await
    }

    /// Returns the rows after the row with that number, at most `count`, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store does not answer.
    pub(crate) async fn after(&self, sequence: i64, count: u32) -> Result<Vec<AuditRow>> {
        self.store.list_audit(sequence, count).await
    }

    /// Verifies the journal. Other processes may add rows meanwhile. `expected` is the number and the hash of
    /// a row that was stored elsewhere, and that has to be in the journal.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store does not answer, [`Error::Corrupt`] if something in it cannot be read
    /// at all.
    pub async fn verify(&self, expected: Option<(i64, Digest)>) -> Result<Report> {
        let mut walk = Walk::new(&self.sealer, expected);
        loop {
            let rows = self.after(walk.end.sequence, PAGE).await?;
            if rows.is_empty() {
                // The head is read after the rows, so it covers at least those.
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

/// Records events as they happen.
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

/// The extra fields of a row that stands for several equal events.
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
