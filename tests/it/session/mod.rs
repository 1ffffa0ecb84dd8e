//! Sessions, what they hold, and the cookies that carry them.

mod cookies;
mod remember;
mod session_data;
mod sessions;
