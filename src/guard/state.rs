//! The managed state that guards need.

use rocket::Request;

use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::web::site::Site;

/// Returns what every guard needs. Sentinels check at the launch that it exists.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the fairing is not attached.
pub(super) fn parts<'r>(request: &'r Request<'_>) -> Result<(&'r Site, &'r Flow), Rejection> {
    Site::of(request).zip(request.rocket().state()).ok_or(Rejection::Unavailable)
}
