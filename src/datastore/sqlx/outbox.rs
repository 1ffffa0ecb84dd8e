//! The outbox.

use std::time::Duration;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::random_uuid;
use crate::datastore::OutboxStore;
use crate::datastore::outbox::NewLink;
use crate::datastore::outbox::NewMail;
use crate::datastore::outbox::OutboxMail;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_as;
use crate::datastore::sqlx::failed;
use crate::datastore::sqlx::rows::corrupt;
use crate::datastore::sqlx::rows::read_email;
use crate::datastore::sqlx::rows::row;
use crate::error::Result;
use crate::user::UserId;

pub(super) const PUSH_MAIL: &str = "
    INSERT INTO security_outbox
        (id, template, subject, recipient, user_id, only_unconfirmed, link_purpose, link_lifetime,
         created_at, attempts, next_attempt_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)";

/// Binds a mail to [`PUSH_MAIL`].
macro_rules! bind_mail {
    ($query:expr, $mail:expr) => {{
        let (mail, link) = ($mail, $mail.link.as_ref());
        $query
            .bind(mail.id)
            .bind(&mail.template)
            .bind(&mail.subject)
            .bind(mail.to.as_str())
            .bind(mail.user_id.map(|id| id.as_uuid()))
            .bind(mail.only_unconfirmed)
            .bind(link.map(|link| link.purpose.as_str()))
            .bind(link.map(|link| link.lifetime.delta().num_seconds()))
            .bind(mail.created_at)
            .bind(mail.created_at)
    }};
}

/// Takes in, within a transaction, what is committed with a change.
macro_rules! push_all {
    ($transaction:ident, $together:expr) => {
        for mail in &$together.mail {
            crate::datastore::sqlx::outbox::bind_mail!(
                crate::datastore::sqlx::dialect::query(crate::datastore::sqlx::outbox::PUSH_MAIL),
                mail
            )
            .execute(&mut *$transaction)
            .await
            .map_err(failed)?;
        }
    };
}

pub(super) use bind_mail;
pub(super) use push_all;

/// The condition stands twice: a database that runs two of these at once looks again at the outer
/// one before it changes a row that the other had.
const LEASE_MAIL: &str = "
    UPDATE security_outbox
    SET lease = ?, next_attempt_at = ?, attempts = attempts + 1
    WHERE next_attempt_at <= ? AND id IN (
        SELECT id FROM (
            SELECT id FROM security_outbox
            WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?
        ) AS due
    )";

const FIND_LEASED: &str = "
    SELECT id, template, subject, recipient, user_id, only_unconfirmed, link_purpose,
           link_lifetime, created_at, attempts
    FROM security_outbox WHERE lease = ? ORDER BY created_at";

#[async_trait]
impl OutboxStore for SqlxDatastore {
    async fn push_mail(&self, mail: &NewMail) -> Result<()> {
        on_pool!(self, |pool| {
            bind_mail!(query(PUSH_MAIL), mail).execute(&**pool).await.map_err(failed)?;
            Ok(())
        })
    }

    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>> {
        let lease = random_uuid()?;
        on_pool!(self, |pool| {
            let leased = query(LEASE_MAIL)
                .bind(lease)
                .bind(until)
                .bind(now)
                .bind(now)
                .bind(i64::from(limit))
                .execute(&**pool)
                .await
                .map_err(failed)?;
            if leased.rows_affected() == 0 {
                return Ok(Vec::new());
            }
            let rows: Vec<MailRow> =
                query_as(FIND_LEASED).bind(lease).fetch_all(&**pool).await.map_err(failed)?;
            rows.into_iter().map(MailRow::read).collect()
        })
    }

    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()> {
        on_pool!(self, |pool| {
            query(
                "UPDATE security_outbox SET next_attempt_at = ?
                 WHERE id = ? AND lease IS NOT NULL",
            )
            .bind(until)
            .bind(id)
            .execute(&**pool)
            .await
            .map_err(failed)?;
            Ok(())
        })
    }

    async fn delete_mail(&self, id: Uuid) -> Result<()> {
        on_pool!(self, |pool| {
            query("DELETE FROM security_outbox WHERE id = ?")
                .bind(id)
                .execute(&**pool)
                .await
                .map_err(failed)?;
            Ok(())
        })
    }

    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()> {
        on_pool!(self, |pool| {
            query(
                "UPDATE security_outbox SET next_attempt_at = ?, fault = ?, lease = NULL
                 WHERE id = ?",
            )
            .bind(next_attempt_at)
            .bind(fault)
            .bind(id)
            .execute(&**pool)
            .await
            .map_err(failed)?;
            Ok(())
        })
    }
}

row! {
    /// A mail that was handed out.
    MailRow {
        id: Uuid,
        template: String,
        subject: String,
        recipient: String,
        user_id: Option<Uuid>,
        only_unconfirmed: bool,
        link_purpose: Option<String>,
        link_lifetime: Option<i64>,
        created_at: Timestamp,
        attempts: i64,
    }
}

impl MailRow {
    fn read(self) -> Result<OutboxMail> {
        let attempts = u32::try_from(self.attempts).map_err(|_| corrupt("a number of attempts"))?;
        let link = match (self.link_purpose, self.link_lifetime) {
            (Some(purpose), Some(lifetime)) => {
                let seconds = u64::try_from(lifetime).map_err(|_| corrupt("a link's lifetime"))?;
                Some(NewLink { purpose, lifetime: Span::new(Duration::from_secs(seconds)) })
            }
            _ => None,
        };
        let mail = NewMail {
            id: self.id,
            template: self.template,
            subject: self.subject,
            to: read_email(&self.recipient)?,
            user_id: self.user_id.map(UserId::from_uuid),
            only_unconfirmed: self.only_unconfirmed,
            link,
            created_at: self.created_at,
        };
        Ok(OutboxMail { mail, attempts })
    }
}
