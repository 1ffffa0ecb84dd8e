//! A batteries-included security framework for [Rocket](https://rocket.rs) 0.5.
//!
//! Attach [`Security::fairing()`], and the application has pages, JSON and mail for login, logout,
//! registration, confirmation, forgotten passwords, changes of password and e-mail address, and invitations.
//! The defaults are secure. A handler states in its signature what a request must fulfil:
//!
//! ```no_run
//! # use rocket::get;
//! # use rocket::launch;
//! # use rocket::routes;
//! use rocket_security::AuthUser;
//! use rocket_security::RolesRequired;
//! use rocket_security::Security;
//!
//! rocket_security::roles! { pub Admin = "admin"; }
//!
//! #[get("/me")]
//! fn me(user: AuthUser) -> String {
//!     format!("Hello, {}!", user.email)
//! }
//!
//! #[get("/admin")]
//! fn admin(user: RolesRequired<Admin>) -> String {
//!     format!("At your service, {}.", user.email)
//! }
//!
//! #[launch]
//! fn rocket() -> _ {
//!     rocket::build().attach(Security::fairing()).mount("/", routes![me, admin])
//! }
//! ```
//!
//! The debug profile needs no configuration: it creates a SQLite database and keys in the working directory,
//! and writes mail to files. In any other profile, the launch stops until `security.base_url`, the keys, a
//! mail server and, behind a reverse proxy, `security.trusted_proxies` are set, and reports everything that
//! is missing or invalid at once:
//!
//! ```toml
//! [release.security]
//! base_url = "https://example.org"
//! trusted_proxies = ["10.0.0.5"]
//! keys = "k4.local.…"
//!
//! [release.security.mail]
//! url = "smtps://user:password@mail.example.org"
//!
//! [release.databases.security]
//! url = "sqlite:/var/lib/example/security.sqlite"
//! ```
//!
//! # What you get
//!
//! - **Accounts.** Registration, confirmation, login, logout, reset and change of the password, change of the
//!   address, and invitations, each as a page and as JSON on the same route. See [`features`].
//! - **Guards.** Types for signatures: logged in, roles, permissions, fresh, two factors, guests only. See
//!   [`guard`].
//! - **Sessions.** Users list and end their sessions, and browsers are remembered on request. A change of the
//!   password ends all other sessions, and all tokens and links, at once.
//! - **Tokens for programs.** PASETO access and refresh tokens, personal access tokens with scopes, tickets
//!   for WebSockets, and your own kinds of tokens. See [`token`].
//! - **Protection.** CSRF checks, limits on attempts, security headers, Argon2id behind a bounded queue, and
//!   answers that do not reveal whether an account exists.
//! - **Operations.** Events, a tamper-evident audit journal, a map of who can reach which route, and a
//!   command line.
//! - **Storage.** SQLite, PostgreSQL, MySQL and MariaDB, a store in memory, or your own, tested by a
//!   contract.
//!
//! # Where to look
//!
//! | to do this | see |
//! |---|---|
//! | look up a feature's routes, settings, templates, mails and events | [`features`] |
//! | choose a guard for a handler | [`guard`], [`guide::guards`] |
//! | look up settings that belong to no single feature | [`config`], [`Config`] |
//! | enable, disable and configure features | [`Security`] |
//! | choose a database, or use your own connection pool | [`guide::databases`], [`SqlxPool`] |
//! | write your own store | [`datastore`], `testing::contract`, [`guide::own_datastore`] |
//! | change our pages and mails, or write your own pages | [`guide::pages`], [`Page`], [`Presentation`] |
//! | protect your own forms against forged requests | [`Csrf`], [`guide::pages`] |
//! | ask for more fields in the registration | [`RegistrationFields`] |
//! | keep a basket or a flash message with a session | [`Session`], [`guide::sessions`] |
//! | remember browsers | [`features::remember`] |
//! | serve an application that runs in the browser | [`guide::single_page`] |
//! | issue and verify tokens for programs | [`features::tokens`], [`token`], [`guide::tokens`] |
//! | let users create tokens with scopes for their programs | [`features::personal_tokens`], [`Scoped`] |
//! | publish the public keys for verifiers elsewhere | [`features::token_keys`] |
//! | take part in a login or a registration | [`Hooks`] |
//! | add your own second factor | [`guide::second_factor`] |
//! | react to events | [`event`], [`Security::on_event`] |
//! | keep a journal that cannot be changed unnoticed | [`features::audit`] |
//! | review who can reach which route, and require a guard on each | [`AccessMap`], [`guide::access_map`] |
//! | come from Flask-Security or another framework | [`guide::migration`] |
//! | test an application | `testing`, with the cargo feature of that name |
//! | read the manual | [`guide`] |
//!
//! # Cargo features
//!
//! A cargo feature adds types, and never changes behaviour.
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `sqlite` | the SQLite driver of [`SqlxDatastore`] | yes |
//! | `postgres` | its PostgreSQL driver, with TLS | |
//! | `mysql` | its driver for MySQL and MariaDB, with TLS | |
//! | `smtp` | the `smtp://` and `smtps://` mail transports | yes |
//! | `testing` | the test kit for applications, `rocket_security::testing` | |
//! | `cli` | the command line `rocket-security` | |
//! | `legacy-paseto` | tokens of PASETO versions 2 and 3, for deployments that have some | |
//!
//! # State
//!
//! Version 0.1, for Rocket 0.5 and Rust 1.94 or newer. Names may still change before 1.0; `CHANGELOG.md`
//! lists what a user notices. Second factors can be added through hooks, as [`guide::second_factor`] shows;
//! built-in ones (TOTP, passkeys) and logins through identity providers are still to come. `SECURITY.md`
//! states what is protected by default, what is not, and how to report a vulnerability.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod datastore;
mod deadline;
pub mod error;
pub mod event;
pub mod feature;
pub mod features;
pub mod flow;
pub mod guard;
pub mod guide;
pub mod http;
mod json;
pub mod link;
pub mod mail;
mod nearest;
pub mod programs;
pub mod rejection;
pub mod secret;
pub mod security;
pub mod session;
pub mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
pub mod token;
pub mod user;
pub mod web;

pub use crate::config::Config;
pub use crate::datastore::sqlx::SqlxPool;
pub use crate::datastore::{MemoryDatastore, SqlxDatastore, UserDatastore};
pub use crate::error::{Error, Result};
pub use crate::event::Event;
pub use crate::feature::{Feature, Hooks};
pub use crate::guard::{
    AnonymousOnly, Assured, AuthUser, AuthVia, BasicUser, Csrf, Decision, Denied, Fresh,
    FreshPaseto, Maybe, One, Own, OwnRow, Paseto, PasetoJson, PermissionsAccepted,
    PermissionsRequired, Policy, Public, RolesAccepted, RolesRequired, Scoped, Session, TokenUser,
    Two, via,
};
pub use crate::rejection::Rejection;
pub use crate::secret::Secret;
pub use crate::security::{AccessMap, Security};
pub use crate::session::data::SessionError;
pub use crate::text::Text;
pub use crate::token::{TokenIssuer, TokenKind, Verifier};
pub use crate::user::{
    Email, Permission, PermissionName, PermissionSet, Role, RoleName, RoleSet, Scope, ScopeName,
    ScopeSet, User, UserId, Username,
};
pub use crate::web::field::Field;
pub use crate::web::fields::RegistrationFields;
pub use crate::web::page::{Page, PageContext};
pub use crate::web::presentation::{Instead, Presentation};
