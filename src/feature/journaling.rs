//! What is written down of everything that happens.

use rocket::async_trait;

use crate::datastore::Together;
use crate::error::Result;
use crate::event::{Counted, Event};

/// Writes down what happens, as the feature [`audit`](crate::features::audit) does.
#[async_trait]
pub trait Journaling: Send + Sync + 'static {
    /// Returns what is committed together with something that an event tells of, such as a row of a journal.
    /// If this fails, the change does not happen. The event is told afterwards.
    async fn before_commit(&self, _event: &Event) -> Result<Together> {
        Ok(Together::nothing())
    }

    /// Writes down what happened without a change in the store, such as failed logins, in order.
    ///
    /// No request waits for it; a fault is logged. The first of [equal](crate::event::Counted) events
    /// comes at once, those of the next minute as one count. Of each kind of event, at most
    /// [`ROOM`](crate::event::ROOM) that differ come in a [`WINDOW`](crate::event::WINDOW) or wait. What is
    /// dropped beyond that, and what a call failed to write, comes later as [`Event::EventsLost`].
    async fn happened(&self, _events: &[Counted]) -> Result<()> {
        Ok(())
    }
}
