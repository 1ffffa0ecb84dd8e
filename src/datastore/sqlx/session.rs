//! Sessions.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::SessionStore;
use crate::datastore::session::SessionRecord;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::begin;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_as;
use crate::datastore::sqlx::failed;
use crate::datastore::sqlx::rows::SessionRow;
use crate::datastore::sqlx::rows::UserRow;
use crate::datastore::sqlx::rows::users_from;
use crate::error::Result;
use crate::user::User;

/// The query of every request: by primary key, joined by primary keys.
const FIND_SESSION: &str = "
    SELECT s.digest, s.id AS session_id, s.epoch AS session_epoch, s.authn_via, s.client,
           s.user_agent, s.created_at AS session_created_at, s.authenticated_at, s.last_seen_at,
           u.id AS user_id, u.email, u.password_hash, u.active, u.confirmed_at,
           u.epoch AS user_epoch, u.created_at AS user_created_at, r.role_name
    FROM security_sessions s
    JOIN security_users u ON u.id = s.user_id AND u.epoch = s.epoch
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    WHERE s.digest = ?";

const BEGIN_SESSION: &str = "
    INSERT INTO security_sessions
        (digest, id, user_id, epoch, authn_via, client, user_agent,
         created_at, authenticated_at, last_seen_at)
    SELECT ?, ?, id, epoch, ?, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ?";

const EVICT_SESSIONS: &str = "
    DELETE FROM security_sessions
    WHERE user_id = ? AND digest NOT IN (
        SELECT digest FROM (
            SELECT digest FROM security_sessions
            WHERE user_id = ?
            ORDER BY CASE WHEN digest = ? THEN 0 ELSE 1 END, created_at DESC, digest LIMIT ?
        ) AS newest
    )";

#[async_trait]
impl SessionStore for SqlxDatastore {
    async fn begin_session(&self, session: &SessionRecord, max_per_user: u32) -> Result<bool> {
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let begun = query(BEGIN_SESSION)
                .bind(session.digest.as_bytes().as_slice())
                .bind(session.id)
                .bind(&session.authn_via)
                .bind(session.client.map(|client| client.to_string()))
                .bind(&session.user_agent)
                .bind(session.created_at)
                .bind(session.authenticated_at)
                .bind(session.last_seen_at)
                .bind(session.user_id.as_uuid())
                .bind(session.epoch)
                .bind(true)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            query(EVICT_SESSIONS)
                .bind(session.user_id.as_uuid())
                .bind(session.user_id.as_uuid())
                .bind(session.digest.as_bytes().as_slice())
                .bind(i64::from(max_per_user))
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            Ok(begun.rows_affected() == 1)
        })
    }

    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        on_pool!(self, |pool| {
            let rows: Vec<JoinedRow> = query_as(FIND_SESSION)
                .bind(digest.as_bytes().as_slice())
                .fetch_all(&**pool)
                .await
                .map_err(failed)?;
            read_joined(rows)
        })
    }

    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        on_pool!(self, |pool| {
            query(
                "UPDATE security_sessions SET last_seen_at = ?
                 WHERE digest = ? AND last_seen_at <= ?",
            )
            .bind(now)
            .bind(digest.as_bytes().as_slice())
            .bind(unless_since)
            .execute(&**pool)
            .await
            .map_err(failed)?;
            Ok(())
        })
    }

    async fn end_session(&self, digest: &Digest) -> Result<bool> {
        on_pool!(self, |pool| {
            let ended = query("DELETE FROM security_sessions WHERE digest = ?")
                .bind(digest.as_bytes().as_slice())
                .execute(&**pool)
                .await
                .map_err(failed)?;
            Ok(ended.rows_affected() == 1)
        })
    }

    async fn delete_ended_sessions(&self, idle: Timestamp, begun: Timestamp) -> Result<u64> {
        on_pool!(self, |pool| {
            let deleted =
                query("DELETE FROM security_sessions WHERE last_seen_at <= ? OR created_at <= ?")
                    .bind(idle)
                    .bind(begun)
                    .execute(&**pool)
                    .await
                    .map_err(failed)?;
            Ok(deleted.rows_affected())
        })
    }
}

/// A session with its user and one of their roles.
struct JoinedRow {
    session: SessionRow,
    user: UserRow,
}

impl<'r, R: ::sqlx::Row> ::sqlx::FromRow<'r, R> for JoinedRow
where
    SessionRow: ::sqlx::FromRow<'r, R>,
    UserRow: ::sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
        Ok(Self { session: SessionRow::from_row(row)?, user: UserRow::from_row(row)? })
    }
}

fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(SessionRecord, User)>> {
    let (mut sessions, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.session, row.user)).unzip();
    let (Some(session), Some(found)) = (sessions.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((session.read(found.user.id)?, found.user)))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use ::sqlx::AssertSqlSafe;

    use crate::datastore::SqlxDatastore;
    use crate::datastore::sqlx::session::FIND_SESSION;

    #[rocket::async_test]
    async fn the_query_of_every_request_searches_indexes_only() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("db.sqlite").display());
        let figment = rocket::Config::figment().merge(("databases.security.url", &url));
        SqlxDatastore::connect(&figment).await.unwrap().migrate().await.unwrap();
        let pool = ::sqlx::SqlitePool::connect(&url).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {FIND_SESSION}"));
        let plan: Vec<(i64, i64, i64, String)> =
            ::sqlx::query_as(explain).bind([0; 32].as_slice()).fetch_all(&pool).await.unwrap();
        assert_eq!(plan.len(), 3, "{plan:?}");
        for (_, _, _, step) in &plan {
            assert!(step.starts_with("SEARCH") && step.contains("INDEX"), "{plan:?}");
        }
    }
}
