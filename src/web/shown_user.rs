//! The JSON description of the user of a request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::Request;
use serde_json::Value;

use crate::rejection::Rejection;
use crate::session;
use crate::session::Current;
use crate::user::{User, UserId};
use crate::web::principal;
use crate::web::site::Site;

/// Reads the session of a request, and prepares the JSON description of its user, because templates cannot
/// wait for it.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the application could not describe the user.
pub(crate) async fn current<'r>(
    request: &'r Request<'_>,
    site: &Site,
) -> Result<&'r Current, Rejection> {
    let current = site.sessions().current(request).await;
    if let Some(active) = current.active() {
        show(request, site, &active.user).await?;
    }
    Ok(current)
}

/// Returns the JSON description of a user, and stores it for the rest of the request.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the application could not describe the user.
pub(crate) async fn show(
    request: &Request<'_>,
    site: &Site,
    user: &User,
) -> Result<Value, Rejection> {
    if let Some(shown) = shown(request, user.id) {
        return shown.ok_or(Rejection::Unavailable);
    }
    let value = site.presentation().user(user).await;
    let value = value.map_err(|fault| log::error!("{fault}")).ok();
    lock(request).push((user.id, value.clone()));
    value.ok_or(Rejection::Unavailable)
}

/// Returns the description of the user whom a guard authenticated, or else of the logged-in user, if a guard
/// has read the session.
pub(crate) fn current_user(request: &Request<'_>) -> Option<Value> {
    let of_session = || session::loaded(request).and_then(Current::active).map(|it| it.user.id);
    let user = principal::decided(request).map(|it| it.user.id).or_else(of_session)?;
    shown(request, user).flatten()
}

/// Returns the stored description of a user: `None` if it was not requested yet, `Some(None)` if it failed.
fn shown(request: &Request<'_>, user: UserId) -> Option<Option<Value>> {
    let shown = lock(request);
    shown.iter().find(|(id, _)| *id == user).map(|(_, value)| value.clone())
}

/// The descriptions of the users of a request. Only one, unless the session and other credentials belong to
/// two users.
struct Shown(Mutex<Vec<(UserId, Option<Value>)>>);

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Vec<(UserId, Option<Value>)>> {
    let shown: &'r Shown = request.local_cache(|| Shown(Mutex::default()));
    shown.0.lock().unwrap_or_else(PoisonError::into_inner)
}
