//! A journal of what happens.

use rocket::async_trait;

use crate::datastore::Together;
use crate::error::Result;
use crate::event::{Counted, Event};

/// Stores a journal of what happens, as the feature [`audit`](crate::features::audit) does.
#[async_trait]
pub trait Journaling: Send + Sync + 'static {
    /// Returns what to commit together with a change that the event describes, such as a row in a journal. If
    /// this fails, the change does not happen. The event is sent to listeners afterwards.
    async fn before_commit(&self, _event: &Event) -> Result<Together> {
        Ok(Together::nothing())
    }

    /// Stores events that belong to no change in the store, such as failed logins, in order.
    ///
    /// No request waits for it, and an error is logged. The first of [equal](crate::event::Counted) events
    /// arrives at once, and the repetitions in the next minute arrive as one count. For each kind of event,
    /// at most [`ROOM`](crate::event::ROOM) different ones arrive in a [`WINDOW`](crate::event::WINDOW) or
    /// wait. Events dropped beyond that, and those that a call failed to store, are reported later as
    /// [`Event::EventsLost`].
    async fn happened(&self, _events: &[Counted]) -> Result<()> {
        Ok(())
    }
}
