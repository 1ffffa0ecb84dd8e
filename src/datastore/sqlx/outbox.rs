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
            .bind(mail.template.clone())
            .bind(mail.subject.clone())
            .bind(mail.to.as_str().to_owned())
            .bind(mail.user_id.map(|id| id.as_uuid()))
            .bind(mail.only_unconfirmed)
            .bind(link.map(|link| link.purpose.clone()))
            .bind(link.map(|link| link.lifetime.delta().num_seconds()))
            .bind(mail.created_at)
            .bind(mail.created_at)
    }};
}

/// Takes in, within a transaction, what is committed with a change.
macro_rules! push_all {
    ($transaction:ident, $together:expr) => {
        for mail in &$together.mail {
            let push = crate::datastore::sqlx::outbox::bind_mail!(
                $transaction.query(crate::datastore::sqlx::outbox::PUSH_MAIL),
                mail
            );
            $transaction.execute(push).await?;
        }
        $transaction.run_along($together).await?;
    };
}

pub(super) use bind_mail;
pub(super) use push_all;

/// A mail that another worker is taking is passed over.
pub(super) const FIND_DUE: &str = "
    SELECT id, template, subject, recipient, user_id, only_unconfirmed, link_purpose,
           link_lifetime, created_at, attempts
    FROM security_outbox
    WHERE next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ? FOR UPDATE SKIP LOCKED";

pub(super) const LEASE_MAIL: &str = "
    UPDATE security_outbox SET lease = ?, next_attempt_at = ?, attempts = attempts + 1
    WHERE id = ?";

const RENEW_LEASE: &str = "
    UPDATE security_outbox SET next_attempt_at = ? WHERE id = ? AND lease IS NOT NULL";

const POSTPONE_MAIL: &str = "
    UPDATE security_outbox SET next_attempt_at = ?, fault = ?, lease = NULL WHERE id = ?";

#[async_trait]
impl OutboxStore for SqlxDatastore {
    async fn push_mail(&self, mail: &NewMail) -> Result<()> {
        on_database!(self, |database| {
            database.execute(bind_mail!(database.query(PUSH_MAIL), mail)).await.map(drop)
        })
    }

    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>> {
        let lease = random_uuid()?;
        in_transaction!(self, |transaction| {
            let find = transaction.query_as(FIND_DUE).bind(now).bind(i64::from(limit));
            let rows: Vec<MailRow> = transaction.fetch_all(find).await?;
            for row in &rows {
                let take = transaction.query(LEASE_MAIL).bind(lease).bind(until).bind(row.id);
                transaction.execute(take).await?;
            }
            transaction.keep();
            rows.into_iter().map(MailRow::leased).collect()
        })
    }

    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()> {
        on_database!(self, |database| {
            database.execute(database.query(RENEW_LEASE).bind(until).bind(id)).await.map(drop)
        })
    }

    async fn delete_mail(&self, id: Uuid) -> Result<()> {
        on_database!(self, |database| {
            let delete = database.query("DELETE FROM security_outbox WHERE id = ?").bind(id);
            database.execute(delete).await.map(drop)
        })
    }

    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()> {
        on_database!(self, |database| {
            let postpone = database
                .query(POSTPONE_MAIL)
                .bind(next_attempt_at)
                .bind(fault.replace('\0', ""))
                .bind(id);
            database.execute(postpone).await.map(drop)
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
    /// Gives the mail, handed out once more than the row says.
    fn leased(self) -> Result<OutboxMail> {
        let attempts = u32::try_from(self.attempts + 1);
        let attempts = attempts.map_err(|_| corrupt("a number of attempts"))?;
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
