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
//!
//! | file | what |
//! |---|---|
//! | `sessions` | what reads and replaces the sessions of requests, and what it works with |
//! | `current`, `reading` | the session of a request, and how it is read |
//! | `change`, `answer` | what changes with the answer, and how it is written |
//! | [`cookie`], `names` | our cookies: what is sealed into them, and what they are called |
//! | `guest`, `guest_cookie` | a guest: their id, and which cookies of their browser are dead |
//! | `csrf_token`, `csrf_cookie` | the anti-forgery token, and its copy for script |
//! | [`data`], `data_cookie` | what an application keeps with a session, and how it gets into its cookie |
//! | `pending` | a login that is not finished |
//! | `restore`, [`remember`] | what restores the session of a browser that is remembered, and how that comes back |
//! | `refresh`, `token_cookie` | a program's tokens, where a browser keeps them |
//! | `caching` | which answers only their browser may keep |

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
pub use crate::session::sessions::SessionManager;
