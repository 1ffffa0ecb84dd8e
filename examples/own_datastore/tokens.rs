//! One-time tokens, as in mailed links.

use rocket::async_trait;
use rocket_security::clock::Timestamp;
use rocket_security::crypto::one_time::Digest;
use rocket_security::datastore::one_time::OneTimeToken;
use rocket_security::datastore::user::UserChange;
use rocket_security::datastore::{OneTimeStore, Together};
use rocket_security::{Error, Result, User, UserId};
use sqlx::sqlite::SqliteRow;

use crate::members::apply_change;
use crate::store::{MemberStore, column, digest, micros, time};

#[async_trait]
impl OneTimeStore for MemberStore {
    async fn create_token(&self, token: &OneTimeToken, epoch: i64) -> Result<bool> {
        let mut transaction = self.begin().await?;
        // A mail that is sent again has a new token in place of the first. Of a member's tokens for
        // one purpose only the newest is valid, except for lasting ones.
        sqlx::query(
            "DELETE FROM member_tokens WHERE mail_id = ?
                 OR (member = ? AND purpose = ? AND asked_at <= ? AND NOT lasting AND NOT ?)",
        )
        .bind(token.mail_id)
        .bind(token.user_id.as_uuid())
        .bind(&token.purpose)
        .bind(micros(token.asked_at))
        .bind(token.lasting)
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        let created = sqlx::query(
            "INSERT INTO member_tokens
                 (digest, purpose, member, mail_key, mail_id, lasting, asked_at, expires_at)
             SELECT ?1, ?2, public_id, ?3, ?4, ?5, ?6, ?7 FROM members
             WHERE public_id = ?8 AND generation = ?9 AND IIF(?5,
                 EXISTS (SELECT 1 FROM outgoing_mail WHERE mail_id = ?4),
                 NOT EXISTS (
                     SELECT 1 FROM member_tokens WHERE member = ?8 AND purpose = ?2 AND NOT lasting
                 ))",
        )
        .bind(token.digest.as_bytes().as_slice())
        .bind(&token.purpose)
        .bind(&token.address)
        .bind(token.mail_id)
        .bind(token.lasting)
        .bind(micros(token.asked_at))
        .bind(micros(token.expires_at))
        .bind(token.user_id.as_uuid())
        .bind(epoch)
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if created.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await.map_err(Error::store)?;
        Ok(true)
    }

    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        let row = sqlx::query(
            "SELECT * FROM member_tokens WHERE digest = ? AND purpose = ? AND expires_at > ?",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(purpose)
        .bind(micros(now))
        .fetch_optional(&self.readers)
        .await
        .map_err(Error::store)?;
        row.as_ref().map(read_token).transpose()
    }

    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        let mut transaction = self.begin().await?;
        // However many callers there are, only one of them deletes the row.
        let row = sqlx::query(
            "DELETE FROM member_tokens
             WHERE digest = ? AND purpose = ? AND expires_at > ? RETURNING member",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(purpose)
        .bind(micros(now))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(Error::store)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id = UserId::from_uuid(column(&row, "member")?);
        // If the change does not apply, nothing is committed, and the token stays.
        let Some(user) = apply_change(&mut transaction, id, change, together).await? else {
            return Ok(None);
        };
        transaction.commit().await.map_err(Error::store)?;
        Ok(Some(user))
    }

    async fn spend_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        let row = sqlx::query(
            "DELETE FROM member_tokens
             WHERE digest = ? AND purpose = ? AND expires_at > ? RETURNING *",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(purpose)
        .bind(micros(now))
        .fetch_optional(&self.writer)
        .await
        .map_err(Error::store)?;
        row.as_ref().map(read_token).transpose()
    }

    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        let deleted = sqlx::query("DELETE FROM member_tokens WHERE expires_at <= ?")
            .bind(micros(now))
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(deleted.rows_affected())
    }
}

fn read_token(row: &SqliteRow) -> Result<OneTimeToken> {
    let mut token = OneTimeToken::new(
        digest(row, "digest")?,
        column::<&str>(row, "purpose")?,
        UserId::from_uuid(column(row, "member")?),
        column::<&str>(row, "mail_key")?,
        column(row, "mail_id")?,
        time(row, "asked_at")?,
        time(row, "expires_at")?,
    );
    token.lasting = column(row, "lasting")?;
    Ok(token)
}
