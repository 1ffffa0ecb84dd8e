//! The journal.

use std::sync::Arc;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::chain::ChainSealer;
use crate::datastore::audit::{AuditEntry, AuditHead, AuditRow, AuditStore};
use crate::datastore::sqlx::chosen::Chosen;
use crate::datastore::sqlx::rows::{corrupt, read_digest, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::error::{Error, Result};
use crate::user::UserId;

/// Transactions that add to the journal wait here for each other.
pub(super) const LOCK_AUDIT_HEAD: &str =
    "SELECT sequence, hash, key_id, seal FROM security_audit_head WHERE id = ? FOR UPDATE";

const FIND_AUDIT_HEAD: &str =
    "SELECT sequence, hash, key_id, seal FROM security_audit_head WHERE id = ?";

const APPEND_AUDIT: &str = "
    INSERT INTO security_audit
        (sequence, happened_at, event, user_id, payload, previous, hash, key_id, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) const MOVE_AUDIT_HEAD: &str =
    "UPDATE security_audit_head SET sequence = ?, hash = ?, key_id = ?, seal = ? WHERE id = ?";

pub(super) const LIST_AUDIT: &str = "
    SELECT sequence, happened_at, event, user_id, payload, previous, hash, key_id, seal
    FROM security_audit WHERE sequence > ? ORDER BY sequence LIMIT ?";

/// The id of the only head.
const HEAD: i64 = 1;

/// Returns work on the connections of one driver that adds entries.
macro_rules! along {
    ($connection:ty, $database:expr, $entries:expr, $sealer:expr) => {{
        let (database, entries, sealer) = ($database.clone(), $entries, $sealer);
        Together::nothing().and_last(move |connection: &mut $connection| {
            let (database, entries) = (database.clone(), Arc::clone(&entries));
            let sealer = Arc::clone(&sealer);
            Box::pin(async move {
                let lock = database.query_as(LOCK_AUDIT_HEAD).bind(HEAD);
                let found: Option<HeadRow> = lock.fetch_optional(&mut *connection).await?;
                let mut head = found.ok_or_else(headless)?.read()?;
                for entry in entries.iter() {
                    let row = head.next(entry.clone(), &sealer);
                    let append = database
                        .query(APPEND_AUDIT)
                        .bind(row.sequence)
                        .bind(row.entry.at)
                        .bind(row.entry.event.clone())
                        .bind(row.entry.user_id.map(UserId::as_uuid))
                        .bind(row.entry.payload.clone())
                        .bind(row.previous.as_bytes().to_vec())
                        .bind(row.hash.as_bytes().to_vec())
                        .bind(row.key_id)
                        .bind(row.seal.as_bytes().to_vec());
                    append.execute(&mut *connection).await?;
                    head = row.head(&sealer);
                }
                let advance = database
                    .query(MOVE_AUDIT_HEAD)
                    .bind(head.sequence)
                    .bind(head.hash.as_bytes().to_vec())
                    .bind(head.key_id)
                    .bind(head.seal.as_bytes().to_vec())
                    .bind(HEAD);
                advance.execute(&mut *connection).await?;
                Ok(())
            })
        })
    }};
}

#[async_trait]
impl AuditStore for SqlxDatastore {
    fn audit_along(&self, entries: Vec<AuditEntry>, sealer: &Arc<ChainSealer>) -> Together {
        if entries.is_empty() {
            return Together::nothing();
        }
        let (entries, sealer) = (Arc::<[AuditEntry]>::from(entries), Arc::clone(sealer));
        match &self.database {
            #[cfg(feature = "sqlite")]
            Chosen::Sqlite(database) => {
                along!(::sqlx::SqliteConnection, database, entries, sealer)
            }
            #[cfg(feature = "postgres")]
            Chosen::Postgres(database) => along!(::sqlx::PgConnection, database, entries, sealer),
            #[cfg(feature = "mysql")]
            Chosen::MySql(database) => along!(::sqlx::MySqlConnection, database, entries, sealer),
            Chosen::None(never) => match *never {},
        }
    }

    async fn append_audit(
        &self,
        entries: Vec<AuditEntry>,
        sealer: &Arc<ChainSealer>,
    ) -> Result<()> {
        let together = self.audit_along(entries, sealer);
        in_transaction!(self, |transaction| {
            transaction.run_along(&together).await?;
            transaction.keep();
            Ok(())
        })
    }

    async fn list_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>> {
        on_database!(self, |database| {
            let list = database.query_as(LIST_AUDIT).bind(after).bind(i64::from(limit));
            let rows: Vec<JournalRow> = database.fetch_all(list).await?;
            rows.into_iter().map(JournalRow::read).collect()
        })
    }

    async fn find_audit_head(&self) -> Result<AuditHead> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_AUDIT_HEAD).bind(HEAD);
            let found: Option<HeadRow> = database.fetch_optional(find).await?;
            found.ok_or_else(headless)?.read()
        })
    }
}

fn headless() -> Error {
    corrupt("the head of the audit journal")
}

row! {
    /// The head of the journal.
    HeadRow { sequence: i64, hash: Vec<u8>, key_id: i64, seal: Vec<u8> }
}

impl HeadRow {
    fn read(self) -> Result<AuditHead> {
        Ok(AuditHead {
            sequence: self.sequence,
            hash: read_digest(self.hash)?,
            key_id: self.key_id,
            seal: read_digest(self.seal)?,
        })
    }
}

row! {
    /// A row of the journal.
    JournalRow {
        sequence: i64,
        happened_at: Timestamp,
        event: String,
        user_id: Option<Uuid>,
        payload: String,
        previous: Vec<u8>,
        hash: Vec<u8>,
        key_id: i64,
        seal: Vec<u8>,
    }
}

impl JournalRow {
    fn read(self) -> Result<AuditRow> {
        Ok(AuditRow {
            sequence: self.sequence,
            entry: AuditEntry {
                at: self.happened_at,
                event: self.event,
                user_id: self.user_id.map(UserId::from_uuid),
                payload: self.payload,
            },
            previous: read_digest(self.previous)?,
            hash: read_digest(self.hash)?,
            key_id: self.key_id,
            seal: read_digest(self.seal)?,
        })
    }
}
