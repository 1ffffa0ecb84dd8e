//! Attempts, counted in one statement each.

use chrono::DateTime;
use chrono::TimeDelta;
use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::AttemptStore;
use crate::datastore::attempt::BackOff;
use crate::datastore::attempt::Charge;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_scalar;
use crate::datastore::sqlx::failed;
use crate::datastore::sqlx::rows::corrupt;
use crate::error::Result;

/// No row is changed while the key is blocked. The delay after the attempt is reckoned twice, for
/// an assignment sees the old row. An attempt without delay blocks until no time at all: until its
/// own would turn away whoever's clock is a moment behind.
const CHARGE: &str = "
    INSERT INTO security_attempts (key_digest, attempts, delay, blocked_until, counted_at)
    VALUES (?, 1, ?, ?, ?)
    ON CONFLICT (key_digest) DO UPDATE SET
        blocked_until = CASE
            WHEN security_attempts.attempts + 1 < ? THEN 0
            WHEN security_attempts.delay = 0 THEN excluded.counted_at + ?
            WHEN security_attempts.delay * 2 > ? THEN excluded.counted_at + ?
            ELSE excluded.counted_at + security_attempts.delay * 2 END,
        delay = CASE
            WHEN security_attempts.attempts + 1 < ? THEN 0
            WHEN security_attempts.delay = 0 THEN ?
            WHEN security_attempts.delay * 2 > ? THEN ?
            ELSE security_attempts.delay * 2 END,
        counted_at = excluded.counted_at,
        attempts = security_attempts.attempts + 1
    WHERE security_attempts.blocked_until <= excluded.counted_at";

const COUNT: &str = "
    INSERT INTO security_attempts (key_digest, attempts, delay, blocked_until, counted_at)
    VALUES (?, 1, 0, ?, ?)
    ON CONFLICT (key_digest) DO UPDATE SET
        attempts = CASE WHEN security_attempts.blocked_until <= excluded.counted_at
            THEN 1 ELSE security_attempts.attempts + 1 END,
        blocked_until = CASE WHEN security_attempts.blocked_until <= excluded.counted_at
            THEN excluded.blocked_until ELSE security_attempts.blocked_until END,
        counted_at = excluded.counted_at
    WHERE security_attempts.blocked_until <= excluded.counted_at
       OR security_attempts.attempts < ?";

const FIND_BLOCKED: &str = "SELECT blocked_until FROM security_attempts WHERE key_digest = ?";

#[async_trait]
impl AttemptStore for SqlxDatastore {
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge> {
        let micros = now.timestamp_micros();
        let first = back_off.first_delay.num_microseconds().unwrap_or(i64::MAX);
        let longest = back_off.longest_delay.num_microseconds().unwrap_or(i64::MAX);
        let from = i64::from(back_off.from);
        let delay = if from <= 1 { first } else { 0 };
        on_pool!(self, |pool| {
            let charged = query(CHARGE)
                .bind(key.as_bytes().as_slice())
                .bind(delay)
                .bind(if delay == 0 { 0 } else { micros.saturating_add(delay) })
                .bind(micros)
                .bind(from)
                .bind(first)
                .bind(longest)
                .bind(longest)
                .bind(from)
                .bind(first)
                .bind(longest)
                .bind(longest)
                .execute(&**pool)
                .await
                .map_err(failed)?;
            if charged.rows_affected() > 0 {
                return Ok(Charge::Allowed);
            }
            self.find_block(key, micros).await
        })
    }

    async fn clear_attempts(&self, key: &Digest) -> Result<()> {
        on_pool!(self, |pool| {
            query("DELETE FROM security_attempts WHERE key_digest = ?")
                .bind(key.as_bytes().as_slice())
                .execute(&**pool)
                .await
                .map_err(failed)?;
            Ok(())
        })
    }

    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge> {
        let micros = now.timestamp_micros();
        let end = micros.saturating_add(window.num_microseconds().unwrap_or(i64::MAX));
        if limit == 0 {
            // The first event makes its row whatever the limit.
            return blocked_until(end);
        }
        on_pool!(self, |pool| {
            let counted = query(COUNT)
                .bind(key.as_bytes().as_slice())
                .bind(end)
                .bind(micros)
                .bind(i64::from(limit))
                .execute(&**pool)
                .await
                .map_err(failed)?;
            if counted.rows_affected() > 0 {
                return Ok(Charge::Allowed);
            }
            self.find_block(key, micros).await
        })
    }

    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64> {
        on_pool!(self, |pool| {
            let deleted =
                query("DELETE FROM security_attempts WHERE counted_at <= ? AND blocked_until <= ?")
                    .bind(before.timestamp_micros())
                    .bind(before.timestamp_micros())
                    .execute(&**pool)
                    .await
                    .map_err(failed)?;
            Ok(deleted.rows_affected())
        })
    }
}

impl SqlxDatastore {
    /// Says until when a key is blocked; until now, when that was forgotten a moment ago.
    async fn find_block(&self, key: &Digest, now: i64) -> Result<Charge> {
        on_pool!(self, |pool| {
            let until = query_scalar(FIND_BLOCKED)
                .bind(key.as_bytes().as_slice())
                .fetch_optional(&**pool)
                .await
                .map_err(failed)?;
            blocked_until(until.unwrap_or(now))
        })
    }
}

fn blocked_until(micros: i64) -> Result<Charge> {
    let until = DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt("a time"))?;
    Ok(Charge::BlockedUntil(until))
}
