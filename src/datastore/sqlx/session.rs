//! Sessions.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::SessionStore;
use crate::datastore::session::SessionRecord;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::rows::DigestRow;
use crate::datastore::sqlx::rows::SessionRow;
use crate::datastore::sqlx::rows::UserRow;
use crate::datastore::sqlx::rows::users_from;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::error::Result;
use crate::user::User;

/// The query of every request: by primary key, joined by primary keys.
pub(super) const FIND_SESSION: &str = "
    SELECT s.digest, s.id AS session_id, s.epoch AS session_epoch, s.authn_via, s.client,
           s.user_agent, s.created_at AS session_created_at, s.authenticated_at, s.last_seen_at,
           u.id AS user_id, u.email, u.password_hash, u.active, u.confirmed_at,
           u.epoch AS user_epoch, u.created_at AS user_created_at, r.role_name
    FROM security_sessions s
    JOIN security_users u ON u.id = s.user_id AND u.epoch = s.epoch
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    WHERE s.digest = ?";

pub(super) const BEGIN_SESSION: &str = "
    INSERT INTO security_sessions
        (digest, id, user_id, epoch, authn_via, client, user_agent,
         created_at, authenticated_at, last_seen_at)
    SELECT ?, ?, id, epoch, ?, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ?";

pub(super) const FIND_OTHER_SESSIONS: &str = "
    SELECT digest FROM security_sessions
    WHERE user_id = ? AND digest <> ? ORDER BY created_at DESC, digest";

pub(super) const DELETE_SESSION: &str = "DELETE FROM security_sessions WHERE digest = ?";

pub(super) const TOUCH_SESSION: &str = "
    UPDATE security_sessions SET last_seen_at = ? WHERE digest = ? AND last_seen_at <= ?";

const FIND_ENDED: &str = "
    SELECT digest FROM security_sessions
    WHERE last_seen_at <= ? OR created_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

#[async_trait]
impl SessionStore for SqlxDatastore {
    async fn begin_session(&self, session: &SessionRecord, max_per_user: u32) -> Result<bool> {
        in_transaction!(self, |transaction| {
            // Whoever else begins a session of this user, or changes the user, waits.
            let lock = transaction.query(LOCK_USER).bind(session.user_id.as_uuid());
            transaction.execute(lock).await?;
            let begin = transaction
                .query(BEGIN_SESSION)
                .bind(session.digest.as_bytes().to_vec())
                .bind(session.id)
                .bind(session.authn_via.clone())
                .bind(session.client.map(|client| client.to_string()))
                .bind(session.user_agent.clone())
                .bind(session.created_at)
                .bind(session.authenticated_at)
                .bind(session.last_seen_at)
                .bind(session.user_id.as_uuid())
                .bind(session.epoch)
                .bind(true);
            if transaction.execute(begin).await? == 0 {
                return Ok(false);
            }
            // One by one and by their key: whoever else logs in waits for none of it.
            let others = transaction
                .query_as(FIND_OTHER_SESSIONS)
                .bind(session.user_id.as_uuid())
                .bind(session.digest.as_bytes().to_vec());
            let others: Vec<DigestRow> = transaction.fetch_all(others).await?;
            let kept = usize::try_from(max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
            for other in others.into_iter().skip(kept) {
                let evict = transaction.query(DELETE_SESSION).bind(other.digest);
                transaction.execute(evict).await?;
            }
            transaction.keep();
            Ok(true)
        })
    }

    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_SESSION).bind(digest.as_bytes().to_vec());
            read_joined(database.fetch_all(find).await?)
        })
    }

    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        on_database!(self, |database| {
            let touch = database
                .query(TOUCH_SESSION)
                .bind(now)
                .bind(digest.as_bytes().to_vec())
                .bind(unless_since);
            database.execute(touch).await.map(drop)
        })
    }

    async fn end_session(&self, digest: &Digest) -> Result<bool> {
        on_database!(self, |database| {
            let end = database.query(DELETE_SESSION).bind(digest.as_bytes().to_vec());
            Ok(database.execute(end).await? == 1)
        })
    }

    async fn delete_ended_sessions(&self, idle: Timestamp, begun: Timestamp) -> Result<u64> {
        in_batches!(self, DELETE_SESSION, |transaction| {
            transaction.query_as(FIND_ENDED).bind(idle).bind(begun)
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
