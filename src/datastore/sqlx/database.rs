//! Runs statements against the database, and repeats them if the database fails.
//!
//! An operation is repeated if it cannot have had an effect, because the transaction was undone or the
//! connection was lost before the commit. A statement that commits by itself and loses its connection is
//! never repeated.
//!
//! Futures are boxed here, where their bounds are generic, because the compiler could not prove them `Send`
//! where they are combined.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::sqlx::query::{Query, QueryAs};
use ::sqlx::{Executor, FromRow};
use rocket::futures::future::BoxFuture;
use rocket::tokio::time::sleep;

use crate::crypto::random_bytes;
use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::fault::{failed, is_harmless, judge, uncertain};
use crate::datastore::sqlx::name::DatabaseName;
use crate::datastore::sqlx::pool::{CONNECT_TIMEOUT, SqlxPool};
use crate::datastore::sqlx::transaction::Lease;
use crate::datastore::sqlx::words::Words;
use crate::deadline::until_deadline;
use crate::error::{Error, Result};

/// How often an operation is repeated.
const REPETITIONS: u32 = 3;

/// The longest pause before the first repetition. It doubles with each one.
const PAUSE: Duration = Duration::from_millis(20);

/// How much longer a request waits for its statements in all than for a connection.
const GRACE: Duration = Duration::from_millis(500);

/// Compiles a body once for each driver, with `$database` to run single statements, and repeats it as long as
/// it had no effect.
macro_rules! on_database {
    ($store:expr, |$database:ident| $body:expr) => {
        on_each!($store, |$database| {
            crate::datastore::sqlx::database::within_limit($database.limit(), async {
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

/// Does the same within a transaction, which is undone if the body fails or has not asked to keep it.
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

/// Deletes, with the statement `$delete` and in batches, the rows whose keys a query finds, until it finds no
/// more rows. No other transaction waits long for the locks, and rows that others have locked are skipped.
/// Returns how many rows were deleted.
macro_rules! in_batches {
    ($store:expr, $delete:expr, |$transaction:ident| $find:expr) => {
        in_batches!(
            $store,
            $delete,
            crate::datastore::sqlx::rows::DigestRow => digest,
            |$transaction| $find
        )
    };
    ($store:expr, $delete:expr, $row:path => $key:ident, |$transaction:ident| $find:expr) => {{
        use crate::datastore::sqlx::database::BATCH;
        let mut all: u64 = 0;
        loop {
            let deleted: Result<u32> = in_transaction!($store, |$transaction| {
                let find = $find.bind(i64::from(BATCH));
                let keys: Vec<$row> = $transaction.fetch_all(find).await?;
                let mut deleted: u32 = 0;
                for key in keys {
                    let delete = $transaction.query($delete).bind(key.$key);
                    $transaction.execute(delete).await?;
                    deleted += 1;
                }
                $transaction.keep();
                Ok(deleted)
            });
            let deleted = deleted?;
            all += u64::from(deleted);
            if deleted < BATCH {
                break Ok(all);
            }
        }
    }};
}

/// How many rows are deleted at once by methods that delete everything expired.
pub(super) const BATCH: u32 = 200;

/// Fails an operation, including its repetitions, that takes too long.
pub(super) async fn within_limit<T>(
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let outcome = until_deadline(limit, work).await;
    outcome.unwrap_or_else(|| Err(Error::store("it took too long to answer")))
}

/// Counts the repetitions of an operation.
#[derive(Default)]
pub(super) struct Repetition {
    number: u32,
}

impl Repetition {
    /// Returns `true`, after a random pause, if the operation should be repeated.
    pub(super) async fn is_due(&mut self, fault: &Error) -> bool {
        if self.number == REPETITIONS || !is_harmless(fault) {
            return false;
        }
        let Ok([jitter]) = random_bytes() else {
            return false;
        };
        let longest = PAUSE * 2_u32.pow(self.number);
        sleep(longest * u32::from(jitter) / u32::from(u8::MAX)).await;
        self.number += 1;
        true
    }
}

/// A pool, and how statements run on it.
pub(super) struct Database<DB: ::sqlx::Database> {
    pool: SqlxPool<DB>,
    words: Arc<Words>,
    wait: Duration,
}

impl<DB: Dialect> Database<DB> {
    pub(super) fn new(pool: SqlxPool<DB>) -> Self {
        Self { pool, words: Arc::new(Words::new()), wait: CONNECT_TIMEOUT }
    }

    /// Sets how long a request waits for a connection.
    pub(super) fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Returns how long a request waits for the database in all.
    pub(super) fn limit(&self) -> Duration {
        self.wait + GRACE
    }

    pub(super) fn with_table_prefix(self, prefix: &str) -> Self {
        Self { words: Arc::new(self.words.with_table_prefix(prefix)), ..self }
    }

    pub(super) fn with_transaction_pooling(self) -> Self {
        Self { words: Arc::new(self.words.with_transaction_pooling()), ..self }
    }

    /// Closes the pool, and waits until its connections are closed.
    #[cfg(feature = "testing")]
    pub(super) async fn close(&self) {
        self.pool.as_sqlx().close().await;
    }

    /// Returns the name of the pool's database.
    pub(super) fn name(&self) -> DatabaseName {
        DB::name_of(&self.pool.as_sqlx().connect_options())
    }

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

    /// Returns a text with the prefix of our tables.
    pub(super) fn prefixed(&self, text: &str) -> String {
        self.words.prefixed(text)
    }

    /// Takes a connection for one operation.
    pub(super) fn acquire(&self) -> BoxFuture<'_, Result<Lease<'_, DB>>> {
        Box::pin(async move {
            let connection = self.pool.as_sqlx().acquire().await.map_err(failed::<DB>)?;
            Ok(Lease::new(&self.words, connection))
        })
    }
}

impl<DB> Database<DB>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs one statement that commits by itself. Returns how many rows it found and changed.
    pub(super) fn execute<'a>(
        &'a self,
        query: Query<'a, DB, DB::Arguments>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut lease = self.acquire().await?;
            let done = if self.words.has_transaction_pooling {
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
            let rows = if self.words.has_transaction_pooling {
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

    /// Reads the row of a statement that changes nothing and finds at most one row.
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
        Self { pool: self.pool.clone(), words: Arc::clone(&self.words), wait: self.wait }
    }
}

impl<DB: ::sqlx::Database> fmt::Debug for Database<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("kind", &DB::NAME).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use crate::datastore::sqlx::fault::Fault;
    use crate::datastore::sqlx::pool::SqlxPool;
    use crate::datastore::sqlx::store::SqlxDatastore;
    use crate::error::{Error, Result};

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
