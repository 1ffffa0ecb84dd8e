//! Accounts that end without an operator.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::lapse::{Contest, Lapse, LapseStore};
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{UserRow, users_from};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId, Username};

/// Selects the closed users who can no longer take their account back.
macro_rules! closed_for_good {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "closes_at <= ?
        AND NOT EXISTS (
            SELECT 1 FROM security_one_time_tokens t
            WHERE t.user_id = security_users.id AND t.lasting = TRUE AND t.expires_at > ?)
        AND NOT EXISTS (
            SELECT 1 FROM security_outbox m
            WHERE m.user_id = security_users.id AND m.link_lasting = TRUE
                AND m.next_attempt_at IS NOT NULL)",
            $after
        )
    };
}

const FIND_CLOSED: &str = closed_for_good!(
    "
    SELECT u.id AS user_id, u.email, u.username, u.password_hash, u.active, u.confirmed_at,
           u.must_change, u.closes_at, u.expires_at, u.epoch AS user_epoch,
           u.created_at AS user_created_at,
           g.name AS role_name, n.name AS included_name, p.permission_name
    FROM (SELECT * FROM security_users WHERE ",
    " ORDER BY closes_at LIMIT ?) u
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    LEFT JOIN security_roles g ON g.name = r.role_name
    LEFT JOIN security_roles_included i ON i.role_name = g.name
    LEFT JOIN security_roles n ON n.name = COALESCE(i.included_name, g.name)
    LEFT JOIN security_roles_permissions p ON p.role_name = n.name
    ORDER BY u.id"
);

const DELETE_CLOSED: &str = closed_for_good!("DELETE FROM security_users WHERE id = ? AND ", "");

const FIND_EXPIRED: &str = "
    SELECT u.id AS user_id, u.email, u.username, u.password_hash, u.active, u.confirmed_at,
           u.must_change, u.closes_at, u.expires_at, u.epoch AS user_epoch,
           u.created_at AS user_created_at,
           g.name AS role_name, n.name AS included_name, p.permission_name
    FROM (SELECT * FROM security_users WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) u
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    LEFT JOIN security_roles g ON g.name = r.role_name
    LEFT JOIN security_roles_included i ON i.role_name = g.name
    LEFT JOIN security_roles n ON n.name = COALESCE(i.included_name, g.name)
    LEFT JOIN security_roles_permissions p ON p.role_name = n.name
    ORDER BY u.id";

const DELETE_EXPIRED: &str = "DELETE FROM security_users WHERE id = ? AND expires_at <= ?";

/// The expiry decides about the username, so it is assigned last.
pub(super) const CONTEST_USER: &str = "
    UPDATE security_users
    SET password_hash = CASE WHEN ? THEN password_hash ELSE NULL END,
        username = CASE WHEN expires_at IS NULL THEN username ELSE ? END,
        username_canonical = CASE WHEN expires_at IS NULL THEN username_canonical ELSE ? END,
        username_skeleton = CASE WHEN expires_at IS NULL THEN username_skeleton ELSE ? END,
        expires_at = CASE WHEN expires_at IS NULL THEN NULL ELSE ? END
    WHERE id = ? AND confirmed_at IS NULL";

#[async_trait]
impl LapseStore for SqlxDatastore {
    async fn contest_user(
        &self,
        id: UserId,
        contest: &Contest,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let username = contest.username.as_ref();
            let update = transaction
                .query(CONTEST_USER)
                .bind(contest.is_same)
                .bind(username.map(|name| name.as_str().to_owned()))
                .bind(username.map(Username::canonical))
                .bind(username.map(Username::skeleton))
                .bind(Far(contest.expires_at))
                .bind(id.as_uuid());
            match transaction.execute(update).await {
                Ok(0) => return Ok(false),
                Err(fault) if is_unique_violation(&fault) => return Ok(false),
                contested => contested?,
            };
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn find_lapsed_users(
        &self,
        lapse: Lapse,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<User>> {
        on_database!(self, |database| {
            let find = match lapse {
                Lapse::Closed => database.query_as(FIND_CLOSED).bind(now).bind(now),
                Lapse::Unconfirmed => database.query_as(FIND_EXPIRED).bind(now),
            };
            let find = find.bind(i64::from(limit));
            let rows: Vec<UserRow> = database.fetch_all(find).await?;
            Ok(users_from(rows)?.into_iter().map(|found| found.user).collect())
        })
    }

    async fn delete_lapsed_user(
        &self,
        id: UserId,
        lapse: Lapse,
        now: Timestamp,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            // Another transaction that creates a lasting token for this user has done so before the look, or
            // waits.
            let lock = transaction.query(LOCK_USER).bind(id.as_uuid());
            transaction.execute(lock).await?;
            let id = id.as_uuid();
            let delete = match lapse {
                Lapse::Closed => transaction.query(DELETE_CLOSED).bind(id).bind(now).bind(now),
                Lapse::Unconfirmed => transaction.query(DELETE_EXPIRED).bind(id).bind(now),
            };
            if transaction.execute(delete).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }
}
