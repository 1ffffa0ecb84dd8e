//! The batteries-included security framework for [Rocket](https://rocket.rs).
//!
//! An application attaches [`Security::fairing()`] and has pages, JSON and mail for login, logout,
//! registration, confirmation, forgotten passwords, changes of password and address, and invitations,
//! safe by default. What a route demands stands in its signature:
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
//! | to find | look at |
//! |---|---|
//! | a feature's routes, settings, templates, mails and events | [`features`] |
//! | what a handler's signature can demand | [`guard`] |
//! | who can reach which route, and a launch that stops where nobody said | [`AccessMap`], [`guide::access_map`] |
//! | the manual: features, databases, a store of one's own | [`guide`] |
//! | how guards go together; sessions, tokens and Basic | [`guide::authentication`] |
//! | settings that belong to no single feature | [`config`] |
//! | pages of one's own, and changes to ours | [`guide::pages`], [`Page`], [`Presentation`] |
//! | a basket, a flash message: what is kept with a session | [`Session`], [`guide::sessions`] |
//! | forms of one's own, of anybody | [`Csrf`], [`guide::pages`] |
//! | an application that runs in the browser | [`guide::single_page`] |
//! | more fields in the registration | [`RegistrationFields`] |
//! | "Remember me": browsers that come back by themselves | [`features::remember`] |
//! | programs that log in for a token | [`features::tokens`] |
//! | tokens that people make for programs, with scopes | [`features::personal_tokens`], [`Scoped`] |
//! | the public keys for whoever verifies our tokens elsewhere | [`features::token_keys`] |
//! | tokens for programs: PASETO, issued and verified | [`token`], [`guide::tokens`] |
//! | what happened, told after the fact | [`event`] |
//! | a journal of it that nobody changes unseen | [`features::audit`] |
//! | taking part in a login or a registration | [`Hooks`] |
//! | a second factor of one's own | [`guide::second_factor`] |
//! | a store of one's own | [`datastore`], `testing::contract`, which tests it, and the example `own_datastore` |
//! | tests of an application | `testing`, with the cargo feature of that name |

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
