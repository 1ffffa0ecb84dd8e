//! Who is told of what happens.

use std::sync::Arc;

use crate::datastore::Together;
use crate::datastore::outbox::Asker;
use crate::error::Result;
use crate::event::{Counted, Event, Origin, Signals};
use crate::feature::journaling::Journaling;

/// Tells of what happens: to the journals before it is committed, to the listeners afterwards.
#[derive(Clone)]
pub struct Announcer {
    journals: Arc<[Box<dyn Journaling>]>,
    signals: Signals,
    ring: Arc<dyn Fn() + Send + Sync>,
}

impl Announcer {
    /// Tells these journals and these listeners, and calls `ring` when there is mail to be sent.
    pub(crate) fn new(
        journals: Arc<[Box<dyn Journaling>]>,
        signals: Signals,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { journals, signals, ring: Arc::new(ring) }
    }

    /// Tells of something that came with no change that a journal has been asked about.
    pub fn noticed(&self, event: &Event) {
        self.signals.send(event);
    }

    /// Says that there is mail to be sent.
    pub fn mail_is_waiting(&self) {
        (self.ring)();
    }

    /// Returns what the journals want committed with this event.
    pub(in crate::feature) async fn before_commit(&self, event: &Event) -> Result<Together> {
        let mut together = Together::nothing();
        for journal in &*self.journals {
            together = together.join(journal.before_commit(event).await?);
        }
        Ok(together)
    }

    /// Tells of a change that was committed.
    pub(in crate::feature) fn committed(&self, events: &[Event], has_mail: bool) {
        for event in events {
            self.signals.send_committed(event);
        }
        if has_mail {
            self.mail_is_waiting();
        }
    }
}

/// Says who asks for the mail that comes with something that happens.
pub(crate) fn asker(origin: &Origin) -> Asker {
    let Origin { client, request_id, authn_via, .. } = origin.clone();
    Asker { client, request_id, authn_via }
}

/// Has the journals write down what came with no change; returns whether all of them could.
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
