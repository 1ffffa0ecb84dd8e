//! The manager of the sessions of requests.

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
    /// Creates a manager for the sessions in `store`, with these cookies and time limits.
    pub fn new(
        store: Arc<dyn UserDatastore>,
        cookies: Cookies,
        config: SessionConfig,
        clock: Clock,
    ) -> Self {
        Self { store, cookies, config, clock, restorer: None }
    }

    /// Sets how remembered browsers get a session again, if a feature remembers them.
    pub(crate) fn restored_by(self, restorer: Option<Restorer>) -> Self {
        Self { restorer, ..self }
    }

    /// Returns the cookies, for features that keep something in one.
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Returns the time since which a session must have been used, and the time since which it must have
    /// begun, to be alive at `now`.
    pub fn limits(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now - self.config.idle.delta(), now - self.config.absolute.delta())
    }
}
