//! The cache of tokens that were valid a moment ago.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::programs::facts::Facts;

/// The largest number of cached answers, each about 200 bytes.
const MOST_KEPT: usize = 10_000;

/// The tokens that were valid, and when they were checked.
#[derive(Default)]
pub(super) struct Checked(Mutex<HashMap<String, Timestamp>>);

impl Checked {
    pub(super) fn has(&self, facts: &Facts, now: Timestamp, length: Duration) -> bool {
        // A clock that is set back does not make an answer younger.
        let is_young = |at: &Timestamp| *at <= now && now - *at < delta(length);
        self.lock().get(&facts.key()).is_some_and(is_young)
    }

    pub(super) fn keep(&self, facts: &Facts, now: Timestamp, length: Duration) {
        let mut kept = self.lock();
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, at| *at <= now && now - *at < delta(length));
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(facts.key(), now);
    }

    /// Empties the cache.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}
