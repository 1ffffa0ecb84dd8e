//! Sessions: finds the logged-in user, or the guest, of a request.
//!
//! The browser of a logged-in user has a cookie with a random 256-bit id, sealed as PASETO `v4.local`. The
//! digest of the id leads to a row in the store. The browser of a guest has a random id in another cookie. It
//! leads to nothing in the store and only ties anti-forgery tokens to one browser, so guests store nothing.
//!
//! If `security.csrf.cookie` names a cookie, scripts find the anti-forgery token in it. The data that an
//! application keeps with a session, of a user or of a guest, is in a cookie of its own: see [`data`].
//!
//! The session of a request is read once, in one query, when the first guard asks for it. Changes are noted
//! beside the request, and the fairing writes them to the answer, because Rocket drops the cookies of a
//! handler that fails.
//!
//! | file | content |
//! |---|---|
//! | `sessions` | the manager of the sessions of requests |
//! | `current`, `reading` | the session of a request, and how it is read |
//! | `change`, `answer` | what changes with the answer, and how it is written |
//! | [`cookie`], `names` | our cookies: what is sealed into them, and their names |
//! | `guest`, `guest_cookie` | the id of a guest, and which cookies of a browser are dead |
//! | `csrf_token`, `csrf_cookie` | the anti-forgery token, and its copy for scripts |
//! | [`data`], `data_cookie` | the data that an application keeps with a session, and its cookie |
//! | `pending` | a login that is not finished |
//! | `restore`, [`remember`] | how a remembered browser gets a session again |
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
