//! Mailed links. The token leaves the address bar at once, a button uses the link, and each link works once.
//!
//! A feature defines the behavior of its link with [`MailedLink`]; the handling is the same for all:
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /<purpose>/<token>` | 303 to `/<purpose>/link`, with the token in a cookie | 200, or 400 for an invalid link; changes nothing |
//! | `GET /<purpose>/link` | a button, or why the link is not valid | as above |
//! | `POST /<purpose>/link` | uses the link | the same |
//! | `POST /<purpose>/<token>` | the same, for programs | the same |
//!
//! In single-page mode, the first route leads into the application: see [`single_page`].
//!
//! Opening a link changes nothing, because mail scanners open every link; only the button does. A second
//! press within ten minutes, for example a double click, gets as its answer what the first press did.

mod asked;
mod form;
mod handling;
mod lifetime;
mod mailed;
mod routes;
pub mod single_page;

pub use crate::link::asked::{LinkRequest, LinkRequestForm};
pub use crate::link::form::{Button, NewPassword};
pub use crate::link::lifetime::{LONGEST, check_lifetime};
pub use crate::link::mailed::{MailedLink, OpenLink, go_on};
pub use crate::link::routes::{page_path, routes};
