//! Personal access tokens.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::personal_token::{Creation, PersonalTokenRecord, PersonalTokenStore};
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{UserRow, corrupt, read_digest, row, select_user, users_from};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{ScopeName, User, UserId};

/// The query of every request with such a token: by primary key.
pub(super) const FIND_PERSONAL_TOKEN: &str = select_user!(
    "t.digest, t.id AS token_id, t.user_id AS token_user_id, t.epoch AS token_epoch, t.name,
           t.scopes, t.created_at AS token_created_at, t.expires_at AS token_expires_at,
           t.last_used_at,",
    "security_personal_tokens t
    JOIN security_users u ON u.id = t.user_id AND u.epoch = t.epoch",
    "WHERE t.digest = ?"
);

pub(super) const LIST_PERSONAL_TOKENS: &str = "
    SELECT digest, id AS token_id, user_id AS token_user_id, epoch AS token_epoch, name, scopes,
           created_at AS token_created_at, expires_at AS token_expires_at, last_used_at
    FROM security_personal_tokens
    WHERE user_id = ? ORDER BY created_at DESC, digest";

pub(super) const LIST_PERSONAL_TOKEN_NAMES: &str =
    "SELECT name FROM security_personal_tokens WHERE user_id = ?";

pub(super) const CREATE_PERSONAL_TOKEN: &str = "
    INSERT INTO security_personal_tokens
        (digest, id, user_id, epoch, name, scopes, created_at, expires_at, last_used_at)
    SELECT ?, ?, id, epoch, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ? AND active = ? AND closes_at IS NULL";

pub(super) const TOUCH_PERSONAL_TOKEN: &str = "
    UPDATE security_personal_tokens SET last_used_at = ?
    WHERE digest = ? AND (last_used_at IS NULL OR last_used_at <= ?)";

pub(super) const REVOKE_PERSONAL_TOKEN: &str =
    "DELETE FROM security_personal_tokens WHERE id = ? AND user_id = ?";

const DELETE_PERSONAL_TOKEN: &str = "DELETE FROM security_personal_tokens WHERE digest = ?";

const FIND_EXPIRED_PERSONAL_TOKENS: &str = "
    SELECT digest FROM security_personal_tokens
    WHERE expires_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

#[async_trait]
impl PersonalTokenStore for SqlxDatastore {
    async fn create_personal_token(
        &self,
        token: &PersonalTokenRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Creation> {
        let scopes = write_scopes(&token.scopes);
        in_transaction!(self, |transaction| {
            let user = token.user_id.as_uuid();
            // Others that create a token for this user, or change the user, wait here.
            let lock = transaction.query(LOCK_USER).bind(user);
            transaction.execute(lock).await?;
            let list = transaction.query_as(LIST_PERSONAL_TOKEN_NAMES).bind(user);
            let others: Vec<NameRow> = transaction.fetch_all(list).await?;
            if others.iter().any(|other| other.name == token.name) {
                return Ok(Creation::NameTaken);
            }
            if others.len() >= usize::try_from(max_per_user).unwrap_or(usize::MAX) {
                return Ok(Creation::TooMany);
            }
            let create = transaction
                .query(CREATE_PERSONAL_TOKEN)
                .bind(token.digest.as_bytes().to_vec())
                .bind(token.id)
                .bind(token.name.clone())
                .bind(scopes.clone())
                .bind(token.created_at)
                .bind(token.expires_at.map(Far))
                .bind(token.last_used_at)
                .bind(user)
                .bind(token.epoch)
                .bind(true);
            if transaction.execute(create).await? == 0 {
                return Ok(Creation::AccountChanged);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(Creation::Created)
        })
    }

    async fn list_personal_tokens(&self, user: UserId) -> Result<Vec<PersonalTokenRecord>> {
        on_database!(self, |database| {
            let list = database.query_as(LIST_PERSONAL_TOKENS).bind(user.as_uuid());
            let rows: Vec<TokenRow> = database.fetch_all(list).await?;
            rows.into_iter().map(TokenRow::read).collect()
        })
    }

    async fn find_personal_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(PersonalTokenRecord, User)>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_PERSONAL_TOKEN).bind(digest.as_bytes().to_vec());
            read_joined(database.fetch_all(find).await?)
        })
    }

    async fn touch_personal_token(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        on_database!(self, |database| {
            let touch = database
                .query(TOUCH_PERSONAL_TOKEN)
                .bind(now)
                .bind(digest.as_bytes().to_vec())
                .bind(unless_since);
            database.execute(touch).await.map(drop)
        })
    }

    async fn revoke_personal_token(
        &self,
        user: UserId,
        id: Uuid,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let lock = transaction.query(LOCK_USER).bind(user.as_uuid());
            transaction.execute(lock).await?;
            let revoke = transaction.query(REVOKE_PERSONAL_TOKEN).bind(id).bind(user.as_uuid());
            if transaction.execute(revoke).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn delete_expired_personal_tokens(&self, expired: Timestamp) -> Result<u64> {
        in_batches!(self, DELETE_PERSONAL_TOKEN, |transaction| transaction
            .query_as(FIND_EXPIRED_PERSONAL_TOKENS)
            .bind(expired))
    }
}

row! {
    /// The name of a token.
    NameRow { name: String }
}

row! {
    /// A token.
    TokenRow {
        digest: Vec<u8>,
        token_id: uuid::Uuid,
        token_user_id: uuid::Uuid,
        token_epoch: i64,
        name: String,
        scopes: String,
        token_created_at: Timestamp,
        token_expires_at: Option<Timestamp>,
        last_used_at: Option<Timestamp>,
    }
}

impl TokenRow {
    fn read(self) -> Result<PersonalTokenRecord> {
        Ok(PersonalTokenRecord {
            digest: read_digest(self.digest)?,
            id: self.token_id,
            user_id: UserId::from_uuid(self.token_user_id),
            epoch: self.token_epoch,
            name: self.name,
            scopes: read_scopes(&self.scopes)?,
            created_at: self.token_created_at,
            expires_at: self.token_expires_at,
            last_used_at: self.last_used_at,
        })
    }
}

/// Joins scopes as RFC 6749, section 3.3, does. No name contains a space.
fn write_scopes(scopes: &[ScopeName]) -> String {
    let names: Vec<&str> = scopes.iter().map(ScopeName::as_str).collect();
    names.join(" ")
}

fn read_scopes(text: &str) -> Result<Vec<ScopeName>> {
    let read = |name| ScopeName::parse(name).map_err(|_| corrupt("a scope's name"));
    text.split_ascii_whitespace().map(read).collect()
}

/// A token with its user, one of their roles, and one of its permissions.
struct JoinedRow {
    token: TokenRow,
    user: UserRow,
}

impl<'r, R: ::sqlx::Row> ::sqlx::FromRow<'r, R> for JoinedRow
where
    TokenRow: ::sqlx::FromRow<'r, R>,
    UserRow: ::sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
        Ok(Self { token: TokenRow::from_row(row)?, user: UserRow::from_row(row)? })
    }
}

fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(PersonalTokenRecord, User)>> {
    let (mut tokens, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.token, row.user)).unzip();
    let (Some(token), Some(found)) = (tokens.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((token.read()?, found.user)))
}
