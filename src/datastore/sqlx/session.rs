//! Sessions.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::crypto::one_time::Digest;
use crate::datastore::session::{EndedSession, Replaces, SessionRecord, SessionStore};
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{SessionRow, UserRow, row, select_user, users_from};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

/// Selects a session with its user, joined by primary keys.
macro_rules! find_session {
    ($which:literal) => {
        select_user!(
            "s.digest, s.id AS session_id, s.epoch AS session_epoch, s.proofs AS session_proofs,
           s.client, s.user_agent, s.created_at AS session_created_at, s.last_seen_at,
           s.series AS session_series,",
            "security_sessions s
    JOIN security_users u ON u.id = s.user_id AND u.epoch = s.epoch",
            $which
        )
    };
}

/// The query of every request with a session: by primary key.
pub(super) const FIND_SESSION: &str = find_session!("WHERE s.digest = ?");

/// Finds a session by the unique index of public ids.
pub(super) const FIND_SESSION_OF: &str = find_session!("WHERE s.id = ? AND s.user_id = ?");

/// The query of every request with a token of a session: the same, unless the token is denied.
pub(super) const FIND_SESSION_BEARER: &str = find_session!(
    "WHERE s.id = ? AND s.user_id = ?
        AND NOT EXISTS (SELECT 1 FROM security_denylist d WHERE d.jti = ?)"
);

pub(super) const BEGIN_SESSION: &str = "
    INSERT INTO security_sessions
        (digest, id, user_id, epoch, proofs, client, user_agent,
         created_at, last_seen_at, series)
    SELECT ?, ?, id, epoch, ?, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ? AND closes_at IS NULL";

/// The series that a session names is locked before the session. Every operation that ends both does so.
pub(super) const LOCK_SERIES: &str =
    "SELECT series, user_id FROM security_remember WHERE series = ? AND user_id = ? FOR UPDATE";

pub(super) const FIND_SESSIONS_OF_SERIES: &str =
    "SELECT digest, id, user_id, series FROM security_sessions WHERE series = ?";

pub(super) const FIND_SERIES_OF_SESSION: &str =
    "SELECT digest, id, user_id, series FROM security_sessions WHERE digest = ?";

/// A transaction that begins a family in a session waits until no other transaction is ending the session.
pub(super) const LOCK_SESSION_OF: &str = "
    SELECT digest, id, user_id, series FROM security_sessions
    WHERE id = ? AND user_id = ? FOR UPDATE";

pub(super) const FIND_FAMILIES_OF_SESSION: &str =
    "SELECT id FROM security_refresh WHERE session_id = ?";

/// Includes the families of the browser's earlier sessions.
pub(super) const FIND_FAMILIES_OF_SERIES: &str = "SELECT id FROM security_refresh WHERE series = ?";

pub(super) const DELETE_FAMILY: &str = "DELETE FROM security_refresh WHERE id = ?";

pub(super) const DELETE_SERIES: &str = "DELETE FROM security_remember WHERE series = ?";

pub(super) const FIND_OTHER_SESSIONS: &str = "
    SELECT digest, id, user_id, series FROM security_sessions
    WHERE user_id = ? AND digest <> ? ORDER BY created_at DESC, digest";

pub(super) const LIST_SESSIONS: &str = "
    SELECT digest, id AS session_id, epoch AS session_epoch, proofs AS session_proofs, client,
           user_agent, created_at AS session_created_at, last_seen_at,
           series AS session_series
    FROM security_sessions
    WHERE user_id = ? ORDER BY created_at DESC, digest";

pub(super) const DELETE_SESSION: &str = "DELETE FROM security_sessions WHERE digest = ?";

pub(super) const TOUCH_SESSION: &str = "
    UPDATE security_sessions SET last_seen_at = ?
    WHERE digest = ? AND last_seen_at <= ? AND last_seen_at > ?";

pub(super) const EXPIRE_SESSION: &str = "
    UPDATE security_sessions SET last_seen_at = ?
    WHERE digest = ? AND (last_seen_at <= ? OR created_at <= ?)";

const FIND_ENDED: &str = "
    SELECT digest, id, user_id, series FROM security_sessions
    WHERE last_seen_at <= ? OR created_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

#[async_trait]
impl SessionStore for SqlxDatastore {
    async fn begin_session(
        &self,
        session: &SessionRecord,
        replaces: Replaces,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedSession>>> {
        in_transaction!(self, |transaction| {
            // Others that begin a session of this user, or change the user, wait here.
            let lock = transaction.query(LOCK_USER).bind(session.user_id.as_uuid());
            transaction.execute(lock).await?;
            let begun =
                begin_session!(transaction, session, replaces, max_per_user, ends_families: true);
            let Some(evicted) = begun else {
                return Ok(None);
            };
            push_all!(transaction, together);
            transaction.keep();
            Ok(Some(evicted))
        })
    }

    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        on_database!(self, |database| {
            let list = database.query_as(LIST_SESSIONS).bind(user.as_uuid());
            let rows: Vec<SessionRow> = database.fetch_all(list).await?;
            rows.into_iter().map(|row| row.read(user)).collect()
        })
    }

    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_SESSION).bind(digest.as_bytes().to_vec());
            read_joined(database.fetch_all(find).await?)
        })
    }

    async fn find_session_of(
        &self,
        user: UserId,
        id: Uuid,
    ) -> Result<Option<(SessionRecord, User)>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_SESSION_OF).bind(id).bind(user.as_uuid());
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
                .bind(unless_since)
                .bind(NEVER);
            database.execute(touch).await.map(drop)
        })
    }

    async fn expire_session(
        &self,
        digest: &Digest,
        idle: Timestamp,
        begun: Timestamp,
    ) -> Result<()> {
        on_database!(self, |database| {
            let expire = database
                .query(EXPIRE_SESSION)
                .bind(NEVER)
                .bind(digest.as_bytes().to_vec())
                .bind(idle)
                .bind(begun);
            database.execute(expire).await.map(drop)
        })
    }

    async fn end_session(&self, digest: &Digest, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let find =
                transaction.query_as(FIND_SERIES_OF_SESSION).bind(digest.as_bytes().to_vec());
            let found: Option<EndedRow> = transaction.fetch_optional(find).await?;
            let Some(found) = found else {
                return Ok(false);
            };
            if let Some(series) = found.series.clone() {
                transaction.execute(transaction.query(DELETE_SERIES).bind(series)).await?;
            }
            let end = transaction.query(DELETE_SESSION).bind(digest.as_bytes().to_vec());
            if transaction.execute(end).await? == 0 {
                return Ok(false);
            }
            end_families_of!(transaction, session: found.id, series: found.series);
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn delete_ended_sessions(
        &self,
        idle: Timestamp,
        begun: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedSession>> {
        in_transaction!(self, |transaction| {
            let find = transaction.query_as(FIND_ENDED).bind(idle).bind(begun);
            let found: Vec<EndedRow> = transaction.fetch_all(find.bind(i64::from(limit))).await?;
            let mut ended = Vec::new();
            for row in found {
                ended.push(row.session());
                let delete = transaction.query(DELETE_SESSION).bind(row.digest);
                transaction.execute(delete).await?;
            }
            transaction.keep();
            Ok(ended)
        })
    }
}

/// Ends, within a transaction that has ended a session, the families that name it or its series, by their
/// key. Within one that has ended a series, ends the families that name it.
macro_rules! end_families_of {
    ($transaction:ident, session: $session:expr, series: $series:expr) => {{
        use crate::datastore::sqlx::session as sql;
        let find = $transaction.query_as(sql::FIND_FAMILIES_OF_SESSION).bind($session);
        sql::end_families_of!($transaction, found: find);
        if let Some(series) = $series {
            sql::end_families_of!($transaction, series: series);
        }
    }};
    ($transaction:ident, series: $series:expr) => {{
        use crate::datastore::sqlx::session as sql;
        let find = $transaction.query_as(sql::FIND_FAMILIES_OF_SERIES).bind($series);
        sql::end_families_of!($transaction, found: find);
    }};
    ($transaction:ident, found: $find:expr) => {{
        use crate::datastore::sqlx::session as sql;
        let families: Vec<sql::FamilyIdRow> = $transaction.fetch_all($find).await?;
        for family in families {
            let end = $transaction.query(sql::DELETE_FAMILY).bind(family.id);
            $transaction.execute(end).await?;
        }
    }};
}

/// Begins a session within a transaction that has locked its user. Returns the other sessions that ended for
/// it, or `None` if it may not begin; the transaction is then no longer usable.
///
/// `ends_families` says whether families end that began in the replaced session, or in an earlier session of
/// its browser. A macro, for the same reason as `apply_change!`.
macro_rules! begin_session {
    (
        $transaction:ident, $session:expr, $replaces:expr, $max_per_user:expr,
        ends_families: $ends_families:expr
    ) => {{
        use crate::datastore::sqlx::session as sql;
        let replaces: crate::datastore::session::Replaces = $replaces;
        let mut is_live = !replaces.must_be_live();
        let (session, user) = ($session, $session.user_id.as_uuid());
        let (digest, series) = (session.digest.as_bytes().to_vec(), session.series);
        let series = series.map(|series| series.as_bytes().to_vec());
        let mut is_allowed = true;
        if let Some(series) = &series {
            let lock = $transaction.query_as(sql::LOCK_SERIES).bind(series.clone()).bind(user);
            let locked: Option<sql::SeriesKeyRow> = $transaction.fetch_optional(lock).await?;
            is_allowed = locked.is_some();
        }
        if is_allowed {
            let begin = $transaction
                .query(sql::BEGIN_SESSION)
                .bind(digest.clone())
                .bind(session.id)
                .bind(session.proofs.to_string())
                .bind(session.client.map(|client| client.to_string()))
                .bind(session.user_agent.clone())
                .bind(session.created_at)
                .bind(session.last_seen_at)
                .bind(series.clone())
                .bind(user)
                .bind(session.epoch)
                .bind(true);
            is_allowed = $transaction.execute(begin).await? > 0;
        }
        if is_allowed {
            let keep = $transaction.query(crate::datastore::sqlx::user::KEEP_USER).bind(user);
            $transaction.execute(keep).await?;
            // One by one and by their key, so that no other login waits.
            let others = $transaction.query_as(sql::FIND_OTHER_SESSIONS).bind(user).bind(digest);
            let others: Vec<sql::EndedRow> = $transaction.fetch_all(others).await?;
            let is_named = |other: &sql::EndedRow| {
                replaces.digest().is_some_and(|digest| other.digest == digest.as_bytes())
            };
            let is_same = |other: &sql::EndedRow| {
                (series.is_some() && other.series == series) || is_named(other)
            };
            let (replaced, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_same);
            let kept = usize::try_from($max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
            let evicted: Vec<_> = others.into_iter().skip(kept).collect();
            let forgotten = replaced.iter().filter(|other| other.series != series).chain(&evicted);
            for series in forgotten.filter_map(|other| other.series.clone()) {
                let forget = $transaction.query(sql::DELETE_SERIES).bind(series);
                $transaction.execute(forget).await?;
            }
            for other in replaced.iter().chain(&evicted) {
                let end = $transaction.query(sql::DELETE_SESSION).bind(other.digest.clone());
                let has_ended = $transaction.execute(end).await? > 0;
                is_live |= has_ended && is_named(other);
            }
            for other in replaced.iter().filter(|_| $ends_families).chain(&evicted) {
                sql::end_families_of!($transaction, session: other.id, series: other.series.clone());
            }
            is_live.then(|| evicted.iter().map(sql::EndedRow::session).collect::<Vec<_>>())
        } else {
            None
        }
    }};
}

pub(super) use begin_session;
pub(super) use end_families_of;

row! {
    /// The key of a family.
    FamilyIdRow { id: uuid::Uuid }
}

row! {
    /// A session that ends, and its key.
    EndedRow { digest: Vec<u8>, id: uuid::Uuid, user_id: uuid::Uuid, series: Option<Vec<u8>> }
}

row! {
    /// The key of a series, and its user.
    SeriesKeyRow { series: Vec<u8>, user_id: uuid::Uuid }
}

impl EndedRow {
    pub(super) fn session(&self) -> EndedSession {
        EndedSession { id: self.id, user_id: UserId::from_uuid(self.user_id) }
    }
}

/// A session with its user, one of their roles, and one of its permissions.
pub(super) struct JoinedRow {
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

pub(super) fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(SessionRecord, User)>> {
    let (mut sessions, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.session, row.user)).unzip();
    let (Some(session), Some(found)) = (sessions.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((session.read(found.user.id)?, found.user)))
}
