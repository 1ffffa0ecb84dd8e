//! Keeps the page that a visitor was going to while they wait for a mail.
//!
//! During a registration or a reset, the visitor leaves the site for a mailbox, and a mailed link must not
//! contain a destination. So the requested page is kept in the cookie with the session's data. The next login
//! takes it from there, unless that login has a destination of its own. Another browser does not have the
//! cookie and goes home.

use crate::web::next::Next;
use crate::web::visit::Visit;

/// Keeps `next` until the next login in this browser. Nothing is kept for a request that wants JSON, because
/// programs know where they are going.
pub(crate) fn keep(visit: &Visit<'_>, next: Option<&Next>) {
    if let Some(next) = next.filter(|_| !visit.wants_json()) {
        let sessions = visit.site().sessions();
        sessions.with_data(visit.request(), |data| data.keep_next(sessions, next.as_str()));
    }
}

/// Removes and returns the kept page, if it is still an allowed destination.
pub(crate) fn take(visit: &Visit<'_>) -> Option<Next> {
    let kept = visit.site().sessions().with_data(visit.request(), |data| data.take_next())?;
    visit.next(&kept)
}
