//! Charges of right passwords that are still to be cleared.
//!
//! A right password can end in 503: a hook fails, the store stops answering, or the request has waited too
//! long. That is no failed attempt, but the store that failed cannot clear the charge now. So it is remembered
//! in memory and cleared before the next request is counted. A restart forgets it; the charge then ends like
//! any other.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::crypto::one_time::Digest;
use crate::datastore::UserDatastore;
use crate::error::Result;

/// How many charges are remembered at most: 32 bytes each, so 320 KB.
const MOST: usize = 10_000;

/// How many are cleared with one request.
const BATCH: usize = 16;

/// The charges that are still to be cleared.
#[derive(Clone, Default)]
pub(super) struct Owed(Arc<Mutex<HashSet<Digest>>>);

impl Owed {
    /// Clears some of them. Those that the store does not clear stay.
    pub(super) async fn pay(&self, store: &dyn UserDatastore) {
        let some: Vec<Digest> = self.lock().iter().take(BATCH).copied().collect();
        for key in some {
            if store.clear_attempts(&key).await.is_err() {
                return;
            }
            self.lock().remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The charges of a right password. Dropped before they are cleared or left standing, they are owed: the
/// request failed through a fault of ours, or was given up.
#[must_use]
pub(in crate::flow) struct Right {
    keys: Vec<Digest>,
    owed: Owed,
}

impl Right {
    pub(super) fn new(keys: Vec<Digest>, owed: &Owed) -> Self {
        Self { keys, owed: owed.clone() }
    }

    /// Clears them.
    pub(super) async fn clear(mut self, store: &dyn UserDatastore) -> Result<()> {
        while let Some(key) = self.keys.last() {
            store.clear_attempts(key).await?;
            self.keys.pop();
        }
        Ok(())
    }

    /// Leaves them standing: the login was refused, and a right password must not be told from a wrong one.
    pub(in crate::flow) fn leave(mut self) {
        self.keys.clear();
    }
}

impl Drop for Right {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut owed = self.owed.lock();
        if owed.len() + self.keys.len() <= MOST {
            owed.extend(self.keys.drain(..));
        }
    }
}
