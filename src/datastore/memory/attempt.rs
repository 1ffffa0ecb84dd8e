//! Attempts.

use std::collections::hash_map::Entry;

use chrono::TimeDelta;
use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::attempt::{AttemptStore, BackOff, Charge};
use crate::datastore::memory::rows::Count;
use crate::datastore::memory::store::{MemoryDatastore, sweep};
use crate::error::Result;

#[async_trait]
impl AttemptStore for MemoryDatastore {
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge> {
        let mut content = self.lock();
        let count = content.attempts.entry(*key).or_default();
        if count.until > now {
            return Ok(Charge::BlockedUntil(count.until));
        }
        count.attempts = count.attempts.saturating_add(1);
        count.counted_at = now;
        if count.attempts >= back_off.from {
            count.delay = next_delay(count.delay, back_off);
            count.until = later(now, count.delay);
        }
        Ok(Charge::Allowed)
    }

    async fn clear_attempts(&self, key: &Digest) -> Result<()> {
        self.lock().attempts.remove(key);
        Ok(())
    }

    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge> {
        let until = later(now, window);
        let mut content = self.lock();
        match content.attempts.entry(*key) {
            Entry::Occupied(counted) if counted.get().until > now => {
                let count = counted.into_mut();
                if count.attempts >= limit {
                    return Ok(Charge::BlockedUntil(count.until));
                }
                count.attempts += 1;
                count.counted_at = now;
            }
            _ if limit == 0 => return Ok(Charge::BlockedUntil(until)),
            entry => {
                let begun = Count { attempts: 1, until, counted_at: now, ..Count::default() };
                entry.insert_entry(begun);
            }
        }
        Ok(Charge::Allowed)
    }

    async fn has_counted(&self, key: &Digest, count: u32, now: Timestamp) -> Result<bool> {
        let content = self.lock();
        let counted = content.attempts.get(key);
        Ok(counted.is_some_and(|counted| counted.until > now && counted.attempts >= count))
    }

    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64> {
        // A key that is blocked stays blocked.
        Ok(sweep(&mut self.lock().attempts, |count| {
            count.counted_at <= before && count.until <= before
        }))
    }
}

fn next_delay(last: TimeDelta, back_off: &BackOff) -> TimeDelta {
    if last.is_zero() {
        return back_off.first_delay;
    }
    last.checked_mul(2).unwrap_or(TimeDelta::MAX).min(back_off.longest_delay)
}

fn later(time: Timestamp, delay: TimeDelta) -> Timestamp {
    time.checked_add_signed(delay).unwrap_or(Timestamp::MAX_UTC)
}
