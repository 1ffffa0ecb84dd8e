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
    use crate::support::store::migrated;

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
            let (database, store) = migrated().await;
            (store, database)
        },
    }
}
