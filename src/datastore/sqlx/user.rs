//! Users and their passwords.

use rocket::async_trait;

use crate::crypto::hasher::PasswordHash;
use crate::datastore::lapse::LapseStore;
use crate::datastore::role::RoleStore;
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::fault::{is_unique_violation, is_unique_violation_of};
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{FIND_USER, UserRow, row, select_user, users_from};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user_change::apply_change;
use crate::datastore::together::Together;
use crate::datastore::user::{NewUser, Taken, UserChange, UserDatastore, UserWithPassword};
use crate::error::Result;
use crate::user::{Identity, User, UserId, Username};

pub(super) const FIND_BY_EMAIL: &str =
    select_user!("", "security_users u", "WHERE u.email_canonical = ?");

pub(super) const FIND_BY_USERNAME: &str =
    select_user!("", "security_users u", "WHERE u.username_canonical = ?");

pub(super) const FIND_USERNAME_HOLDERS: &str = "
    SELECT id FROM security_users WHERE username_canonical = ?
    UNION ALL
    SELECT id FROM security_users WHERE username_skeleton = ?";

pub(super) const LIST_PASSWORD_HASHES: &str = "
    SELECT id, password_hash FROM security_users
    WHERE id > ? AND password_hash IS NOT NULL ORDER BY id LIMIT ?";

const LIST_USERS: &str = select_user!(
    "",
    "(SELECT * FROM security_users WHERE id > ? ORDER BY id LIMIT ?) u",
    "ORDER BY u.id"
);

/// An account no longer expires once its user has logged in.
pub(super) const KEEP_USER: &str =
    "UPDATE security_users SET expires_at = NULL WHERE id = ? AND expires_at IS NOT NULL";

const CREATE_USER: &str = "
    INSERT INTO security_users
        (id, email, email_canonical, username, username_canonical, username_skeleton,
         password_hash, active, confirmed_at, expires_at, epoch, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)";

/// How the names of the unique keys of usernames end.
const USERNAME_KEYS: [&str; 2] = ["username_canonical", "username_skeleton"];

/// A transaction that changes rows of a user locks the user first.
pub(super) const LOCK_USER: &str = "SELECT id FROM security_users WHERE id = ? FOR UPDATE";

pub(super) const REPLACE_PASSWORD_HASH: &str = "
    UPDATE security_users SET password_hash = ? WHERE id = ? AND password_hash = ?";

#[async_trait]
impl UserDatastore for SqlxDatastore {
    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_USER).bind(id.as_uuid());
            let rows: Vec<UserRow> = database.fetch_all(find).await?;
            Ok(users_from(rows)?.pop().map(|found| found.user))
        })
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<UserWithPassword>> {
        on_database!(self, |database| {
            let find = match identity {
                Identity::Email(_) => FIND_BY_EMAIL,
                Identity::Username(_) => FIND_BY_USERNAME,
            };
            let find = database.query_as(find).bind(identity.canonical());
            let rows: Vec<UserRow> = database.fetch_all(find).await?;
            Ok(users_from(rows)?.pop())
        })
    }

    async fn find_username_holders(&self, username: &Username) -> Result<Vec<UserId>> {
        on_database!(self, |database| {
            let find = database
                .query_as(FIND_USERNAME_HOLDERS)
                .bind(username.canonical())
                .bind(username.skeleton());
            let rows: Vec<HolderRow> = database.fetch_all(find).await?;
            Ok(rows.into_iter().map(|row| UserId::from_uuid(row.id)).collect())
        })
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let after = after.map_or(uuid::Uuid::nil(), UserId::as_uuid);
        on_database!(self, |database| {
            let list = database.query_as(LIST_USERS).bind(after).bind(i64::from(limit));
            let rows: Vec<UserRow> = database.fetch_all(list).await?;
            Ok(users_from(rows)?.into_iter().map(|found| found.user).collect())
        })
    }

    async fn list_password_hashes(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, PasswordHash)>> {
        let after = after.map_or(uuid::Uuid::nil(), UserId::as_uuid);
        on_database!(self, |database| {
            let list = database.query_as(LIST_PASSWORD_HASHES).bind(after).bind(i64::from(limit));
            let rows: Vec<HashRow> = database.fetch_all(list).await?;
            let read = |row: HashRow| {
                (UserId::from_uuid(row.id), PasswordHash::from_stored(row.password_hash))
            };
            Ok(rows.into_iter().map(read).collect())
        })
    }

    async fn create_user(
        &self,
        user: &NewUser,
        together: &Together,
    ) -> Result<Result<User, Taken>> {
        in_transaction!(self, |transaction| {
            let create = transaction
                .query(CREATE_USER)
                .bind(user.id.as_uuid())
                .bind(user.email.as_str().to_owned())
                .bind(user.email.canonical())
                .bind(user.username.as_ref().map(|name| name.as_str().to_owned()))
                .bind(user.username.as_ref().map(Username::canonical))
                .bind(user.username.as_ref().map(Username::skeleton))
                .bind(user.password_hash.as_ref().map(|hash| hash.as_str().to_owned()))
                .bind(true)
                .bind(user.confirmed_at)
                .bind(user.expires_at.map(Far))
                .bind(user.created_at);
            match transaction.execute(create).await {
                Err(fault) if is_unique_violation_of(&fault, &USERNAME_KEYS) => {
                    return Ok(Err(Taken::Username));
                }
                Err(fault) if is_unique_violation(&fault) => return Ok(Err(Taken::Email)),
                created => created?,
            };
            push_all!(transaction, together);
            transaction.keep();
            let mut created = User::new(user.id, user.email.clone(), user.created_at);
            created.username = user.username.clone();
            created.confirmed_at = user.confirmed_at;
            created.expires_at = user.expires_at;
            Ok(Ok(created))
        })
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        in_transaction!(self, |transaction| {
            let Some(user) = apply_change!(transaction, id, change, together) else {
                return Ok(None);
            };
            transaction.keep();
            Ok(Some(user))
        })
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        on_database!(self, |database| {
            let replace = database
                .query(REPLACE_PASSWORD_HASH)
                .bind(new.as_str().to_owned())
                .bind(id.as_uuid())
                .bind(old.as_str().to_owned());
            Ok(database.execute(replace).await? == 1)
        })
    }

    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let delete =
                transaction.query("DELETE FROM security_users WHERE id = ?").bind(id.as_uuid());
            if transaction.execute(delete).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    fn lapse_store(&self) -> Option<&dyn LapseStore> {
        Some(self)
    }

    fn role_store(&self) -> Option<&dyn RoleStore> {
        Some(self)
    }
}

row! {
    /// A user and the hash of the password.
    HashRow { id: uuid::Uuid, password_hash: String }
}

row! {
    /// The user who has a username.
    HolderRow { id: uuid::Uuid }
}
