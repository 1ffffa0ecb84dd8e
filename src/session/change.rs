//! What changes with the answer to a request: noted beside it, and written by the fairing.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::Request;

use crate::crypto::one_time::Token;

/// What becomes of the browser's id with the answer.
pub(super) enum Change {
    /// It is that of a session from now on.
    User(Token),
    /// It is that of a guest from now on.
    Guest(Token),
    Forget,
}

/// What changes with the answer to a request.
struct Changes(Mutex<Option<Change>>);

pub(super) fn changes<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Option<Change>> {
    let changes: &'r Changes = request.local_cache(|| Changes(Mutex::new(None)));
    changes.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an anti-forgery token was given for what a request is answered with.
struct TellsToken(AtomicBool);

pub(super) fn tells_token<'r>(request: &'r Request<'_>) -> &'r AtomicBool {
    &request.local_cache(|| TellsToken(AtomicBool::new(false))).0
}
