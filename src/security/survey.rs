//! Reads the parameters of the stored password hashes.
//!
//! The work for unknown accounts follows them: see [`decoys`](crate::crypto::decoys). They change while users
//! log in after a change of `password.memory`, and when hashes are imported.

use std::mem::take;
use std::sync::Arc;

use rocket::tokio::sync::Mutex;

use crate::crypto::decoys::Schemes;
use crate::crypto::hasher::Hasher;
use crate::datastore::UserDatastore;
use crate::error::Result;
use crate::user::UserId;

/// How many hashes are read with one statement, and how many statements a step has.
const PAGE: u32 = 1_000;
const PAGES: usize = 100;

/// Reads the hashes of the whole store, a hundred thousand in a step.
pub(super) struct Survey {
    store: Arc<dyn UserDatastore>,
    hasher: Hasher,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    schemes: Schemes,
    after: Option<UserId>,
    was_complete: bool,
}

impl Survey {
    pub(super) fn new(store: Arc<dyn UserDatastore>, hasher: Hasher) -> Self {
        Self { store, hasher, progress: Mutex::default() }
    }

    /// Continues where the last step ended. Until the whole store was read once, the part read so far stands
    /// for all of it: ids are random.
    ///
    /// # Errors
    ///
    /// Those of the store. The next step reads the same hashes again.
    pub(super) async fn step(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        for _ in 0..PAGES {
            let page = self.store.list_password_hashes(progress.after, PAGE).await?;
            for (_, hash) in &page {
                progress.schemes.count(hash.as_str());
            }
            progress.after = page.last().map(|(id, _)| *id);
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                self.hasher.set_stored(take(&mut progress.schemes));
                progress.after = None;
                progress.was_complete = true;
                return Ok(());
            }
        }
        if !progress.was_complete {
            self.hasher.set_stored(progress.schemes.clone());
        }
        Ok(())
    }
}
