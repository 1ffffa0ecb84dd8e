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

    /// Says a statement in the database's own words. Ours are SQLite's: `?` for a value, `ON
    /// CONFLICT` for an upsert, in which an assignment sees the old row.
    fn translate(sql: &'static str) -> &'static str {
        sql
    }
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

/// Prepares a statement.
pub(super) fn query<DB: Dialect>(
    sql: &'static str,
) -> ::sqlx::query::Query<'static, DB, <DB as ::sqlx::Database>::Arguments> {
    ::sqlx::query(DB::translate(sql))
}

/// Prepares a statement whose rows are read as `O`.
pub(super) fn query_as<DB: Dialect, O>(
    sql: &'static str,
) -> ::sqlx::query::QueryAs<'static, DB, O, <DB as ::sqlx::Database>::Arguments>
where
    O: for<'r> ::sqlx::FromRow<'r, DB::Row>,
{
    ::sqlx::query_as(DB::translate(sql))
}

/// Prepares a statement that gives one value.
pub(super) fn query_scalar<DB: Dialect, O>(
    sql: &'static str,
) -> ::sqlx::query::QueryScalar<'static, DB, O, <DB as ::sqlx::Database>::Arguments>
where
    (O,): for<'r> ::sqlx::FromRow<'r, DB::Row>,
{
    ::sqlx::query_scalar(DB::translate(sql))
}
