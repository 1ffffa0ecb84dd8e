//! Outgoing mail, and what else is committed with a change.

use std::time::Duration;

use rocket::async_trait;
use rocket_security::Email;
use rocket_security::Error;
use rocket_security::Result;
use rocket_security::UserId;
use rocket_security::clock::Timestamp;
use rocket_security::config::Span;
use rocket_security::datastore::OutboxStore;
use rocket_security::datastore::Together;
use rocket_security::datastore::outbox::NewLink;
use rocket_security::datastore::outbox::NewMail;
use rocket_security::datastore::outbox::OutboxMail;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::store::MemberStore;
use crate::store::column;
use crate::store::corrupt;
use crate::store::micros;
use crate::store::time;

#[async_trait]
impl OutboxStore for MemberStore {
    async fn push_mail(&self, mail: &NewMail) -> Result<()> {
        let mut transaction = self.begin().await?;
        push(&mut transaction, mail).await?;
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
                 SELECT mail_id FROM outgoing_mail WHERE due_at <= ? ORDER BY due_at LIMIT ?
             )
             RETURNING *",
        )
        .bind(micros(until))
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.writer)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_mail).collect()
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

    async fn delete_mail(&self, id: Uuid) -> Result<()> {
        sqlx::query("DELETE FROM outgoing_mail WHERE mail_id = ?")
            .bind(id)
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(())
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
}

/// Takes in what is committed with a change, as the last thing before the commit: the mails, and
/// what the application does along on this connection. Whatever fails undoes the change.
pub(crate) async fn push_all(connection: &mut SqliteConnection, together: &Together) -> Result<()> {
    for mail in &together.mail {
        push(connection, mail).await?;
    }
    together.run_in(connection).await.map_err(Error::store)
}

async fn push(connection: &mut SqliteConnection, mail: &NewMail) -> Result<()> {
    let link = mail.link.as_ref();
    sqlx::query(
        "INSERT INTO outgoing_mail
             (mail_id, template, subject, recipient, member, only_unconfirmed, link_purpose,
              link_seconds, written_at, due_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(mail.id)
    .bind(&mail.template)
    .bind(&mail.subject)
    .bind(mail.to.as_str())
    .bind(mail.user_id.map(UserId::as_uuid))
    .bind(mail.only_unconfirmed)
    .bind(link.map(|link| link.purpose.as_str()))
    .bind(link.map(|link| link.lifetime.delta().num_seconds()))
    .bind(micros(mail.created_at))
    .bind(micros(mail.created_at))
    .execute(connection)
    .await
    .map_err(Error::store)?;
    Ok(())
}

fn read_mail(row: &SqliteRow) -> Result<OutboxMail> {
    let to = Email::parse(column(row, "recipient")?).map_err(|_| corrupt("recipient"))?;
    let mail = NewMail {
        id: column(row, "mail_id")?,
        template: column(row, "template")?,
        subject: column(row, "subject")?,
        to,
        user_id: column::<Option<Uuid>>(row, "member")?.map(UserId::from_uuid),
        only_unconfirmed: column(row, "only_unconfirmed")?,
        link: read_link(row)?,
        created_at: time(row, "written_at")?,
    };
    Ok(OutboxMail { mail, attempts: column(row, "attempts")? })
}

fn read_link(row: &SqliteRow) -> Result<Option<NewLink>> {
    let (Some(purpose), Some(seconds)) =
        (column(row, "link_purpose")?, column::<Option<i64>>(row, "link_seconds")?)
    else {
        return Ok(None);
    };
    let seconds = u64::try_from(seconds).map_err(|_| corrupt("link_seconds"))?;
    Ok(Some(NewLink { purpose, lifetime: Span::new(Duration::from_secs(seconds)) }))
}
