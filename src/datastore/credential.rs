//! What users can prove with other than the password: authenticator apps, recovery codes, passkeys,
//! accounts at identity providers.
//!
//! All of them share one table. A kind of credential says what its [`lookup`](CredentialRecord::lookup),
//! [`data`](CredentialRecord::data) and [`counter`](CredentialRecord::counter) mean:
//!
//! | kind | lookup | data | counter |
//! |---|---|---|---|
//! | [`TOTP`](CredentialKind::TOTP) | none | the secret, sealed by the [`vault`](crate::crypto::vault) | the last time step that was used |
//! | [`RECOVERY_CODE`](CredentialKind::RECOVERY_CODE) | none | a hash of the code | unused |
//! | [`PASSKEY`](CredentialKind::PASSKEY) | the digest of the credential's id | the public key, as JSON | the signature counter |
//! | [`PROVIDER`](CredentialKind::PROVIDER) | the digest of issuer and subject | the provider's tokens, sealed, if any are kept | unused |

use std::fmt;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::{Error, Result};
use crate::user::{CredentialKind, User, UserId};

/// Keeps what users can prove with other than the password.
///
/// A change of a user ([`update_user`](crate::UserDatastore::update_user) and everything else that raises
/// the epoch) leaves their credentials alone; the deletion of a user deletes them.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a feature with credentials beside the password needs a store that keeps them",
    label = "`{Self}` does not implement `CredentialStore`",
    note = "implement `rocket_security::datastore::CredentialStore` for it, or do not enable the feature"
)]
pub trait CredentialStore: Send + Sync + 'static {
    /// Changes the credentials of a user in one step: ends some, adds some, raises the epoch, and returns
    /// the changed user.
    ///
    /// The epoch rises by one, also for a change that neither ends nor adds anything. Everything older
    /// ends with it as with [`update_user`](crate::UserDatastore::update_user): sessions, remembered
    /// browsers, programs that are logged in, personal tokens, and one-time tokens but for the
    /// [`lasting`](crate::datastore::one_time::OneTimeToken::lasting) ones. What ends makes room for what
    /// is added: a change may add a lookup that it ends.
    ///
    /// Of any number of changes at one epoch exactly one applies. What is handed over as `together` is
    /// committed with it, and with nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when a record to add belongs to another user
    /// ([`CredentialChange::check_owner`]), when its id is taken, and when the store does not answer.
    async fn change_credentials(
        &self,
        user: UserId,
        change: &CredentialChange,
        together: &Together,
    ) -> Result<Result<User, CredentialsUnchanged>>;

    /// Lists the credentials of a user, the oldest first.
    async fn list_credentials(&self, user: UserId) -> Result<Vec<CredentialRecord>>;

    /// Finds a credential by its lookup, with its user and their roles, in one query. The user is returned
    /// whether or not the account is open.
    async fn find_credential(
        &self,
        kind: &CredentialKind,
        lookup: &Digest,
    ) -> Result<Option<(CredentialRecord, User)>>;

    /// Notes that a credential was used; false, and nothing noted, if the user does not have it or its
    /// counter is not the one that was read.
    ///
    /// Of any number of uses that have read one counter and set another, exactly one is noted. The epoch
    /// stays.
    async fn use_credential(&self, used: &CredentialUse) -> Result<bool>;

    /// Deletes a credential that can be used once. A factor is still set up when its last one is gone: keep
    /// another record that says so. False, and nothing done, if the user does not have it.
    ///
    /// Of any number of callers exactly one deletes it, and only that one's `together` is committed. The
    /// epoch stays: unlike the end of a credential by its owner, this is a login.
    async fn spend_credential(&self, user: UserId, id: Uuid, together: &Together) -> Result<bool>;

    /// Sets what a user calls a credential, up to 100 characters; false if the user does not have it. The
    /// epoch stays. Setting the name that it has is true.
    async fn rename_credential(&self, user: UserId, id: Uuid, name: &str) -> Result<bool>;
}

/// A credential as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialRecord {
    /// The name under which it is listed, renamed and ended; random, and no secret.
    pub id: Uuid,
    /// The user whose it is.
    pub user_id: UserId,
    /// What kind it is of.
    pub kind: CredentialKind,
    /// What its owner calls it: up to 100 characters, and may be empty.
    pub name: String,
    /// What it is found by when the user is not known yet. No two credentials of one kind have the same.
    pub lookup: Option<Digest>,
    /// What proves it: a sealed secret, a hash, or public data as JSON; up to 65,535 bytes. It does not
    /// print.
    pub data: String,
    /// What rises with each use, such as the last time step of a one-time code or a signature counter.
    pub counter: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
}

impl CredentialRecord {
    /// Creates a record with neither name, lookup nor data, a counter of 0, that was not used yet.
    pub fn new(id: Uuid, user_id: UserId, kind: CredentialKind, created_at: Timestamp) -> Self {
        let (name, data) = (String::new(), String::new());
        Self {
            id,
            user_id,
            kind,
            name,
            lookup: None,
            data,
            counter: 0,
            created_at,
            last_used_at: None,
        }
    }

    /// Sets what its owner calls it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what it is found by.
    pub fn lookup(mut self, lookup: Digest) -> Self {
        self.lookup = Some(lookup);
        self
    }

    /// Sets what proves it.
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.data = data.into();
        self
    }

    /// Sets the counter.
    pub fn counter(mut self, counter: i64) -> Self {
        self.counter = counter;
        self
    }
}

impl fmt::Debug for CredentialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRecord")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("kind", &self.kind)
            .field("lookup", &self.lookup)
            .field("counter", &self.counter)
            .field("created_at", &self.created_at)
            .field("last_used_at", &self.last_used_at)
            .finish_non_exhaustive()
    }
}

/// A change of the credentials of a user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialChange {
    /// The change applies only to a user who still has this epoch.
    pub epoch: i64,
    /// Which credentials end.
    pub ends: Ended,
    /// Which credentials are added, all of the user who is changed.
    pub adds: Vec<CredentialRecord>,
}

impl CredentialChange {
    /// Creates a change that applies only to a user who still has this epoch, and neither ends nor adds
    /// anything yet.
    pub fn unless_changed_since(epoch: i64) -> Self {
        Self { epoch, ends: Ended::Nothing, adds: Vec::new() }
    }

    /// Sets which credentials end.
    pub fn ending(mut self, ends: Ended) -> Self {
        self.ends = ends;
        self
    }

    /// Adds a credential.
    pub fn adding(mut self, credential: CredentialRecord) -> Self {
        self.adds.push(credential);
        self
    }

    /// Checks, for stores, that everything to add belongs to the user who is changed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when a record belongs to another user.
    pub fn check_owner(&self, user: UserId) -> Result<()> {
        if self.adds.iter().all(|added| added.user_id == user) {
            Ok(())
        } else {
            Err(Error::store("a credential to add belongs to another user than the one changed"))
        }
    }
}

/// Which credentials of a user end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// None.
    Nothing,
    /// The one of this id. The change does not apply if the user does not have it.
    One(Uuid),
    /// All of this kind, if there are any.
    Kind(CredentialKind),
    /// All, if there are any.
    All,
}

/// Why the credentials of a user are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsUnchanged {
    /// Another credential of the same kind has a lookup of those to add: of this user or another, or
    /// within the change.
    Taken,
    /// The user is gone, switched off, closed, or has another epoch by now, or does not have the
    /// credential to end.
    AccountChanged,
}

/// The use of a credential.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialUse {
    /// The user whose it is.
    pub user: UserId,
    /// The id of the credential.
    pub id: Uuid,
    /// The counter that was read: the use counts only while the credential still has it.
    pub counter_read: i64,
    /// The counter from now on.
    pub counter: i64,
    /// What proves it from now on, if that changes: a secret that was sealed again. It does not print.
    pub data: Option<String>,
    /// When it was used.
    pub at: Timestamp,
}

impl CredentialUse {
    /// Creates the use of a credential as it was read, which sets the counter and leaves the data.
    pub fn of(credential: &CredentialRecord, counter: i64, at: Timestamp) -> Self {
        Self {
            user: credential.user_id,
            id: credential.id,
            counter_read: credential.counter,
            counter,
            data: None,
            at,
        }
    }

    /// Sets what proves the credential from now on.
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(data.into());
        self
    }
}

impl fmt::Debug for CredentialUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialUse")
            .field("user", &self.user)
            .field("id", &self.id)
            .field("counter_read", &self.counter_read)
            .field("counter", &self.counter)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::crypto::random_uuid;
    use crate::datastore::credential::{CredentialChange, CredentialRecord, CredentialUse};
    use crate::user::{CredentialKind, UserId};

    fn record() -> CredentialRecord {
        let (id, user) = (random_uuid().unwrap(), UserId::from_uuid(random_uuid().unwrap()));
        let now = Clock::default().now();
        CredentialRecord::new(id, user, CredentialKind::TOTP, now).name("Ann's phone").data("hush")
    }

    #[test]
    fn what_proves_a_credential_does_not_print() {
        let record = record();
        let used = CredentialUse::of(&record, 1, record.created_at).data("hush");
        let change = CredentialChange::unless_changed_since(0).adding(record.clone());
        for text in [format!("{record:?}"), format!("{used:?}"), format!("{change:?}")] {
            assert!(text.contains(&record.id.to_string()), "{text}");
            assert!(!text.contains("hush") && !text.contains("Ann's"), "{text}");
        }
    }

    #[test]
    fn a_record_of_another_user_is_not_for_this_one() {
        let (mine, other) = (record(), record());
        let change = CredentialChange::unless_changed_since(0).adding(mine.clone());
        assert!(change.check_owner(mine.user_id).is_ok());
        assert!(change.adding(other).check_owner(mine.user_id).is_err());
    }
}
