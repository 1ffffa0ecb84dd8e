//! Refuses what two users sent with one request.

use rocket::Request;

use crate::programs::facts::Facts;
use crate::rejection::Rejection;
use crate::token::Access;
use crate::user::UserId;
use crate::web::bearer;
use crate::web::visit::Visit;

/// Refuses a credential of `user` beside the live session, or a good access token in a header, of another
/// user.
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

/// Refuses a login of `user` beside a good access token, in a header, of another user.
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

/// Returns the user whose access token a request brings in a header, if it is genuine. A program may send one
/// that has expired beside what gets it another: that one counts as none.
fn sender(request: &Request<'_>) -> Option<UserId> {
    bearer::in_headers(request).next()?;
    let token = bearer::verified::<Access>(request).ok()?;
    Facts::of(&token).ok()?.about.map(|whose| whose.trace.user)
}
