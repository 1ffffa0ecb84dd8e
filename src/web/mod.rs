//! The parts that handlers are made of.
//!
//! | file | what |
//! |---|---|
//! | [`submission`] | one input type for forms and JSON |
//! | `members` | parses submitted members into a type |
//! | `urlencoded`, `multipart` | forms as browsers write them |
//! | `form_start` | inspects the beginning of a form before its handler reads it |
//! | [`reply`] | page, redirect or JSON from one value |
//! | [`page`] | pages from templates |
//! | `render` | when and how pages are rendered |
//! | [`field`] | a field that an application adds to a form |
//! | [`fields`] | the fields that an application adds to the registration form |
//! | `hops` | the addresses that proxies write into a request |
//! | `identity` | identities in one of several fields |
//! | [`presentation`] | how an application changes what the framework shows |
//! | `shown_user` | the JSON description of the user of a request |
//! | `site` | the site: its settings and its services |
//! | `request` | what a request states about itself |
//! | `socket` | which requests ask for a WebSocket |
//! | [`csrf`] | protection against forged requests |
//! | `protection` | the headers of the framework's answers |
//! | `headers` | a limit on the headers of a request |
//! | [`demand`] | what guards require, as they report it |
//! | `doubled` | refuses requests with duplicate cookies |
//! | `device` | describes a `User-Agent` for people |
//! | [`next`] | where to redirect to |
//! | `kept_next` | where to redirect to after the next login |
//! | [`view`] | destinations in the configuration |
//! | [`catchers`] | answers for guards that fail |
//! | `bearer` | the token of a request |
//! | `challenge` | the `WWW-Authenticate` header |
//! | `error_style` | the formats of rejections in JSON |
//! | `principal` | who a request is from, once a guard has found out |
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
