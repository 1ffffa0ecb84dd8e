//! Users and their roles.

use rocket::async_trait;

use crate::crypto::hasher::PasswordHash;
use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::begin;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_as;
use crate::datastore::sqlx::failed;
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

const FIND_BY_EMAIL: &str = "
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

#[async_trait]
impl UserDatastore for SqlxDatastore {
    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        on_pool!(self, |pool| {
            let rows: Vec<UserRow> =
                query_as(FIND_USER).bind(id.as_uuid()).fetch_all(&**pool).await.map_err(failed)?;
            Ok(users_from(rows)?.pop().map(|found| found.user))
        })
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<Credentials>> {
        on_pool!(self, |pool| {
            let rows: Vec<UserRow> = query_as(FIND_BY_EMAIL)
                .bind(identity.canonical())
                .fetch_all(&**pool)
                .await
                .map_err(failed)?;
            Ok(users_from(rows)?.pop())
        })
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let after = after.map_or(uuid::Uuid::nil(), UserId::as_uuid);
        on_pool!(self, |pool| {
            let rows: Vec<UserRow> = query_as(LIST_USERS)
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(&**pool)
                .await
                .map_err(failed)?;
            Ok(users_from(rows)?.into_iter().map(|found| found.user).collect())
        })
    }

    async fn create_user(&self, user: &NewUser, together: &Together) -> Result<Option<User>> {
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let created = query(CREATE_USER)
                .bind(user.id.as_uuid())
                .bind(user.email.as_str())
                .bind(user.email.canonical())
                .bind(user.password_hash.as_ref().map(PasswordHash::as_str))
                .bind(true)
                .bind(user.confirmed_at)
                .bind(user.created_at)
                .execute(&mut *transaction)
                .await;
            match created {
                Err(::sqlx::Error::Database(fault)) if fault.is_unique_violation() => {
                    return Ok(None);
                }
                created => created.map_err(failed)?,
            };
            push_all!(transaction, together);
            transaction.commit().await.map_err(failed)?;
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
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let user = apply_change!(transaction, id, change, together);
            transaction.commit().await.map_err(failed)?;
            Ok(user)
        })
    }

    async fn contest_user(&self, id: UserId, together: &Together) -> Result<bool> {
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let contested = query(
                "UPDATE security_users SET password_hash = NULL
                 WHERE id = ? AND confirmed_at IS NULL",
            )
            .bind(id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
            if contested.rows_affected() == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.commit().await.map_err(failed)?;
            Ok(true)
        })
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        on_pool!(self, |pool| {
            let replaced = query(
                "UPDATE security_users SET password_hash = ? WHERE id = ? AND password_hash = ?",
            )
            .bind(new.as_str())
            .bind(id.as_uuid())
            .bind(old.as_str())
            .execute(&**pool)
            .await
            .map_err(failed)?;
            Ok(replaced.rows_affected() == 1)
        })
    }

    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool> {
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let deleted = query("DELETE FROM security_users WHERE id = ?")
                .bind(id.as_uuid())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            if deleted.rows_affected() == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.commit().await.map_err(failed)?;
            Ok(true)
        })
    }

    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        on_pool!(self, |pool| {
            let created = query("INSERT INTO security_roles (name, description) VALUES (?, ?)")
                .bind(name.as_str())
                .bind(description)
                .execute(&**pool)
                .await;
            match created {
                Ok(_) => Ok(true),
                Err(::sqlx::Error::Database(fault)) if fault.is_unique_violation() => Ok(false),
                Err(fault) => Err(failed(fault)),
            }
        })
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        on_pool!(self, |pool| {
            let rows: Vec<RoleRow> =
                query_as("SELECT name, description FROM security_roles ORDER BY name")
                    .fetch_all(&**pool)
                    .await
                    .map_err(failed)?;
            rows.into_iter()
                .map(|row| {
                    Ok(RoleRecord { name: read_role(&row.name)?, description: row.description })
                })
                .collect()
        })
    }

    async fn grant_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        on_pool!(self, |pool| {
            let granted = query(
                "INSERT INTO security_users_roles (user_id, role_name)
                 SELECT u.id, r.name FROM security_users u, security_roles r
                 WHERE u.id = ? AND r.name = ?",
            )
            .bind(id.as_uuid())
            .bind(role.as_str())
            .execute(&**pool)
            .await;
            match granted {
                Ok(granted) => Ok(granted.rows_affected() == 1),
                Err(::sqlx::Error::Database(fault)) if fault.is_unique_violation() => Ok(true),
                Err(fault) => Err(failed(fault)),
            }
        })
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        on_pool!(self, |pool| {
            let revoked =
                query("DELETE FROM security_users_roles WHERE user_id = ? AND role_name = ?")
                    .bind(id.as_uuid())
                    .bind(role.as_str())
                    .execute(&**pool)
                    .await
                    .map_err(failed)?;
            Ok(revoked.rows_affected() == 1)
        })
    }
}

row! {
    /// A role.
    RoleRow { name: String, description: String }
}

/// Applies a change within a transaction: the user, what dies with it, what is committed with it.
///
/// Gives the changed user, or rolls nothing back and gives none when the change did not apply. A
/// macro, for a function generic over the database would need a bound for each bound value.
macro_rules! apply_change {
    ($transaction:ident, $id:expr, $change:expr, $together:expr) => {{
        let (id, change, together) = ($id, $change, $together);
        let changed =
            crate::datastore::sqlx::dialect::query(crate::datastore::sqlx::user::UPDATE_USER)
                .bind(change.active)
                .bind(change.confirmed_at)
                .bind(change.password_hash.is_some())
                .bind(change.password_hash.iter().flatten().map(|hash| hash.as_str()).next())
                .bind(id.as_uuid())
                .bind(change.only_unconfirmed)
                .bind(change.only_with_password)
                .execute(&mut *$transaction)
                .await
                .map_err(failed)?;
        if changed.rows_affected() == 0 {
            None
        } else {
            for sql in [
                "DELETE FROM security_sessions WHERE user_id = ?",
                "DELETE FROM security_one_time_tokens WHERE user_id = ?",
            ] {
                crate::datastore::sqlx::dialect::query(sql)
                    .bind(id.as_uuid())
                    .execute(&mut *$transaction)
                    .await
                    .map_err(failed)?;
            }
            crate::datastore::sqlx::outbox::push_all!($transaction, together);
            let rows: Vec<crate::datastore::sqlx::rows::UserRow> =
                crate::datastore::sqlx::dialect::query_as(crate::datastore::sqlx::user::FIND_USER)
                    .bind(id.as_uuid())
                    .fetch_all(&mut *$transaction)
                    .await
                    .map_err(failed)?;
            users_from(rows)?.pop().map(|found| found.user)
        }
    }};
}

pub(super) use apply_change;
