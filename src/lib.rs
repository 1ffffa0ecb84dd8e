//! The batteries-included security framework for [Rocket](https://rocket.rs).
//!
//! An application attaches [`Security::fairing()`] and has pages, JSON and mail for login, logout,
//! registration and confirmation, safe by default. What a route demands stands in its signature:
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
//! | which database, its schema, its failures; a store of one's own | [`guide`] |
//! | settings that belong to no single feature | [`config`] |
//! | pages of one's own | [`Page`] |
//! | what happened, told after the fact | [`Event`] |
//! | taking part in a login or a registration | [`Hooks`] |
//! | a store of one's own | [`datastore`], `testing::contract`, which tests it, and the example `own_datastore` |
//! | tests of an application | `testing`, with the cargo feature of that name |

pub mod clock;
pub mod config;
pub mod crypto;
pub mod datastore;
pub mod error;
pub mod event;
pub mod feature;
pub mod features;
pub mod flow;
pub mod guard;
pub mod guide;
pub mod mail;
mod patience;
pub mod rejection;
pub mod secret;
pub mod security;
pub mod session;
pub mod template;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user;
pub mod web;

pub use crate::config::Config;
pub use crate::datastore::MemoryDatastore;
pub use crate::datastore::SqlxDatastore;
pub use crate::datastore::UserDatastore;
pub use crate::datastore::sqlx::SqlxPool;
pub use crate::error::Error;
pub use crate::error::Result;
pub use crate::event::Event;
pub use crate::feature::Feature;
pub use crate::feature::Hooks;
pub use crate::guard::AnonymousOnly;
pub use crate::guard::AuthUser;
pub use crate::guard::Maybe;
pub use crate::guard::RolesAccepted;
pub use crate::guard::RolesRequired;
pub use crate::rejection::Rejection;
pub use crate::secret::Secret;
pub use crate::security::Security;
pub use crate::user::Email;
pub use crate::user::Role;
pub use crate::user::RoleName;
pub use crate::user::RoleSet;
pub use crate::user::User;
pub use crate::user::UserId;
pub use crate::web::page::Page;
pub use crate::web::page::PageContext;
