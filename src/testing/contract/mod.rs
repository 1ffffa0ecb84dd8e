//! What every store must do, as tests: for your own store.
//!
//! The traits of [`datastore`](crate::datastore) say in prose what the framework relies on. Here is
//! a sentence for each promise, `of_parallel_registrations_of_one_address_one_wins` for example,
//! and [`datastore_contract!`](crate::datastore_contract) makes a test of each. A store that passes
//! can stand under [`Security::new`](crate::Security::new). [`MemoryDatastore`] and [`SqlxDatastore`]
//! are held to the same sentences.
//!
//! In a file under `tests/`, with the cargo feature `testing` among the development dependencies:
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
//! `store` is evaluated once for each test and awaited. It returns a fresh, empty store, and a value that
//! must live as long as the store does: the guard of a temporary folder, of a scratch database, or
//! `()`. The guard is dropped after the store.
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
//! | [`RoleStore`], if it stands among the `capabilities` | `roles`, `permissions`, `hierarchy`, `inclusions` |
//! | [`LapseStore`], likewise | `lapses` |
//! | [`TicketStore`], likewise | `tickets` |
//! | [`OutboxAdmin`], likewise | `outbox_admin` |
//! | [`TrackStore`], likewise | `track` |
//! | [`RememberStore`], likewise | `remember`, `series_ends` |
//! | [`RefreshStore`], likewise | `refresh`, `rotations`, `family_ends`, `denylist` |
//! | [`RememberStore`] and [`RefreshStore`], if both do | `refresh_remembered` |
//! | [`Denylist`], likewise, without it | `denylist` |
//! | [`PersonalTokenStore`], likewise | `personal_tokens` |
//! | [`CredentialStore`], likewise | `credentials`, `credential_uses`, `credential_changes` |
//! | [`CredentialStore`] and [`RememberStore`], [`RefreshStore`] or [`PersonalTokenStore`], if both do | `credentials_remember`, `credentials_refresh`, `credentials_personal_tokens` |
//! | [`AuditStore`], likewise | `audit` |
//!
//! The first five always run, for [`UserDatastore`] requires the other four; `capabilities` names
//! what a store can do beyond, and may be left out.
//!
//! The sentences that begin with `of_parallel`, and some others, let 32 callers loose on the store
//! in one moment, on 8 threads: a token is consumed once, attempts are counted exactly, an address,
//! a role, a token of a mail are unique, a user's sessions never exceed their maximum, and what was
//! under way with a change or a deletion does not outlive it. Such a test can pass by luck on a
//! store that reads, decides and writes, but seldom often: run the suite several times.
//!
//! # What is not covered
//!
//! The suite knows a store by its public traits only. What cannot be brought about or seen through
//! them is left to the store's own tests:
//!
//! - a session that holds another epoch than its user, which must not be found: a change has
//!   ended it already;
//! - that an application's work is done on the store's own connection, and committed with the change
//!   or not at all: of what kind the connection is, only the store knows;
//! - several processes on one database, a store that does not answer, a transaction that is broken
//!   off half-way by a crash;
//! - that [`find_session`](crate::datastore::SessionStore::find_session) needs one query only, and
//!   other matters of speed;
//! - what the contracts leave open, such as the order in which mail is handed out, or whether texts
//!   that differ by a blank at their end are told apart: no address, name, purpose or hash has one.
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
    pub use crate::testing::contract::sessions::sentences as sessions;
    pub use crate::testing::contract::tickets::sentences as tickets;
    pub use crate::testing::contract::together::sentences as together;
    pub use crate::testing::contract::track::sentences as track;
    pub use crate::testing::contract::users::sentences as users;
}
