//! Credentials besides the password: authenticator apps, recovery codes, passkeys, and accounts at identity
//! providers.
//!
//! All of them share one table. The kind of a credential defines what its
//! [`lookup`](CredentialRecord::lookup), [`data`](CredentialRecord::data) and
//! [`counter`](CredentialRecord::counter) mean:
//!
//! | kind | lookup | data | counter |
//! |---|---|---|---|
//! | [`TOTP`](CredentialKind::TOTP) | none | the secret, sealed by the [`vault`](crate::crypto::vault) | the last time step that was used |
//! | [`RECOVERY_CODE`](CredentialKind::RECOVERY_CODE) | none | a hash of the code | unused |
//! | [`PASSKEY`](CredentialKind::PASSKEY) | the digest of the credential's id | the public key, as JSON | the signature counter |
//! | [`PROVIDER`](CredentialKind::PROVIDER) | the digest of issuer and subject | the provider's tokens, sealed, if any are stored | unused |

use std::fmt;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::together::Together;
use crate::error::{Error, Result};
use crate::user::{CredentialKind, User, UserId};

/// Stores the credentials of users besides their passwords.
///
/// Features with second factors, passkeys or external accounts need this capability.
///
/// A change of a user ([`update_user`](crate::UserDatastore::update_user), and everything else that raises
/// the epoch) leaves the user's credentials as they are. The deletion of a user deletes them.
///
/// # Errors
///
/// Every method fails with [`Error::Store`] if the store does not answer. A method that takes [`Together`]
/// also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a feature with credentials beside the password needs a store that keeps them",
    label = "`{Self}` does not implement `CredentialStore`",
    note = "implement `rocket_security::datastore::CredentialStore` for it, or do not enable the feature"
)]
pub trait CredentialStore: Send + Sync + 'static {
    /// Changes the credentials of a user in one step: deletes some, adds some, raises the epoch by one, and
    /// returns the changed user.
    ///
    /// The epoch rises even if the change neither deletes nor adds anything. As with
    /// [`update_user`](crate::UserDatastore::update_user), everything of an older epoch ends: sessions,
    /// remembered browsers, logged-in programs, personal tokens, and one-time tokens except the
    /// [`lasting`](crate::datastore::one_time::OneTimeToken::lasting) ones. The store deletes before it adds,
    /// so a change may add a lookup that it deletes.
    ///
    /// Of any number of concurrent changes at one epoch, exactly one applies. Only a change that applies
    /// commits `together`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if a record to add belongs to another user ([`CredentialChange::check_owner`]), if
    /// its id is taken, or if the store does not answer.
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

    /// Records the use of a credential. Returns `false`, and changes nothing, if the user does not have the
    /// credential, or if its counter is no longer the one that the caller read.
    ///
    /// The comparison and the change are one step: of any number of concurrent uses that read the same
    /// counter and set another, exactly one is recorded. The epoch stays.
    async fn use_credential(&self, used: &CredentialUse) -> Result<bool>;

    /// Deletes a credential that can be used once, such as a recovery code, and commits `together` with it.
    /// Returns `false`, and changes nothing, if the user does not have it.
    ///
    /// Of any number of concurrent callers, exactly one deletes it. The epoch stays, because this is a login
    /// and not a change by the user. A factor whose last credential is spent must still count as set up:
    /// store another record that says so.
    async fn spend_credential(&self, user: UserId, id: Uuid, together: &Together) -> Result<bool>;

    /// Sets the name that the user chose for a credential, up to 100 characters. Returns `false` if the user
    /// does not have it, and `true` even if it already has this name. The epoch stays.
    async fn rename_credential(&self, user: UserId, id: Uuid, name: &str) -> Result<bool>;
}

/// A credential as stored.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialRecord {
    /// The id under which it is listed, renamed and deleted. It is random and not secret.
    pub id: Uuid,
    /// The user it belongs to.
    pub user_id: UserId,
    /// Its kind.
    pub kind: CredentialKind,
    /// The name that the user chose: up to 100 characters, possibly empty.
    pub name: String,
    /// What it is found by when the user is not known yet. It is unique among the credentials of a kind.
    pub lookup: Option<Digest>,
    /// The data that verifies it: a sealed secret, a hash, or public data as JSON; up to 65,535 bytes.
    /// `Debug` does not print it.
    pub data: String,
    /// A counter that rises with each use, such as the last time step of a one-time code or a signature
    /// counter.
    pub counter: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl CredentialRecord {
    /// Creates a record that has not been used yet, with a counter of 0 and without name, lookup and data.
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

    /// Sets the name that the user chose.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what it is found by when the user is not known yet.
    pub fn lookup(mut self, lookup: Digest) -> Self {
        self.lookup = Some(lookup);
        self
    }

    /// Sets the data that verifies it.
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

/// A change of a user's credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialChange {
    /// The epoch that the user must still have. Otherwise the change does not apply.
    pub epoch: i64,
    /// Which credentials are deleted.
    pub ends: Ended,
    /// Which credentials are added. All must belong to the changed user.
    pub adds: Vec<CredentialRecord>,
}

impl CredentialChange {
    /// Creates a change that applies only if the user still has this epoch. It neither deletes nor adds
    /// anything yet.
    pub fn unless_changed_since(epoch: i64) -> Self {
        Self { epoch, ends: Ended::Nothing, adds: Vec::new() }
    }

    /// Sets which credentials are deleted.
    pub fn ending(mut self, ends: Ended) -> Self {
        self.ends = ends;
        self
    }

    /// Adds a credential.
    pub fn adding(mut self, credential: CredentialRecord) -> Self {
        self.adds.push(credential);
        self
    }

    /// Checks, for stores, that all records to add belong to `user`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if a record belongs to another user.
    pub fn check_owner(&self, user: UserId) -> Result<()> {
        if self.adds.iter().all(|added| added.user_id == user) {
            Ok(())
        } else {
            Err(Error::store("a credential to add belongs to another user than the one changed"))
        }
    }
}

/// Which credentials of a user are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// None.
    Nothing,
    /// The credential with this id. The change does not apply if the user does not have it.
    One(Uuid),
    /// All of this kind, if there are any.
    Kind(CredentialKind),
    /// All, if there are any.
    All,
}

/// Why a change of credentials did not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsUnchanged {
    /// A lookup to add is already taken within its kind, by a credential of any user or by another one in the
    /// same change.
    Taken,
    /// The user is gone, deactivated or closed, has another epoch by now, or does not have the credential to
    /// delete.
    AccountChanged,
}

/// The use of a credential.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialUse {
    /// The user it belongs to.
    pub user: UserId,
    /// The id of the credential.
    pub id: Uuid,
    /// The counter that the caller read. The use is recorded only if the credential still has it.
    pub counter_read: i64,
    /// The new counter.
    pub counter: i64,
    /// The new data that verifies it, if that changes, for example a secret that was sealed again. `Debug`
    /// does not print it.
    pub data: Option<String>,
    /// When it was used.
    pub at: Timestamp,
}

impl CredentialUse {
    /// Creates the use of a credential as it was read. It sets the counter and leaves the data unchanged.
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

    /// Sets the new data that verifies the credential.
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
