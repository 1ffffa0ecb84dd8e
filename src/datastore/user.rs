//! Users and their roles.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::datastore::AttemptStore;
use crate::datastore::OneTimeStore;
use crate::datastore::OutboxStore;
use crate::datastore::SessionStore;
use crate::datastore::Together;
use crate::error::Result;
use crate::user::Email;
use crate::user::Identity;
use crate::user::RoleName;
use crate::user::User;
use crate::user::UserId;

/// Keeps users and their roles.
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
    /// Finds a user by id, with roles.
    async fn find_user(&self, id: UserId) -> Result<Option<User>>;

    /// Finds a user by what they typed, with roles and the hash of the password.
    ///
    /// Looks up [`Identity::canonical`], byte for byte.
    async fn find_credentials(&self, identity: &Identity) -> Result<Option<Credentials>>;

    /// Lists users in the order of their ids, beginning behind `after`, at most `limit`.
    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Makes a user, or none when the address is taken.
    ///
    /// Of any number of callers with one address at once, exactly one gets the user, and only
    /// that one's `together` is committed.
    async fn create_user(&self, user: &NewUser, together: &Together) -> Result<Option<User>>;

    /// Changes a credential or the status of a user, or gives none when there is no such user or
    /// the change does not apply to them.
    ///
    /// In the same step the user's `epoch` rises, and all their sessions and one-time tokens die.
    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>>;

    /// Takes the password from a user whose address was not proved yet, for somebody registered
    /// the same address again; false, and nothing done, when it was proved.
    ///
    /// Nobody knows whose password it is: whoever proves the address chooses one. Sessions are left
    /// alone: where addresses have to be proved, such an account has none.
    async fn contest_user(&self, id: UserId, together: &Together) -> Result<bool>;

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

    /// Makes a role; false when there is one of that name.
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool>;

    /// Lists the roles by name.
    async fn list_roles(&self) -> Result<Vec<RoleRecord>>;

    /// Gives a user a role; false when either is unknown. Giving it twice is giving it once.
    async fn grant_role(&self, id: UserId, role: &RoleName) -> Result<bool>;

    /// Takes a role from a user; false when they did not have it.
    async fn revoke_role(&self, id: UserId, role: &RoleName) -> Result<bool>;
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The identifier, random.
    pub id: UserId,
    /// The address as typed.
    pub email: Email,
    /// The hash of the password, if there is one.
    pub password_hash: Option<PasswordHash>,
    /// When the address was proved, if it is.
    pub confirmed_at: Option<Timestamp>,
    /// The time of making.
    pub created_at: Timestamp,
}

/// A user and what proves to be them.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user, with roles.
    pub user: User,
    /// The hash of the password, if there is one.
    pub password_hash: Option<PasswordHash>,
}

/// A change of a user's credentials or status. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UserChange {
    /// Switches the user on or off.
    pub active: Option<bool>,
    /// Notes that the address was proved.
    pub confirmed_at: Option<Timestamp>,
    /// Sets the password, or takes it away.
    pub password_hash: Option<Option<PasswordHash>>,
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

    /// Notes that the address was proved for the first time, and sets the password that was
    /// chosen with it; without one, it applies to users only who have a password, for an account
    /// that is confirmed without one opens for nobody.
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

/// A role as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// The name, compared byte for byte.
    pub name: RoleName,
    /// What the role is for.
    pub description: String,
}
