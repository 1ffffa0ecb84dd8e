//! The store itself: its content behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::credential::CredentialRecord;
use crate::datastore::memory::rows::{Count, Queued};
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::Addressee;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::datastore::refresh::FamilyRecord;
use crate::datastore::remember::SeriesRecord;
use crate::datastore::role::RoleRecord;
use crate::datastore::session::SessionRecord;
use crate::datastore::track::TrackedLogins;
use crate::datastore::user::UserWithPassword;
use crate::error::Error;
use crate::user::{RoleName, UserId};

/// Stores everything in memory, for tests and for trying things out. The content is lost when the process
/// ends.
///
/// It implements every capability except [`AuditStore`](crate::datastore::AuditStore). It has no
/// transactions, so a change with application's work ([`Together::and`](crate::datastore::Together::and))
/// fails. Clones share their content.
///
/// ```
/// use rocket_security::datastore::MemoryDatastore;
/// use rocket_security::datastore::RoleStore;
/// use rocket_security::user::RoleName;
///
/// # rocket::async_test(async {
/// let store = MemoryDatastore::new();
/// let admin = RoleName::parse("admin")?;
/// assert!(store.create_role(&admin, "May do everything.").await?);
/// assert!(!store.clone().create_role(&admin, "").await?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct MemoryDatastore {
    content: Arc<Mutex<Content>>,
}

impl MemoryDatastore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDatastore")
    }
}

#[derive(Default)]
pub(super) struct Content {
    pub(super) users: BTreeMap<UserId, UserWithPassword>,
    /// The users by the canonical form of their address.
    pub(super) addresses: HashMap<String, UserId>,
    /// The users by the canonical form of their username.
    pub(super) usernames: HashMap<String, UserId>,
    /// The users by the skeleton of their username.
    pub(super) skeletons: HashMap<String, UserId>,
    /// The roles. Their permissions are added to a user when the store returns the user.
    pub(super) roles: BTreeMap<RoleName, RoleRecord>,
    pub(super) sessions: HashMap<Digest, SessionRecord>,
    pub(super) series: HashMap<Digest, SeriesRecord>,
    pub(super) families: HashMap<Uuid, FamilyRecord>,
    /// When the denial of a token ends, by the id of the token.
    pub(super) denied: HashMap<String, Timestamp>,
    pub(super) tokens: HashMap<Digest, OneTimeToken>,
    pub(super) outbox: HashMap<Uuid, Queued>,
    pub(super) attempts: HashMap<Digest, Count>,
    pub(super) tracks: HashMap<UserId, TrackedLogins>,
    pub(super) personal_tokens: HashMap<Digest, PersonalTokenRecord>,
    pub(super) credentials: HashMap<Uuid, CredentialRecord>,
}

impl Content {
    /// Deletes the rows of a user: each map whose rows belong to users stands here.
    pub(super) fn delete_rows_of(&mut self, id: UserId) {
        self.personal_tokens.retain(|_, token| token.user_id != id);
        self.series.retain(|_, series| series.user_id != id);
        self.sessions.retain(|_, session| session.user_id != id);
        self.families.retain(|_, family| family.user_id != id);
        self.tokens.retain(|_, token| token.user_id != id);
        self.outbox.retain(|_, queued| queued.mail.addressee != Addressee::User(id));
        self.tracks.remove(&id);
        self.credentials.retain(|_, credential| credential.user_id != id);
    }
}

/// Deletes what `is_over`; says how many.
pub(super) fn sweep<K, V>(rows: &mut HashMap<K, V>, is_over: impl Fn(&V) -> bool) -> u64 {
    let before = rows.len();
    rows.retain(|_, row| !is_over(row));
    u64::try_from(before - rows.len()).unwrap_or(u64::MAX)
}

/// Returns the error for a row whose key is taken.
pub(super) fn duplicate(what: &str) -> Error {
    Error::store(format!("there is {what} of that key already"))
}

/// Returns the error for a row whose user does not exist.
pub(super) fn orphan(what: &str) -> Error {
    Error::store(format!("{what} is for a user who does not exist"))
}
