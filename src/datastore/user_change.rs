//! What of a user can be changed, and to whom a change applies.

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::user::{Email, Username};

/// A change of a user's credentials or status. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UserChange {
    /// Switches the user on or off.
    pub active: Option<bool>,
    /// Notes that the address was confirmed; the account then no longer expires.
    pub confirmed_at: Option<Timestamp>,
    /// Sets the password, or takes it away.
    pub password_hash: Option<Option<PasswordHash>>,
    /// Sets the address.
    pub email: Option<Email>,
    /// Sets the username, or removes it.
    pub username: Option<Option<Username>>,
    /// Says whether the password has to be changed before anything else.
    pub must_change: Option<bool>,
    /// Closes the account until it is deleted at that time, or opens it again.
    pub closes_at: Option<Option<Timestamp>>,
    /// Ends the lasting tokens of the user that were asked for later than that, and drops the mails
    /// that would carry them: taking an account back leaves no other way back.
    pub ends_lasting_after: Option<Timestamp>,
    /// Applies to a user only who still has this epoch: nothing changed since they were looked at.
    pub epoch: Option<i64>,
    /// Applies to users only whose address was not proved yet.
    pub only_unconfirmed: bool,
    /// Applies to users only who have a password.
    pub only_with_password: bool,
}

impl UserChange {
    /// Switches the user on or off.
    pub fn active(active: bool) -> Self {
        Self { active: Some(active), ..Self::default() }
    }

    /// Sets a password that its owner chose.
    pub fn password(hash: PasswordHash) -> Self {
        Self { password_hash: Some(Some(hash)), must_change: Some(false), ..Self::default() }
    }

    /// Sets an address that was proved at that time.
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

    /// Has the password changed before anything else.
    pub fn must_change() -> Self {
        Self { must_change: Some(true), ..Self::default() }
    }

    /// Closes the account until it is deleted at that time.
    pub fn closing(at: Timestamp) -> Self {
        Self { closes_at: Some(Some(at)), ..Self::default() }
    }

    /// Opens a closed account again.
    pub fn reopened() -> Self {
        Self { closes_at: Some(None), ..Self::default() }
    }

    /// Applies to a user only who still has this epoch.
    pub fn unless_changed_since(mut self, epoch: i64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Notes that the address was proved for the first time, and sets the password that was
    /// chosen with it; without one, it applies to users only who have a password, because no one
    /// could log in to a confirmed account without one.
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
