//! What reads and replaces the sessions of requests: what it works with.

use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::config::SessionConfig;
use crate::datastore::UserDatastore;
use crate::session::cookie::Cookies;
use crate::session::restore::Restorer;

/// Reads and replaces the sessions of requests.
pub struct SessionManager {
    pub(super) store: Arc<dyn UserDatastore>,
    pub(super) cookies: Cookies,
    pub(super) config: SessionConfig,
    pub(super) clock: Clock,
    pub(super) restorer: Option<Restorer>,
}

impl SessionManager {
    /// Reads sessions from `store`.
    pub fn new(
        store: Arc<dyn UserDatastore>,
        cookies: Cookies,
        config: SessionConfig,
        clock: Clock,
    ) -> Self {
        Self { store, cookies, config, clock, restorer: None }
    }

    /// Brings browsers back that are remembered, if a feature does.
    pub(crate) fn restored_by(self, restorer: Option<Restorer>) -> Self {
        Self { restorer, ..self }
    }

    /// Returns the cookies, for the features that keep something in one.
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Says since when a session must have been used and begun to be alive at `now`.
    pub fn limits(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now - self.config.idle.delta(), now - self.config.absolute.delta())
    }
}
