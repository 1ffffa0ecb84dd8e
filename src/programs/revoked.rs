//! The event that reports the end of a program's login.

use crate::datastore::refresh::EndedFamily;
use crate::event::{Event, Origin, SessionEnd};

pub(super) fn revoked(family: EndedFamily, reason: SessionEnd, origin: Origin) -> Event {
    let EndedFamily { id, user_id } = family;
    Event::RefreshTrackerRevoked { user: user_id, family: id, reason, origin }
}
