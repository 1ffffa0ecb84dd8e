//! What handlers are made of.
//!
//! | file | what |
//! |---|---|
//! | [`submission`] | one input type for form and JSON |
//! | `members` | what was submitted, read into a type |
//! | `urlencoded`, `multipart` | forms as browsers write them |
//! | `form_start` | the beginning of a form, before its handler reads it |
//! | [`reply`] | page, redirect or JSON from one value |
//! | [`page`] | pages from templates |
//! | `render` | when and how pages are rendered |
//! | [`field`] | a field that an application adds to a form |
//! | [`fields`] | what an application asks at the registration |
//! | `hops` | the addresses that proxies write into a request |
//! | `identity` | the identity that a form names in one of several fields |
//! | [`presentation`] | what an application changes in what we show |
//! | `shown_user` | what is shown of the user of a request |
//! | `site` | the site: its settings, and its services |
//! | `request` | what a request says of itself |
//! | `socket` | which requests ask for a WebSocket |
//! | [`csrf`] | protection against forged requests |
//! | `protection` | the headers of our own answers |
//! | `headers` | a bound on the headers of a request |
//! | [`demand`] | what guards demand, told by themselves |
//! | `doubled` | cookies of ours that a request brings twice |
//! | `device` | what a browser calls itself, for people |
//! | [`next`] | where to go next |
//! | `kept_next` | where to go next, kept until the next login |
//! | [`view`] | where the configuration leads to |
//! | [`catchers`] | answers for guards that fail |
//! | `bearer` | the token that a request brings |
//! | `challenge` | what an answer of 401 asks for |
//! | `error_style` | the dialects of refusals |
//! | `principal` | who a request comes from, once a guard has found out |
//! | [`visit`] | a request and what answering it takes, as a guard |
//! | [`client_ip`](mod@client_ip) | where a request comes from |

pub(crate) mod bearer;
pub mod catchers;
pub(crate) mod challenge;
pub mod client_ip;
pub mod csrf;
pub mod demand;
pub(crate) mod device;
pub(crate) mod doubled;
mod error_style;
pub mod field;
pub mod fields;
pub(crate) mod form_start;
pub(crate) mod headers;
mod hops;
pub(crate) mod identity;
pub(crate) mod kept_next;
pub(crate) mod members;
mod multipart;
pub mod next;
pub mod page;
pub mod presentation;
pub(crate) mod principal;
pub(crate) mod protection;
pub(crate) mod render;
pub mod reply;
pub(crate) mod request;
pub(crate) mod shown_user;
pub(crate) mod site;
pub(crate) mod socket;
pub mod submission;
mod urlencoded;
pub mod view;
pub mod visit;

pub use crate::web::reply::{HandlerResult, Reply};
pub use crate::web::request::wants_json;
pub use crate::web::site::{Site, Urls};
pub use crate::web::submission::{Form, Submission};
pub use crate::web::visit::Visit;
