//! Accounts that come to an end without an operator, for the features `confirm` and `close_account`.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId, Username};

/// Keeps accounts that come to an end without an operator: those that their owners closed, and those whose
/// address was never proved.
///
/// The store returns itself from [`UserDatastore::lapse_store`](crate::UserDatastore::lapse_store).
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the features `confirm` and `close_account` need a store whose accounts can lapse",
    label = "`{Self}` does not implement `LapseStore`",
    note = "implement `rocket_security::datastore::LapseStore` for it, and return it from \
            `UserDatastore::lapse_store`"
)]
pub trait LapseStore: Send + Sync + 'static {
    /// Notes another registration of the address of a user who has not proved it yet. Returns `false`, and does
    /// nothing, if the address was proved, or the username belongs to another user.
    ///
    /// Unless the password is the same, it is removed, for it is unknown whose it is: the user who proves the
    /// address chooses one. An account that expires takes the username of the newest registration, and expires
    /// when that does; another account keeps its username. Sessions are left alone: where addresses have to be
    /// proved, such an account has none.
    async fn contest_user(
        &self,
        id: UserId,
        contest: &Contest,
        together: &Together,
    ) -> Result<bool>;

    /// Lists users whose account has lapsed by `now` and can be deleted, at most `limit`.
    ///
    /// A closed account is not listed while a way back leads to it: a
    /// [`lasting`](crate::datastore::one_time::OneTimeToken::lasting) token of its user that has not expired, or
    /// a mail that is not given up and would carry one.
    async fn find_lapsed_users(
        &self,
        lapse: Lapse,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<User>>;

    /// Deletes a user as [`UserDatastore::delete_user`](crate::UserDatastore::delete_user) does, if
    /// [`find_lapsed_users`](Self::find_lapsed_users) would still list them. Returns `false`, and does nothing,
    /// if it would not. No lasting token is made for a user between this look and this step.
    async fn delete_lapsed_user(
        &self,
        id: UserId,
        lapse: Lapse,
        now: Timestamp,
        together: &Together,
    ) -> Result<bool>;
}

/// How an account comes to its end without an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// Its owner closed it, and [`User::closes_at`] has come.
    Closed,
    /// Its address was not proved, and [`User::expires_at`] has come.
    Unconfirmed,
}

/// Another registration of an address that was not proved yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contest {
    /// Whether the password is the account's: the same person once more.
    pub is_same: bool,
    /// The username of this registration, if it has one.
    pub username: Option<Username>,
    /// When the account is deleted now unless its address is proved before.
    pub expires_at: Timestamp,
}

impl Contest {
    /// Returns a registration without a username.
    pub fn new(is_same: bool, expires_at: Timestamp) -> Self {
        Self { is_same, username: None, expires_at }
    }
}
