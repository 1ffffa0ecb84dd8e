//! One-time tokens.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::OneTimeStore;
use crate::datastore::Together;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::begin;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_as;
use crate::datastore::sqlx::failed;
use crate::datastore::sqlx::rows::read_digest;
use crate::datastore::sqlx::rows::row;
use crate::datastore::sqlx::rows::users_from;
use crate::datastore::sqlx::user::apply_change;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::user::User;
use crate::user::UserId;

const CREATE_TOKEN: &str = "
    INSERT INTO security_one_time_tokens
        (digest, purpose, user_id, address, mail_id, expires_at)
    SELECT ?, ?, id, email_canonical, ?, ? FROM security_users
    WHERE id = ? AND email_canonical = ?";

const FIND_TOKEN: &str = "
    SELECT t.digest, t.purpose, t.user_id, t.address, t.mail_id, t.expires_at
    FROM security_one_time_tokens t
    JOIN security_users u ON u.id = t.user_id AND u.email_canonical = t.address
    WHERE t.digest = ? AND t.purpose = ? AND t.expires_at > ?";

#[async_trait]
impl OneTimeStore for SqlxDatastore {
    async fn create_token(&self, token: &OneTimeToken) -> Result<bool> {
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            query("DELETE FROM security_one_time_tokens WHERE mail_id = ?")
                .bind(token.mail_id)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let created = query(CREATE_TOKEN)
                .bind(token.digest.as_bytes().as_slice())
                .bind(&token.purpose)
                .bind(token.mail_id)
                .bind(token.expires_at)
                .bind(token.user_id.as_uuid())
                .bind(&token.address)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            Ok(created.rows_affected() == 1)
        })
    }

    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        on_pool!(self, |pool| {
            let row: Option<TokenRow> = query_as(FIND_TOKEN)
                .bind(digest.as_bytes().as_slice())
                .bind(purpose)
                .bind(now)
                .fetch_optional(&**pool)
                .await
                .map_err(failed)?;
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
        on_pool!(self, |pool| {
            let mut transaction = begin(pool).await.map_err(failed)?;
            let row: Option<TokenRow> = query_as(FIND_TOKEN)
                .bind(digest.as_bytes().as_slice())
                .bind(purpose)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(failed)?;
            let Some(row) = row else {
                return Ok(None);
            };
            // Deleting is what decides between callers; reading before it decides nothing.
            let consumed = query("DELETE FROM security_one_time_tokens WHERE digest = ?")
                .bind(digest.as_bytes().as_slice())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            if consumed.rows_affected() != 1 {
                return Ok(None);
            }
            let id = UserId::from_uuid(row.user_id);
            let Some(user) = apply_change!(transaction, id, change, together) else {
                return Ok(None);
            };
            transaction.commit().await.map_err(failed)?;
            Ok(Some(user))
        })
    }

    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        on_pool!(self, |pool| {
            let deleted = query("DELETE FROM security_one_time_tokens WHERE expires_at <= ?")
                .bind(now)
                .execute(&**pool)
                .await
                .map_err(failed)?;
            Ok(deleted.rows_affected())
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
            expires_at: self.expires_at,
        })
    }
}
