//! What differs between databases, and nothing else does.

use std::convert::Infallible;

use crate::datastore::sqlx::SqlxPool;

/// The pool of whichever database was configured.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlxPool<::sqlx::Sqlite>),
    /// Keeps the type inhabited by nobody when no driver is compiled in.
    #[allow(dead_code, reason = "never made")]
    None(Infallible),
}

/// Compiles a body once for each driver that is enabled, with `$pool` as its pool.
macro_rules! on_pool {
    ($store:expr, |$pool:ident| $body:expr) => {
        match &$store.pool {
            #[cfg(feature = "sqlite")]
            $crate::datastore::sqlx::dialect::Pool::Sqlite($pool) => $body,
            $crate::datastore::sqlx::dialect::Pool::None(never) => match *never {},
        }
    };
}

/// What a database wants said differently.
pub(super) trait Dialect: ::sqlx::Database {
    /// Begins a transaction that writes.
    const BEGIN: &'static str;
}

#[cfg(feature = "sqlite")]
impl Dialect for ::sqlx::Sqlite {
    // A deferred transaction that reads first cannot wait for its turn to write: it fails at once.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
}

/// Begins a transaction that writes.
pub(super) async fn begin<DB: Dialect>(
    pool: &::sqlx::Pool<DB>,
) -> ::sqlx::Result<::sqlx::Transaction<'static, DB>> {
    pool.begin_with(DB::BEGIN).await
}
