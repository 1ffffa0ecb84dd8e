//! A connection for one operation, and a transaction on it.
//!
//! A connection returns to the pool at the end of each operation, unless it was lost, refused a change, or
//! was abandoned in the middle of an operation.

use ::sqlx::pool::PoolConnection;
use ::sqlx::query::{Query, QueryAs};
use ::sqlx::{Connection, Executor, FromRow, SqlSafeStr};
use rocket::futures::future::BoxFuture;

use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::fault::{failed, judge, uncertain};
use crate::datastore::sqlx::words::Words;
use crate::datastore::together::Together;
use crate::error::{Error, Result};

/// A connection for one operation.
pub(super) struct Lease<'d, DB: Dialect> {
    words: &'d Words,
    pub(super) connection: PoolConnection<DB>,
    /// Whether no operation is running on it.
    is_settled: bool,
    /// Whether it is no longer usable.
    pub(super) is_spent: bool,
}

impl<'d, DB: Dialect> Lease<'d, DB> {
    pub(super) fn new(words: &'d Words, connection: PoolConnection<DB>) -> Self {
        Self { words, connection, is_settled: false, is_spent: false }
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(&mut self) -> BoxFuture<'_, Result<Transaction<'_, 'd, DB>>> {
        Box::pin(async move {
            let Self { words, connection, is_spent, .. } = self;
            let begun = connection.begin_with(DB::BEGIN).await;
            let inner = judge::<DB, _>(begun, is_spent).map_err(failed::<DB>)?;
            Ok(Transaction { words, inner, is_spent, is_kept: false })
        })
    }

    /// Records that no operation is running any more.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Closes the connection at the end instead of returning it to the pool.
    pub(super) fn spend(&mut self) {
        self.is_spent = true;
    }
}

impl<DB: Dialect> Drop for Lease<'_, DB> {
    /// An operation that was abandoned in the middle takes its connection along.
    fn drop(&mut self) {
        if self.is_spent || !self.is_settled {
            DB::abandon(&mut self.connection);
        }
    }
}

/// A transaction that writes.
pub(super) struct Transaction<'l, 'd, DB: Dialect> {
    words: &'d Words,
    inner: ::sqlx::Transaction<'l, DB>,
    is_spent: &'l mut bool,
    is_kept: bool,
}

impl<'l, DB: Dialect> Transaction<'l, '_, DB> {
    /// Prepares a statement.
    pub(super) fn query(&self, sql: &'static str) -> Query<'static, DB, DB::Arguments> {
        self.words.query(sql)
    }

    /// Prepares a statement whose rows are read as `O`.
    pub(super) fn query_as<O>(&self, sql: &'static str) -> QueryAs<'static, DB, O, DB::Arguments>
    where
        O: for<'r> FromRow<'r, DB::Row>,
    {
        self.words.query_as(sql)
    }

    /// Makes the transaction commit at its end.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Commits the transaction if it was kept and has not failed, and otherwise undoes it.
    pub(super) fn end<T>(self, outcome: Result<T>) -> BoxFuture<'l, Result<T>>
    where
        T: Send + 'l,
    {
        let Self { inner, is_spent, is_kept, .. } = self;
        Box::pin(async move {
            if is_kept && outcome.is_ok() {
                let committed = inner.commit().await;
                judge::<DB, _>(committed, is_spent).map_err(uncertain::<DB>)?;
            } else {
                // If the rollback fails, the connection is lost, and the transaction with it.
                let _ = judge::<DB, _>(inner.rollback().await, is_spent);
            }
            outcome
        })
    }
}

impl<DB> Transaction<'_, '_, DB>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs a statement. Returns how many rows it found and changed.
    pub(super) fn execute<'a>(
        &'a mut self,
        query: Query<'a, DB, DB::Arguments>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let done = query.execute(&mut *self.inner).await;
            Ok(DB::rows_affected(&judge::<DB, _>(done, self.is_spent).map_err(failed::<DB>)?))
        })
    }

    /// Reads all rows.
    pub(super) fn fetch_all<'a, O>(
        &'a mut self,
        query: QueryAs<'a, DB, O, DB::Arguments>,
    ) -> BoxFuture<'a, Result<Vec<O>>>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin + 'a,
    {
        Box::pin(async move {
            let rows = query.fetch_all(&mut *self.inner).await;
            judge::<DB, _>(rows, self.is_spent).map_err(failed::<DB>)
        })
    }

    /// Reads the row of a statement that finds at most one row.
    pub(super) fn fetch_optional<'a, O>(
        &'a mut self,
        query: QueryAs<'a, DB, O, DB::Arguments>,
    ) -> BoxFuture<'a, Result<Option<O>>>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin + 'a,
    {
        Box::pin(async move { Ok(self.fetch_all(query).await?.pop()) })
    }

    /// Runs several statements in one text.
    pub(super) fn execute_script<'a>(
        &'a mut self,
        sql: impl SqlSafeStr,
    ) -> BoxFuture<'a, Result<()>> {
        let sql = sql.into_sql_str();
        Box::pin(async move {
            let done = ::sqlx::raw_sql(sql).execute(&mut *self.inner).await;
            judge::<DB, _>(done, self.is_spent).map_err(failed::<DB>).map(drop)
        })
    }

    /// Runs the application's work in this transaction.
    ///
    /// After the work, a savepoint still exists only if the transaction is the one in which it was set. So
    /// this detects work that hides a failed statement, after which the database commits nothing, and work
    /// that has ended the transaction.
    pub(super) fn run_along<'a>(&'a mut self, together: &'a Together) -> BoxFuture<'a, Result<()>>
    where
        DB::Connection: 'static,
    {
        Box::pin(async move {
            if !together.has_work() {
                return Ok(());
            }
            self.execute_script("SAVEPOINT security_work").await?;
            if let Err(fault) = together.run_in(&mut *self.inner).await {
                let fault = fault.downcast::<::sqlx::Error>().map_err(Error::Store)?;
                return judge::<DB, _>(Err(*fault), self.is_spent).map_err(failed::<DB>);
            }
            self.execute_script("RELEASE SAVEPOINT security_work").await
        })
    }
}
