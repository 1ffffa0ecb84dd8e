//! The storage traits: one for each capability, with its contract and its rows.
//!
//! | capability | file | needed by |
//! |---|---|---|
//! | [`UserDatastore`] | `user.rs` | every application |
//! | [`SessionStore`] | `session.rs` | every application |
//! | [`OneTimeStore`] | `one_time.rs` | every application, for mailed links |
//! | [`OutboxStore`] | `outbox.rs` | every application, for mail |
//! | [`AttemptStore`] | `attempt.rs` | every application, for the limits on attempts |
//! | [`LapseStore`] | `lapse.rs` | the features `confirm` and `close_account` |
//! | [`TicketStore`] | `one_time.rs` | the feature `tickets` |
//! | [`OutboxAdmin`] | `outbox.rs` | the command line |
//! | [`RoleStore`] | `role.rs` | the command line, and launches that create or check roles |
//! | [`TrackStore`] | `track.rs` | the feature `track` |
//! | [`RememberStore`] | `remember.rs` | the feature `remember` |
//! | [`RefreshStore`] | `refresh.rs` | the feature `tokens` |
//! | [`Denylist`] | `denylist.rs` | the feature `tokens` |
//! | [`PersonalTokenStore`] | `personal_token.rs` | the feature `personal_tokens` |
//! | [`CredentialStore`] | `credential.rs` | features with credentials besides the password |
//! | [`AuditStore`] | `audit.rs` | the feature `audit`; [`MemoryDatastore`] does not implement it |
//!
//! [`SqlxDatastore`] stores all of this in a database, [`MemoryDatastore`] in memory. To use tables of your
//! own, implement [`UserDatastore`] and the four traits that it requires; add the other traits for the
//! features that you enable. The example `own_datastore` does this, and the macro `datastore_contract!` of
//! the test kit runs the contract against your store.
//!
//! # Rules for every store
//!
//! - **Check and act in one step.** Where a contract says that exactly one of several concurrent callers
//!   succeeds, two of them must never both succeed.
//! - **All or nothing.** The store commits a change and the [`Together`] passed with it in one transaction,
//!   or commits neither.
//! - **Errors.** Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer.
//!   A method with a `together` parameter also fails with it if the application's work in `together` fails;
//!   the change is then not committed.

pub mod attempt;
pub mod audit;
pub mod credential;
pub mod denylist;
mod hierarchy;
pub mod lapse;
pub mod memory;
mod new_mail;
pub mod one_time;
pub mod outbox;
pub mod personal_token;
pub mod refresh;
pub mod remember;
pub mod role;
pub mod session;
pub mod sqlx;
mod together;
pub mod track;
pub mod user;
mod user_change;

pub use crate::datastore::attempt::AttemptStore;
pub use crate::datastore::audit::AuditStore;
pub use crate::datastore::credential::CredentialStore;
pub use crate::datastore::denylist::Denylist;
pub use crate::datastore::lapse::LapseStore;
pub use crate::datastore::memory::MemoryDatastore;
pub use crate::datastore::one_time::{OneTimeStore, TicketStore};
pub use crate::datastore::outbox::{OutboxAdmin, OutboxStore};
pub use crate::datastore::personal_token::PersonalTokenStore;
pub use crate::datastore::refresh::RefreshStore;
pub use crate::datastore::remember::RememberStore;
pub use crate::datastore::role::RoleStore;
pub use crate::datastore::session::SessionStore;
pub use crate::datastore::sqlx::SqlxDatastore;
pub use crate::datastore::together::{StoreConnection, Together, Work, WorkFault};
pub use crate::datastore::track::TrackStore;
pub use crate::datastore::user::UserDatastore;
