//! The store in a database, with sqlx: SQLite, PostgreSQL, MySQL and MariaDB.
//!
//! Each capability has one file, and each query is written once: the SQL is static text with `?` for its
//! values, and `on_database!` compiles each body for every enabled driver. The differences between databases
//! are in `dialect.rs`, the running and repeating of statements in `database.rs`, the meaning of failures in
//! `fault.rs`, the tables in `schema.rs`, and the statements that create them in `migrations/`.

// Without a driver, the bodies are empty, and the type has no value.
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(unused, clippy::all, reason = "no driver is compiled in")
)]

#[macro_use]
mod chosen;
#[macro_use]
mod database;
mod attempt;
mod audit;
mod configured;
mod credential;
mod denylist;
mod dialect;
mod explain;
mod far;
mod fault;
mod filled;
mod hierarchy;
mod lapse;
mod migrations;
mod name;
mod one_time;
mod outbox;
mod personal_token;
mod pool;
mod refresh;
mod remember;
mod role;
mod rows;
mod schema;
mod session;
mod settings;
mod store;
mod track;
mod transaction;
mod user;
mod user_change;
mod words;

pub(crate) use crate::datastore::sqlx::configured::warn_of_another_database;
#[cfg(feature = "cli")]
pub(crate) use crate::datastore::sqlx::name::DatabaseName;
pub use crate::datastore::sqlx::pool::{Backend, SqlxPool};
#[cfg(all(feature = "postgres", feature = "testing"))]
pub(crate) use crate::datastore::sqlx::schema::fingerprint;
pub use crate::datastore::sqlx::settings::DEFAULT_SQLITE_FILE;
pub(crate) use crate::datastore::sqlx::settings::database_url;
pub use crate::datastore::sqlx::store::SqlxDatastore;
