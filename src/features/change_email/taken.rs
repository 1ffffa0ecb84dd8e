//! The refusal of an address that has another account.

use rocket::http::Status;

use crate::rejection::Rejection;
use crate::text::Text;

/// Creates the refusal of an address that has another account, with this text.
pub(super) fn email_taken(text: Text) -> Rejection {
    Rejection::Custom { status: Status::BadRequest, text }
}
