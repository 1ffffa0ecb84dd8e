//! Changes of users, and the conditions under which they apply.

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::user::{Email, Username};

/// A change of a user's password, identity or status. A field that is `None` leaves its value as it is.
///
/// The fields that begin with `only_`, and [`epoch`](Self::epoch), are conditions: if one of them does not
/// hold, the store changes nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UserChange {
    /// Activates or deactivates the user.
    pub active: Option<bool>,
    /// Sets when the address was confirmed. The account then no longer expires.
    pub confirmed_at: Option<Timestamp>,
    /// Sets the hash of the password, or removes it.
    pub password_hash: Option<Option<PasswordHash>>,
    /// Sets the e-mail address.
    pub email: Option<Email>,
    /// Sets the username, or removes it.
    pub username: Option<Option<Username>>,
    /// Sets whether the user must change the password before doing anything else.
    pub must_change: Option<bool>,
    /// Closes the account and sets when it is deleted, or opens it again.
    pub closes_at: Option<Option<Timestamp>>,
    /// Deletes the lasting tokens of the user that were requested after this time, and drops the mails that
    /// would carry such a token. An owner who takes an account back so leaves no other way back.
    pub ends_lasting_after: Option<Timestamp>,
    /// Deletes all [credentials](crate::datastore::credential) of the user. An owner who takes an account back so
    /// ends the factors that were set up meanwhile.
    pub ends_credentials: bool,
    /// Applies the change only if the user still has this epoch, that is, if nothing has changed since the
    /// user was read.
    pub epoch: Option<i64>,
    /// Applies the change only if the address is not confirmed yet.
    pub only_unconfirmed: bool,
    /// Applies the change only if the user has a password.
    pub only_with_password: bool,
}

impl UserChange {
    /// Activates or deactivates the user.
    pub fn active(active: bool) -> Self {
        Self { active: Some(active), ..Self::default() }
    }

    /// Sets a password that the user chose. The user then no longer has to change it.
    pub fn password(hash: PasswordHash) -> Self {
        Self { password_hash: Some(Some(hash)), must_change: Some(false), ..Self::default() }
    }

    /// Sets an address that was confirmed at `proved_at`.
    pub fn email(email: Email, proved_at: Timestamp) -> Self {
        Self { email: Some(email), confirmed_at: Some(proved_at), ..Self::default() }
    }

    /// Sets the username.
    pub fn username(username: Username) -> Self {
        Self { username: Some(Some(username)), ..Self::default() }
    }

    /// Removes the username.
    pub fn without_username() -> Self {
        Self { username: Some(None), ..Self::default() }
    }

    /// Requires the user to change the password before doing anything else.
    pub fn must_change() -> Self {
        Self { must_change: Some(true), ..Self::default() }
    }

    /// Closes the account, which is deleted at `at`.
    pub fn closing(at: Timestamp) -> Self {
        Self { closes_at: Some(Some(at)), ..Self::default() }
    }

    /// Opens a closed account again.
    pub fn reopened() -> Self {
        Self { closes_at: Some(None), ..Self::default() }
    }

    /// Applies the change only if the user still has this epoch.
    pub fn unless_changed_since(mut self, epoch: i64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Confirms the address for the first time, and sets the password that was chosen with the confirmation.
    ///
    /// Without a password, the change applies only to a user who already has one: no one could log in to a
    /// confirmed account without a password.
    pub fn confirmed(at: Timestamp, password_hash: Option<PasswordHash>) -> Self {
        Self {
            confirmed_at: Some(at),
            only_with_password: password_hash.is_none(),
            password_hash: password_hash.map(Some),
            only_unconfirmed: true,
            ..Self::default()
        }
    }
}
