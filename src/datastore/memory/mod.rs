//! The store in memory, for tests and for trying things out.
//!
//! One file a capability. Everything stands behind one lock, and each method takes it once: that
//! alone makes every operation one step.

mod attempt;
mod credential;
mod denylist;
mod lapse;
mod one_time;
mod outbox;
mod personal_token;
mod refresh;
mod remember;
mod role;
mod session;
mod track;
mod user;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::credential::CredentialRecord;
use crate::datastore::memory::attempt::Count;
use crate::datastore::memory::outbox::Queued;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::datastore::refresh::FamilyRecord;
use crate::datastore::remember::SeriesRecord;
use crate::datastore::role::RoleRecord;
use crate::datastore::session::SessionRecord;
use crate::datastore::track::Track;
use crate::datastore::user::Credentials;
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

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDatastore")
    }
}

#[derive(Default)]
struct Content {
    users: BTreeMap<UserId, Credentials>,
    /// Whose an address is, by its canonical form.
    addresses: HashMap<String, UserId>,
    /// Whose a username is, by its canonical form.
    usernames: HashMap<String, UserId>,
    /// Whose what a username looks like is, by its skeleton.
    skeletons: HashMap<String, UserId>,
    /// The roles, whose permissions are put to a user when one is given out.
    roles: BTreeMap<RoleName, RoleRecord>,
    sessions: HashMap<Digest, SessionRecord>,
    series: HashMap<Digest, SeriesRecord>,
    families: HashMap<Uuid, FamilyRecord>,
    /// Until when a token is denied, by its id.
    denied: HashMap<String, Timestamp>,
    tokens: HashMap<Digest, OneTimeToken>,
    outbox: HashMap<Uuid, Queued>,
    attempts: HashMap<Digest, Count>,
    tracks: HashMap<UserId, Track>,
    personal_tokens: HashMap<Digest, PersonalTokenRecord>,
    credentials: HashMap<Uuid, CredentialRecord>,
}

/// Deletes what `is_over`; says how many.
fn sweep<K, V>(rows: &mut HashMap<K, V>, is_over: impl Fn(&V) -> bool) -> u64 {
    let before = rows.len();
    rows.retain(|_, row| !is_over(row));
    u64::try_from(before - rows.len()).unwrap_or(u64::MAX)
}

/// Refuses a row that would have the key of another.
fn duplicate(what: &str) -> Error {
    Error::store(format!("there is {what} of that key already"))
}

/// Refuses a row that would belong to nobody.
fn orphan(what: &str) -> Error {
    Error::store(format!("{what} is for a user who does not exist"))
}
