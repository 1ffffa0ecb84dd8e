//! Sessions.

use rocket::async_trait;
use rocket_security::clock::{NEVER, Timestamp};
use rocket_security::crypto::one_time::Digest;
use rocket_security::datastore::session::{EndedSession, Replaces, SessionRecord};
use rocket_security::datastore::{SessionStore, Together};
use rocket_security::user::Proofs;
use rocket_security::{Error, Result, User, UserId};
use sqlx::sqlite::SqliteRow;

use crate::members::read_user;
use crate::outbox::push_all;
use crate::store::{MemberStore, column, corrupt, digest, micros, time};

#[async_trait]
impl SessionStore for MemberStore {
    async fn begin_session(
        &self,
        session: &SessionRecord,
        replaces: Replaces,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedSession>>> {
        let member = session.user_id.as_uuid();
        let mut transaction = self.begin().await?;
        if let Some(digest) = replaces.digest() {
            let ended = sqlx::query("DELETE FROM member_sessions WHERE digest = ? AND member = ?")
                .bind(digest.as_bytes().as_slice())
                .bind(member)
                .execute(&mut *transaction)
                .await
                .map_err(Error::store)?;
            if replaces.must_be_live() && ended.rows_affected() == 0 {
                return Ok(None);
            }
        }
        // The same statement checks the member: a member who was suspended, or who chose another
        // password after this login began, gets no session.
        let begun = sqlx::query(
            "INSERT INTO member_sessions
                 (digest, session_id, member, member_generation, proofs, client, user_agent,
                  begun_at, last_seen_at)
             SELECT ?, ?, public_id, generation, ?, ?, ?, ?, ? FROM members
             WHERE public_id = ? AND generation = ? AND NOT suspended
                 AND leaves_at IS NULL",
        )
        .bind(session.digest.as_bytes().as_slice())
        .bind(session.id)
        .bind(session.proofs.to_string())
        .bind(session.client.map(|client| client.to_string()))
        .bind(&session.user_agent)
        .bind(micros(session.created_at))
        .bind(micros(session.last_seen_at))
        .bind(member)
        .bind(session.epoch)
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if begun.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query("UPDATE members SET forgotten_at = NULL WHERE public_id = ?")
            .bind(member)
            .execute(&mut *transaction)
            .await
            .map_err(Error::store)?;
        let evicted = sqlx::query(
            "DELETE FROM member_sessions WHERE member = ? AND digest NOT IN (
                 SELECT digest FROM member_sessions WHERE member = ?
                 ORDER BY digest = ? DESC, begun_at DESC, digest LIMIT ?
             ) RETURNING session_id, member",
        )
        .bind(member)
        .bind(member)
        .bind(session.digest.as_bytes().as_slice())
        .bind(max_per_user)
        .fetch_all(&mut *transaction)
        .await
        .map_err(Error::store)?;
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        evicted.iter().map(read_ended).collect::<Result<_>>().map(Some)
    }

    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        let rows = sqlx::query(
            "SELECT * FROM member_sessions WHERE member = ? ORDER BY begun_at DESC, digest",
        )
        .bind(user.as_uuid())
        .fetch_all(&self.readers)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_session).collect()
    }

    /// Runs for every request with a session: one query, by primary keys.
    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        let row = sqlx::query(
            "SELECT * FROM member_sessions s
             JOIN members a ON a.public_id = s.member AND a.generation = s.member_generation
             WHERE s.digest = ?",
        )
        .bind(digest.as_bytes().as_slice())
        .fetch_optional(&self.readers)
        .await
        .map_err(Error::store)?;
        row.map(|row| Ok((read_session(&row)?, read_user(&row)?))).transpose()
    }

    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        // An expired session stays expired.
        sqlx::query(
            "UPDATE member_sessions SET last_seen_at = ?
             WHERE digest = ? AND last_seen_at <= ? AND last_seen_at > ?",
        )
        .bind(micros(now))
        .bind(digest.as_bytes().as_slice())
        .bind(micros(unless_since))
        .bind(micros(NEVER))
        .execute(&self.writer)
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    async fn end_session(&self, digest: &Digest, together: &Together) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query("DELETE FROM member_sessions WHERE digest = ?")
            .bind(digest.as_bytes().as_slice())
            .execute(&mut *transaction)
            .await
            .map_err(Error::store)?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(true)
    }

    async fn delete_ended_sessions(
        &self,
        idle: Timestamp,
        begun: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedSession>> {
        let rows = sqlx::query(
            "DELETE FROM member_sessions WHERE digest IN (
                 SELECT digest FROM member_sessions WHERE last_seen_at <= ? OR begun_at <= ? LIMIT ?
             ) RETURNING session_id, member",
        )
        .bind(micros(idle))
        .bind(micros(begun))
        .bind(limit)
        .fetch_all(&self.writer)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_ended).collect()
    }
}

fn read_ended(row: &SqliteRow) -> Result<EndedSession> {
    let user_id = UserId::from_uuid(column(row, "member")?);
    Ok(EndedSession::new(column(row, "session_id")?, user_id))
}

fn proofs(row: &SqliteRow) -> Result<Proofs> {
    column::<&str>(row, "proofs")?.parse().map_err(|_| corrupt("proofs"))
}

fn read_session(row: &SqliteRow) -> Result<SessionRecord> {
    // No browser is remembered: this store is not a `RememberStore`, and no session belongs to a
    // series.
    let mut session = SessionRecord::new(
        digest(row, "digest")?,
        column(row, "session_id")?,
        UserId::from_uuid(column(row, "member")?),
        column(row, "member_generation")?,
        proofs(row)?,
        time(row, "begun_at")?,
    );
    let client: Option<&str> = column(row, "client")?;
    session.client =
        client.map(|client| client.parse().map_err(|_| corrupt("client"))).transpose()?;
    session.user_agent = column(row, "user_agent")?;
    session.last_seen_at = time(row, "last_seen_at")?;
    Ok(session)
}
