//! Accounts that end without an operator, for the features `confirm` and `close_account`.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId, Username};

/// Stores which accounts end without an operator: those that their users closed, and those whose address was
/// never confirmed.
///
/// The features `confirm` and `close_account` need this capability. The store returns itself from
/// [`UserDatastore::lapse_store`](crate::UserDatastore::lapse_store).
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the features `confirm` and `close_account` need a store whose accounts can lapse",
    label = "`{Self}` does not implement `LapseStore`",
    note = "implement `rocket_security::datastore::LapseStore` for it, and return it from \
            `UserDatastore::lapse_store`"
)]
pub trait LapseStore: Send + Sync + 'static {
    /// Records another registration of the address of a user who has not confirmed it yet, in one step, which
    /// commits `together`. Returns `false`, and commits nothing, if there is no such user, if the address is
    /// confirmed, or if another user has the username.
    ///
    /// - Unless the password is the same ([`Contest::is_same`]), it is removed, because it is unknown which
    ///   of the two registrations comes from the owner of the address. The user who confirms the address
    ///   chooses a new one.
    /// - An account that expires gets the username of the newest registration, and expires when that
    ///   registration does. An account that does not expire keeps its username.
    /// - Sessions stay. Where addresses have to be confirmed, such an account has none.
    async fn contest_user(
        &self,
        id: UserId,
        contest: &Contest,
        together: &Together,
    ) -> Result<bool>;

    /// Lists users whose account has lapsed by `now` and can be deleted, at most `limit`.
    ///
    /// A closed account is not listed while its user can still take it back: with a
    /// [`lasting`](crate::datastore::one_time::OneTimeToken::lasting) token that has not expired, or with a
    /// mail that would carry such a token and has not been given up.
    async fn find_lapsed_users(
        &self,
        lapse: Lapse,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<User>>;

    /// Deletes a user as [`UserDatastore::delete_user`](crate::UserDatastore::delete_user) does, if
    /// [`find_lapsed_users`](Self::find_lapsed_users) would still list the user. Returns `false`, and commits
    /// nothing, if it would not.
    ///
    /// The check and the deletion are one step: no lasting token is created for the user in between.
    async fn delete_lapsed_user(
        &self,
        id: UserId,
        lapse: Lapse,
        now: Timestamp,
        together: &Together,
    ) -> Result<bool>;
}

/// Why an account ends without an operator. A store has to know every reason, so this list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// Its user closed it, and [`User::closes_at`] has passed.
    Closed,
    /// Its address was not confirmed, and [`User::expires_at`] has passed.
    Unconfirmed,
}

/// Another registration of an address that is not confirmed yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contest {
    /// Whether the password is the account's, so that the same person registered again.
    pub is_same: bool,
    /// The username of this registration, if it has one.
    pub username: Option<Username>,
    /// When the account is now deleted, unless its address is confirmed before.
    pub expires_at: Timestamp,
}

impl Contest {
    /// Creates a registration without a username.
    pub fn new(is_same: bool, expires_at: Timestamp) -> Self {
        Self { is_same, username: None, expires_at }
    }
}
