//! Tests of what every store must do: for stores of your own.
//!
//! The traits of [`datastore`](crate::datastore) describe what the framework relies on. This module has a
//! sentence for each promise, for example `of_parallel_registrations_of_one_address_one_wins`, and
//! [`datastore_contract!`](crate::datastore_contract) turns each sentence into a test. A store that passes
//! can be given to [`Security::new`](crate::Security::new). [`MemoryDatastore`] and [`SqlxDatastore`] pass
//! the same tests.
//!
//! In a file under `tests/`, with the cargo feature `testing` enabled among the development dependencies:
//!
//! ```test_harness
//! mod contract {
//!     use rocket_security::MemoryDatastore;
//!
//!     rocket_security::datastore_contract! {
//!         capabilities: [TrackStore],
//!         store: async { (MemoryDatastore::new(), ()) },
//!     }
//! }
//! ```
//!
//! `store` is evaluated once for each test and awaited. It returns a new, empty store, and a value that must
//! live as long as the store does: the guard of a temporary folder, of a temporary database, or `()`. The
//! guard is dropped after the store.
//!
//! # What is covered
//!
//! | capability | modules of tests |
//! |---|---|
//! | [`UserDatastore`] | `users`, `changes`, `better_hashes`, `deletions`, `together` |
//! | [`SessionStore`] | `sessions` |
//! | [`OneTimeStore`] | `one_time`, `one_time_uses` |
//! | [`OutboxStore`] | `outbox` |
//! | [`AttemptStore`] | `attempts` |
//! | [`RoleStore`], if listed in `capabilities` | `roles`, `permissions`, `hierarchy`, `inclusions` |
//! | [`LapseStore`], likewise | `lapses` |
//! | [`TicketStore`], likewise | `tickets` |
//! | [`OutboxAdmin`], likewise | `outbox_admin` |
//! | [`TrackStore`], likewise | `track` |
//! | [`RememberStore`], likewise | `remember`, `series_ends` |
//! | [`RefreshStore`], likewise | `refresh`, `rotations`, `family_ends`, `denylist` |
//! | [`RememberStore`] and [`RefreshStore`], if both are listed | `refresh_remembered` |
//! | [`Denylist`], likewise, without [`RefreshStore`] | `denylist` |
//! | [`PersonalTokenStore`], likewise | `personal_tokens` |
//! | [`CredentialStore`], likewise | `credentials`, `credential_uses`, `credential_changes` |
//! | [`CredentialStore`] and [`RememberStore`], [`RefreshStore`] or [`PersonalTokenStore`], if both are listed | `credentials_remember`, `credentials_refresh`, `credentials_personal_tokens` |
//! | [`AuditStore`], likewise | `audit` |
//!
//! The tests of the first five always run, because [`UserDatastore`] requires the other four. `capabilities`
//! lists what else a store can do, and may be left out.
//!
//! The sentences that begin with `of_parallel`, and some others, call the store from 32 callers at once, on 8
//! threads. They check that a token is consumed once, that attempts are counted exactly, that an address, a
//! role and the token of a mail are unique, that a user's sessions never exceed their maximum, and that an
//! operation that began before a change or a deletion leaves nothing behind after it. A store that first
//! reads, then decides and then writes can pass such a test by luck, but seldom repeatedly: run the suite
//! several times.
//!
//! # What is not covered
//!
//! The suite uses only the public traits of a store. The store's own tests must cover what these cannot cause
//! or observe:
//!
//! - a session with another epoch than its user's, which must not be found: a change has already ended it;
//! - that an application's work runs on the store's own connection, and is committed with the change or not
//!   at all: only the store knows the type of the connection;
//! - several processes on one database, a store that does not answer, and a transaction that a crash
//!   interrupts;
//! - that [`find_session`](crate::datastore::SessionStore::find_session) needs only one query, and other
//!   matters of speed;
//! - what the contracts leave open, for example the order in which mails are leased, or whether texts that
//!   differ only by a space at the end are different: no address, name, purpose or hash ends with one.
//!
//! [`AttemptStore`]: crate::datastore::AttemptStore
//! [`AuditStore`]: crate::datastore::AuditStore
//! [`CredentialStore`]: crate::datastore::CredentialStore
//! [`Denylist`]: crate::datastore::Denylist
//! [`LapseStore`]: crate::datastore::LapseStore
//! [`MemoryDatastore`]: crate::datastore::MemoryDatastore
//! [`OneTimeStore`]: crate::datastore::OneTimeStore
//! [`OutboxAdmin`]: crate::datastore::OutboxAdmin
//! [`OutboxStore`]: crate::datastore::OutboxStore
//! [`RefreshStore`]: crate::datastore::RefreshStore
//! [`PersonalTokenStore`]: crate::datastore::PersonalTokenStore
//! [`RememberStore`]: crate::datastore::RememberStore
//! [`RoleStore`]: crate::datastore::RoleStore
//! [`SessionStore`]: crate::datastore::SessionStore
//! [`SqlxDatastore`]: crate::datastore::SqlxDatastore
//! [`TicketStore`]: crate::datastore::TicketStore
//! [`TrackStore`]: crate::datastore::TrackStore
//! [`UserDatastore`]: crate::datastore::UserDatastore

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test ends by a panic, and the name of a sentence is what it says"
)]

#[macro_use]
mod section;
mod attempts;
mod audit;
mod better_hashes;
mod changes;
mod credential_changes;
mod credential_uses;
mod credentials;
mod credentials_personal_tokens;
mod credentials_refresh;
mod credentials_remember;
mod deletions;
mod denylist;
mod family_ends;
mod hierarchy;
mod inclusions;
mod lapses;
mod makers;
mod one_time;
mod one_time_uses;
mod outbox;
mod outbox_admin;
mod permissions;
mod personal_tokens;
mod refresh;
mod refresh_remembered;
mod remember;
mod roles;
mod rotations;
mod run;
mod series_ends;
mod session_replacements;
mod sessions;
mod suite;
mod tickets;
mod together;
mod track;
mod users;

#[doc(hidden)]
pub use crate::testing::contract::run::run;

/// The sentences by section, where the tests find them.
#[doc(hidden)]
pub mod sentences {
    pub use crate::testing::contract::attempts::sentences as attempts;
    pub use crate::testing::contract::audit::sentences as audit;
    pub use crate::testing::contract::better_hashes::sentences as better_hashes;
    pub use crate::testing::contract::changes::sentences as changes;
    pub use crate::testing::contract::credential_changes::sentences as credential_changes;
    pub use crate::testing::contract::credential_uses::sentences as credential_uses;
    pub use crate::testing::contract::credentials::sentences as credentials;
    pub use crate::testing::contract::credentials_personal_tokens::sentences as credentials_personal_tokens;
    pub use crate::testing::contract::credentials_refresh::sentences as credentials_refresh;
    pub use crate::testing::contract::credentials_remember::sentences as credentials_remember;
    pub use crate::testing::contract::deletions::sentences as deletions;
    pub use crate::testing::contract::denylist::sentences as denylist;
    pub use crate::testing::contract::family_ends::sentences as family_ends;
    pub use crate::testing::contract::hierarchy::sentences as hierarchy;
    pub use crate::testing::contract::inclusions::sentences as inclusions;
    pub use crate::testing::contract::lapses::sentences as lapses;
    pub use crate::testing::contract::one_time::sentences as one_time;
    pub use crate::testing::contract::one_time_uses::sentences as one_time_uses;
    pub use crate::testing::contract::outbox::sentences as outbox;
    pub use crate::testing::contract::outbox_admin::sentences as outbox_admin;
    pub use crate::testing::contract::permissions::sentences as permissions;
    pub use crate::testing::contract::personal_tokens::sentences as personal_tokens;
    pub use crate::testing::contract::refresh::sentences as refresh;
    pub use crate::testing::contract::refresh_remembered::sentences as refresh_remembered;
    pub use crate::testing::contract::remember::sentences as remember;
    pub use crate::testing::contract::roles::sentences as roles;
    pub use crate::testing::contract::rotations::sentences as rotations;
    pub use crate::testing::contract::series_ends::sentences as series_ends;
    pub use crate::testing::contract::session_replacements::sentences as session_replacements;
    pub use crate::testing::contract::sessions::sentences as sessions;
    pub use crate::testing::contract::tickets::sentences as tickets;
    pub use crate::testing::contract::together::sentences as together;
    pub use crate::testing::contract::track::sentences as track;
    pub use crate::testing::contract::users::sentences as users;
}
