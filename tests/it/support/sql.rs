//! The database as its operator sees it, past the store.

use rocket_security::testing::TestDatabase;
use sqlx::AssertSqlSafe;

/// Puts `$sql` to the database, with `$connection` as the connection of whichever kind it is.
macro_rules! on_connection {
    ($database:expr, |$connection:ident| $body:expr) => {{
        use sqlx::Connection;
        let url: &str = $database.url();
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

/// Runs statements.
pub(crate) async fn execute(database: &TestDatabase, sql: &str) {
    on_connection!(database, |connection| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    });
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
        use sqlx::Column;
        use sqlx::Row;
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
