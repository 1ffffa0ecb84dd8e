//! Everything that differs between the databases.
//!
//! Our statements are written once, in SQL that all three understand, with these exceptions:
//!
//! | we write | SQLite | PostgreSQL | MySQL, MariaDB |
//! |---|---|---|---|
//! | `?` | as it is | `$1`, `$2`, … | as it is |
//! | `FOR UPDATE`, `SKIP LOCKED` | nothing: one transaction writes at a time | as it is | as it is |
//!
//! No statement uses an upsert, `RETURNING`, or anything else that one of them lacks. No statement relies on
//! whether an assignment sees the old row or the new one: a column that a later assignment reads is assigned
//! last.

use ::sqlx::IntoArguments;
use ::sqlx::error::DatabaseError;
use ::sqlx::pool::PoolConnection;

use crate::datastore::sqlx::name::DatabaseName;
#[cfg(feature = "sqlite")]
use crate::datastore::sqlx::pool::is_in_memory;
use crate::datastore::sqlx::pool::{Backend, Options};
use crate::datastore::sqlx::schema::Schema;

/// What a database requires to be done differently.
pub(super) trait Dialect:
    Backend<Arguments: IntoArguments<Self>> + ::sqlx::database::HasStatementCache
{
    /// Begins a transaction that writes.
    const BEGIN: &'static str = "BEGIN";
    /// Finds the settings of a connection that would change the effect of our statements. The application may
    /// have opened the pool without them.
    const FIND_UNFIT: Option<&'static str> = None;
    /// The statements that run before a migration, which may take longer than other operations.
    const BEFORE_MIGRATION: &'static [&'static str] = &[];
    /// Finds a table that a migration would wrongly take for its own, on databases where a migration skips
    /// tables that exist.
    const FIND_FOREIGN: Option<&'static str> = None;
    /// The schema.
    const SCHEMA: &'static Schema;

    /// Returns the name of the database that these options lead to.
    fn name_of(options: &Options<Self>) -> DatabaseName;

    /// Translates a statement into the database's SQL.
    fn say(sql: &str) -> String;

    /// Returns how many rows a statement found and changed.
    fn rows_affected(done: &Self::QueryResult) -> u64;

    /// Returns what a fault means.
    fn diagnose(fault: &dyn DatabaseError) -> Diagnosis;

    /// Abandons a connection on which an operation is still running, or that is no longer usable.
    fn abandon(connection: &mut PoolConnection<Self>) {
        connection.close_on_drop();
    }
}

/// What a fault of the database means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diagnosis {
    /// The transaction was undone to let another one pass: a deadlock or a serialization failure.
    Undone,
    /// The connection has ended, or is about to.
    Disconnected,
    /// The server accepts no changes, at least not on this connection.
    ReadOnly,
    /// There is no such table.
    MissingTable,
    /// Anything else.
    Other,
}

#[cfg(feature = "sqlite")]
impl Dialect for ::sqlx::Sqlite {
    // A deferred transaction that reads first cannot wait until it may write: it fails at once.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const FIND_UNFIT: Option<&'static str> = Some(
        "SELECT 'foreign_keys' AS name FROM pragma_foreign_keys WHERE foreign_keys = 0
         UNION ALL
         SELECT 'busy_timeout' AS name FROM pragma_busy_timeout WHERE timeout = 0",
    );
    const SCHEMA: &'static Schema = &crate::datastore::sqlx::schema::SQLITE;

    fn name_of(options: &Options<Self>) -> DatabaseName {
        if is_in_memory(options) {
            DatabaseName::in_memory()
        } else {
            DatabaseName::of_file(options.get_filename())
        }
    }

    fn say(sql: &str) -> String {
        sql.replace(" FOR UPDATE SKIP LOCKED", "").replace(" FOR UPDATE", "")
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    /// The primary result code is the low byte: <https://www.sqlite.org/rescode.html>.
    fn diagnose(fault: &dyn DatabaseError) -> Diagnosis {
        let code: i32 = fault.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        match (code, code & 0xff) {
            // SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED_SHAREDCACHE
            (517 | 262, _) => Diagnosis::Undone,
            (_, 8) => Diagnosis::ReadOnly,
            (1, _) if fault.message().starts_with("no such table") => Diagnosis::MissingTable,
            _ => Diagnosis::Other,
        }
    }

    /// There is no server whose connection could be lost, and a database in memory lives as long as its
    /// connection.
    fn abandon(_connection: &mut PoolConnection<Self>) {}
}

#[cfg(feature = "postgres")]
impl Dialect for ::sqlx::Postgres {
    // Overrides the database role's own level. Our statements need no stricter one, which would only make
    // them fail and be repeated.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    // Connections need no settings: times and texts are sent in binary and as UTF-8, independent of the time
    // zone and the locale.
    const BEFORE_MIGRATION: &'static [&'static str] =
        &["SET LOCAL lock_timeout = '60s'", "SET LOCAL statement_timeout = 0"];
    const SCHEMA: &'static Schema = &crate::datastore::sqlx::schema::POSTGRES;

    fn name_of(options: &Options<Self>) -> DatabaseName {
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let socket = options.get_socket().map(|socket| socket.display().to_string());
        let host = socket.as_deref().unwrap_or_else(|| options.get_host());
        DatabaseName::on_server("postgres", host, options.get_port(), database)
    }

    fn say(sql: &str) -> String {
        let mut pieces = sql.split('?');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.zip(1..).fold(first, |said, (piece, number)| format!("{said}${number}{piece}"))
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    /// The codes are those of PostgreSQL's Appendix A, which CockroachDB and YugabyteDB share.
    fn diagnose(fault: &dyn DatabaseError) -> Diagnosis {
        match fault.code().as_deref() {
            // serialization_failure, deadlock_detected
            Some("40001" | "40P01") => Diagnosis::Undone,
            // read_only_sql_transaction
            Some("25006") => Diagnosis::ReadOnly,
            // undefined_table
            Some("42P01") => Diagnosis::MissingTable,
            // The server shuts down, or has ended this session.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03") => Diagnosis::Disconnected,
            // A statement that was prepared before a change of the schema no longer works on this connection.
            Some("0A000") if fault.message().contains("cached plan") => Diagnosis::Disconnected,
            // connection exceptions
            Some(code) if code.starts_with("08") => Diagnosis::Disconnected,
            _ => Diagnosis::Other,
        }
    }
}

#[cfg(feature = "mysql")]
impl Dialect for ::sqlx::MySql {
    // Sets the level of the transaction that follows, in one round trip. At the server's own level, a change
    // that waited for a lock would still read the rows from before.
    const BEGIN: &'static str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN";
    // Without strict mode, a value that is too long is truncated instead of refused.
    const FIND_UNFIT: Option<&'static str> = Some(
        "SELECT 'sql_mode' AS name FROM DUAL WHERE @@sql_mode NOT LIKE '%STRICT_%'
         UNION ALL
         SELECT 'foreign_key_checks' AS name FROM DUAL WHERE @@foreign_key_checks = 0
         UNION ALL
         SELECT 'autocommit' AS name FROM DUAL WHERE @@autocommit = 0
         UNION ALL
         SELECT 'character_set_client' AS name FROM DUAL
         WHERE @@character_set_client NOT LIKE 'utf8%'",
    );
    const BEFORE_MIGRATION: &'static [&'static str] = &[
        "SET SESSION lock_wait_timeout = 60",
        "DO GET_LOCK(CONCAT('rocket_security.', LEFT(SHA2(DATABASE(), 256), 40)), 60)",
    ];
    const FIND_FOREIGN: Option<&'static str> = Some(crate::datastore::sqlx::schema::FIND_FOREIGN);
    const SCHEMA: &'static Schema = &crate::datastore::sqlx::schema::MYSQL;

    fn name_of(options: &Options<Self>) -> DatabaseName {
        let database = options.get_database().unwrap_or_default();
        let socket = options.get_socket().map(|socket| socket.display().to_string());
        let host = socket.as_deref().unwrap_or_else(|| options.get_host());
        DatabaseName::on_server("mysql", host, options.get_port(), database)
    }

    fn say(sql: &str) -> String {
        sql.to_owned()
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    /// The numbers are those of MySQL's and MariaDB's error references.
    fn diagnose(fault: &dyn DatabaseError) -> Diagnosis {
        let number = fault
            .try_downcast_ref::<::sqlx::mysql::MySqlDatabaseError>()
            .map_or(0, ::sqlx::mysql::MySqlDatabaseError::number);
        match number {
            // ER_LOCK_DEADLOCK, ER_CHECKREAD
            1213 | 1020 => Diagnosis::Undone,
            // ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
            // ER_READ_ONLY_MODE
            1290 | 1792 | 1836 => Diagnosis::ReadOnly,
            // ER_NO_SUCH_TABLE
            1146 => Diagnosis::MissingTable,
            // ER_SERVER_SHUTDOWN, ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED,
            // ER_CLIENT_INTERACTION_TIMEOUT
            1053 | 1317 | 1927 | 4031 => Diagnosis::Disconnected,
            _ => Diagnosis::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    use crate::datastore::sqlx::dialect::Dialect;

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    const SQL: &str = "SELECT a FROM t WHERE b = ? AND c = ? FOR UPDATE SKIP LOCKED";

    #[cfg(feature = "sqlite")]
    #[test]
    fn sqlite_locks_no_rows() {
        let said = <::sqlx::Sqlite as Dialect>::say(SQL);
        assert_eq!(said, "SELECT a FROM t WHERE b = ? AND c = ?");
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgres_numbers_its_values() {
        let said = <::sqlx::Postgres as Dialect>::say(SQL);
        assert_eq!(said, "SELECT a FROM t WHERE b = $1 AND c = $2 FOR UPDATE SKIP LOCKED");
    }
}
