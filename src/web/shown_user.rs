//! What is shown of the user of a request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::Request;
use serde_json::Value;

use crate::rejection::Rejection;
use crate::session;
use crate::session::Current;
use crate::user::{User, UserId};
use crate::web::principal;
use crate::web::site::Site;

/// Reads the session of a request, and has what is shown of its user at hand, for templates cannot
/// wait for it.
///
/// # Errors
///
/// [`Rejection::Unavailable`] when the application could not tell.
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

/// Returns what is shown of a user, and has it at hand for the rest of the request.
///
/// # Errors
///
/// [`Rejection::Unavailable`] when the application could not tell.
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

/// Returns what is shown of the user of a request: of the user whom a guard let in, or else of the user who
/// is logged in, if a guard has asked.
pub(crate) fn current_user(request: &Request<'_>) -> Option<Value> {
    let of_session = || session::loaded(request).and_then(Current::active).map(|it| it.user.id);
    let user = principal::decided(request).map(|it| it.user.id).or_else(of_session)?;
    shown(request, user).flatten()
}

/// Returns what is shown of a user, if it was asked for: none when it could not be found out.
fn shown(request: &Request<'_>, user: UserId) -> Option<Option<Value>> {
    let shown = lock(request);
    shown.iter().find(|(id, _)| *id == user).map(|(_, value)| value.clone())
}

/// What is shown of the users of a request: of one, but where a session and other credentials are two
/// people's.
struct Shown(Mutex<Vec<(UserId, Option<Value>)>>);

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Vec<(UserId, Option<Value>)>> {
    let shown: &'r Shown = request.local_cache(|| Shown(Mutex::default()));
    shown.0.lock().unwrap_or_else(PoisonError::into_inner)
}
