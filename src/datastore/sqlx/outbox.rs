//! The outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::random_uuid;
use crate::datastore::outbox::{
    Addressee, Asker, ListedMail, MailState, NewLink, NewMail, OutboxAdmin, OutboxMail, OutboxStore,
};
use crate::datastore::sqlx::rows::{corrupt, read_email, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::UserId;

pub(super) const PUSH_MAIL: &str = "
    INSERT INTO security_outbox
        (id, template, subject, recipient, user_id, to_holder, only_unconfirmed, epoch,
         link_purpose, link_lifetime, link_lasting, context, asker, urgent, created_at, attempts,
         next_attempt_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)";

pub(super) const DELETE_OLDER_MAIL: &str = "
    DELETE FROM security_outbox
    WHERE recipient = ? AND link_purpose = ? AND link_lasting = FALSE AND lease IS NULL";

pub(super) const DELETE_OLDER_MAIL_OF_USER: &str = "
    DELETE FROM security_outbox
    WHERE recipient = ? AND link_purpose = ? AND link_lasting = FALSE AND lease IS NULL
        AND (user_id IS NULL OR user_id = ?)";

/// Binds a mail to [`PUSH_MAIL`].
macro_rules! bind_mail {
    ($query:expr, $mail:expr) => {{
        let (mail, link) = ($mail, $mail.link.as_ref());
        $query
            .bind(mail.id)
            .bind(mail.template.clone())
            .bind(mail.subject.clone())
            .bind(mail.to.as_str().to_owned())
            .bind(mail.addressee.user_id().map(|id| id.as_uuid()))
            .bind(mail.addressee == crate::datastore::outbox::Addressee::Holder)
            .bind(mail.only_unconfirmed)
            .bind(mail.epoch)
            .bind(link.map(|link| link.purpose.clone()))
            .bind(link.map(|link| link.lifetime.delta().num_seconds()))
            .bind(link.is_some_and(|link| link.lasting))
            .bind(crate::datastore::sqlx::outbox::write_context(&mail.context))
            .bind(mail.asker.as_ref().map(|asker| serde_json::json!(asker).to_string()))
            .bind(mail.is_urgent())
            .bind(mail.created_at)
            .bind(mail.created_at)
    }};
}

/// Stores, within a transaction, the mails that are committed with a change.
macro_rules! push_all {
    ($transaction:ident, $together:expr) => {
        for mail in &$together.mail {
            if let Some(link) = mail.link.as_ref().filter(|link| !link.lasting) {
                let user_id = mail.addressee.user_id().map(|id| id.as_uuid());
                let older = match user_id {
                    Some(_) => crate::datastore::sqlx::outbox::DELETE_OLDER_MAIL_OF_USER,
                    None => crate::datastore::sqlx::outbox::DELETE_OLDER_MAIL,
                };
                let mut older = $transaction
                    .query(older)
                    .bind(mail.to.as_str().to_owned())
                    .bind(link.purpose.clone());
                if let Some(user_id) = user_id {
                    older = older.bind(user_id);
                }
                $transaction.execute(older).await?;
            }
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

/// Selects whole mails. `$which` is the condition.
macro_rules! select_mail {
    ($which:literal) => {
        concat!(
            "
    SELECT id, template, subject, recipient, user_id, to_holder, only_unconfirmed, epoch,
           link_purpose, link_lifetime, link_lasting, context, asker, created_at, attempts,
           next_attempt_at, lease, fault
    FROM security_outbox
    ",
            $which
        )
    };
}

/// Skips mails that another worker is leasing.
pub(super) const FIND_DUE: &str = select_mail!(
    "WHERE urgent = ? AND next_attempt_at <= ?
    ORDER BY next_attempt_at, id LIMIT ? FOR UPDATE SKIP LOCKED"
);

pub(super) const LIST_MAIL: &str = select_mail!("WHERE id > ? ORDER BY id LIMIT ?");

pub(super) const LEASE_MAIL: &str = "
    UPDATE security_outbox SET lease = ?, next_attempt_at = ?, attempts = attempts + 1
    WHERE id = ?";

const RENEW_LEASE: &str = "
    UPDATE security_outbox SET next_attempt_at = ? WHERE id = ? AND lease IS NOT NULL";

const POSTPONE_MAIL: &str = "
    UPDATE security_outbox SET next_attempt_at = ?, fault = ?, lease = NULL WHERE id = ?";

const RETRY_MAIL: &str = "
    UPDATE security_outbox SET next_attempt_at = ?, attempts = 0 WHERE id = ? AND lease IS NULL";

pub(super) const FIND_DEAD: &str = "
    SELECT id FROM security_outbox
    WHERE next_attempt_at IS NULL AND created_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

const DELETE_MAIL: &str = "DELETE FROM security_outbox WHERE id = ?";

#[async_trait]
impl OutboxStore for SqlxDatastore {
    async fn commit(&self, together: &Together) -> Result<()> {
        in_transaction!(self, |transaction| {
            push_all!(transaction, together);
            transaction.keep();
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
        in_transaction!(self, |transaction| {
            let mut rows: Vec<MailRow> = Vec::new();
            for is_urgent in [true, false] {
                let taken = u32::try_from(rows.len()).unwrap_or(limit);
                let left = i64::from(limit.saturating_sub(taken));
                if left > 0 {
                    let find = transaction.query_as(FIND_DUE).bind(is_urgent).bind(now).bind(left);
                    rows.append(&mut transaction.fetch_all(find).await?);
                }
            }
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

    async fn delete_mail(&self, id: Uuid) -> Result<bool> {
        on_database!(self, |database| {
            let delete = database.query(DELETE_MAIL).bind(id);
            Ok(database.execute(delete).await? == 1)
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

    async fn delete_dead_mail(&self, written_until: Timestamp) -> Result<u64> {
        in_batches!(self, DELETE_MAIL, IdRow => id, |transaction| {
            transaction.query_as(FIND_DEAD).bind(written_until)
        })
    }
}

#[async_trait]
impl OutboxAdmin for SqlxDatastore {
    async fn list_mail(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ListedMail>> {
        on_database!(self, |database| {
            let list = database
                .query_as(LIST_MAIL)
                .bind(after.unwrap_or(Uuid::nil()))
                .bind(i64::from(limit));
            let rows: Vec<MailRow> = database.fetch_all(list).await?;
            rows.into_iter().map(MailRow::listed).collect()
        })
    }

    async fn retry_mail(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        on_database!(self, |database| {
            let retry = database.query(RETRY_MAIL).bind(now).bind(id);
            Ok(database.execute(retry).await? == 1)
        })
    }
}

/// Returns the values for a template as JSON, or `None` if there are none.
pub(super) fn write_context(context: &BTreeMap<String, String>) -> Option<String> {
    (!context.is_empty()).then(|| serde_json::json!(context).to_string())
}

fn read_context(text: Option<&str>) -> Result<BTreeMap<String, String>> {
    let read = text.map(serde_json::from_str).transpose();
    Ok(read.map_err(|_| corrupt("a mail's context"))?.unwrap_or_default())
}

fn read_asker(text: Option<&str>) -> Result<Option<Asker>> {
    text.map(serde_json::from_str).transpose().map_err(|_| corrupt("a mail's asker"))
}

fn read_attempts(attempts: i64) -> Result<u32> {
    u32::try_from(attempts).map_err(|_| corrupt("a number of attempts"))
}

row! {
    /// The id of a mail.
    IdRow { id: Uuid }
}

row! {
    /// A mail.
    MailRow {
        id: Uuid,
        template: String,
        subject: String,
        recipient: String,
        user_id: Option<Uuid>,
        to_holder: bool,
        only_unconfirmed: bool,
        epoch: Option<i64>,
        link_purpose: Option<String>,
        link_lifetime: Option<i64>,
        link_lasting: bool,
        context: Option<String>,
        asker: Option<String>,
        created_at: Timestamp,
        attempts: i64,
        next_attempt_at: Option<Timestamp>,
        lease: Option<Uuid>,
        fault: Option<String>,
    }
}

impl MailRow {
    /// Returns the leased mail, with one attempt more than the row says.
    fn leased(self) -> Result<OutboxMail> {
        let attempts = read_attempts(self.attempts + 1)?;
        Ok(OutboxMail { mail: self.read()?, attempts })
    }

    /// Returns the mail as operators see it.
    fn listed(mut self) -> Result<ListedMail> {
        Ok(ListedMail {
            state: MailState::new(self.next_attempt_at, self.lease.is_some()),
            attempts: read_attempts(self.attempts)?,
            fault: self.fault.take(),
            mail: self.read()?,
        })
    }

    fn read(self) -> Result<NewMail> {
        let link = match (self.link_purpose, self.link_lifetime) {
            (Some(purpose), Some(lifetime)) => {
                let seconds = u64::try_from(lifetime).map_err(|_| corrupt("a link's lifetime"))?;
                let lifetime = Span::new(Duration::from_secs(seconds));
                Some(NewLink { purpose, lifetime, lasting: self.link_lasting })
            }
            _ => None,
        };
        Ok(NewMail {
            id: self.id,
            template: self.template,
            subject: self.subject,
            to: read_email(&self.recipient)?,
            addressee: match self.user_id {
                Some(id) => Addressee::User(UserId::from_uuid(id)),
                None if self.to_holder => Addressee::Holder,
                None => Addressee::Address,
            },
            only_unconfirmed: self.only_unconfirmed,
            epoch: self.epoch,
            link,
            context: read_context(self.context.as_deref())?,
            created_at: self.created_at,
            asker: read_asker(self.asker.as_deref())?,
        })
    }
}
