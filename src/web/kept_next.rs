//! Where a visitor was going, kept in their browser while they look for a mail.
//!
//! A registration and a reset leave the site for a mailbox, and a link in a mail must not say where to
//! go. So the page that was asked for stays in the cookie of the session's data. The next login takes it
//! out, unless that login names a page itself. Another browser has no such cookie, and leads home.

use crate::web::next::Next;
use crate::web::visit::Visit;

/// Keeps `next` until the next login in this browser. Programs know where they are going: for a request
/// that wants JSON nothing is kept.
pub(crate) fn keep(visit: &Visit<'_>, next: Option<&Next>) {
    if let Some(next) = next.filter(|_| !visit.wants_json()) {
        let sessions = visit.site().sessions();
        sessions.with_data(visit.request(), |data| data.keep_next(sessions, next.as_str()));
    }
}

/// Takes what was kept, if it still is a page that may be led to.
pub(crate) fn take(visit: &Visit<'_>) -> Option<Next> {
    let kept = visit.site().sessions().with_data(visit.request(), |data| data.take_next())?;
    visit.next(&kept)
}
