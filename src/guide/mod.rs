//! The guide: start with the quickstart, then read the chapter for what you want to do.
//!
//! # Start
//!
//! - [Quickstart](quickstart): an application with registration, login and an admin page
//! - [How a request is authenticated](authentication): sessions, tokens, Basic, and several of them at once
//! - [Guards](guards): protect a route by a type in its signature
//! - [Roles and permissions](roles): decide what a user may do
//! - [Who can reach which route](access_map): list every route, and stop the launch when a guard is missing
//!
//! # Accounts and pages
//!
//! - [Features](features): what users can do with their accounts, and what all routes answer
//! - [Pages and templates](pages): change our pages, add your own, forms and CSRF, more fields in the registration
//! - [Mail](mail): transports, templates, subjects, and what happens when the server is down
//! - [Sessions and session data](sessions): baskets, flash messages, "Remember me"
//! - [A second factor of your own](second_factor)
//!
//! # Run it
//!
//! - [Going to production](production): proxy, TLS, keys, backup, checklist
//! - [Threat model](threat_model): what is defended, what is not, and what is expected of you
//! - [Configuration reference](configuration): every key and its default
//! - [Databases](databases): choose one, its schema, and what happens when it fails
//!
//! # Go further
//!
//! - [Tokens for programs](tokens): log programs in, and issue and verify PASETO
//! - [Token reference](token_reference): calls, refusals, keys, other issuers, command line
//! - [Single-page applications](single_page): JSON, the anti-forgery cookie, mailed links
//! - [Writing a feature](writing_a_feature): settings, routes, a hook, a page
//! - [Testing](testing): users, browsers, mail and time in your tests
//! - [Your own store](own_datastore): a custom store, and sharing a transaction with ours
//! - [Coming from another framework](migration): rocket_auth, your own sessions, Flask and FastAPI; bring your users along

#[doc = include_str!("access_map.md")]
#[doc = "\n```text"]
#[doc = include_str!("../../examples/showcase/routes.txt")]
#[doc = "```"]
pub mod access_map {}

#[doc = include_str!("authentication.md")]
pub mod authentication {}

#[doc = include_str!("configuration.md")]
pub mod configuration {}

#[doc = include_str!("databases.md")]
pub mod databases {}

#[doc = include_str!("features.md")]
pub mod features {}

#[doc = include_str!("guards.md")]
pub mod guards {}

#[doc = include_str!("mail.md")]
pub mod mail {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("own_datastore.md")]
pub mod own_datastore {}

#[doc = include_str!("pages.md")]
pub mod pages {}

#[doc = include_str!("production.md")]
pub mod production {}

#[doc = include_str!("quickstart.md")]
pub mod quickstart {}

#[doc = include_str!("roles.md")]
pub mod roles {}

#[doc = include_str!("second_factor.md")]
pub mod second_factor {}

#[doc = include_str!("sessions.md")]
pub mod sessions {}

#[doc = include_str!("single_page.md")]
pub mod single_page {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}
#[doc = include_str!("token_reference.md")]
pub mod token_reference {}

#[doc = include_str!("tokens.md")]
pub mod tokens {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("writing_a_feature.md")]
pub mod writing_a_feature {}
