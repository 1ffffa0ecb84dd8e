//! Users and their passwords.

pub use crate::datastore::user_change::UserChange;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::datastore::attempt::AttemptStore;
use crate::datastore::lapse::LapseStore;
use crate::datastore::one_time::OneTimeStore;
use crate::datastore::outbox::OutboxStore;
use crate::datastore::role::RoleStore;
use crate::datastore::session::SessionStore;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{Email, Identity, User, UserId, Username};

/// Stores users and their password hashes.
///
/// Every application needs this capability and the four that it requires: [`SessionStore`], [`OneTimeStore`],
/// [`OutboxStore`] and [`AttemptStore`]. One store implements all five, because many changes of a user also
/// change the user's sessions, tokens and mail in the same transaction.
///
/// Every method that returns a [`User`] includes the user's [`roles`](User::roles) and
/// [`permissions`](User::permissions), if the store has any. A store that can also change them implements
/// [`RoleStore`].
///
/// To implement a store of your own, start from the example `own_datastore` and test the store with
/// `datastore_contract!`.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`Security` needs a store of users, which `{Self}` is not",
    label = "`{Self}` does not implement `UserDatastore`",
    note = "implement `rocket_security::datastore::UserDatastore` for it, and what that requires: \
            `SessionStore`, `OneTimeStore`, `OutboxStore` and `AttemptStore`"
)]
pub trait UserDatastore: SessionStore + OneTimeStore + OutboxStore + AttemptStore {
    /// Finds a user by id, with roles and their permissions. Returns `None` if there is no such user.
    async fn find_user(&self, id: UserId) -> Result<Option<User>>;

    /// Finds a user by e-mail address or username, with roles, their permissions, and the hash of the
    /// password.
    ///
    /// Compares [`Identity::canonical`] byte for byte. Returns `None` if no user has this identity.
    async fn find_credentials(&self, identity: &Identity) -> Result<Option<UserWithPassword>>;

    /// Lists at most `limit` users in the order of their ids, starting after `after`, or with the first user
    /// if `after` is `None`.
    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Lists the password hashes of at most `limit` users in the order of their ids, starting after `after`.
    /// Users without a password are skipped and do not count towards `limit`.
    ///
    /// The framework calls this at launch and every ten minutes. It reads the parameters of the hashes, so
    /// that a login to an account that does not exist takes as much work as one to an account that does. The
    /// default implementation is correct for every store, but needs one query for each user where a single
    /// query would do.
    async fn list_password_hashes(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, PasswordHash)>> {
        let (mut hashes, mut after) = (Vec::new(), after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        while hashes.len() < limit {
            let users = self.list_users(after, PAGE).await?;
            let Some(last) = users.last().map(|user| user.id) else {
                break;
            };
            for user in users {
                let found = self.find_credentials(&Identity::Email(user.email)).await?;
                let found = found.filter(|found| found.user.id == user.id);
                let hash = found.and_then(|found| found.password_hash);
                hashes.extend(hash.map(|hash| (user.id, hash)));
            }
            after = Some(last);
        }
        hashes.truncate(limit);
        Ok(hashes)
    }

    /// Finds the users whose username is looked up alike ([`Username::canonical`]) or looks alike
    /// ([`Username::skeleton`]). No other user may take such a username.
    ///
    /// There can be two: one user with the same canonical form, and another with the same skeleton. The
    /// framework calls this when a user chooses a username. The default implementation is correct for every
    /// store, but reads all users; a store with usernames should look them up by index.
    async fn find_username_holders(&self, username: &Username) -> Result<Vec<UserId>> {
        let (mut holders, mut after) = (Vec::new(), None);
        let is_alike = |other: &Username| {
            other.canonical() == username.canonical() || other.skeleton() == username.skeleton()
        };
        loop {
            let users = self.list_users(after, PAGE).await?;
            let Some(last) = users.last().map(|user| user.id) else {
                return Ok(holders);
            };
            let alike = users.iter().filter(|user| user.username.as_ref().is_some_and(is_alike));
            holders.extend(alike.map(|user| user.id));
            after = Some(last);
        }
    }

    /// Creates a user and returns it, or returns which part of its identity is taken: the e-mail address, or
    /// a username that is looked up alike or looks alike. If both are taken, returns either.
    ///
    /// Atomic: of any number of concurrent callers with the same address or the same username, exactly one
    /// creates a user, and only that caller's `together` is committed.
    async fn create_user(&self, user: &NewUser, together: &Together)
    -> Result<Result<User, Taken>>;

    /// Changes the password, the identity or the status of a user, and returns the changed user.
    ///
    /// Returns `None`, and changes nothing, if there is no such user, if a condition of the change does not
    /// hold (for example [`UserChange::epoch`]), or if another user has the address or the username that it
    /// sets.
    ///
    /// In the same step, the store raises the user's `epoch` by one, deletes all their sessions and one-time
    /// tokens except [`lasting`](crate::datastore::one_time::OneTimeToken::lasting) tokens, and commits
    /// `together`. A store with the capabilities for remembered browsers, refresh tokens and personal tokens
    /// deletes these, too.
    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Replaces the hash `old` by `new`, a better hash of the same password. Returns `false`, and changes
    /// nothing, if `old` is no longer the user's hash.
    ///
    /// The comparison and the replacement are one step. The epoch and the sessions of the user stay, because
    /// the password is the same.
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool>;

    /// Deletes a user and everything that belongs to the user, and commits `together`, in one step. Returns
    /// `false` if there is no such user. The id is never assigned to another user.
    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool>;

    /// Returns this store as a [`LapseStore`], or `None` if it is not one.
    ///
    /// A store that implements [`LapseStore`] returns `Some(self)`. _Default:_ `None`.
    fn lapse_store(&self) -> Option<&dyn LapseStore> {
        None
    }

    /// Returns this store as a [`RoleStore`], or `None` if it is not one.
    ///
    /// The launch uses it to create or check the roles that guards name. Without it, the launch does neither,
    /// and users have the roles that the store returns with them. A store that implements [`RoleStore`]
    /// returns `Some(self)`. _Default:_ `None`.
    fn role_store(&self) -> Option<&dyn RoleStore> {
        None
    }
}

/// How many users a default method reads at a time.
const PAGE: u32 = 1_000;

/// A user to create.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewUser {
    /// The id, random.
    pub id: UserId,
    /// The e-mail address as typed.
    pub email: Email,
    /// The username, if the user has one.
    pub username: Option<Username>,
    /// The hash of the password, if the user has one.
    pub password_hash: Option<PasswordHash>,
    /// When the address was confirmed; `None` if it is not confirmed yet.
    pub confirmed_at: Option<Timestamp>,
    /// When the account is deleted, unless its address is confirmed or its user logs in before; `None` if it
    /// does not expire.
    pub expires_at: Option<Timestamp>,
    /// When the user was created.
    pub created_at: Timestamp,
}

impl NewUser {
    /// Creates a user with neither username nor password, and with an unconfirmed address.
    pub fn new(id: UserId, email: Email, created_at: Timestamp) -> Self {
        Self {
            id,
            email,
            username: None,
            password_hash: None,
            confirmed_at: None,
            expires_at: None,
            created_at,
        }
    }
}

/// Which part of a new user's identity belongs to another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// The e-mail address.
    Email,
    /// The username, or one that looks like it.
    Username,
}

/// A user with the hash of the password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserWithPassword {
    /// The user, with roles.
    pub user: User,
    /// The hash of the password, if the user has one.
    pub password_hash: Option<PasswordHash>,
}

impl UserWithPassword {
    /// Creates the pair from a user and the hash of the password, if the user has one.
    pub fn new(user: User, password_hash: Option<PasswordHash>) -> Self {
        Self { user, password_hash }
    }
}
