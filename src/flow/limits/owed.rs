//! Charges of right passwords that still have to be cleared.
//!
//! A login with a right password can end in status 503, because a hook fails or the store does not answer.
//! This is not a failed attempt, so its charge is cleared. If the store cannot clear it at that moment, the
//! charge is remembered in memory and cleared before the next attempt on the same account from the same
//! network is counted. After a restart it is forgotten and counts like any other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::crypto::one_time::Digest;
use crate::datastore::UserDatastore;
use crate::error::Result;

/// How many charges are remembered at most. Beyond that, each new one replaces an old one.
const MOST: usize = 10_000;

/// The charges that still have to be cleared.
#[derive(Clone, Default)]
pub(super) struct Owed(Arc<Mutex<HashSet<Digest>>>);

impl Owed {
    /// Clears those of the given charges that still have to be cleared.
    pub(super) async fn pay(&self, store: &dyn UserDatastore, keys: &[Digest]) -> Result<()> {
        for key in keys {
            if !self.lock().remove(key) {
                continue;
            }
            if let Err(fault) = store.clear_attempts(key).await {
                self.remember(*key);
                return Err(fault);
            }
        }
        Ok(())
    }

    fn remember(&self, key: Digest) {
        let mut owed = self.lock();
        if owed.len() >= MOST
            && let Some(any) = owed.iter().next().copied()
        {
            owed.remove(&any);
        }
        owed.insert(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The charges of a right password. If the value is dropped before [`clear`](Right::clear) or
/// [`leave`](Right::leave), they are remembered.
#[must_use]
pub(in crate::flow) struct Right {
    keys: Vec<Digest>,
    owed: Owed,
}

impl Right {
    pub(super) fn new(keys: Vec<Digest>, owed: &Owed) -> Self {
        Self { keys, owed: owed.clone() }
    }

    /// Clears the charges.
    pub(in crate::flow) async fn clear(mut self, store: &dyn UserDatastore) -> Result<()> {
        while let Some(key) = self.keys.last() {
            store.clear_attempts(key).await?;
            self.keys.pop();
        }
        Ok(())
    }

    /// Leaves the charges as they are. The login was refused, and a right password must look like a wrong
    /// one.
    pub(in crate::flow) fn leave(mut self) {
        self.keys.clear();
    }
}

impl Drop for Right {
    fn drop(&mut self) {
        for key in self.keys.drain(..) {
            self.owed.remember(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::clock::Clock;
    use crate::crypto::one_time::Digest;
    use crate::datastore::AttemptStore;
    use crate::datastore::memory::MemoryDatastore;
    use crate::flow::limits::owed::{MOST, Owed, Right};

    #[rocket::async_test]
    async fn charges_that_were_not_cleared_are_cleared_with_the_next_attempt_on_the_same_keys() {
        let (store, owed, now) = (MemoryDatastore::new(), Owed::default(), Clock::default().now());
        let [right, other, left] = [1, 2, 3].map(|byte| Digest::from_bytes([byte; 32]));
        for key in [&right, &other, &left] {
            store.count_event(key, 5, TimeDelta::hours(1), now).await.unwrap();
        }
        drop(Right::new(vec![right], &owed));
        drop(Right::new(vec![other], &owed));
        Right::new(vec![left], &owed).leave();
        owed.pay(&store, &[right, left]).await.unwrap();
        let has = async |key| store.has_counted(key, 1, now).await.unwrap();
        assert!(!has(&right).await && has(&left).await && has(&other).await);
        owed.pay(&store, &[other]).await.unwrap();
        assert!(!has(&other).await);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let owed = Owed::default();
        for number in 0..=MOST {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            drop(Right::new(vec![Digest::from_bytes(bytes)], &owed));
        }
        assert_eq!(owed.lock().len(), MOST);
    }
}
