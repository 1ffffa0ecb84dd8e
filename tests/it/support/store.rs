//! The store as an operator opens it, beside the applications that run on it.

use rocket_security::SqlxDatastore;
use rocket_security::testing::TestDatabase;

/// Opens the store of a database.
pub(crate) async fn store_on(database: &TestDatabase) -> SqlxDatastore {
    SqlxDatastore::connect(&database.figment(rocket::Config::figment())).await.unwrap()
}

/// Makes a database whose schema is up to date, and opens its store.
pub(crate) async fn migrated() -> (TestDatabase, SqlxDatastore) {
    let database = TestDatabase::create().await;
    let store = store_on(&database).await;
    store.migrate().await.unwrap();
    (database, store)
}
