//! The macro that creates a suite of tests for a store.

/// Tests a store against the contracts of its traits, with a `#[test]` for each sentence of
/// [`testing::contract`](crate::testing::contract), in modules by capability.
///
/// ```
/// # use std::path::Path;
/// # use rocket_security::SqlxDatastore;
/// # async fn database_in(folder: &Path) -> SqlxDatastore { unimplemented!() }
/// rocket_security::datastore_contract! {
///     /// A database of its own in a temporary folder.
///     store: async {
///         let folder = tempfile::tempdir().unwrap();
///         (database_in(folder.path()).await, folder)
///     },
/// }
/// # fn main() {}
/// ```
///
/// To test more than [`UserDatastore`](crate::UserDatastore), list the store's other capabilities before
/// `store`, for example `capabilities: [TrackStore],`. Put each call into its own module.
#[macro_export]
macro_rules! datastore_contract {
    (
        $(capabilities: [$($capability:ident),* $(,)?],)?
        $(#[$doc:meta])*
        store: $store:expr $(,)?
    ) => {
        $(#[$doc])*
        fn fresh_store() -> impl ::core::future::Future<
            Output = (
                impl $crate::datastore::UserDatastore $($(+ $crate::datastore::$capability)*)?,
                impl ::core::marker::Sized,
            ),
        > {
            $store
        }

        $crate::__contract_users!();
        $crate::__contract_changes!();
        $crate::__contract_better_hashes!();
        $crate::__contract_deletions!();
        $crate::__contract_together!();
        $crate::__contract_sessions!();
        $crate::__contract_session_replacements!();
        $crate::__contract_one_time!();
        $crate::__contract_one_time_uses!();
        $crate::__contract_outbox!();
        $crate::__contract_attempts!();
        $($($crate::__contract_capability! { $capability })*)?
        $($crate::__contract_capabilities! { $($capability)* })?
        $($crate::__contract_with_credentials! { [$($capability)*] $($capability)* })?
    };
}

/// Selects the section of two capabilities together, in whichever order they are listed.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_capabilities {
    (RememberStore $($rest:ident)*) => {
        $crate::__contract_capabilities! { also RefreshStore: $($rest)* }
    };
    (RefreshStore $($rest:ident)*) => {
        $crate::__contract_capabilities! { also RememberStore: $($rest)* }
    };
    (also RefreshStore: RefreshStore $($rest:ident)*) => {
        $crate::__contract_refresh_remembered!();
    };
    (also RememberStore: RememberStore $($rest:ident)*) => {
        $crate::__contract_refresh_remembered!();
    };
    (also $wanted:ident: $other:ident $($rest:ident)*) => {
        $crate::__contract_capabilities! { also $wanted: $($rest)* }
    };
    (also $wanted:ident:) => {};
    ($other:ident $($rest:ident)*) => {
        $crate::__contract_capabilities! { $($rest)* }
    };
    () => {};
}

/// Selects the sections of `CredentialStore` together with each other capability, in whichever order they are
/// listed.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_with_credentials {
    ([$($all:ident)*] CredentialStore $($rest:ident)*) => {
        $($crate::__contract_credentials_and! { $all })*
    };
    ([$($all:ident)*] $other:ident $($rest:ident)*) => {
        $crate::__contract_with_credentials! { [$($all)*] $($rest)* }
    };
    ([$($all:ident)*]) => {};
}

/// Selects the section of `CredentialStore` together with another capability.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_credentials_and {
    (RememberStore) => {
        $crate::__contract_credentials_remember!();
    };
    (RefreshStore) => {
        $crate::__contract_credentials_refresh!();
    };
    (PersonalTokenStore) => {
        $crate::__contract_credentials_personal_tokens!();
    };
    ($other:ident) => {};
}

/// Selects the section of an optional capability.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_capability {
    (RoleStore) => {
        $crate::__contract_roles!();
        $crate::__contract_permissions!();
        $crate::__contract_hierarchy!();
        $crate::__contract_inclusions!();
    };
    (LapseStore) => {
        $crate::__contract_lapses!();
    };
    (TicketStore) => {
        $crate::__contract_tickets!();
    };
    (OutboxAdmin) => {
        $crate::__contract_outbox_admin!();
    };
    (TrackStore) => {
        $crate::__contract_track!();
    };
    (RememberStore) => {
        $crate::__contract_remember!();
        $crate::__contract_series_ends!();
    };
    (RefreshStore) => {
        $crate::__contract_refresh!();
        $crate::__contract_rotations!();
        $crate::__contract_family_ends!();
        $crate::__contract_denylist!();
    };
    (Denylist) => {
        $crate::__contract_denylist!();
    };
    (PersonalTokenStore) => {
        $crate::__contract_personal_tokens!();
    };
    (CredentialStore) => {
        $crate::__contract_credentials!();
        $crate::__contract_credential_uses!();
        $crate::__contract_credential_changes!();
    };
    (AuditStore) => {
        $crate::__contract_audit!();
    };
    ($other:ident) => {
        ::core::compile_error! {
            concat!(
                "`", stringify!($other),
                "` is none of `RoleStore`, `LapseStore`, `TicketStore`, `OutboxAdmin`, `TrackStore`, \
`RememberStore`, `RefreshStore`, `Denylist`, `PersonalTokenStore`, `CredentialStore` and `AuditStore`: no other capability is optional"
            )
        }
    };
}
