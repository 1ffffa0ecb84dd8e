//! Mailed links: out of the address bar, behind a button, used once.
//!
//! What a feature's link does is its [`MailedLink`]; how links are handled is the same for all:
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /<purpose>/<token>` | 303 to `/<purpose>/link`, the token in a cookie | 200, or 400 for a bad link; changes nothing |
//! | `GET /<purpose>/link` | a button, or why the link is not valid | as above |
//! | `POST /<purpose>/link` | what the link is for | the same |
//! | `POST /<purpose>/<token>` | the same, for programs | the same |
//!
//! In single-page mode the first leads into the application: [`single_page`].
//!
//! Looking at a link changes nothing, for mail scanners look at every link: pressing the button does. Pressing
//! it again within ten minutes, as a double click does, is told what it did.

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
