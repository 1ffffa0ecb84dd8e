//! How a statement reaches the database, and what happens when it does not.
//!
//! Whatever fails is a [`Fault`], which knows whether it may be tried again: that is so when
//! nothing can have happened, for the transaction was undone or the connection was lost before
//! the commit. A statement that commits by itself and loses its connection is never repeated.
//!
//! Futures are boxed here, where their bounds are generic: the compiler cannot tell any more that
//! they are `Send` where they are put together.
//!
//! A connection is given back at the end of each operation, and never once it was lost, refused a
//! change, or was given up in the middle of something.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use ::sqlx::AssertSqlSafe;
use ::sqlx::Connection;
use ::sqlx::Executor;
use ::sqlx::FromRow;
use ::sqlx::IntoArguments;
use ::sqlx::SqlSafeStr;
use ::sqlx::pool::PoolConnection;
use ::sqlx::query::Query;
use ::sqlx::query::QueryAs;
use rocket::futures::future::BoxFuture;
use rocket::tokio::time::sleep;

use crate::crypto::random_bytes;
use crate::datastore::Together;
use crate::datastore::sqlx::SqlxPool;
use crate::datastore::sqlx::dialect::Diagnosis;
use crate::datastore::sqlx::dialect::Dialect;
use crate::error::Error;
use crate::error::Result;
use crate::patience::limited;

/// How often an operation is repeated.
const REPETITIONS: u32 = 3;

/// The longest pause before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// The prefix of our tables, as our statements spell it.
pub(super) const TABLE_PREFIX: &str = "security_";

/// Compiles a body once for each driver, with `$database` to put single statements to, and
/// repeats it while nothing has happened.
macro_rules! on_database {
    ($store:expr, |$database:ident| $body:expr) => {
        on_each!($store, |$database| {
            crate::datastore::sqlx::database::within_limit(async {
                let mut repetition = crate::datastore::sqlx::database::Repetition::default();
                loop {
                    match async { $body }.await {
                        Err(fault) if repetition.is_due(&fault).await => {}
                        outcome => break outcome,
                    }
                }
            })
            .await
        })
    };
}

/// Does the same within a transaction, which is undone unless the body has said that it is to be
/// kept and has not failed.
macro_rules! in_transaction {
    ($store:expr, |$transaction:ident| $body:expr) => {
        on_database!($store, |database| {
            let mut lease = database.acquire().await?;
            let mut transaction = lease.begin().await?;
            let outcome = async {
                let $transaction = &mut transaction;
                $body
            }
            .await;
            let outcome = transaction.end(outcome).await;
            lease.settle();
            outcome
        })
    };
}

/// Repeats a deletion of at most [`BATCH`] rows until there is nothing left to delete: nobody waits
/// long for its locks, and none of them takes too long. Says how many rows it was in all.
macro_rules! in_batches {
    ($store:expr, |$database:ident| $delete:expr) => {{
        let mut all = 0;
        loop {
            let deleted: u64 = on_database!($store, |$database| $database.execute($delete).await)?;
            all += deleted;
            if deleted < u64::from(crate::datastore::sqlx::database::BATCH) {
                break Ok(all);
            }
        }
    }};
}

/// How many rows are deleted at once by what deletes everything that is over.
pub(super) const BATCH: u32 = 500;

/// Gives up an operation that takes too long, its repetitions included.
pub(super) async fn within_limit<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    limited(work).await.unwrap_or_else(|| Err(Error::store("it took too long to answer")))
}

/// Counts how often an operation was repeated.
#[derive(Default)]
pub(super) struct Repetition {
    number: u32,
}

impl Repetition {
    /// Tells whether the operation is to be repeated, after a random pause.
    pub(super) async fn is_due(&mut self, fault: &Error) -> bool {
        if self.number == REPETITIONS || !Fault::in_error(fault).is_some_and(|it| it.is_harmless) {
            return false;
        }
        let Ok(jitter) = random_bytes::<1>() else {
            return false;
        };
        let longest = PAUSE * 2_u32.pow(self.number);
        sleep(longest * jitter.map(u32::from).into_iter().sum::<u32>() / 255).await;
        self.number += 1;
        true
    }
}

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error("{source}{}", self.hint())]
pub(super) struct Fault {
    source: ::sqlx::Error,
    /// Nothing has happened, and it may be different next time.
    is_harmless: bool,
}

impl Fault {
    fn new<DB: Dialect>(source: ::sqlx::Error, may_have_happened: bool) -> Self {
        let is_harmless = match diagnose::<DB>(&source) {
            Diagnosis::Undone => true,
            Diagnosis::Disconnected => !may_have_happened,
            Diagnosis::ReadOnly | Diagnosis::MissingTable | Diagnosis::Other => false,
        };
        Self { source, is_harmless }
    }

    fn in_error(fault: &Error) -> Option<&Self> {
        match fault {
            Error::Store(source) => source.downcast_ref::<Self>(),
            _ => None,
        }
    }

    /// Names the cure for what a pooler does to prepared statements (invalid_sql_statement_name,
    /// duplicate_prepared_statement).
    fn hint(&self) -> &'static str {
        let code = self.source.as_database_error().and_then(|fault| fault.code());
        match code.as_deref() {
            Some("26000" | "42P05") => {
                ". Set databases.security.transaction_pooling = true when a pooler such as \
                 PgBouncer stands before the database"
            }
            _ => "",
        }
    }
}

/// Tells whether a row was refused because there is one of the same key.
pub(super) fn is_unique_violation(fault: &Error) -> bool {
    Fault::in_error(fault)
        .and_then(|fault| fault.source.as_database_error())
        .is_some_and(|fault| fault.is_unique_violation())
}

/// Tells whether a row was refused because what it belongs to is not there.
pub(super) fn is_foreign_key_violation(fault: &Error) -> bool {
    Fault::in_error(fault)
        .and_then(|fault| fault.source.as_database_error())
        .is_some_and(|fault| fault.is_foreign_key_violation())
}

/// Tells whether a table is not there.
pub(super) fn is_missing_table<DB: Dialect>(fault: &Error) -> bool {
    Fault::in_error(fault)
        .is_some_and(|fault| diagnose::<DB>(&fault.source) == Diagnosis::MissingTable)
}

fn diagnose<DB: Dialect>(fault: &::sqlx::Error) -> Diagnosis {
    match fault {
        ::sqlx::Error::Database(fault) => DB::diagnose(fault.as_ref()),
        ::sqlx::Error::Io(_) | ::sqlx::Error::Protocol(_) => Diagnosis::Disconnected,
        _ => Diagnosis::Other,
    }
}

/// A failure before the commit: nothing has happened.
fn failed<DB: Dialect>(fault: ::sqlx::Error) -> Error {
    Error::store(Fault::new::<DB>(fault, false))
}

/// A failure of a commit: whether anything has happened is not known if the connection was lost.
fn uncertain<DB: Dialect>(fault: ::sqlx::Error) -> Error {
    Error::store(Fault::new::<DB>(fault, true))
}

/// A pool, and how statements are put to it.
pub(super) struct Database<DB: ::sqlx::Database> {
    pool: SqlxPool<DB>,
    words: Arc<Words>,
    /// A pooler may give each transaction another connection: no statement outlives one.
    has_transaction_pooling: bool,
}

impl<DB: Dialect> Database<DB> {
    pub(super) fn new(pool: SqlxPool<DB>) -> Self {
        let words = Arc::new(Words::new(TABLE_PREFIX.to_owned()));
        Self { pool, words, has_transaction_pooling: false }
    }

    pub(super) fn with_table_prefix(self, prefix: &str) -> Self {
        Self { words: Arc::new(Words::new(prefix.to_owned())), ..self }
    }

    pub(super) fn with_transaction_pooling(self) -> Self {
        Self { has_transaction_pooling: true, ..self }
    }

    /// Prepares a statement.
    pub(super) fn query(&self, sql: &'static str) -> Query<'static, DB, DB::Arguments> {
        let said = AssertSqlSafe(self.words.say::<DB>(sql));
        ::sqlx::query(said).persistent(!self.has_transaction_pooling)
    }

    /// Prepares a statement whose rows are read as `O`.
    pub(super) fn query_as<O>(&self, sql: &'static str) -> QueryAs<'static, DB, O, DB::Arguments>
    where
        O: for<'r> FromRow<'r, DB::Row>,
    {
        let said = AssertSqlSafe(self.words.say::<DB>(sql));
        ::sqlx::query_as(said).persistent(!self.has_transaction_pooling)
    }

    /// Gives a text with our tables' prefix.
    pub(super) fn prefixed(&self, text: &str) -> String {
        self.words.prefixed(text)
    }

    /// Takes a connection for one operation.
    pub(super) fn acquire(&self) -> BoxFuture<'_, Result<Lease<'_, DB>>> {
        Box::pin(async move {
            let connection = self.pool.acquire().await.map_err(failed::<DB>)?;
            Ok(Lease { database: self, connection, is_settled: false, is_spent: false })
        })
    }
}

impl<DB> Database<DB>
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs one statement that commits by itself; says how many rows it found and changed.
    pub(super) fn execute<'a>(
        &'a self,
        query: Query<'a, DB, DB::Arguments>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut lease = self.acquire().await?;
            let done = if self.has_transaction_pooling {
                let mut transaction = lease.begin().await?;
                let done = transaction.execute(query).await;
                transaction.keep();
                transaction.end(done).await
            } else {
                let done = query.execute(&mut *lease.connection).await;
                let done = judge::<DB, _>(done, &mut lease.is_spent).map_err(uncertain::<DB>);
                done.map(|done| DB::rows_affected(&done))
            };
            lease.settle();
            done
        })
    }

    /// Reads all rows of a statement that changes nothing.
    pub(super) fn fetch_all<'a, O>(
        &'a self,
        query: QueryAs<'a, DB, O, DB::Arguments>,
    ) -> BoxFuture<'a, Result<Vec<O>>>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin + 'a,
    {
        Box::pin(async move {
            let mut lease = self.acquire().await?;
            let rows = if self.has_transaction_pooling {
                let mut transaction = lease.begin().await?;
                let rows = transaction.fetch_all(query).await;
                transaction.end(rows).await
            } else {
                let rows = query.fetch_all(&mut *lease.connection).await;
                judge::<DB, _>(rows, &mut lease.is_spent).map_err(failed::<DB>)
            };
            lease.settle();
            rows
        })
    }

    /// Reads the row of a statement that changes nothing and finds one at most.
    pub(super) fn fetch_optional<'a, O>(
        &'a self,
        query: QueryAs<'a, DB, O, DB::Arguments>,
    ) -> BoxFuture<'a, Result<Option<O>>>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin + 'a,
    {
        Box::pin(async move { Ok(self.fetch_all(query).await?.pop()) })
    }
}

impl<DB: ::sqlx::Database> Clone for Database<DB> {
    fn clone(&self) -> Self {
        let (pool, words) = (self.pool.clone(), Arc::clone(&self.words));
        Self { pool, words, has_transaction_pooling: self.has_transaction_pooling }
    }
}

impl<DB: ::sqlx::Database> fmt::Debug for Database<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("kind", &DB::NAME).finish_non_exhaustive()
    }
}

/// A connection for one operation.
pub(super) struct Lease<'d, DB: Dialect> {
    database: &'d Database<DB>,
    connection: PoolConnection<DB>,
    /// Nothing is under way on it.
    is_settled: bool,
    /// It is of no further use.
    is_spent: bool,
}

impl<'d, DB: Dialect> Lease<'d, DB> {
    /// Begins a transaction that writes.
    pub(super) fn begin(&mut self) -> BoxFuture<'_, Result<Transaction<'_, 'd, DB>>> {
        Box::pin(async move {
            let Self { database, connection, is_spent, .. } = self;
            let begun = connection.begin_with(DB::BEGIN).await;
            let inner = judge::<DB, _>(begun, is_spent).map_err(failed::<DB>)?;
            Ok(Transaction { database, inner, is_spent, is_kept: false })
        })
    }

    /// Notes that nothing is under way any more.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Has the connection closed instead of given back.
    pub(super) fn spend(&mut self) {
        self.is_spent = true;
    }
}

impl<DB: Dialect> Drop for Lease<'_, DB> {
    /// An operation that was given up in the middle takes its connection along.
    fn drop(&mut self) {
        if self.is_spent || !self.is_settled {
            DB::abandon(&mut self.connection);
        }
    }
}

/// A transaction that writes.
pub(super) struct Transaction<'l, 'd, DB: Dialect> {
    database: &'d Database<DB>,
    inner: ::sqlx::Transaction<'l, DB>,
    is_spent: &'l mut bool,
    is_kept: bool,
}

impl<'l, DB: Dialect> Transaction<'l, '_, DB> {
    /// Prepares a statement.
    pub(super) fn query(&self, sql: &'static str) -> Query<'static, DB, DB::Arguments> {
        self.database.query(sql)
    }

    /// Prepares a statement whose rows are read as `O`.
    pub(super) fn query_as<O>(&self, sql: &'static str) -> QueryAs<'static, DB, O, DB::Arguments>
    where
        O: for<'r> FromRow<'r, DB::Row>,
    {
        self.database.query_as(sql)
    }

    /// Says that the transaction is to be committed at its end.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Commits what is to be kept, unless it has failed, and undoes the rest.
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
                // Whoever cannot undo has lost the connection, and with it the transaction.
                let _ = judge::<DB, _>(inner.rollback().await, is_spent);
            }
            outcome
        })
    }

    /// Has the application do its work in this transaction.
    pub(super) fn run_along<'a>(&'a mut self, together: &'a Together) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            together.run_in(&mut *self.inner).await.map_err(|fault| {
                match fault.downcast::<::sqlx::Error>() {
                    Ok(fault) => failed::<DB>(*fault),
                    Err(fault) => Error::Store(fault),
                }
            })
        })
    }
}

impl<DB> Transaction<'_, '_, DB>
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs a statement; says how many rows it found and changed.
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

    /// Reads the row of a statement that finds one at most.
    pub(super) fn fetch_optional<'a, O>(
        &'a mut self,
        query: QueryAs<'a, DB, O, DB::Arguments>,
    ) -> BoxFuture<'a, Result<Option<O>>>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin + 'a,
    {
        Box::pin(async move { Ok(self.fetch_all(query).await?.pop()) })
    }

    /// Runs statements that stand in one text.
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
}

/// Notes a fault after which a connection is of no further use.
fn judge<DB: Dialect, T>(outcome: ::sqlx::Result<T>, is_spent: &mut bool) -> ::sqlx::Result<T> {
    if let Err(fault) = &outcome {
        let diagnosis = diagnose::<DB>(fault);
        *is_spent |= matches!(diagnosis, Diagnosis::Disconnected | Diagnosis::ReadOnly);
    }
    outcome
}

/// What our statements are in a database's words; each is translated once.
struct Words {
    prefix: String,
    said: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Words {
    fn new(prefix: String) -> Self {
        Self { prefix, said: RwLock::default() }
    }

    fn prefixed(&self, text: &str) -> String {
        text.replace(TABLE_PREFIX, &self.prefix)
    }

    fn say<DB: Dialect>(&self, sql: &'static str) -> Arc<str> {
        let said = self.said.read().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(said) = said {
            return said;
        }
        let said: Arc<str> = self.prefixed(&DB::say(sql)).into();
        let mut all = self.said.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(sql, Arc::clone(&said));
        said
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    use crate::datastore::SqlxDatastore;
    use crate::datastore::sqlx::SqlxPool;
    use crate::datastore::sqlx::database::Fault;
    use crate::error::Error;
    use crate::error::Result;

    fn store() -> SqlxDatastore {
        let pool = ::sqlx::SqlitePool::connect_lazy("sqlite::memory:");
        SqlxDatastore::sqlite(SqlxPool::new(pool.expect("nothing is opened yet")))
    }

    fn fault(is_harmless: bool) -> Error {
        Error::store(Fault { source: ::sqlx::Error::PoolClosed, is_harmless })
    }

    #[rocket::async_test]
    async fn what_has_not_happened_is_repeated_three_times() {
        let (store, tries) = (store(), AtomicU32::new(0));
        let outcome: Result<()> = on_database!(store, |_database| {
            tries.fetch_add(1, Ordering::Relaxed);
            Err(fault(true))
        });
        assert!(outcome.is_err());
        assert_eq!(tries.into_inner(), 4);
    }

    #[rocket::async_test]
    async fn what_succeeds_in_the_end_has_succeeded() {
        let (store, tries) = (store(), AtomicU32::new(0));
        let outcome: Result<u32> = on_database!(store, |_database| {
            match tries.fetch_add(1, Ordering::Relaxed) {
                2 => Ok(2),
                _ => Err(fault(true)),
            }
        });
        assert_eq!(outcome.unwrap(), 2);
    }

    #[rocket::async_test]
    async fn what_may_have_happened_is_not_repeated() {
        let (store, tries) = (store(), AtomicU32::new(0));
        let outcome: Result<()> = on_database!(store, |_database| {
            tries.fetch_add(1, Ordering::Relaxed);
            Err(fault(false))
        });
        assert!(outcome.is_err());
        assert_eq!(tries.into_inner(), 1);
    }

    #[rocket::async_test]
    async fn what_does_not_answer_is_given_up_within_three_seconds() {
        let (store, begun) = (store(), Instant::now());
        let outcome: Result<()> = on_database!(store, |_database| std::future::pending().await);
        assert!(outcome.unwrap_err().to_string().contains("too long"));
        assert!(begun.elapsed().as_secs() < 3);
    }
}
