//! Databases that have our tables from the start: making the tables takes longer than most tests.

use rocket::figment::Figment;
use rocket::tokio::sync::OnceCell;

use crate::datastore::SqlxDatastore;
use crate::testing::orderly::orderly;

/// Returns the content of a SQLite file with our tables.
#[cfg(feature = "sqlite")]
pub(super) async fn sqlite_file() -> &'static [u8] {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    FILE.get_or_init(make_sqlite_file).await
}

#[cfg(feature = "sqlite")]
async fn make_sqlite_file() -> Vec<u8> {
    use sqlx::Connection;
    let folder = orderly(tempfile::tempdir());
    let url = format!("sqlite:{}", folder.path().join("made.sqlite").display());
    migrate(&url).await;
    // What was written may still be beside the file.
    let copy = folder.path().join("copy.sqlite");
    let mut connection = orderly(sqlx::SqliteConnection::connect(&url).await);
    let whole = sqlx::query("VACUUM INTO ?").bind(copy.display().to_string());
    orderly(whole.execute(&mut connection).await);
    orderly(std::fs::read(copy))
}

/// Makes a PostgreSQL database `name` with our tables, on the server of `server`, as a copy of one that stays
/// there: one for each version of the tables.
#[cfg(feature = "postgres")]
pub(super) async fn create_on_postgres(server: &str, name: &str) {
    static MADE: OnceCell<String> = OnceCell::const_new();
    let template = MADE.get_or_init(|| make_template(server)).await;
    let copy = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\"");
    orderly(run_on_postgres(server, &copy).await);
}

#[cfg(feature = "postgres")]
async fn make_template(server: &str) -> String {
    let template = format!("security_template_{:016x}", crate::datastore::sqlx::fingerprint());
    if orderly(is_there(server, &template).await) {
        return template;
    }
    // Another process may be making it, too: the database gets the name when it is complete.
    let draft = format!("security_draft_{}", orderly(crate::crypto::random_uuid()).simple());
    orderly(run_on_postgres(server, &format!("CREATE DATABASE \"{draft}\"")).await);
    migrate(&crate::testing::server::database_at(server, &draft)).await;
    let rename = format!("ALTER DATABASE \"{draft}\" RENAME TO \"{template}\"");
    if let Err(fault) = run_on_postgres(server, &rename).await {
        let drop = format!("DROP DATABASE \"{draft}\" WITH (FORCE)");
        orderly(run_on_postgres(server, &drop).await);
        // Another process may have been faster.
        if !orderly(is_there(server, &template).await) {
            orderly::<(), _>(Err(fault));
        }
    }
    template
}

#[cfg(feature = "postgres")]
async fn is_there(server: &str, database: &str) -> sqlx::Result<bool> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(server).await?;
    let find = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(database);
    Ok(find.fetch_optional(&mut connection).await?.is_some())
}

#[cfg(feature = "postgres")]
async fn run_on_postgres(server: &str, statement: &str) -> sqlx::Result<()> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(server).await?;
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(&mut connection).await.map(drop)
}

async fn migrate(url: &str) {
    let figment = Figment::from(rocket::Config::debug_default());
    let figment = figment.merge(("databases.security.url", url));
    let figment = figment.merge(("databases.security.max_connections", 1));
    let store = orderly(SqlxDatastore::connect(&figment).await);
    orderly(store.migrate().await);
    store.close().await;
}
