//! The manual: what no single item of the reference tells.
//!
//! - [`features`]: what a person does with an account
//! - [`access_map`]: who can reach which route, and a launch that stops where nobody said
//! - [`guards`]: what a handler's signature demands, and how guards go together
//! - [`databases`]: choosing a database, its schema, and what happens when it fails
//! - [`mail`]: transports, templates, subjects, the outbox, and what happens when it fails
//! - [`migration`]: coming from Flask-Security, flask-praetorian or a PASETO extension; dialects of refusals
//! - [`own_datastore`]: a store of one's own, and sharing a transaction with ours
//! - [`second_factor`]: a second factor of one's own
//! - [`session_data`]: a basket, a flash message
//! - [`single_page`]: applications that run in the browser: JSON, the anti-forgery cookie, mailed links
//! - [`tokens`]: PASETO for programs: keys, issuing, verifying, the command line
//! - [`pages`]: pages of one's own, changes to ours, mails, more fields in the registration

#[doc = include_str!("features.md")]
pub mod features {}

#[doc = include_str!("access_map.md")]
#[doc = "\n```text"]
#[doc = include_str!("../../examples/showcase/routes.txt")]
#[doc = "```"]
pub mod access_map {}
#[doc = include_str!("guards.md")]
pub mod guards {}

#[doc = include_str!("databases.md")]
pub mod databases {}

#[doc = include_str!("mail.md")]
pub mod mail {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("own_datastore.md")]
pub mod own_datastore {}

#[doc = include_str!("pages.md")]
pub mod pages {}

#[doc = include_str!("second_factor.md")]
pub mod second_factor {}

#[doc = include_str!("session_data.md")]
pub mod session_data {}

#[doc = include_str!("single_page.md")]
pub mod single_page {}
#[doc = include_str!("tokens.md")]
pub mod tokens {}
