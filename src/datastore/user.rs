//! Users and what proves to be them.

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

/// Keeps users.
///
/// Users are returned with their [`roles`](User::roles) and [`permissions`](User::permissions), if the
/// store has any. A store in which they can be changed is a [`RoleStore`].
///
/// It stands on the capabilities that every application needs; a store implements them all.
///
/// Every method fails with [`Error::Store`](crate::Error::Store) when the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`Security` needs a store of users, which `{Self}` is not",
    label = "`{Self}` does not implement `UserDatastore`",
    note = "implement `rocket_security::datastore::UserDatastore` for it, and what that requires: \
            `SessionStore`, `OneTimeStore`, `OutboxStore` and `AttemptStore`"
)]
pub trait UserDatastore: SessionStore + OneTimeStore + OutboxStore + AttemptStore {
    /// Finds a user by id, with roles and their permissions.
    async fn find_user(&self, id: UserId) -> Result<Option<User>>;

    /// Finds a user by what they typed, with roles, their permissions, and the hash of the
    /// password.
    ///
    /// Looks up [`Identity::canonical`], byte for byte.
    async fn find_credentials(&self, identity: &Identity) -> Result<Option<UserWithPassword>>;

    /// Lists users in the order of their ids, beginning behind `after`, at most `limit`.
    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Lists the password hashes of users in the order of their ids, beginning behind `after`, at most
    /// `limit`: those of users who have one.
    ///
    /// It is asked at the launch and every ten minutes, for the parameters that the hashes were made
    /// with: the work for accounts that do not exist follows them. The default is right for any store, and
    /// takes a query for each user where one would do.
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

    /// Finds who has a username that is looked up alike ([`Username::canonical`]) or looks alike
    /// ([`Username::skeleton`]): another user must not have it. That can be two users.
    ///
    /// It is asked when a user chooses a username. The default is right for any store, and reads all users:
    /// a store whose users go by usernames looks them up.
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

    /// Makes a user, or says what of theirs is taken: the address, or the username, by one that is
    /// looked up alike or looks alike. When both are, either is said.
    ///
    /// Of any number of callers with one address or one username at once, exactly one gets the user,
    /// and only that one's `together` is committed.
    async fn create_user(&self, user: &NewUser, together: &Together)
    -> Result<Result<User, Taken>>;

    /// Changes a credential or the status of a user, or gives none when there is no such user or
    /// the change does not apply to them.
    ///
    /// None, too, when the address or the username it sets is another's. In the same step the user's `epoch` rises,
    /// and all their sessions and one-time tokens die, but for those tokens that are
    /// [`lasting`](crate::datastore::one_time::OneTimeToken::lasting).
    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Replaces the hash `old` of the same password by `new`; false when `old` is not there any
    /// more. Nothing else changes: the password is the same.
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool>;

    /// Deletes a user and everything that is theirs; false when there is no such user. The id is
    /// never given to another.
    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool>;

    /// Returns this store as one whose accounts come to an end by themselves, if they do.
    ///
    /// A [`LapseStore`] writes `Some(self)`.
    fn lapse_store(&self) -> Option<&dyn LapseStore> {
        None
    }

    /// Returns this store as one that keeps roles, if it does: what the launch creates and checks the roles
    /// by that guards name. Without it, the launch does neither, and users have the roles that the store
    /// gives out.
    ///
    /// A [`RoleStore`] writes `Some(self)`.
    fn role_store(&self) -> Option<&dyn RoleStore> {
        None
    }
}

/// How many users a default method reads at a time.
const PAGE: u32 = 1_000;

/// A user to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewUser {
    /// The identifier, random.
    pub id: UserId,
    /// The address as typed.
    pub email: Email,
    /// The username, if there is one.
    pub username: Option<Username>,
    /// The hash of the password, if there is one.
    pub password_hash: Option<PasswordHash>,
    /// When the address was proved, if it is.
    pub confirmed_at: Option<Timestamp>,
    /// When the account is deleted unless its address is confirmed, or its user logs in, before.
    pub expires_at: Option<Timestamp>,
    /// The time of making.
    pub created_at: Timestamp,
}

impl NewUser {
    /// Returns a user without username and password, whose address was not proved.
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

/// What of a new user is another's already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// The address.
    Email,
    /// The username, or one that looks like it.
    Username,
}

/// A user and what proves to be them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserWithPassword {
    /// The user, with roles.
    pub user: User,
    /// The hash of the password, if there is one.
    pub password_hash: Option<PasswordHash>,
}

impl UserWithPassword {
    /// Returns a user with the hash of the password, if there is one.
    pub fn new(user: User, password_hash: Option<PasswordHash>) -> Self {
        Self { user, password_hash }
    }
}
