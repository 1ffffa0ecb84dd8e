//! The schema, embedded.

use std::borrow::Cow;

use sqlx::SqlStr;
use sqlx::migrate::Migrate;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use crate::error::Error;
use crate::error::Result;

macro_rules! migrations {
    ($($number:literal $name:literal),+ $(,)?) => {
        &[$(($number, $name, include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")))),+]
    };
}

const SQLITE: &[(i64, &str, &str)] = migrations![
    1 "0001_users",
    2 "0002_sessions",
    3 "0003_one_time_tokens",
    4 "0004_outbox",
    5 "0005_attempts",
    6 "0006_track",
];

/// Our own table of applied migrations, so that the application's migrations can live beside.
const TABLE: &str = "_security_migrations";

/// Applies what is not applied yet.
pub(super) async fn run<DB>(pool: &sqlx::Pool<DB>) -> Result<()>
where
    DB: sqlx::Database,
    DB::Connection: Migrate,
{
    let migrations = SQLITE.iter().map(|(number, name, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(*number, Cow::Borrowed(*name), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.run(pool).await.map_err(Error::store)
}
