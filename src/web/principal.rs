//! Who a request is from, once a guard has found out.
//!
//! A request is from one user. The first guard that lets a user in decides who this is. Every later guard
//! gets the same user or refuses.

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rocket::Request;
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::config::Span;
use crate::session::Active;
use crate::user::{Level, Proofs, ScopeName, User, UserId};

/// The user who sent a request, and how the request was authenticated.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) user: User,
    /// The mechanism by which the request was authenticated.
    pub(crate) mechanism: &'static str,
    /// How the request was authenticated, as shown in events.
    pub(crate) authn_via: String,
    /// What the user had proved, or `None` if the mechanism does not know.
    pub(crate) proofs: Option<Proofs>,
    /// The public id of the session that the credentials belong to.
    pub(crate) session: Option<Uuid>,
    /// The public id of the program's login that the credentials belong to.
    pub(crate) family: Option<Uuid>,
    /// The scopes that the credentials are limited to, or `None` if they are not limited.
    pub(crate) scopes: Option<Vec<ScopeName>>,
}

impl Principal {
    /// Describes the user of a live session.
    pub(crate) fn of_session(mechanism: &'static str, active: &Active) -> Self {
        let Active { record, user, .. } = active;
        Self {
            user: user.clone(),
            mechanism,
            authn_via: record.authn_via().to_owned(),
            proofs: Some(record.proofs.clone()),
            session: Some(record.id),
            family: None,
            scopes: None,
        }
    }

    /// Returns the time of the user's latest proof, if there is one.
    pub(crate) fn authenticated_at(&self) -> Option<Timestamp> {
        self.proofs.as_ref().map(Proofs::latest).filter(|at| *at > NEVER)
    }

    /// Returns the level that the proofs reach.
    pub(crate) fn level(&self) -> Level {
        self.proofs.as_ref().map_or(Level::One, Proofs::level)
    }

    /// Checks whether the user's latest proof is within `window`.
    pub(crate) fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.authenticated_at().is_some_and(|at| now - at < window.delta())
    }
}

/// Notes whose credentials were accepted, before it is known whether the user is allowed to make the request.
pub(crate) fn note(request: &Request<'_>, principal: &Arc<Principal>) {
    // The first one stays. It is only used for events.
    let _ = slots(request).noted.set(Arc::clone(principal));
}

/// Decides who a request is from. Returns `false` if it is already decided that it is from another user.
pub(crate) fn decide(request: &Request<'_>, principal: &Arc<Principal>) -> bool {
    let mut decided = lock(request);
    let here = route(request);
    if decided.bearer.is_some_and(|bearer| bearer != principal.user.id) {
        return false;
    }
    match &decided.principal {
        Some((before, _)) if before.user.id != principal.user.id => return false,
        Some((_, route)) if *route == here => {}
        _ => decided.principal = Some((Arc::clone(principal), here)),
    }
    true
}

/// Notes that a guard let in the bearer of a user's token without loading the user. Returns `false` if the
/// request is from another user.
pub(crate) fn decide_bearer(request: &Request<'_>, user: UserId) -> bool {
    let mut decided = lock(request);
    let principal = decided.principal.as_ref().map(|(principal, _)| principal.user.id);
    if principal.or(decided.bearer).is_some_and(|before| before != user) {
        return false;
    }
    decided.bearer = Some(user);
    true
}

/// Returns who a request is from, if a guard has let a user in.
pub(crate) fn decided(request: &Request<'_>) -> Option<Arc<Principal>> {
    lock(request).principal.as_ref().map(|(principal, _)| Arc::clone(principal))
}

/// Returns `true` if a guard has let the request in.
pub(crate) fn is_let_in(request: &Request<'_>) -> bool {
    let decided = lock(request);
    decided.principal.is_some()
        || decided.bearer.is_some()
        || slots(request).is_foreign.get().is_some()
}

/// Notes that a guard let in the bearer of a token that belongs to no user of this application.
pub(crate) fn decide_foreign(request: &Request<'_>) {
    slots(request).is_foreign.get_or_init(|| ());
}

/// Returns who a request is from, if a guard of the current route decided it. A decision for another route,
/// to which the request was forwarded before, does not count here.
pub(crate) fn decided_here(request: &Request<'_>) -> Option<Arc<Principal>> {
    let here = route(request);
    lock(request)
        .principal
        .as_ref()
        .filter(|(_, route)| *route == here)
        .map(|(it, _)| Arc::clone(it))
}

/// Returns whose credentials are in a request, as far as they have been checked.
pub(crate) fn known(request: &Request<'_>) -> Option<Arc<Principal>> {
    decided(request).or_else(|| slots(request).noted.get().cloned())
}

#[derive(Default)]
struct Slots {
    noted: OnceLock<Arc<Principal>>,
    is_foreign: OnceLock<()>,
    decided: Mutex<Decided>,
}

/// Who a request is from.
#[derive(Default)]
struct Decided {
    /// The user, and the route whose guard decided.
    principal: Option<(Arc<Principal>, usize)>,
    /// The user whose token was accepted by a guard that does not load users.
    bearer: Option<UserId>,
}

fn slots<'r>(request: &'r Request<'_>) -> &'r Slots {
    request.local_cache(Slots::default)
}

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Decided> {
    slots(request).decided.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identifies a route by its address, which does not change while an application runs.
fn route(request: &Request<'_>) -> usize {
    request.route().map_or(0, |route| ptr::from_ref(route).addr())
}
