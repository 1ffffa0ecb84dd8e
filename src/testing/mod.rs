//! The test kit, for the tests of an application and for our own.
//!
//! It launches an application on a fresh database (SQLite, or on the server that the environment
//! names: see [`TestDatabase`]), with cheap hashes, mail kept in memory, limits far away, and a
//! clock that can be moved; and it gives browsers, each with cookies of its own.
//!
//! ```
//! # use rocket::get;
//! # use rocket::routes;
//! use rocket::http::Status;
//! use rocket_security::AuthUser;
//! use rocket_security::Security;
//! use rocket_security::testing::TestApp;
//!
//! #[get("/me")]
//! fn me(user: AuthUser) -> String {
//!     format!("Hello, {}!", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let rocket = rocket::build().attach(Security::fairing()).mount("/", routes![me]);
//! let app = TestApp::launch(rocket).await;
//! let ann = app.log_in_as("ann@example.org").await;
//! assert_eq!(ann.get("/me").await.body, "Hello, ann@example.org!");
//! assert_eq!(app.browser().get("/me").await.status, Status::SeeOther);
//! # });
//! ```
//!
//! [`contract`] tests your own store. [`enumeration`] tests that your own pages do not reveal who has an account.
//!
//! Whatever goes wrong in here ends the test with a sentence, by a panic.

#![allow(clippy::panic, reason = "a test ends by a panic")]

mod app;
mod browser;
pub mod contract;
mod database;
pub mod enumeration;
mod http;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migrated;
mod orderly;
mod server;

pub use crate::testing::app::{PASSWORD, TestApp, link_in};
pub use crate::testing::browser::{Answer, Browser};
pub use crate::testing::database::TestDatabase;
pub use crate::testing::http::CaptureHttpClient;
