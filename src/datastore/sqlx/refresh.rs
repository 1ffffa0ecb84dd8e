//! Families of refresh tokens, and the bearers of tokens.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, FamilyRotated, FamilyRotation, LivesBy, RefreshStore, TokenTrace,
};
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{
    UserRow, read_address, read_digest, read_proofs, row, select_user, users_from,
};
use crate::datastore::sqlx::session;
use crate::datastore::sqlx::session::{EndedRow, FIND_SESSION_BEARER, LOCK_SESSION_OF};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::{KEEP_USER, LOCK_USER};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

pub(super) const BEGIN_FAMILY: &str = "
    INSERT INTO security_refresh
        (id, user_id, epoch, token_id, previous_id, session_id, series, proofs, client,
         user_agent, created_at, rotated_at, idle_expires_at, expires_at)
    SELECT ?, id, epoch, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ? AND closes_at IS NULL";

pub(super) const FIND_OTHER_FAMILIES: &str = "
    SELECT id, user_id FROM security_refresh
    WHERE user_id = ? AND id <> ? AND idle_expires_at > ?
    ORDER BY created_at DESC, id FOR UPDATE";

/// Selects families, with column names that no other table has.
macro_rules! select_family {
    ($rest:literal) => {
        concat!(
            "
    SELECT id AS family_id, user_id AS family_user_id, epoch AS family_epoch, token_id, previous_id,
           session_id AS family_session_id, series AS family_series,
           proofs AS family_proofs, client AS family_client,
           user_agent AS family_user_agent, created_at AS family_created_at,
           rotated_at, idle_expires_at,
           expires_at AS family_expires_at
    FROM security_refresh ",
            $rest
        )
    };
}

pub(super) const LIST_FAMILIES: &str =
    select_family!("WHERE user_id = ? ORDER BY created_at DESC, id");

/// The query of every request with a token of a family: by primary key.
pub(super) const FIND_FAMILY_BEARER: &str = select_user!(
    "f.id AS family_id, f.user_id AS family_user_id, f.epoch AS family_epoch, f.token_id,
           f.previous_id, f.session_id AS family_session_id, f.series AS family_series,
           f.proofs AS family_proofs, f.client AS family_client,
           f.user_agent AS family_user_agent,
           f.created_at AS family_created_at,
           f.rotated_at, f.idle_expires_at, f.expires_at AS family_expires_at,",
    "security_refresh f
    JOIN security_users u ON u.id = f.user_id AND u.epoch = f.epoch",
    "WHERE f.id = ? AND f.user_id = ?
        AND NOT EXISTS (SELECT 1 FROM security_denylist d WHERE d.jti = ?)"
);

/// The query of every request with a token of neither a family nor a session.
pub(super) const FIND_USER_BEARER: &str = select_user!(
    "",
    "security_users u",
    "WHERE u.id = ? AND NOT EXISTS (SELECT 1 FROM security_denylist d WHERE d.jti = ?)"
);

pub(super) const ROTATE_FAMILY: &str = "
    UPDATE security_refresh
    SET previous_id = ?, token_id = ?, rotated_at = ?, idle_expires_at = ?
    WHERE id = ? AND user_id = ? AND epoch = ? AND token_id = ?
        AND expires_at > ? AND idle_expires_at > ?
        AND NOT EXISTS (SELECT 1 FROM security_denylist d WHERE d.jti = ?)";

/// Finds the family of a token that could not be replaced. Finds nothing for a denied token.
pub(super) const FIND_ROTATED_FAMILY: &str = select_family!(
    "WHERE id = ? AND NOT EXISTS (SELECT 1 FROM security_denylist d WHERE d.jti = ?)"
);

pub(super) const FIND_FAMILY: &str = select_family!("WHERE id = ?");

pub(super) const END_FAMILY: &str = "DELETE FROM security_refresh WHERE id = ? AND user_id = ?";

const FIND_EXPIRED_FAMILIES: &str = "
    SELECT id, user_id FROM security_refresh
    WHERE idle_expires_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

#[async_trait]
impl RefreshStore for SqlxDatastore {
    async fn begin_family(
        &self,
        family: &FamilyRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedFamily>>> {
        in_transaction!(self, |transaction| {
            let user = family.user_id.as_uuid();
            // Others that begin a family of this user, or change the user, wait here.
            let lock = transaction.query(LOCK_USER).bind(user);
            transaction.execute(lock).await?;
            let mut series = None;
            if let Some(session) = family.session_id {
                // A transaction that ends the session has done so, or waits and then ends this family with
                // it.
                let lock = transaction.query_as(LOCK_SESSION_OF).bind(session).bind(user);
                let locked: Option<EndedRow> = transaction.fetch_optional(lock).await?;
                let Some(locked) = locked else {
                    return Ok(None);
                };
                series = locked.series;
            }
            let begin = transaction
                .query(BEGIN_FAMILY)
                .bind(family.id)
                .bind(family.token_id)
                .bind(family.previous_id)
                .bind(family.session_id)
                .bind(series.clone())
                .bind(family.proofs.to_string())
                .bind(family.client.map(|client| client.to_string()))
                .bind(family.user_agent.clone())
                .bind(family.created_at)
                .bind(family.rotated_at)
                .bind(family.idle_expires_at)
                .bind(family.expires_at)
                .bind(user)
                .bind(family.epoch)
                .bind(true);
            if transaction.execute(begin).await? == 0 {
                return Ok(None);
            }
            let keep = transaction.query(KEEP_USER).bind(user);
            transaction.execute(keep).await?;
            let others = transaction.query_as(FIND_OTHER_FAMILIES).bind(user).bind(family.id);
            let others = others.bind(family.created_at);
            let others: Vec<FamilyKeyRow> = transaction.fetch_all(others).await?;
            let kept = usize::try_from(max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
            let mut ended = Vec::new();
            for other in others.into_iter().skip(kept) {
                let end = transaction.query(session::DELETE_FAMILY).bind(other.id);
                transaction.execute(end).await?;
                ended.push(other.ended());
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(Some(ended))
        })
    }

    async fn find_family(&self, family: Uuid) -> Result<Option<FamilyRecord>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_FAMILY).bind(family);
            let found: Option<FamilyRow> = database.fetch_optional(find).await?;
            found.map(FamilyRow::read).transpose()
        })
    }

    async fn list_families(&self, user: UserId) -> Result<Vec<FamilyRecord>> {
        on_database!(self, |database| {
            let list = database.query_as(LIST_FAMILIES).bind(user.as_uuid());
            let rows: Vec<FamilyRow> = database.fetch_all(list).await?;
            rows.into_iter().map(FamilyRow::read).collect()
        })
    }

    async fn find_bearer(&self, token: &TokenTrace) -> Result<Option<(User, LivesBy)>> {
        let (user, jti) = (token.user.as_uuid(), token.jti.clone());
        match (token.family, token.session) {
            (Some(family), _) => on_database!(self, |database| {
                let find = database.query_as(FIND_FAMILY_BEARER);
                let find = find.bind(family).bind(user).bind(jti.clone());
                let found = read_joined(database.fetch_all(find).await?)?;
                Ok(found.map(|(family, user)| (user, LivesBy::Family(family))))
            }),
            (None, Some(session)) => on_database!(self, |database| {
                let find = database.query_as(FIND_SESSION_BEARER);
                let find = find.bind(session).bind(user).bind(jti.clone());
                let found = session::read_joined(database.fetch_all(find).await?)?;
                Ok(found.map(|(session, user)| (user, LivesBy::Session(session))))
            }),
            (None, None) => on_database!(self, |database| {
                let find = database.query_as(FIND_USER_BEARER).bind(user).bind(jti.clone());
                let rows: Vec<UserRow> = database.fetch_all(find).await?;
                Ok(users_from(rows)?.pop().map(|found| (found.user, LivesBy::User)))
            }),
        }
    }

    async fn rotate_family(&self, rotation: &FamilyRotation) -> Result<FamilyRotated> {
        on_database!(self, |database| {
            let rotate = database
                .query(ROTATE_FAMILY)
                .bind(rotation.presented)
                .bind(rotation.next)
                .bind(rotation.now)
                .bind(rotation.idle_expires_at)
                .bind(rotation.family)
                .bind(rotation.user_id.as_uuid())
                .bind(rotation.epoch)
                .bind(rotation.presented)
                .bind(rotation.now)
                .bind(rotation.now)
                .bind(rotation.presented.to_string());
            if database.execute(rotate).await? == 1 {
                return Ok(FamilyRotated::Next);
            }
            let find = database.query_as(FIND_ROTATED_FAMILY).bind(rotation.family);
            let find = find.bind(rotation.presented.to_string());
            let found: Option<FamilyRow> = database.fetch_optional(find).await?;
            let Some(found) = found.map(FamilyRow::read).transpose()? else {
                return Ok(FamilyRotated::Over);
            };
            if found.token_id == rotation.next {
                // A previous attempt has just rotated the family, and its answer was lost on the way from the
                // database.
                return Ok(FamilyRotated::Next);
            }
            Ok(found.judge(rotation))
        })
    }

    async fn end_family(&self, user: UserId, family: Uuid, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let end = transaction.query(END_FAMILY).bind(family).bind(user.as_uuid());
            if transaction.execute(end).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn delete_expired_families(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedFamily>> {
        in_transaction!(self, |transaction| {
            let find = transaction.query_as(FIND_EXPIRED_FAMILIES).bind(now).bind(i64::from(limit));
            let found: Vec<FamilyKeyRow> = transaction.fetch_all(find).await?;
            let mut ended = Vec::new();
            for row in found {
                let end = transaction.query(session::DELETE_FAMILY).bind(row.id);
                transaction.execute(end).await?;
                ended.push(row.ended());
            }
            transaction.keep();
            Ok(ended)
        })
    }
}

row! {
    /// The key of a family, and its user.
    FamilyKeyRow { id: uuid::Uuid, user_id: uuid::Uuid }
}

impl FamilyKeyRow {
    fn ended(&self) -> EndedFamily {
        EndedFamily { id: self.id, user_id: UserId::from_uuid(self.user_id) }
    }
}

row! {
    /// A family.
    FamilyRow {
        family_id: uuid::Uuid,
        family_user_id: uuid::Uuid,
        family_epoch: i64,
        token_id: uuid::Uuid,
        previous_id: Option<uuid::Uuid>,
        family_session_id: Option<uuid::Uuid>,
        family_series: Option<Vec<u8>>,
        family_proofs: String,
        family_client: Option<String>,
        family_user_agent: Option<String>,
        family_created_at: Timestamp,
        rotated_at: Timestamp,
        idle_expires_at: Timestamp,
        family_expires_at: Timestamp,
    }
}

impl FamilyRow {
    fn read(self) -> Result<FamilyRecord> {
        Ok(FamilyRecord {
            id: self.family_id,
            user_id: UserId::from_uuid(self.family_user_id),
            epoch: self.family_epoch,
            token_id: self.token_id,
            previous_id: self.previous_id,
            session_id: self.family_session_id,
            series: self.family_series.map(read_digest).transpose()?,
            proofs: read_proofs(&self.family_proofs)?,
            client: read_address(self.family_client.as_deref())?,
            user_agent: self.family_user_agent,
            created_at: self.family_created_at,
            rotated_at: self.rotated_at,
            idle_expires_at: self.idle_expires_at,
            expires_at: self.family_expires_at,
        })
    }
}

/// A family with its user, one of their roles, and one of its permissions.
struct JoinedRow {
    family: FamilyRow,
    user: UserRow,
}

impl<'r, R: ::sqlx::Row> ::sqlx::FromRow<'r, R> for JoinedRow
where
    FamilyRow: ::sqlx::FromRow<'r, R>,
    UserRow: ::sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
        Ok(Self { family: FamilyRow::from_row(row)?, user: UserRow::from_row(row)? })
    }
}

fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(FamilyRecord, User)>> {
    let (mut families, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.family, row.user)).unzip();
    let (Some(family), Some(found)) = (families.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((family.read()?, found.user)))
}
