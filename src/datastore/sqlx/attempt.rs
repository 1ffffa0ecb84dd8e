//! Attempts, counted with conditional statements.
//!
//! A statement changes the row of a key if it may be changed. Otherwise the row is read, or created if it
//! does not exist. The key is unique: if two callers create the row at once, one of them starts again.

use chrono::{DateTime, TimeDelta};
use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::attempt::{AttemptStore, BackOff, Charge};
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::rows::{corrupt, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::error::{Error, Result};

/// Changes no row while the key is blocked. The delay after the attempt is computed twice, in an order that
/// is correct whether an assignment sees the old row or the new one.
///
/// An attempt without a delay blocks until the earliest possible time, not until the time of the attempt:
/// otherwise it would block requests of an instance whose clock is a moment behind.
pub(super) const CHARGE_NEXT: &str = "
    UPDATE security_attempts SET
        blocked_until = CASE
            WHEN attempts + 1 < ? THEN 0
            WHEN delay = 0 THEN ?
            WHEN delay * 2 > ? THEN ?
            ELSE ? + delay * 2 END,
        delay = CASE
            WHEN attempts + 1 < ? THEN 0
            WHEN delay = 0 THEN ?
            WHEN delay * 2 > ? THEN ?
            ELSE delay * 2 END,
        counted_at = ?,
        attempts = attempts + 1
    WHERE key_digest = ? AND blocked_until <= ?";

pub(super) const COUNT_NEXT: &str = "
    UPDATE security_attempts SET
        attempts = CASE WHEN blocked_until <= ? THEN 1 ELSE attempts + 1 END,
        blocked_until = CASE WHEN blocked_until <= ? THEN ? ELSE blocked_until END,
        counted_at = ?
    WHERE key_digest = ? AND (blocked_until <= ? OR attempts < ?)";

const COUNT_FIRST: &str = "
    INSERT INTO security_attempts (key_digest, attempts, delay, blocked_until, counted_at)
    VALUES (?, 1, ?, ?, ?)";

/// A row that does not block was created a moment ago.
pub(super) const FIND_BLOCK: &str = "
    SELECT blocked_until FROM security_attempts
    WHERE key_digest = ? AND blocked_until > ? AND attempts >= ?";

const FIND_OLD: &str = "
    SELECT key_digest AS digest FROM security_attempts
    WHERE counted_at <= ? AND blocked_until <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

pub(super) const DELETE_ATTEMPTS: &str = "DELETE FROM security_attempts WHERE key_digest = ?";

/// How often a caller may find that another one created or deleted the row a moment before.
const ROUNDS: u32 = 10;

/// Counts with `$next`, or returns when the block after `$limit` attempts ends, or creates the row with
/// `$first`, a delay and the time until which it blocks.
macro_rules! count {
    ($database:ident, $key:expr, $next:expr, $limit:expr, $first:expr, $now:expr) => {{
        for _ in 0..ROUNDS {
            if $database.execute($next).await? > 0 {
                return Ok(Charge::Allowed);
            }
            let find = $database.query_as(FIND_BLOCK).bind($key.as_bytes().to_vec());
            let find = find.bind($now).bind($limit);
            let found: Option<BlockRow> = $database.fetch_optional(find).await?;
            if let Some(found) = found {
                return blocked_until(found.blocked_until);
            }
            let (delay, until) = $first;
            let first = $database
                .query(COUNT_FIRST)
                .bind($key.as_bytes().to_vec())
                .bind(delay)
                .bind(until)
                .bind($now);
            match $database.execute(first).await {
                Err(fault) if is_unique_violation(&fault) => {}
                counted => return counted.map(|_| Charge::Allowed),
            }
        }
        Err(Error::store("a row of attempts came and went"))
    }};
}

#[async_trait]
impl AttemptStore for SqlxDatastore {
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge> {
        let now = now.timestamp_micros();
        let first = back_off.first_delay.num_microseconds().unwrap_or(i64::MAX);
        let longest = back_off.longest_delay.num_microseconds().unwrap_or(i64::MAX);
        let from = i64::from(back_off.from);
        let (first_end, longest_end) = (now.saturating_add(first), now.saturating_add(longest));
        let first_row = if from <= 1 { (first, first_end) } else { (0, 0) };
        on_database!(self, |database| {
            let next = || {
                let key = key.as_bytes().to_vec();
                let query = database.query(CHARGE_NEXT);
                let query = query.bind(from).bind(first_end).bind(longest).bind(longest_end);
                let query = query.bind(now).bind(from).bind(first).bind(longest).bind(longest);
                query.bind(now).bind(key).bind(now)
            };
            count!(database, key, next(), 0_i64, first_row, now)
        })
    }

    async fn clear_attempts(&self, key: &Digest) -> Result<()> {
        on_database!(self, |database| {
            let clear = database.query(DELETE_ATTEMPTS).bind(key.as_bytes().to_vec());
            database.execute(clear).await.map(drop)
        })
    }

    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge> {
        let now = now.timestamp_micros();
        let end = now.saturating_add(window.num_microseconds().unwrap_or(i64::MAX));
        if limit == 0 {
            // The first event creates the row, whatever the limit.
            return blocked_until(end);
        }
        on_database!(self, |database| {
            let next = || {
                let key = key.as_bytes().to_vec();
                let query = database.query(COUNT_NEXT).bind(now).bind(now).bind(end).bind(now);
                query.bind(key).bind(now).bind(i64::from(limit))
            };
            count!(database, key, next(), i64::from(limit), (0_i64, end), now)
        })
    }

    async fn has_counted(&self, key: &Digest, count: u32, now: Timestamp) -> Result<bool> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_BLOCK).bind(key.as_bytes().to_vec());
            let find = find.bind(now.timestamp_micros()).bind(i64::from(count));
            let found: Option<BlockRow> = database.fetch_optional(find).await?;
            Ok(found.is_some())
        })
    }

    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64> {
        let before = before.timestamp_micros();
        in_batches!(self, DELETE_ATTEMPTS, |transaction| {
            transaction.query_as(FIND_OLD).bind(before).bind(before)
        })
    }
}

row! {
    /// When the block of a key ends.
    BlockRow { blocked_until: i64 }
}

fn blocked_until(micros: i64) -> Result<Charge> {
    let until = DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt("a time"))?;
    Ok(Charge::BlockedUntil(until))
}
