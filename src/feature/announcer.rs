//! Who is told of what happens.

use std::sync::Arc;

use crate::datastore::Together;
use crate::datastore::outbox::{Asker, NewMail};
use crate::error::Result;
use crate::event::{Counted, Event, Origin, Signals};
use crate::feature::journaling::Journaling;

/// Tells of what happens: to the journals before it is committed, to the listeners afterwards.
#[derive(Clone)]
pub struct Announcer {
    journals: Arc<[Box<dyn Journaling>]>,
    signals: Signals,
}

impl Announcer {
    /// Tells these journals and these listeners.
    pub(crate) fn new(journals: Arc<[Box<dyn Journaling>]>, signals: Signals) -> Self {
        Self { journals, signals }
    }

    /// Gives what a change is committed together with: these mails, and what the hooks want to have
    /// along with the event that tells of it.
    ///
    /// # Errors
    ///
    /// What a hook fails with; then the change must not happen.
    pub async fn along(&self, event: &Event, mail: Vec<NewMail>) -> Result<Together> {
        let asker = asker(event.origin());
        let mail = mail.into_iter().map(|mail| mail.asked_by(asker.clone()));
        let mut together = Together::mail(mail.collect());
        for journal in &*self.journals {
            together = together.join(journal.before_commit(event).await?);
        }
        Ok(together)
    }

    /// Tells of something that came with no change that a hook has been asked about.
    pub fn noticed(&self, event: &Event) {
        self.signals.send(event);
    }

    /// Tells of a change that was committed.
    pub fn told(&self, event: &Event) {
        self.signals.send_committed(event);
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
            log::error!("a journal could not write down what happened: {fault}");
            is_written = false;
        }
    }
    is_written
}
