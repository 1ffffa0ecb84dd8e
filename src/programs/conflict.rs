//! Refuses requests with the credentials of two users.

use rocket::Request;

use crate::programs::facts::Facts;
use crate::rejection::Rejection;
use crate::token::Access;
use crate::user::UserId;
use crate::web::bearer;
use crate::web::visit::Visit;

/// Refuses a credential of `user` if the request also has the current session, or a valid access token in a
/// header, of another user.
///
/// # Errors
///
/// [`Rejection::ConflictingCredentials`].
pub(super) fn only_of(visit: &Visit<'_>, user: UserId) -> Result<(), Rejection> {
    match visit.user() {
        Some(other) if other.id != user => Err(Rejection::ConflictingCredentials),
        _ => sent_by_no_other(visit, user),
    }
}

/// Refuses a login of `user` if the request also has a valid access token of another user in a header.
///
/// # Errors
///
/// [`Rejection::ConflictingCredentials`].
pub(super) fn sent_by_no_other(visit: &Visit<'_>, user: UserId) -> Result<(), Rejection> {
    match sender(visit.request()) {
        Some(other) if other != user => Err(Rejection::ConflictingCredentials),
        _ => Ok(()),
    }
}

/// Returns the user of the access token in a header of the request, if the token is genuine. An expired one
/// is ignored, because a program may send it together with the credential that gets it a new one.
fn sender(request: &Request<'_>) -> Option<UserId> {
    bearer::in_headers(request).next()?;
    let token = bearer::verified::<Access>(request).ok()?;
    Facts::of(&token).ok()?.about.map(|whose| whose.trace.user)
}
