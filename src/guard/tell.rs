//! The events that guards send.

use std::sync::atomic::{AtomicBool, Ordering};

use rocket::Request;

use crate::event::{Event, Missing};
use crate::user::User;
use crate::web::site::Site;

/// Sends the event of a user who lacks a role, a permission or a scope, or whom a policy refused.
pub(super) fn tell_unauthorized(request: &Request<'_>, user: &User, missing: Missing) {
    if let Some(site) = Site::of(request) {
        let event =
            Event::UserUnauthorized { user: user.id, missing, origin: site.origin(request) };
        site.signals().send(&event);
    }
}

/// Sends the event of an unauthenticated request, once for each request however many guards refuse it.
pub(super) fn tell_unauthenticated(request: &Request<'_>, site: &Site) {
    struct Told(AtomicBool);
    let Told(told) = request.local_cache(|| Told(AtomicBool::new(false)));
    if told.swap(true, Ordering::Relaxed) {
        return;
    }
    site.signals().send(&Event::UserUnauthenticated { origin: site.origin(request) });
}
