//! The store itself: what it holds, behind its one lock.

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

/// The store in memory, for tests and for trying things out: it ends with the process.
///
/// Clones share their content.
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
    /// Makes an empty store.
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
    /// Whose an address is, by its canonical form.
    pub(super) addresses: HashMap<String, UserId>,
    /// Whose a username is, by its canonical form.
    pub(super) usernames: HashMap<String, UserId>,
    /// Whose what a username looks like is, by its skeleton.
    pub(super) skeletons: HashMap<String, UserId>,
    /// The roles, whose permissions are put to a user when one is given out.
    pub(super) roles: BTreeMap<RoleName, RoleRecord>,
    pub(super) sessions: HashMap<Digest, SessionRecord>,
    pub(super) series: HashMap<Digest, SeriesRecord>,
    pub(super) families: HashMap<Uuid, FamilyRecord>,
    /// Until when a token is denied, by its id.
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

/// Refuses a row that would have the key of another.
pub(super) fn duplicate(what: &str) -> Error {
    Error::store(format!("there is {what} of that key already"))
}

/// Refuses a row without a user.
pub(super) fn orphan(what: &str) -> Error {
    Error::store(format!("{what} is for a user who does not exist"))
}
