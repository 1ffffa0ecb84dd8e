//! Outgoing mail, and what else is committed with a change.

use std::time::Duration;

use rocket::async_trait;
use rocket_security::clock::Timestamp;
use rocket_security::config::Span;
use rocket_security::datastore::outbox::{Addressee, NewLink, NewMail, OutboxMail};
use rocket_security::datastore::{OutboxStore, Together};
use rocket_security::{Email, Error, Result, UserId};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::store::{MemberStore, column, corrupt, micros, time};

#[async_trait]
impl OutboxStore for MemberStore {
    async fn commit(&self, together: &Together) -> Result<()> {
        let mut transaction = self.begin().await?;
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)
    }

    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>> {
        let rows = sqlx::query(
            "UPDATE outgoing_mail SET leased = TRUE, due_at = ?, attempts = attempts + 1
             WHERE mail_id IN (
                 SELECT mail_id FROM outgoing_mail WHERE due_at <= ?
                 ORDER BY member IS NULL OR NOT (link_purpose IS NULL OR link_lasting), due_at
                 LIMIT ?
             )
             RETURNING *",
        )
        .bind(micros(until))
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.writer)
        .await
        .map_err(Error::store)?;
        let read = |row| Ok(OutboxMail::new(read_mail(row)?, column(row, "attempts")?));
        rows.iter().map(read).collect()
    }

    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()> {
        sqlx::query("UPDATE outgoing_mail SET due_at = ? WHERE mail_id = ? AND leased")
            .bind(micros(until))
            .bind(id)
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    async fn delete_mail(&self, id: Uuid) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM outgoing_mail WHERE mail_id = ?")
            .bind(id)
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE outgoing_mail SET leased = FALSE, due_at = ?, fault = ? WHERE mail_id = ?",
        )
        .bind(next_attempt_at.map(micros))
        .bind(fault)
        .bind(id)
        .execute(&self.writer)
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    async fn delete_dead_mail(&self, written_until: Timestamp) -> Result<u64> {
        let deleted =
            sqlx::query("DELETE FROM outgoing_mail WHERE due_at IS NULL AND written_at <= ?")
                .bind(micros(written_until))
                .execute(&self.writer)
                .await
                .map_err(Error::store)?;
        Ok(deleted.rows_affected())
    }
}

/// Adds what is committed with a change, last before the commit: the mails, and the application's own writes
/// on this connection. An error undoes the change.
pub(crate) async fn push_all(connection: &mut SqliteConnection, together: &Together) -> Result<()> {
    for mail in &together.mail {
        push(connection, mail).await?;
    }
    together.run_in(connection).await.map_err(Error::store)
}

async fn push(connection: &mut SqliteConnection, mail: &NewMail) -> Result<()> {
    let link = mail.link.as_ref();
    if let Some(link) = link.filter(|link| !link.lasting) {
        // Only the newest link would work, so waiting mail with an older one is not sent.
        sqlx::query(
            "DELETE FROM outgoing_mail
             WHERE recipient = ? AND link_purpose = ? AND NOT link_lasting AND NOT leased
                 AND (member IS NULL OR member = COALESCE(?, member))",
        )
        .bind(mail.to.as_str())
        .bind(&link.purpose)
        .bind(mail.addressee.user_id().map(UserId::as_uuid))
        .execute(&mut *connection)
        .await
        .map_err(Error::store)?;
    }
    sqlx::query(
        "INSERT INTO outgoing_mail
             (mail_id, template, subject, recipient, member, to_holder, only_unconfirmed, generation,
              link_purpose, link_seconds, link_lasting, context, asker, written_at, due_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(mail.id)
    .bind(&mail.template)
    .bind(&mail.subject)
    .bind(mail.to.as_str())
    .bind(mail.addressee.user_id().map(UserId::as_uuid))
    .bind(mail.addressee == Addressee::Holder)
    .bind(mail.only_unconfirmed)
    .bind(mail.epoch)
    .bind(link.map(|link| link.purpose.as_str()))
    .bind(link.map(|link| link.lifetime.delta().num_seconds()))
    .bind(link.is_some_and(|link| link.lasting))
    .bind(serde_json::json!(mail.context).to_string())
    .bind(serde_json::json!(mail.asker).to_string())
    .bind(micros(mail.created_at))
    .bind(micros(mail.created_at))
    .execute(connection)
    .await
    .map_err(Error::store)?;
    Ok(())
}

fn read_mail(row: &SqliteRow) -> Result<NewMail> {
    let to = Email::parse(column(row, "recipient")?).map_err(|_| corrupt("recipient"))?;
    let (id, written_at) = (column(row, "mail_id")?, time(row, "written_at")?);
    let (template, subject) = (column(row, "template")?, column(row, "subject")?);
    let mut mail = NewMail::with_id(id, template, subject, &to, written_at);
    mail.addressee = match column::<Option<Uuid>>(row, "member")? {
        Some(id) => Addressee::User(UserId::from_uuid(id)),
        None if column(row, "to_holder")? => Addressee::Holder,
        None => Addressee::Address,
    };
    mail.only_unconfirmed = column(row, "only_unconfirmed")?;
    mail.epoch = column(row, "generation")?;
    mail.link = read_link(row)?;
    mail.context = serde_json::from_str(column(row, "context")?).map_err(|_| corrupt("context"))?;
    mail.asker = serde_json::from_str(column(row, "asker")?).map_err(|_| corrupt("asker"))?;
    Ok(mail)
}

fn read_link(row: &SqliteRow) -> Result<Option<NewLink>> {
    let (Some(purpose), Some(seconds)) =
        (column::<Option<&str>>(row, "link_purpose")?, column::<Option<i64>>(row, "link_seconds")?)
    else {
        return Ok(None);
    };
    let seconds = u64::try_from(seconds).map_err(|_| corrupt("link_seconds"))?;
    let lifetime = Span::new(Duration::from_secs(seconds));
    let mut link = NewLink::new(purpose, lifetime);
    link.lasting = column(row, "link_lasting")?;
    Ok(Some(link))
}
