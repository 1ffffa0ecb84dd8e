//! The refusal of an address that has another account.

use rocket::http::Status;

use crate::rejection::Rejection;

/// Refuses an address that has another account.
pub(super) fn email_taken(text: &str) -> Rejection {
    let (reason, status) = ("email_taken", Status::BadRequest);
    Rejection::Custom { reason, status, text: text.to_owned() }
}
