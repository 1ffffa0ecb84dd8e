//! Our own stores under the suite that the test kit has for every store.

mod memory {
    use rocket_security::MemoryDatastore;

    rocket_security::datastore_contract! {
        capabilities: [
            RoleStore,
            LapseStore,
            TicketStore,
            OutboxAdmin,
            TrackStore,
            RememberStore,
            RefreshStore,
            PersonalTokenStore,
            CredentialStore,
        ],
        store: async { (MemoryDatastore::new(), ()) },
    }
}

mod database {
    use rocket_security::SqlxDatastore;
    use rocket_security::testing::TestDatabase;

    rocket_security::datastore_contract! {
        capabilities: [
            RoleStore,
            LapseStore,
            TicketStore,
            OutboxAdmin,
            TrackStore,
            RememberStore,
            RefreshStore,
            PersonalTokenStore,
            CredentialStore,
            AuditStore,
        ],
        /// A database of its own, of the kind that the suite runs on.
        store: async {
            let database = TestDatabase::create().await;
            let figment = database.figment(rocket::Config::figment());
            let store = SqlxDatastore::connect(&figment).await.unwrap();
            store.migrate().await.unwrap();
            (store, database)
        },
    }
}
