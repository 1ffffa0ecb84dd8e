//! Passes events to the journals and the listeners.

use std::sync::Arc;

use crate::datastore::Together;
use crate::datastore::outbox::Asker;
use crate::error::Result;
use crate::event::{Counted, Event, Origin, Signals};
use crate::feature::journaling::Journaling;

/// Passes events on: to the journals before the change is committed, and to the listeners afterwards.
#[derive(Clone)]
pub struct Announcer {
    journals: Arc<[Box<dyn Journaling>]>,
    signals: Signals,
    ring: Arc<dyn Fn() + Send + Sync>,
}

impl Announcer {
    /// Creates an announcer for these journals and listeners. It calls `ring` when mail is waiting to be
    /// sent.
    pub(crate) fn new(
        journals: Arc<[Box<dyn Journaling>]>,
        signals: Signals,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { journals, signals, ring: Arc::new(ring) }
    }

    /// Sends events that only the answer of the store revealed, such as the end of expired sessions. No
    /// journal could be asked about them before the commit; the journals record them afterwards.
    pub fn learned(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.signals.send(&event);
        }
    }

    /// Reports that mail is waiting to be sent.
    pub fn mail_is_waiting(&self) {
        (self.ring)();
    }

    /// Returns what the journals want committed together with this event.
    pub(in crate::feature) async fn before_commit(&self, event: &Event) -> Result<Together> {
        let mut together = Together::nothing();
        for journal in &*self.journals {
            together = together.join(journal.before_commit(event).await?);
        }
        Ok(together)
    }

    /// Sends the events of a change that was committed.
    pub(in crate::feature) fn committed(&self, events: &[Event], has_mail: bool) {
        for event in events {
            self.signals.send_committed(event);
        }
        if has_mail {
            self.mail_is_waiting();
        }
    }
}

/// Returns the data on the client that caused the mail sent with an event.
pub(crate) fn asker(origin: &Origin) -> Asker {
    let Origin { client, request_id, authn_via, .. } = origin.clone();
    Asker { client, request_id, authn_via }
}

/// Passes events that belong to no change to the journals. Returns `true` if all journals stored them.
pub(crate) async fn write_down(journals: Arc<[Box<dyn Journaling>]>, events: Vec<Counted>) -> bool {
    let mut is_written = true;
    for journal in &*journals {
        if let Err(fault) = journal.happened(&events).await {
            log::error!("a journal could not record an event: {fault}");
            is_written = false;
        }
    }
    is_written
}
