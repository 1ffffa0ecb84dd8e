//! The configured database, and macros that compile a body for each database.

use std::convert::Infallible;

use crate::datastore::sqlx::database::Database;

/// The configured database.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    #[cfg(feature = "sqlite")]
    Sqlite(Database<::sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Database<::sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Database<::sqlx::MySql>),
    /// Keeps the type valid, but without values, if no driver is compiled in.
    #[allow(dead_code, reason = "never made")]
    None(Infallible),
}

/// Compiles a body once for each enabled driver, with `$database` as its database.
macro_rules! on_each {
    ($store:expr, |$database:ident| $body:expr) => {
        match &$store.database {
            #[cfg(feature = "sqlite")]
            $crate::datastore::sqlx::chosen::Chosen::Sqlite($database) => $body,
            #[cfg(feature = "postgres")]
            $crate::datastore::sqlx::chosen::Chosen::Postgres($database) => $body,
            #[cfg(feature = "mysql")]
            $crate::datastore::sqlx::chosen::Chosen::MySql($database) => $body,
            $crate::datastore::sqlx::chosen::Chosen::None(never) => match *never {},
        }
    };
}

/// Creates a new [`Chosen`] from the database of a store.
macro_rules! map_each {
    ($store:expr, |$database:ident| $body:expr) => {
        match $store.database {
            #[cfg(feature = "sqlite")]
            $crate::datastore::sqlx::chosen::Chosen::Sqlite($database) => {
                $crate::datastore::sqlx::chosen::Chosen::Sqlite($body)
            }
            #[cfg(feature = "postgres")]
            $crate::datastore::sqlx::chosen::Chosen::Postgres($database) => {
                $crate::datastore::sqlx::chosen::Chosen::Postgres($body)
            }
            #[cfg(feature = "mysql")]
            $crate::datastore::sqlx::chosen::Chosen::MySql($database) => {
                $crate::datastore::sqlx::chosen::Chosen::MySql($body)
            }
            $crate::datastore::sqlx::chosen::Chosen::None(never) => match never {},
        }
    };
}
