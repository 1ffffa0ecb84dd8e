//! What a store must do: a trait for each capability, with its contract and its rows.
//!
//! | capability | file | who needs it |
//! |---|---|---|
//! | [`UserDatastore`] | `user.rs` | everybody |
//! | [`SessionStore`] | `session.rs` | everybody |
//! | [`OneTimeStore`] | `one_time.rs` | mailed links |
//! | [`OutboxStore`] | `outbox.rs` | mail |
//! | [`AttemptStore`] | `attempt.rs` | the limits on attempts |
//! | [`LapseStore`] | `lapse.rs` | the features `confirm` and `close_account` |
//! | [`TicketStore`] | `one_time.rs` | the feature `tickets` |
//! | [`OutboxAdmin`] | `outbox.rs` | the command line |
//! | [`RoleStore`] | `role.rs` | the command line, and launches that create or check roles |
//! | [`TrackStore`] | `track.rs` | the feature `track` |
//! | [`RememberStore`] | `remember.rs` | the feature `remember` |
//! | [`RefreshStore`] | `refresh.rs` | the feature `tokens` |
//! | [`Denylist`] | `denylist.rs` | the feature `tokens` |
//! | [`PersonalTokenStore`] | `personal_token.rs` | the feature `personal_tokens` |
//! | [`CredentialStore`] | `credential.rs` | features with credentials beside the password |
//! | [`AuditStore`] | `audit.rs` | the feature `audit`; not in memory |
//!
//! [`SqlxDatastore`] keeps them in a database, [`MemoryDatastore`] in memory. The example
//! `own_datastore` is a store of an application's own, on tables of its own, and
//! `datastore_contract!`, of the test kit, tests one.
//!
//! Two rules hold for all of them. **Check and act in one step**: where a contract says that one
//! caller wins, two that come at once must not both win. **Together**: what is handed over as
//! [`Together`] is committed with the change, or neither is.

pub mod attempt;
pub mod audit;
pub mod credential;
pub mod denylist;
mod hierarchy;
pub mod lapse;
pub mod memory;
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
