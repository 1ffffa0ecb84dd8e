//! Users and their roles.

use rocket::async_trait;

use crate::crypto::hasher::PasswordHash;
use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::fault::is_foreign_key_violation;
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::UserRow;
use crate::datastore::sqlx::rows::read_role;
use crate::datastore::sqlx::rows::row;
use crate::datastore::sqlx::rows::users_from;
use crate::datastore::user::Credentials;
use crate::datastore::user::NewUser;
use crate::datastore::user::RoleRecord;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::user::Identity;
use crate::user::RoleName;
use crate::user::User;
use crate::user::UserId;

pub(super) const FIND_USER: &str = "
    SELECT u.id AS user_id, u.email, u.password_hash, u.active, u.confirmed_at,
           u.epoch AS user_epoch, u.created_at AS user_created_at, r.role_name
    FROM security_users u
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    WHERE u.id = ?";

pub(super) const FIND_BY_EMAIL: &str = "
    SELECT u.id AS user_id, u.email, u.password_hash, u.active, u.confirmed_at,
           u.epoch AS user_epoch, u.created_at AS user_created_at, r.role_name
    FROM security_users u
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    WHERE u.email_canonical = ?";

const LIST_USERS: &str = "
    SELECT u.id AS user_id, u.email, u.password_hash, u.active, u.confirmed_at,
           u.epoch AS user_epoch, u.created_at AS user_created_at, r.role_name
    FROM (SELECT * FROM security_users WHERE id > ? ORDER BY id LIMIT ?) u
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    ORDER BY u.id";

const CREATE_USER: &str = "
    INSERT INTO security_users
        (id, email, email_canonical, password_hash, active, confirmed_at, epoch, created_at)
    VALUES (?, ?, ?, ?, ?, ?, 0, ?)";

pub(super) const UPDATE_USER: &str = "
    UPDATE security_users
    SET active = COALESCE(?, active),
        confirmed_at = COALESCE(?, confirmed_at),
        password_hash = CASE WHEN ? THEN ? ELSE password_hash END,
        epoch = epoch + 1
    WHERE id = ? AND (confirmed_at IS NULL OR NOT ?) AND (password_hash IS NOT NULL OR NOT ?)";

/// Whoever changes what belongs to a user locks the user first.
pub(super) const LOCK_USER: &str = "SELECT id FROM security_users WHERE id = ? FOR UPDATE";

pub(super) const DELETE_SESSIONS_OF_USER: &str = "DELETE FROM security_sessions WHERE user_id = ?";

pub(super) const DELETE_TOKENS_OF_USER: &str =
    "DELETE FROM security_one_time_tokens WHERE user_id = ?";

pub(super) const CONTEST_USER: &str = "
    UPDATE security_users SET password_hash = NULL WHERE id = ? AND confirmed_at IS NULL";

pub(super) const REPLACE_PASSWORD_HASH: &str = "
    UPDATE security_users SET password_hash = ? WHERE id = ? AND password_hash = ?";

const GRANT_ROLE: &str = "
    INSERT INTO security_users_roles (user_id, role_name)
    SELECT u.id, r.name FROM security_users u CROSS JOIN security_roles r
    WHERE u.id = ? AND r.name = ?";

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
            let find = database.query_as(FIND_BY_EMAIL).bind(identity.canonical());
            let rows: Vec<UserRow> = database.fetch_all(find).await?;
            Ok(users_from(rows)?.pop())
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

    async fn create_user(&self, user: &NewUser, together: &Together) -> Result<Option<User>> {
        in_transaction!(self, |transaction| {
            let create = transaction
                .query(CREATE_USER)
                .bind(user.id.as_uuid())
                .bind(user.email.as_str().to_owned())
                .bind(user.email.canonical())
                .bind(user.password_hash.as_ref().map(|hash| hash.as_str().to_owned()))
                .bind(true)
                .bind(user.confirmed_at)
                .bind(user.created_at);
            match transaction.execute(create).await {
                Err(fault) if is_unique_violation(&fault) => return Ok(None),
                created => created?,
            };
            push_all!(transaction, together);
            transaction.keep();
            let mut created = User::new(user.id, user.email.clone(), user.created_at);
            created.confirmed_at = user.confirmed_at;
            Ok(Some(created))
        })
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        in_transaction!(self, |transaction| {
            let user = apply_change!(transaction, id, change, together);
            transaction.keep();
            Ok(user)
        })
    }

    async fn contest_user(&self, id: UserId, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let contest = transaction.query(CONTEST_USER).bind(id.as_uuid());
            if transaction.execute(contest).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
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

    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        on_database!(self, |database| {
            let create = database
                .query("INSERT INTO security_roles (name, description) VALUES (?, ?)")
                .bind(name.as_str().to_owned())
                .bind(description.to_owned());
            match database.execute(create).await {
                Ok(_) => Ok(true),
                Err(fault) if is_unique_violation(&fault) => Ok(false),
                Err(fault) => Err(fault),
            }
        })
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        on_database!(self, |database| {
            let list = database.query_as("SELECT name, description FROM security_roles");
            let rows: Vec<RoleRow> = database.fetch_all(list).await?;
            let mut roles: Vec<RoleRecord> =
                rows.into_iter().map(RoleRow::read).collect::<Result<_>>()?;
            // Here and not there, where a collation would decide.
            roles.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(roles)
        })
    }

    async fn grant_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        on_database!(self, |database| {
            let grant =
                database.query(GRANT_ROLE).bind(id.as_uuid()).bind(role.as_str().to_owned());
            match database.execute(grant).await {
                Ok(granted) => Ok(granted == 1),
                Err(fault) if is_unique_violation(&fault) => Ok(true),
                // The user or the role was deleted a moment ago.
                Err(fault) if is_foreign_key_violation(&fault) => Ok(false),
                Err(fault) => Err(fault),
            }
        })
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        on_database!(self, |database| {
            let revoke = database
                .query("DELETE FROM security_users_roles WHERE user_id = ? AND role_name = ?")
                .bind(id.as_uuid())
                .bind(role.as_str().to_owned());
            Ok(database.execute(revoke).await? == 1)
        })
    }
}

row! {
    /// A role.
    RoleRow { name: String, description: String }
}

impl RoleRow {
    fn read(self) -> Result<RoleRecord> {
        Ok(RoleRecord { name: read_role(&self.name)?, description: self.description })
    }
}

/// Applies a change within a transaction: the user, what dies with it, what is committed with it.
///
/// Gives the changed user, or rolls nothing back and gives none when the change did not apply. A
/// macro, for a function generic over the database would need a bound for each bound value.
macro_rules! apply_change {
    ($transaction:ident, $id:expr, $change:expr, $together:expr) => {{
        let (id, change, together) = ($id, $change, $together);
        let hash = change.password_hash.iter().flatten().next();
        let update = $transaction
            .query(crate::datastore::sqlx::user::UPDATE_USER)
            .bind(change.active)
            .bind(change.confirmed_at)
            .bind(change.password_hash.is_some())
            .bind(hash.map(|hash| hash.as_str().to_owned()))
            .bind(id.as_uuid())
            .bind(change.only_unconfirmed)
            .bind(change.only_with_password);
        if $transaction.execute(update).await? == 0 {
            None
        } else {
            for sql in [
                crate::datastore::sqlx::user::DELETE_SESSIONS_OF_USER,
                crate::datastore::sqlx::user::DELETE_TOKENS_OF_USER,
            ] {
                let delete = $transaction.query(sql).bind(id.as_uuid());
                $transaction.execute(delete).await?;
            }
            crate::datastore::sqlx::outbox::push_all!($transaction, together);
            let find =
                $transaction.query_as(crate::datastore::sqlx::user::FIND_USER).bind(id.as_uuid());
            let rows: Vec<crate::datastore::sqlx::rows::UserRow> =
                $transaction.fetch_all(find).await?;
            users_from(rows)?.pop().map(|found| found.user)
        }
    }};
}

pub(super) use apply_change;
