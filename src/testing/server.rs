//! The server for test databases, if the environment names one.

#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::fmt::Debug;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use sqlx::migrate::MigrateDatabase;

use crate::testing::orderly::orderly;

/// The environment variable with the URL of the server on which the databases are created, for example
/// `postgres://postgres@127.0.0.1/postgres` or `mysql://root@127.0.0.1/mysql`.
pub(super) const SERVER: &str = "SECURITY_TEST_DATABASE_URL";

/// The environment variable with the URL of the server itself, if [`SERVER`] is a pooler in front of it.
pub(super) const ADMIN: &str = "SECURITY_TEST_ADMIN_URL";

pub(super) fn has_transaction_pooling() -> bool {
    std::env::var_os(ADMIN).is_some()
}

pub(super) fn database_at(server: &str, name: &str) -> String {
    let mut url = orderly(url::Url::parse(server));
    url.set_path(name);
    url.into()
}

pub(super) async fn create(url: &str) {
    match scheme(url) {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => told(sqlx::Postgres::create_database(url).await),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => told(sqlx::MySql::create_database(url).await),
        scheme => panic!("{SERVER} names a \"{scheme}\" server, which is not compiled in"),
    }
}

pub(super) async fn drop_database(url: &str) {
    // A database that cannot be dropped stays, because the test is over.
    let _: sqlx::Result<()> = match scheme(url) {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => sqlx::Postgres::force_drop_database(url).await,
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => sqlx::MySql::drop_database(url).await,
        _ => Ok(()),
    };
}

pub(super) fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn told<T, E: Debug>(made: Result<T, E>) -> T {
    match made {
        Ok(made) => made,
        Err(fault) => panic!("no database could be made on the server of {SERVER}: {fault:?}"),
    }
}
