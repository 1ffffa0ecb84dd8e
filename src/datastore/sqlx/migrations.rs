//! Applies the embedded migrations.
//!
//! The files in `migrations/` have the same numbers and names for each database, and the table
//! `security_migrations` lists the applied ones with their checksums. sqlx's own migrator is not used: it
//! cannot resume an interrupted migration on MySQL, needs locks that distributed databases do not have, and
//! prepares statements that a pooler in transaction mode loses.
//!
//! SQLite and PostgreSQL apply everything in one transaction. MySQL cannot: there, every statement of a
//! migration must do nothing when it runs again, and a lock lets one instance work at a time. If two
//! instances meet nevertheless, the number of the migration, which is the primary key, lets one of them pass,
//! and the other looks again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use ::sqlx::migrate::{Migration, MigrationType};
use ::sqlx::{AssertSqlSafe, Executor, SqlStr};
use rocket::tokio::time::sleep;

use crate::datastore::sqlx::database::Database;
use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::fault::is_missing_table;
use crate::datastore::sqlx::rows::row;
use crate::datastore::sqlx::schema::Schema;
use crate::datastore::sqlx::transaction::Transaction;
use crate::error::{Error, Result};

/// How often it is tried, and with what pause, while another instance migrates.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Applies the migrations that are not applied yet.
pub(super) async fn run<DB>(database: &Database<DB>) -> Result<()>
where
    DB: Dialect,
    AppliedRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    ForeignRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    check_connection(database).await?;
    // A database user who may not change the schema does not need to if nothing is missing.
    match check_applied(database).await {
        Ok(()) => return Ok(()),
        Err(Error::Schema { .. }) => {}
        Err(fault) => return Err(fault),
    }
    for _ in 1..ATTEMPTS {
        match run_once(database).await {
            Err(Error::Store(_)) => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
    run_once(database).await
}

/// Checks that every migration is applied, and changes nothing.
pub(super) async fn check<DB>(database: &Database<DB>) -> Result<()>
where
    DB: Dialect,
    AppliedRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    ForeignRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    check_connection(database).await?;
    check_applied(database).await
}

async fn check_applied<DB>(database: &Database<DB>) -> Result<()>
where
    DB: Dialect,
    AppliedRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let applied = match database.fetch_all(database.query_as(LIST_APPLIED)).await {
        Err(fault) if is_missing_table::<DB>(&fault) => Vec::new(),
        applied => applied?,
    };
    match pending(DB::SCHEMA, applied)?.first() {
        None => Ok(()),
        Some(migration) => Err(Error::schema(
            format!("lacks migration {} and what follows it", migration.description),
            "Run `rocket-security migrate`, or set security.migrate = \"on-launch\"",
        )),
    }
}

/// Refuses a pool whose connections lack settings that our statements need.
async fn check_connection<DB>(database: &Database<DB>) -> Result<()>
where
    DB: Dialect,
    ForeignRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let Some(find) = DB::FIND_UNFIT else {
        return Ok(());
    };
    let unfit: Vec<ForeignRow> = database.fetch_all(database.query_as(find)).await?;
    match unfit.into_iter().next() {
        None => Ok(()),
        Some(ForeignRow { name }) => Err(Error::schema(
            format!("is used through a pool whose connections have {name} switched off"),
            "Open the pool with `SqlxPool::open`, or leave that setting at the driver's default",
        )),
    }
}

const LIST_APPLIED: &str = "SELECT version, name, checksum FROM security_migrations";

async fn run_once<DB>(database: &Database<DB>) -> Result<()>
where
    DB: Dialect,
    AppliedRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    ForeignRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut lease = database.acquire().await?;
    // The settings for the migration, and its lock, end with the connection.
    lease.spend();
    let mut transaction = lease.begin().await?;
    transaction.keep();
    let outcome = apply_pending(database, &mut transaction).await;
    transaction.end(outcome).await
}

async fn apply_pending<DB>(
    database: &Database<DB>,
    transaction: &mut Transaction<'_, '_, DB>,
) -> Result<()>
where
    DB: Dialect,
    AppliedRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    ForeignRow: for<'r> ::sqlx::FromRow<'r, DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    for statement in DB::BEFORE_MIGRATION {
        transaction.execute_script(*statement).await?;
    }
    if let Some(find) = DB::FIND_FOREIGN {
        let foreign = transaction.fetch_all(transaction.query_as(find)).await?;
        if let Some(ForeignRow { name }) = foreign.into_iter().next() {
            return Err(Error::schema(
                format!("would use the table {name}, which is another's"),
                "Choose another databases.security.table_prefix",
            ));
        }
    }
    let script = |sql: &str| AssertSqlSafe(database.prefixed(sql));
    transaction.execute_script(script(DB::SCHEMA.applied)).await?;
    let applied = transaction.fetch_all(transaction.query_as(LIST_APPLIED)).await?;
    for migration in pending(DB::SCHEMA, applied)? {
        let name: &str = &migration.description;
        log::info!("applying migration {name}");
        let done = transaction.execute_script(script(migration.sql.as_str())).await;
        done.map_err(|fault| MigrationFault::wrap(name, fault))?;
        let (version, checksum) = (migration.version, hex(&migration.checksum));
        let note = script(&format!(
            "INSERT INTO security_migrations (version, name, checksum)
             VALUES ({version}, '{name}', '{checksum}')"
        ));
        let noted = transaction.execute_script(note).await;
        noted.map_err(|fault| MigrationFault::wrap(name, fault))?;
    }
    Ok(())
}

/// Returns the migrations that are not applied yet, or the reason why none may be applied.
fn pending(schema: &Schema, applied: Vec<AppliedRow>) -> Result<Vec<Migration>> {
    let mut applied: BTreeMap<i64, AppliedRow> =
        applied.into_iter().map(|row| (row.version, row)).collect();
    let mut pending = Vec::new();
    for (version, name, sql) in schema.migrations {
        let sql = SqlStr::from_static(sql);
        let kind = MigrationType::Simple;
        let migration = Migration::new(*version, Cow::Borrowed(*name), kind, sql, false);
        match applied.remove(version) {
            None => pending.push(migration),
            Some(row) if row.checksum == hex(&migration.checksum) => {}
            Some(_) => {
                return Err(Error::schema(
                    format!("has another migration {name} than this version: one was edited"),
                    "Run the version that applied it; an applied migration is never changed",
                ));
            }
        }
    }
    match applied.into_values().next() {
        None => Ok(pending),
        Some(row) => Err(Error::schema(
            format!("is newer than this version, which does not know its migration {}", row.name),
            "Run the version that applied it, or a later one",
        )),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

row! {
    /// An applied migration.
    AppliedRow { version: i64, name: String, checksum: String }
}

row! {
    /// A table that is not ours, or a setting.
    ForeignRow { name: String }
}

/// A migration that failed.
#[derive(Debug, thiserror::Error)]
#[error("migration {name}: {source}")]
struct MigrationFault {
    name: String,
    source: Error,
}

impl MigrationFault {
    fn wrap(name: &str, source: Error) -> Error {
        Error::store(Self { name: name.to_owned(), source })
    }
}

#[cfg(test)]
#[cfg(feature = "mysql")]
mod tests {
    use crate::datastore::sqlx::schema::MYSQL;

    #[test]
    fn every_table_says_that_it_is_ours() {
        let scripts = MYSQL.migrations.iter().map(|(_, _, sql)| *sql).chain([MYSQL.applied]);
        for script in scripts {
            let tables = script.matches("CREATE TABLE IF NOT EXISTS").count();
            assert_eq!(script.matches("COMMENT = 'rocket_security'").count(), tables);
        }
    }
}
