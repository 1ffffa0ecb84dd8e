//! The store as an operator opens it, beside the applications that run on it.

use std::sync::Arc;

use rocket_security::SqlxDatastore;
use rocket_security::datastore::outbox::NewMail;
use rocket_security::datastore::{Together, UserDatastore};
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

/// Puts a mail into the outbox that belongs to no change.
pub(crate) async fn push(store: &Arc<dyn UserDatastore>, mail: &NewMail) {
    store.commit(&Together::mail(vec![mail.clone()])).await.unwrap();
}
