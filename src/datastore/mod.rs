//! What a store must do: a trait for each capability, with its contract and its rows.
//!
//! | capability | file | who needs it |
//! |---|---|---|
//! | [`UserDatastore`] | `user.rs` | everybody |
//! | [`SessionStore`] | `session.rs` | everybody |
//! | [`OneTimeStore`] | `one_time.rs` | mailed links |
//! | [`OutboxStore`] | `outbox.rs` | mail |
//! | [`AttemptStore`] | `attempt.rs` | the limits on attempts |
//! | [`TrackStore`] | `track.rs` | the feature `track` |
//!
//! [`SqlxDatastore`] keeps them in a database, [`MemoryDatastore`] in memory.
//!
//! Two rules hold for all of them. **Check and act in one step**: where a contract says that one
//! caller wins, two that come at once must not both win. **Together**: what is handed over as
//! [`Together`] is committed with the change, or neither is.

pub mod attempt;
pub mod memory;
pub mod one_time;
pub mod outbox;
pub mod session;
pub mod sqlx;
pub mod track;
pub mod user;

pub use crate::datastore::attempt::AttemptStore;
pub use crate::datastore::memory::MemoryDatastore;
pub use crate::datastore::one_time::OneTimeStore;
pub use crate::datastore::outbox::OutboxStore;
pub use crate::datastore::session::SessionStore;
pub use crate::datastore::sqlx::SqlxDatastore;
pub use crate::datastore::track::TrackStore;
pub use crate::datastore::user::UserDatastore;

use crate::datastore::outbox::NewMail;

/// What is committed together with a change, or not at all.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Together {
    /// Mails to be sent because of the change.
    pub mail: Vec<NewMail>,
}

impl Together {
    /// Nothing but the change itself.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The change, and these mails.
    pub fn mail(mail: Vec<NewMail>) -> Self {
        Self { mail }
    }
}
