//! Series, by which browsers are remembered.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::remember::{
    EndedSeries, Presented, RememberStore, SeriesRecord, SeriesRotated, SeriesRotation,
};
use crate::datastore::session::SessionRecord;
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{
    UserRow, read_digest, read_proofs, row, select_user, users_from,
};
use crate::datastore::sqlx::session::{
    DELETE_SERIES, DELETE_SESSION, EndedRow, FIND_SESSIONS_OF_SERIES, SeriesKeyRow, begin_session,
    end_families_of,
};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

pub(super) const CREATE_SERIES: &str = "
    INSERT INTO security_remember
        (series, user_id, epoch, validator, previous, proofs, created_at, rotated_at, expires_at)
    SELECT ?, id, epoch, ?, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ? AND closes_at IS NULL";

pub(super) const FIND_SERIES: &str = select_user!(
    "m.series, m.user_id AS series_user_id, m.epoch AS series_epoch, m.validator, m.previous,
           m.proofs AS series_proofs, m.created_at AS series_created_at, m.rotated_at, m.expires_at AS series_expires_at,",
    "security_remember m
    JOIN security_users u ON u.id = m.user_id AND u.epoch = m.epoch",
    "WHERE m.series = ?"
);

/// Finds and locks a series for its rotation: no other transaction rotates or ends it meanwhile.
pub(super) const FIND_SERIES_TO_ROTATE: &str = "
    SELECT series, user_id AS series_user_id, epoch AS series_epoch, validator, previous,
           proofs AS series_proofs, created_at AS series_created_at, rotated_at, expires_at AS series_expires_at
    FROM security_remember WHERE series = ? FOR UPDATE";

pub(super) const ROTATE_SERIES: &str = "
    UPDATE security_remember SET previous = ?, validator = ?, rotated_at = ?
    WHERE series = ? AND user_id = ? AND epoch = ? AND validator = ? AND expires_at > ?";

pub(super) const FIND_OTHER_SERIES: &str = "
    SELECT series, user_id FROM security_remember
    WHERE user_id = ? AND series <> ? ORDER BY created_at DESC, series FOR UPDATE";

/// A session lives on when its browser is no longer remembered.
pub(super) const NAME_NO_SERIES: &str =
    "UPDATE security_sessions SET series = NULL WHERE series = ?";

/// So do the programs that logged in with it.
pub(super) const NAME_NO_SERIES_IN_FAMILIES: &str =
    "UPDATE security_refresh SET series = NULL WHERE series = ?";

pub(super) const DELETE_SERIES_OF: &str =
    "DELETE FROM security_remember WHERE series = ? AND user_id = ?";

const FIND_EXPIRED_SERIES: &str = "
    SELECT series, user_id FROM security_remember
    WHERE expires_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

/// Ends, within a transaction, the session that names a series and, unless the series has merely expired, the
/// families that began in this session or name the series. Returns the public id of the session.
macro_rules! end_session_of {
    ($transaction:ident, $series:expr, is_over: $is_over:expr) => {{
        let find = $transaction.query_as(FIND_SESSIONS_OF_SERIES).bind($series.clone());
        let named: Vec<EndedRow> = $transaction.fetch_all(find).await?;
        let mut ended = None;
        for row in named {
            ended = Some(row.id);
            let end = $transaction.query(DELETE_SESSION).bind(row.digest);
            $transaction.execute(end).await?;
            if !$is_over {
                end_families_of!($transaction, session: row.id, series: None::<Vec<u8>>);
            }
        }
        if !$is_over {
            end_families_of!($transaction, series: $series);
        }
        ended
    }};
}

#[async_trait]
impl RememberStore for SqlxDatastore {
    async fn create_series(&self, series: &SeriesRecord, max_per_user: u32) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let user = series.user_id.as_uuid();
            // Others that begin a series of this user, or change the user, wait here.
            let lock = transaction.query(LOCK_USER).bind(user);
            transaction.execute(lock).await?;
            let create = transaction
                .query(CREATE_SERIES)
                .bind(series.series.as_bytes().to_vec())
                .bind(series.validator.as_bytes().to_vec())
                .bind(series.previous.map(|previous| previous.as_bytes().to_vec()))
                .bind(series.proofs.to_string())
                .bind(series.created_at)
                .bind(series.rotated_at)
                .bind(Far(series.expires_at))
                .bind(user)
                .bind(series.epoch)
                .bind(true);
            if transaction.execute(create).await? == 0 {
                return Ok(false);
            }
            let others = transaction
                .query_as(FIND_OTHER_SERIES)
                .bind(user)
                .bind(series.series.as_bytes().to_vec());
            let others: Vec<SeriesKeyRow> = transaction.fetch_all(others).await?;
            let kept = usize::try_from(max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
            for other in others.into_iter().skip(kept) {
                let forget = transaction.query(DELETE_SERIES).bind(other.series.clone());
                transaction.execute(forget).await?;
                for go_on in [NAME_NO_SERIES, NAME_NO_SERIES_IN_FAMILIES] {
                    let go_on = transaction.query(go_on).bind(other.series.clone());
                    transaction.execute(go_on).await?;
                }
            }
            transaction.keep();
            Ok(true)
        })
    }

    async fn find_series(&self, series: &Digest) -> Result<Option<(SeriesRecord, User)>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_SERIES).bind(series.as_bytes().to_vec());
            read_joined(database.fetch_all(find).await?)
        })
    }

    async fn rotate_series(
        &self,
        rotation: &SeriesRotation,
        session: &SessionRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<SeriesRotated> {
        in_transaction!(self, |transaction| {
            let user = session.user_id.as_uuid();
            let lock = transaction.query(LOCK_USER).bind(user);
            transaction.execute(lock).await?;
            let rotate = transaction
                .query(ROTATE_SERIES)
                .bind(rotation.presented.as_bytes().to_vec())
                .bind(rotation.next.as_bytes().to_vec())
                .bind(rotation.now)
                .bind(rotation.series.as_bytes().to_vec())
                .bind(user)
                .bind(session.epoch)
                .bind(rotation.presented.as_bytes().to_vec())
                .bind(rotation.now);
            if transaction.execute(rotate).await? == 0 {
                let find = transaction
                    .query_as(FIND_SERIES_TO_ROTATE)
                    .bind(rotation.series.as_bytes().to_vec());
                let found: Option<SeriesRow> = transaction.fetch_optional(find).await?;
                return Ok(judge(found.map(SeriesRow::read).transpose()?, rotation, session));
            }
            let begun = begin_session!(
                transaction, session, crate::datastore::session::Replaces::Nothing, max_per_user,
                ends_families: false
            );
            let Some(evicted) = begun else {
                return Ok(SeriesRotated::Unknown);
            };
            push_all!(transaction, together);
            transaction.keep();
            Ok(SeriesRotated::Rotated(evicted))
        })
    }

    async fn end_series(
        &self,
        user: UserId,
        series: &Digest,
        together: &Together,
    ) -> Result<Option<EndedSeries>> {
        in_transaction!(self, |transaction| {
            // A transaction that begins a session of this series waits, and then finds the series gone.
            let lock = transaction.query(LOCK_USER).bind(user.as_uuid());
            transaction.execute(lock).await?;
            let end = transaction
                .query(DELETE_SERIES_OF)
                .bind(series.as_bytes().to_vec())
                .bind(user.as_uuid());
            if transaction.execute(end).await? == 0 {
                return Ok(None);
            }
            let key = series.as_bytes().to_vec();
            let session = end_session_of!(transaction, key, is_over: false);
            push_all!(transaction, together);
            transaction.keep();
            Ok(Some(EndedSeries { user_id: user, session }))
        })
    }

    async fn end_other_series(
        &self,
        user: UserId,
        kept: Option<&Digest>,
    ) -> Result<Vec<EndedSeries>> {
        in_transaction!(self, |transaction| {
            let lock = transaction.query(LOCK_USER).bind(user.as_uuid());
            transaction.execute(lock).await?;
            let kept = kept.map(|kept| kept.as_bytes().to_vec()).unwrap_or_default();
            let find = transaction.query_as(FIND_OTHER_SERIES).bind(user.as_uuid()).bind(kept);
            let found: Vec<SeriesKeyRow> = transaction.fetch_all(find).await?;
            let mut ended = Vec::new();
            for row in found {
                let end = transaction.query(DELETE_SERIES).bind(row.series.clone());
                transaction.execute(end).await?;
                let session = end_session_of!(transaction, row.series, is_over: false);
                ended.push(EndedSeries { user_id: user, session });
            }
            transaction.keep();
            Ok(ended)
        })
    }

    async fn delete_expired_series(&self, now: Timestamp, limit: u32) -> Result<Vec<EndedSeries>> {
        in_transaction!(self, |transaction| {
            let find = transaction.query_as(FIND_EXPIRED_SERIES).bind(now).bind(i64::from(limit));
            let found: Vec<SeriesKeyRow> = transaction.fetch_all(find).await?;
            let mut ended = Vec::new();
            for row in found {
                let user_id = UserId::from_uuid(row.user_id);
                let end = transaction.query(DELETE_SERIES).bind(row.series.clone());
                transaction.execute(end).await?;
                let session = end_session_of!(transaction, row.series, is_over: true);
                ended.push(EndedSeries { user_id, session });
            }
            transaction.keep();
            Ok(ended)
        })
    }
}

/// Returns why a series could not be rotated.
fn judge(
    found: Option<SeriesRecord>,
    rotation: &SeriesRotation,
    session: &SessionRecord,
) -> SeriesRotated {
    let is_theirs = |found: &SeriesRecord| {
        let is_alive = found.expires_at > rotation.now && found.epoch == session.epoch;
        found.user_id == session.user_id && is_alive
    };
    let Some(found) = found.filter(is_theirs) else {
        return SeriesRotated::Unknown;
    };
    match found.judge(&rotation.presented, rotation.since) {
        Presented::Previous => SeriesRotated::SameAgain(found.validator),
        Presented::Stale => SeriesRotated::Stale,
        // It was not the current validator a moment ago, and no rotation is ever undone.
        Presented::Current => SeriesRotated::Unknown,
    }
}

row! {
    /// A series.
    SeriesRow {
        series: Vec<u8>,
        series_user_id: uuid::Uuid,
        series_epoch: i64,
        validator: Vec<u8>,
        previous: Option<Vec<u8>>,
        series_proofs: String,
        series_created_at: Timestamp,
        rotated_at: Timestamp,
        series_expires_at: Timestamp,
    }
}

impl SeriesRow {
    fn read(self) -> Result<SeriesRecord> {
        Ok(SeriesRecord {
            series: read_digest(self.series)?,
            user_id: UserId::from_uuid(self.series_user_id),
            epoch: self.series_epoch,
            validator: read_digest(self.validator)?,
            previous: self.previous.map(read_digest).transpose()?,
            proofs: read_proofs(&self.series_proofs)?,
            created_at: self.series_created_at,
            rotated_at: self.rotated_at,
            expires_at: self.series_expires_at,
        })
    }
}

/// A series with its user, one of their roles, and one of its permissions.
struct JoinedRow {
    series: SeriesRow,
    user: UserRow,
}

impl<'r, R: ::sqlx::Row> ::sqlx::FromRow<'r, R> for JoinedRow
where
    SeriesRow: ::sqlx::FromRow<'r, R>,
    UserRow: ::sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
        Ok(Self { series: SeriesRow::from_row(row)?, user: UserRow::from_row(row)? })
    }
}

fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(SeriesRecord, User)>> {
    let (mut series, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.series, row.user)).unzip();
    let (Some(series), Some(found)) = (series.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((series.read()?, found.user)))
}
