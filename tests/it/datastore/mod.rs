//! The store, and the database behind it.

mod configured_roles;
mod database;
mod datastore_contract;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod isolation;
mod migrations;
mod outage;
mod statements;
mod together;
