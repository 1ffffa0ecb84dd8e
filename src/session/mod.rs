//! Sessions: who a request comes from.
//!
//! The browser of a user who is logged in holds a cookie with a random 256-bit id, sealed as PASETO
//! `v4.local`. The id leads, through its digest, to a row in the store. The browser of a guest holds an id in
//! a cookie of its own, which leads nowhere and only ties anti-forgery tokens to one browser, so that
//! anonymous traffic stores nothing.
//!
//! Where `security.csrf.cookie` names one, script finds the anti-forgery token in a cookie beside it.
//!
//! What an application keeps with a session, logged in or not, is in a cookie beside it: [`data`].
//!
//! The session of a request is read once, in one query, when the first guard asks. What changes is
//! noted beside the request and written to the answer by the fairing, for Rocket drops the cookies
//! of a handler that fails.

mod answer;
mod caching;
mod change;
pub mod cookie;
mod csrf_cookie;
mod csrf_token;
mod current;
pub mod data;
mod data_cookie;
mod guest;
mod guest_cookie;
pub(crate) mod names;
mod pending;
mod reading;
mod refresh;
pub mod remember;
mod restore;
mod sessions;
mod token_cookie;

pub use crate::session::current::{Active, Current, loaded};
pub use crate::session::sessions::Sessions;
