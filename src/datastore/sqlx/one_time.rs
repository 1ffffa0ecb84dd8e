//! One-time tokens.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::one_time::{OneTimeStore, OneTimeToken, TicketStore};
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::rows::{DigestRow, read_digest, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::sqlx::user_change::apply_change;
use crate::datastore::together::Together;
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::{User, UserId};

pub(super) const CREATE_TOKEN: &str = "
    INSERT INTO security_one_time_tokens
        (digest, purpose, user_id, address, mail_id, lasting, asked_at, expires_at)
    SELECT ?, ?, id, ?, ?, ?, ?, ? FROM security_users
    WHERE id = ? AND epoch = ?";

pub(super) const FIND_TOKEN: &str = "
    SELECT digest, purpose, user_id, address, mail_id, lasting, asked_at, expires_at
    FROM security_one_time_tokens
    WHERE digest = ? AND purpose = ? AND expires_at > ?";

/// Finds the mail of a lasting token, under the lock of its user: a user who takes the account back drops
/// this mail.
pub(super) const FIND_MAIL: &str = "SELECT id FROM security_outbox WHERE id = ?";

pub(super) const FIND_NEWER_TOKENS: &str = "
    SELECT digest FROM security_one_time_tokens
    WHERE user_id = ? AND purpose = ? AND lasting = FALSE AND asked_at > ?";

pub(super) const DELETE_OLDER_TOKENS: &str = "
    DELETE FROM security_one_time_tokens
    WHERE user_id = ? AND purpose = ? AND lasting = FALSE";

pub(super) const LIST_TOKENS_OF_PURPOSE: &str = "
    SELECT digest FROM security_one_time_tokens
    WHERE user_id = ? AND purpose = ? AND lasting = FALSE
    ORDER BY asked_at DESC, digest";

const FIND_EXPIRED: &str = "
    SELECT digest FROM security_one_time_tokens
    WHERE expires_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

pub(super) const DELETE_TOKEN: &str = "DELETE FROM security_one_time_tokens WHERE digest = ?";

pub(super) const DELETE_TOKEN_OF_MAIL: &str =
    "DELETE FROM security_one_time_tokens WHERE mail_id = ?";

/// Binds a token to [`CREATE_TOKEN`].
macro_rules! bind_token {
    ($query:expr, $token:expr, $epoch:expr) => {{
        let token = $token;
        $query
            .bind(token.digest.as_bytes().to_vec())
            .bind(token.purpose.clone())
            .bind(token.address.clone())
            .bind(token.mail_id)
            .bind(token.lasting)
            .bind(token.asked_at)
            .bind(Far(token.expires_at))
            .bind(token.user_id.as_uuid())
            .bind($epoch)
    }};
}

#[async_trait]
impl OneTimeStore for SqlxDatastore {
    async fn create_token(&self, token: &OneTimeToken, epoch: i64) -> Result<bool> {
        in_transaction!(self, |transaction| {
            // Others that create a token for this user, or change the user, wait here.
            let lock = transaction.query(LOCK_USER).bind(token.user_id.as_uuid());
            transaction.execute(lock).await?;
            let replace = transaction.query(DELETE_TOKEN_OF_MAIL).bind(token.mail_id);
            transaction.execute(replace).await?;
            if token.lasting {
                let find = transaction.query_as(FIND_MAIL).bind(token.mail_id);
                let mail: Option<MailRow> = transaction.fetch_optional(find).await?;
                if mail.is_none_or(|found| found.id != token.mail_id) {
                    return Ok(false);
                }
            } else {
                let newer = transaction
                    .query_as(FIND_NEWER_TOKENS)
                    .bind(token.user_id.as_uuid())
                    .bind(token.purpose.clone())
                    .bind(token.asked_at);
                let newer: Vec<DigestRow> = transaction.fetch_all(newer).await?;
                if !newer.is_empty() {
                    return Ok(false);
                }
                let older = transaction
                    .query(DELETE_OLDER_TOKENS)
                    .bind(token.user_id.as_uuid())
                    .bind(token.purpose.clone());
                transaction.execute(older).await?;
            }
            let create = bind_token!(transaction.query(CREATE_TOKEN), token, epoch);
            if transaction.execute(create).await? == 0 {
                return Ok(false);
            }
            transaction.keep();
            Ok(true)
        })
    }

    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        on_database!(self, |database| {
            let find = database
                .query_as(FIND_TOKEN)
                .bind(digest.as_bytes().to_vec())
                .bind(purpose.to_owned())
                .bind(now);
            let row: Option<TokenRow> = database.fetch_optional(find).await?;
            row.map(TokenRow::read).transpose()
        })
    }

    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        in_transaction!(self, |transaction| {
            let find = transaction
                .query_as(FIND_TOKEN)
                .bind(digest.as_bytes().to_vec())
                .bind(purpose.to_owned())
                .bind(now);
            let row: Option<TokenRow> = transaction.fetch_optional(find).await?;
            let Some(row) = row else {
                return Ok(None);
            };
            // The user is locked first, then the user's rows: in any other order, two changes of one user
            // could wait for each other.
            let lock = transaction.query(LOCK_USER).bind(row.user_id);
            transaction.execute(lock).await?;
            // The deletion decides which caller succeeds; a read before it decides nothing.
            let consume = transaction.query(DELETE_TOKEN).bind(digest.as_bytes().to_vec());
            if transaction.execute(consume).await? != 1 {
                return Ok(None);
            }
            let id = UserId::from_uuid(row.user_id);
            let Some(user) = apply_change!(transaction, id, change, together) else {
                return Ok(None);
            };
            transaction.keep();
            Ok(Some(user))
        })
    }

    async fn spend_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        let Some(found) = self.find_token(digest, purpose, now).await? else {
            return Ok(None);
        };
        // The deletion decides which caller succeeds; a read before it decides nothing.
        on_database!(self, |database| {
            let spend = database.query(DELETE_TOKEN).bind(digest.as_bytes().to_vec());
            let is_spent = database.execute(spend).await? == 1;
            Ok(is_spent.then(|| found.clone()))
        })
    }

    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        in_batches!(self, DELETE_TOKEN, |transaction| {
            transaction.query_as(FIND_EXPIRED).bind(now)
        })
    }
}

#[async_trait]
impl TicketStore for SqlxDatastore {
    async fn create_token_beside(
        &self,
        token: &OneTimeToken,
        at_most: u32,
        epoch: i64,
    ) -> Result<bool> {
        let kept = usize::try_from(at_most.saturating_sub(1)).unwrap_or(usize::MAX);
        in_transaction!(self, |transaction| {
            let lock = transaction.query(LOCK_USER).bind(token.user_id.as_uuid());
            transaction.execute(lock).await?;
            let others = transaction
                .query_as(LIST_TOKENS_OF_PURPOSE)
                .bind(token.user_id.as_uuid())
                .bind(token.purpose.clone());
            let others: Vec<DigestRow> = transaction.fetch_all(others).await?;
            for oldest in others.into_iter().skip(kept) {
                let delete = transaction.query(DELETE_TOKEN).bind(oldest.digest);
                transaction.execute(delete).await?;
            }
            let create = bind_token!(transaction.query(CREATE_TOKEN), token, epoch);
            if transaction.execute(create).await? == 0 {
                return Ok(false);
            }
            transaction.keep();
            Ok(true)
        })
    }
}

row! {
    /// A token.
    TokenRow {
        digest: Vec<u8>,
        purpose: String,
        user_id: Uuid,
        address: String,
        mail_id: Uuid,
        lasting: bool,
        asked_at: Timestamp,
        expires_at: Timestamp,
    }
}

impl TokenRow {
    fn read(self) -> Result<OneTimeToken> {
        Ok(OneTimeToken {
            digest: read_digest(self.digest)?,
            purpose: self.purpose,
            user_id: UserId::from_uuid(self.user_id),
            address: self.address,
            mail_id: self.mail_id,
            lasting: self.lasting,
            asked_at: self.asked_at,
            expires_at: self.expires_at,
        })
    }
}

row! {
    /// The row of an existing mail.
    MailRow { id: uuid::Uuid }
}
