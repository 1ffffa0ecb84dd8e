//! Attempts.
//!
//! Reading, deciding and writing are one step here because they are in one transaction of
//! [`begin`](MemberStore::begin): no other writer reads until it has ended. On a database where writers do
//! not exclude each other, the same code would accept too many attempts.

use chrono::TimeDelta;
use rocket::async_trait;
use rocket_security::clock::Timestamp;
use rocket_security::crypto::one_time::Digest;
use rocket_security::datastore::AttemptStore;
use rocket_security::datastore::attempt::{BackOff, Charge};
use rocket_security::{Error, Result};
use sqlx::SqliteConnection;

use crate::store::{MemberStore, column, from_micros, micros};

/// What was counted for a key. Times and durations are in microseconds.
#[derive(Default)]
struct Count {
    attempts: u32,
    /// The delay after the last attempt.
    delay: i64,
    /// The time until which the key is blocked, or its window lasts.
    until: i64,
}

#[async_trait]
impl AttemptStore for MemberStore {
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge> {
        let now = micros(now);
        let mut transaction = self.begin().await?;
        let mut count = find_count(&mut transaction, key).await?;
        if count.until > now {
            return from_micros(count.until).map(Charge::BlockedUntil);
        }
        count.attempts = count.attempts.saturating_add(1);
        if count.attempts >= back_off.from {
            count.delay = match count.delay {
                0 => span(back_off.first_delay),
                last => last.saturating_mul(2).min(span(back_off.longest_delay)),
            };
            count.until = now.saturating_add(count.delay);
        }
        keep_count(&mut transaction, key, &count, now).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(Charge::Allowed)
    }

    async fn clear_attempts(&self, key: &Digest) -> Result<()> {
        sqlx::query("DELETE FROM attempts WHERE key_digest = ?")
            .bind(key.as_bytes().as_slice())
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge> {
        let now = micros(now);
        let mut transaction = self.begin().await?;
        let mut count = find_count(&mut transaction, key).await?;
        if count.until <= now {
            count = Count { until: now.saturating_add(span(window)), ..Count::default() };
        }
        if count.attempts >= limit {
            return from_micros(count.until).map(Charge::BlockedUntil);
        }
        count.attempts += 1;
        keep_count(&mut transaction, key, &count, now).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(Charge::Allowed)
    }

    async fn has_counted(&self, key: &Digest, count: u32, now: Timestamp) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let counted = find_count(&mut transaction, key).await?;
        Ok(counted.until > micros(now) && counted.attempts >= count)
    }

    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64> {
        let before = micros(before);
        let deleted =
            sqlx::query("DELETE FROM attempts WHERE counted_at <= ? AND blocked_until <= ?")
                .bind(before)
                .bind(before)
                .execute(&self.writer)
                .await
                .map_err(Error::store)?;
        Ok(deleted.rows_affected())
    }
}

async fn find_count(connection: &mut SqliteConnection, key: &Digest) -> Result<Count> {
    let row =
        sqlx::query("SELECT attempts, delay, blocked_until FROM attempts WHERE key_digest = ?")
            .bind(key.as_bytes().as_slice())
            .fetch_optional(connection)
            .await
            .map_err(Error::store)?;
    let Some(row) = row else {
        return Ok(Count::default());
    };
    Ok(Count {
        attempts: column(&row, "attempts")?,
        delay: column(&row, "delay")?,
        until: column(&row, "blocked_until")?,
    })
}

async fn keep_count(
    connection: &mut SqliteConnection,
    key: &Digest,
    count: &Count,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "REPLACE INTO attempts (key_digest, attempts, delay, blocked_until, counted_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(key.as_bytes().as_slice())
    .bind(count.attempts)
    .bind(count.delay)
    .bind(count.until)
    .bind(now)
    .execute(connection)
    .await
    .map_err(Error::store)?;
    Ok(())
}

fn span(delta: TimeDelta) -> i64 {
    delta.num_microseconds().unwrap_or(i64::MAX)
}
