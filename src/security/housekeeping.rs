//! Deletes what is over: sessions, links, and counts of attempts.
//!
//! Nothing depends on it, for whatever is over is not found either; it keeps tables small and old
//! data away (ASVS 5.0, 14.2.7).

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::tokio::time::sleep;

use crate::clock::Clock;
use crate::config::SessionConfig;
use crate::datastore::UserDatastore;
use crate::error::Result;

/// How often it is done.
const PAUSE: Duration = Duration::from_secs(600);

/// How long failed attempts are remembered after the last one.
const ATTEMPTS_KEPT: TimeDelta = TimeDelta::hours(24);

/// Deletes what is over.
pub(crate) struct Housekeeping {
    store: Arc<dyn UserDatastore>,
    sessions: SessionConfig,
    clock: Clock,
}

impl Housekeeping {
    pub(super) fn new(
        store: Arc<dyn UserDatastore>,
        sessions: SessionConfig,
        clock: Clock,
    ) -> Self {
        Self { store, sessions, clock }
    }

    /// Does it every ten minutes, for ever.
    pub(super) async fn run(&self) {
        loop {
            if let Err(fault) = self.sweep().await {
                log::error!("what is over could not be deleted: {fault}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Does it once; says how many rows were deleted.
    pub(crate) async fn sweep(&self) -> Result<u64> {
        let now = self.clock.now();
        let (idle, absolute) = (self.sessions.idle.delta(), self.sessions.absolute.delta());
        let sessions = self.store.delete_ended_sessions(now - idle, now - absolute).await?;
        let tokens = self.store.delete_expired_tokens(now).await?;
        let attempts = self.store.delete_old_attempts(now - ATTEMPTS_KEPT).await?;
        Ok(sessions + tokens + attempts)
    }
}
