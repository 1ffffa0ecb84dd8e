//! Deletes what is over: sessions, links, counts of attempts, mail that was given up, and expired rows of
//! features. It also reads the parameters of the stored password hashes.
//!
//! Nothing depends on it, because expired rows are never found. It keeps tables small and old data away (ASVS
//! 5.0, 14.2.7).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::futures::FutureExt;
use rocket::tokio::time::sleep;

use crate::clock::{Clock, Timestamp};
use crate::config::SessionConfig;
use crate::datastore::UserDatastore;
use crate::error::Result;
use crate::event::{Origin, SessionEnd};
use crate::feature::{Announcer, Sweeping};
use crate::flow::session_ended;
use crate::security::survey::Survey;

/// How often it runs.
const PAUSE: Duration = Duration::from_secs(600);

/// How many sessions are ended at a time.
const BATCH: u32 = 200;

/// How long attempts are kept after the last one, and after their effect has ended.
const ATTEMPTS_KEPT: TimeDelta = TimeDelta::hours(24);

/// How long a mail that was given up is kept, counted from its creation, so that an operator can send it
/// again: long enough for a holiday, but no longer, because it contains an address.
const DEAD_MAIL_KEPT: TimeDelta = TimeDelta::days(30);

/// Deletes what is over.
pub(crate) struct Housekeeping {
    store: Arc<dyn UserDatastore>,
    sweeping: Vec<Box<dyn Sweeping>>,
    announcer: Announcer,
    sessions: SessionConfig,
    clock: Clock,
    survey: Survey,
}

impl Housekeeping {
    pub(super) fn new(
        store: Arc<dyn UserDatastore>,
        sweeping: Vec<Box<dyn Sweeping>>,
        announcer: Announcer,
        sessions: SessionConfig,
        clock: Clock,
        survey: Survey,
    ) -> Self {
        Self { store, sweeping, announcer, sessions, clock, survey }
    }

    /// Runs every ten minutes, until the task is dropped.
    pub(super) async fn run(&self) {
        loop {
            if let Err(fault) = self.sweep().await {
                log::error!("expired data could not be deleted: {fault}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Runs once, and returns how many rows were deleted.
    pub(crate) async fn sweep(&self) -> Result<u64> {
        let now = self.clock.now();
        if let Err(fault) = self.survey.step().await {
            log::error!("the parameters of the stored password hashes were not read: {fault}");
        }
        let (idle, absolute) = (self.sessions.idle.delta(), self.sessions.absolute.delta());
        let sessions = self.end_sessions(now, now - idle, now - absolute).await?;
        let tokens = self.store.delete_expired_tokens(now).await?;
        let attempts = self.store.delete_old_attempts(now - ATTEMPTS_KEPT).await?;
        let mail = self.store.delete_dead_mail(now - DEAD_MAIL_KEPT).await?;
        let mut deleted = sessions + tokens + attempts + mail;
        for feature in &self.sweeping {
            // A feature that fails or panics does not keep the others from their work.
            match AssertUnwindSafe(feature.sweep(now, &self.announcer)).catch_unwind().await {
                Ok(Ok(rows)) => deleted += rows,
                Ok(Err(fault)) => log::error!("a feature could not delete expired data: {fault}"),
                Err(_) => log::error!("a feature panicked while deleting expired data"),
            }
        }
        Ok(deleted)
    }

    async fn end_sessions(&self, now: Timestamp, idle: Timestamp, begun: Timestamp) -> Result<u64> {
        let mut all = 0;
        loop {
            let ended = self.store.delete_ended_sessions(idle, begun, BATCH).await?;
            let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
            let origin = Origin::new(now, None);
            let event = |it: &_| session_ended(it, SessionEnd::Expired, origin.clone());
            self.announcer.learned(ended.iter().map(event));
            all += count;
            if count < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }
}
