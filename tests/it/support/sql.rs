//! The database as its operator sees it, past the store.

use rocket_security::testing::TestDatabase;
use sqlx::AssertSqlSafe;
use sqlx::migrate::Migrator;

/// Puts `$sql` to the database, with `$connection` as the connection of whichever kind it is.
macro_rules! on_connection {
    ($database:expr, |$connection:ident| $body:expr) => {{
        use sqlx::Connection;
        let url: &str = $database.direct_url();
        match url.split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => {
                let mut $connection = sqlx::PgConnection::connect(url).await.unwrap();
                $body
            }
            #[cfg(feature = "mysql")]
            "mysql" => {
                let mut $connection = sqlx::MySqlConnection::connect(url).await.unwrap();
                $body
            }
            _ => {
                let mut $connection = sqlx::SqliteConnection::connect(url).await.unwrap();
                $body
            }
        }
    }};
}

/// Counts the rows of a table.
pub(crate) async fn count(database: &TestDatabase, table: &str) -> i64 {
    number(database, &format!("SELECT COUNT(*) FROM {table}")).await
}

/// Runs statements.
pub(crate) async fn execute(database: &TestDatabase, sql: &str) {
    try_execute(database, sql).await.unwrap();
}

/// Runs statements that the database may refuse.
pub(crate) async fn try_execute(database: &TestDatabase, sql: &str) -> sqlx::Result<()> {
    on_connection!(database, |connection| {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
        done.map(drop)
    })
}

/// Runs an application's own migrations.
pub(crate) async fn migrate(database: &TestDatabase, migrator: &Migrator) {
    on_connection!(database, |connection| migrator.run(&mut connection).await.unwrap());
}

/// Gives the number that a query gives.
pub(crate) async fn number(database: &TestDatabase, sql: &str) -> i64 {
    on_connection!(database, |connection| {
        use sqlx::Row;
        let sql = AssertSqlSafe(sql.to_owned());
        let row = sqlx::raw_sql(sql).fetch_one(&mut connection).await.unwrap();
        row.try_get_unchecked::<i64, _>(0).unwrap()
    })
}

/// Gives the content of a table as text, whatever its columns are.
pub(crate) async fn dump(database: &TestDatabase, table: &str) -> String {
    on_connection!(database, |connection| {
        use sqlx::{Column, Row};
        let sql = AssertSqlSafe(format!("SELECT * FROM {table}"));
        let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await.unwrap();
        let mut text = String::new();
        for row in &rows {
            for column in row.columns() {
                let bytes: Option<Vec<u8>> =
                    row.try_get_unchecked(column.ordinal()).unwrap_or_default();
                let value: Option<String> =
                    row.try_get_unchecked(column.ordinal()).unwrap_or_default();
                text += &String::from_utf8_lossy(&bytes.unwrap_or_default());
                text += &value.unwrap_or_default();
                text.push('\n');
            }
        }
        text
    })
}

/// A transaction of somebody else, on a connection of its own.
pub(crate) enum Other {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection),
    Sqlite(sqlx::SqliteConnection),
}

impl Other {
    /// Begins a transaction, on SQLite one that keeps all others from writing.
    pub(crate) async fn begin(database: &TestDatabase) -> Self {
        use sqlx::Connection;
        let url = database.direct_url();
        let mut other = match url.split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => Self::Postgres(sqlx::PgConnection::connect(url).await.unwrap()),
            #[cfg(feature = "mysql")]
            "mysql" => Self::MySql(sqlx::MySqlConnection::connect(url).await.unwrap()),
            _ => Self::Sqlite(sqlx::SqliteConnection::connect(url).await.unwrap()),
        };
        let begin = if matches!(other, Self::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        other.run(begin).await;
        other
    }

    /// Runs a statement, in which `FOR UPDATE` locks rows where there is such a thing.
    pub(crate) async fn run(&mut self, sql: &str) {
        let said = |sql: &str| AssertSqlSafe(sql.to_owned());
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(it) => sqlx::raw_sql(said(sql)).execute(it).await.map(drop).unwrap(),
            #[cfg(feature = "mysql")]
            Self::MySql(it) => sqlx::raw_sql(said(sql)).execute(it).await.map(drop).unwrap(),
            Self::Sqlite(it) => {
                let sql = sql.replace(" FOR UPDATE", "");
                sqlx::raw_sql(said(&sql)).execute(it).await.map(drop).unwrap();
            }
        }
    }
}

/// Ends all other connections to the database; on SQLite there are none that could end.
pub(crate) async fn kill_connections(database: &TestDatabase) {
    let url = database.direct_url();
    if url.starts_with("postgres:") {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(database, kill).await;
    }
    #[cfg(feature = "mysql")]
    if url.starts_with("mysql:") {
        use sqlx::{Connection, Row};
        let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
        let own = sqlx::raw_sql("SELECT CONNECTION_ID()").fetch_one(&mut connection).await.unwrap();
        let own: u64 = own.try_get_unchecked(0).unwrap();
        let list = sqlx::raw_sql("SHOW PROCESSLIST").fetch_all(&mut connection).await.unwrap();
        for row in list {
            let id: u64 = row.try_get_unchecked("Id").unwrap();
            let place: Option<String> = row.try_get_unchecked("db").unwrap();
            if id == own || place.is_none_or(|place| !url.ends_with(&format!("/{place}"))) {
                continue;
            }
            let kill = AssertSqlSafe(format!("KILL {id}"));
            // Whoever has ended by now cannot be killed.
            let _ = sqlx::raw_sql(kill).execute(&mut connection).await;
        }
    }
}
