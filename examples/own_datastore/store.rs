//! The database: how it is opened, and what all capabilities use.

use std::str::FromStr;
use std::time::Duration;

use chrono::DateTime;
use rocket_security::clock::Timestamp;
use rocket_security::crypto::one_time::Digest;
use rocket_security::{Error, Result};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Decode, Row, Sqlite, SqlitePool, Transaction, Type};

/// Stores the members. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct MemberStore {
    /// A single connection: SQLite allows one write at a time, so writes queue here.
    pub(crate) writer: SqlitePool,
    /// Reads do not wait for writes.
    pub(crate) readers: SqlitePool,
}

/// How long to wait for a connection, and for another program that writes. A request whose store does not
/// answer must learn so within three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

impl MemberStore {
    /// Opens the database, which is created if it is missing. It contains addresses and hashes; the umask or
    /// the folder decides who can read it.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(Error::store)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE);
        let writer = pool.clone().max_connections(1).connect_with(options.clone()).await;
        let writer = writer.map_err(Error::store)?;
        let schema = sqlx::raw_sql(include_str!("schema.sql")).execute(&writer).await;
        schema.map_err(Error::store)?;
        let readers = pool.max_connections(4).connect_with(options.read_only(true)).await;
        Ok(Self { writer, readers: readers.map_err(Error::store)? })
    }

    /// Begins a transaction in which everything that was read stays true until the commit: no other writer is
    /// active, in this program or another. Dropped without a commit, it changes nothing.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(Error::store)
    }
}

/// Reads a column.
pub(crate) fn column<'r, T>(row: &'r SqliteRow, name: &str) -> Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(name).map_err(Error::store)
}

/// Reads a column that contains a time.
pub(crate) fn time(row: &SqliteRow, name: &str) -> Result<Timestamp> {
    from_micros(column(row, name)?)
}

/// Reads a column that may contain a time.
pub(crate) fn some_time(row: &SqliteRow, name: &str) -> Result<Option<Timestamp>> {
    column::<Option<i64>>(row, name)?.map(from_micros).transpose()
}

/// Reads a column that contains a digest.
pub(crate) fn digest(row: &SqliteRow, name: &str) -> Result<Digest> {
    let bytes = column::<Vec<u8>>(row, name)?.try_into();
    bytes.map(Digest::from_bytes).map_err(|_| corrupt(name))
}

/// Converts a time to the number that is stored for it.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.timestamp_micros()
}

/// Converts a stored number to a time.
pub(crate) fn from_micros(micros: i64) -> Result<Timestamp> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt("a time"))
}

/// Returns an error that names what cannot be read, without showing it.
pub(crate) fn corrupt(what: &str) -> Error {
    Error::Corrupt(what.to_owned())
}
