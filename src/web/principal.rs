//! Who a request comes from, once a guard has found out.
//!
//! A request comes from one user. The first guard that lets a user in decides who that is; a guard
//! after it is about the same user or refuses.

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rocket::Request;
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::config::Span;
use crate::session::Active;
use crate::user::{Level, Proofs, ScopeName, User, UserId};

/// Who sent a request, and how that was found out.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) user: User,
    /// The mechanism by which the request was authenticated.
    pub(crate) mechanism: &'static str,
    /// How the request was authenticated, as events tell it.
    pub(crate) authn_via: String,
    /// What the user had proved; none when the mechanism cannot tell.
    pub(crate) proofs: Option<Proofs>,
    /// The public id of the session that it belongs to.
    pub(crate) session: Option<Uuid>,
    /// The public id of the program's login that it belongs to.
    pub(crate) family: Option<Uuid>,
    /// What alone the credentials may be used for; none when for whatever the user may do.
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

    /// Returns what the proofs are worth.
    pub(crate) fn level(&self) -> Level {
        self.proofs.as_ref().map_or(Level::One, Proofs::level)
    }

    /// Checks whether the user proved who they are no longer ago than `window`.
    pub(crate) fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.authenticated_at().is_some_and(|at| now - at < window.delta())
    }
}

/// Notes whose credentials were found good, before it is known whether they may do this.
pub(crate) fn note(request: &Request<'_>, principal: &Arc<Principal>) {
    // The first stays: it is for events alone.
    let _ = slots(request).noted.set(Arc::clone(principal));
}

/// Decides who a request comes from; false when it was decided otherwise before.
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

/// Notes that a guard let in the bearer of a token of that user, who was not loaded; false when the
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

/// Returns who a request comes from, if a guard has let a user in.
pub(crate) fn decided(request: &Request<'_>) -> Option<Arc<Principal>> {
    lock(request).principal.as_ref().map(|(principal, _)| Arc::clone(principal))
}

/// Returns `true` if a guard has let a user in.
pub(crate) fn is_let_in(request: &Request<'_>) -> bool {
    let decided = lock(request);
    decided.principal.is_some()
        || decided.bearer.is_some()
        || slots(request).is_foreign.get().is_some()
}

/// Notes that a guard let in the bearer of a token that is about no user of ours.
pub(crate) fn decide_foreign(request: &Request<'_>) {
    slots(request).is_foreign.get_or_init(|| ());
}

/// Returns the same, if it was a guard of the route that is being tried: what another route took, to
/// which the request went before, this one may not.
pub(crate) fn decided_here(request: &Request<'_>) -> Option<Arc<Principal>> {
    let here = route(request);
    lock(request)
        .principal
        .as_ref()
        .filter(|(_, route)| *route == here)
        .map(|(it, _)| Arc::clone(it))
}

/// Returns whose credentials a request brought, as far as it is known.
pub(crate) fn known(request: &Request<'_>) -> Option<Arc<Principal>> {
    decided(request).or_else(|| slots(request).noted.get().cloned())
}

#[derive(Default)]
struct Slots {
    noted: OnceLock<Arc<Principal>>,
    is_foreign: OnceLock<()>,
    decided: Mutex<Decided>,
}

/// Who a request comes from.
#[derive(Default)]
struct Decided {
    /// Who that is, and the route whose guard found out.
    principal: Option<(Arc<Principal>, usize)>,
    /// The user whose token was let in by a guard that loads none.
    bearer: Option<UserId>,
}

fn slots<'r>(request: &'r Request<'_>) -> &'r Slots {
    request.local_cache(Slots::default)
}

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Decided> {
    slots(request).decided.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells routes apart: they stay where they are while an application runs.
fn route(request: &Request<'_>) -> usize {
    request.route().map_or(0, |route| ptr::from_ref(route).addr())
}
