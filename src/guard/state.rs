//! What guards need of Rocket's managed state.

use rocket::Request;

use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::web::site::Site;

/// Returns what every guard needs. Sentinels see to it that it is there.
///
/// # Errors
///
/// [`Rejection::Unavailable`] where the fairing is not attached.
pub(super) fn parts<'r>(request: &'r Request<'_>) -> Result<(&'r Site, &'r Flow), Rejection> {
    Site::of(request).zip(request.rocket().state()).ok_or(Rejection::Unavailable)
}
