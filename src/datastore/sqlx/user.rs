//! Users and what proves to be them.

use rocket::async_trait;

use crate::crypto::hasher::PasswordHash;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::fault::{is_unique_violation, is_unique_violation_of};
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{UserRow, row, select_user, users_from};
use crate::datastore::user::{Credentials, NewUser, Taken, UserChange};
use crate::datastore::{LapseStore, RoleStore, Together, UserDatastore};
use crate::error::Result;
use crate::user::{Identity, User, UserId, Username};

pub(super) const FIND_USER: &str = select_user!("", "security_users u", "WHERE u.id = ?");

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

/// Whoever logs in to an account has it for good.
pub(super) const KEEP_USER: &str =
    "UPDATE security_users SET expires_at = NULL WHERE id = ? AND expires_at IS NOT NULL";

const CREATE_USER: &str = "
    INSERT INTO security_users
        (id, email, email_canonical, username, username_canonical, username_skeleton,
         password_hash, active, confirmed_at, expires_at, epoch, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)";

pub(super) const UPDATE_USER: &str = "
    UPDATE security_users
    SET active = COALESCE(?, active),
        confirmed_at = COALESCE(?, confirmed_at),
        email = COALESCE(?, email),
        email_canonical = COALESCE(?, email_canonical),
        username = CASE WHEN ? THEN ? ELSE username END,
        username_canonical = CASE WHEN ? THEN ? ELSE username_canonical END,
        username_skeleton = CASE WHEN ? THEN ? ELSE username_skeleton END,
        must_change = COALESCE(?, must_change),
        closes_at = CASE WHEN ? THEN ? ELSE closes_at END,
        expires_at = CASE WHEN ? THEN NULL ELSE expires_at END,
        password_hash = CASE WHEN ? THEN ? ELSE password_hash END,
        epoch = epoch + 1
    WHERE id = ? AND (confirmed_at IS NULL OR NOT ?) AND (password_hash IS NOT NULL OR NOT ?)
        AND (epoch = ? OR NOT ?)";

/// How the names of the keys end that a username is unique by.
const USERNAME_KEYS: [&str; 2] = ["username_canonical", "username_skeleton"];

/// Whoever changes what belongs to a user locks the user first.
pub(super) const LOCK_USER: &str = "SELECT id FROM security_users WHERE id = ? FOR UPDATE";

pub(super) const DELETE_SESSIONS_OF_USER: &str = "DELETE FROM security_sessions WHERE user_id = ?";

pub(super) const DELETE_SERIES_OF_USER: &str = "DELETE FROM security_remember WHERE user_id = ?";

pub(super) const DELETE_FAMILIES_OF_USER: &str = "DELETE FROM security_refresh WHERE user_id = ?";

pub(super) const DELETE_PERSONAL_TOKENS_OF_USER: &str =
    "DELETE FROM security_personal_tokens WHERE user_id = ?";

pub(super) const DELETE_TOKENS_OF_USER: &str =
    "DELETE FROM security_one_time_tokens WHERE user_id = ? AND lasting = FALSE";

const DELETE_LATER_LASTING_TOKENS: &str = "
    DELETE FROM security_one_time_tokens WHERE user_id = ? AND lasting = TRUE AND asked_at > ?";

const DELETE_LATER_LASTING_MAIL: &str = "
    DELETE FROM security_outbox WHERE user_id = ? AND link_lasting = TRUE AND created_at > ?";

/// What goes when an account is taken back.
pub(super) const DELETE_LATER_LASTING: [&str; 2] =
    [DELETE_LATER_LASTING_TOKENS, DELETE_LATER_LASTING_MAIL];

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

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<Credentials>> {
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
    /// Who has a username.
    HolderRow { id: uuid::Uuid }
}

/// Applies a change within a transaction: the user, what dies with it, what is committed with it.
///
/// Gives the changed user, or none when the change did not apply; the transaction is then of no
/// further use. A macro, for a function generic over the database would need a bound for each bound value.
macro_rules! apply_change {
    ($transaction:ident, $id:expr, $change:expr, $together:expr) => {{
        let (id, change, together) = ($id, $change, $together);
        let hash = change.password_hash.iter().flatten().next();
        let username = change.username.iter().flatten().next();
        let update = $transaction
            .query(crate::datastore::sqlx::user::UPDATE_USER)
            .bind(change.active)
            .bind(change.confirmed_at)
            .bind(change.email.as_ref().map(|email| email.as_str().to_owned()))
            .bind(change.email.as_ref().map(crate::user::Email::canonical))
            .bind(change.username.is_some())
            .bind(username.map(|name| name.as_str().to_owned()))
            .bind(change.username.is_some())
            .bind(username.map(crate::user::Username::canonical))
            .bind(change.username.is_some())
            .bind(username.map(crate::user::Username::skeleton))
            .bind(change.must_change)
            .bind(change.closes_at.is_some())
            .bind(change.closes_at.flatten())
            .bind(change.confirmed_at.is_some())
            .bind(change.password_hash.is_some())
            .bind(hash.map(|hash| hash.as_str().to_owned()))
            .bind(id.as_uuid())
            .bind(change.only_unconfirmed)
            .bind(change.only_with_password)
            .bind(change.epoch.unwrap_or_default())
            .bind(change.epoch.is_some());
        let updated = match $transaction.execute(update).await {
            // The address or the username is another's.
            Err(fault) if crate::datastore::sqlx::fault::is_unique_violation(&fault) => 0,
            updated => updated?,
        };
        if updated == 0 {
            None
        } else {
            crate::datastore::sqlx::user::end_older!($transaction, id);
            if let Some(after) = change.ends_lasting_after {
                for sql in crate::datastore::sqlx::user::DELETE_LATER_LASTING {
                    let delete = $transaction.query(sql).bind(id.as_uuid()).bind(after);
                    $transaction.execute(delete).await?;
                }
            }
            crate::datastore::sqlx::user::settle_change!($transaction, id, together)
        }
    }};
}

/// Ends, within a transaction that has raised a user's epoch, everything of theirs that is older.
macro_rules! end_older {
    ($transaction:ident, $id:expr) => {
        for sql in [
            crate::datastore::sqlx::user::DELETE_SERIES_OF_USER,
            crate::datastore::sqlx::user::DELETE_SESSIONS_OF_USER,
            crate::datastore::sqlx::user::DELETE_FAMILIES_OF_USER,
            crate::datastore::sqlx::user::DELETE_TOKENS_OF_USER,
            crate::datastore::sqlx::user::DELETE_PERSONAL_TOKENS_OF_USER,
        ] {
            let delete = $transaction.query(sql).bind($id.as_uuid());
            $transaction.execute(delete).await?;
        }
    };
}

/// Takes in, within a transaction that has changed a user, what is committed with the change; returns the
/// user as changed.
macro_rules! settle_change {
    ($transaction:ident, $id:expr, $together:expr) => {{
        crate::datastore::sqlx::outbox::push_all!($transaction, $together);
        let find =
            $transaction.query_as(crate::datastore::sqlx::user::FIND_USER).bind($id.as_uuid());
        let rows: Vec<crate::datastore::sqlx::rows::UserRow> = $transaction.fetch_all(find).await?;
        crate::datastore::sqlx::rows::users_from(rows)?.pop().map(|found| found.user)
    }};
}

pub(super) use apply_change;
pub(super) use end_older;
pub(super) use settle_change;
