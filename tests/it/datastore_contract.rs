//! Our own stores under the suite that the test kit has for every store.

mod memory {
    use rocket_security::MemoryDatastore;

    rocket_security::datastore_contract! {
        capabilities: [TrackStore],
        store: async { (MemoryDatastore::new(), ()) },
    }
}

mod sqlite {
    use rocket_security::SqlxDatastore;

    rocket_security::datastore_contract! {
        capabilities: [TrackStore],
        /// A database of its own in a temporary folder.
        store: async {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("security.sqlite").display());
            let figment = rocket::Config::figment().merge(("databases.security.url", url));
            let store = SqlxDatastore::connect(&figment).await.unwrap();
            store.migrate().await.unwrap();
            (store, folder)
        },
    }
}
