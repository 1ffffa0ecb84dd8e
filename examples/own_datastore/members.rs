//! Members: the framework's users.

use rocket::async_trait;
use rocket_security::clock::Timestamp;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::datastore::lapse::{Contest, Lapse};
use rocket_security::datastore::user::{NewUser, Taken, UserChange, UserWithPassword};
use rocket_security::datastore::{LapseStore, Together};
use rocket_security::user::Identity;
use rocket_security::{Email, Error, Result, User, UserDatastore, UserId, Username};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::outbox::push_all;
use crate::store::{MemberStore, column, corrupt, micros, some_time, time};

/// A member with what the framework does not know.
pub(crate) struct Member {
    pub(crate) number: i64,
    pub(crate) display_name: String,
}

impl MemberStore {
    /// Finds what the framework does not know of a user.
    pub(crate) async fn find_member(&self, id: UserId) -> Result<Option<Member>> {
        let row =
            sqlx::query("SELECT member_number, display_name FROM members WHERE public_id = ?")
                .bind(id.as_uuid())
                .fetch_optional(&self.readers)
                .await
                .map_err(Error::store)?;
        let read = |row: SqliteRow| {
            let (number, display_name) =
                (column(&row, "member_number")?, column(&row, "display_name")?);
            Ok(Member { number, display_name })
        };
        row.map(read).transpose()
    }
}

#[async_trait]
impl UserDatastore for MemberStore {
    fn lapse_store(&self) -> Option<&dyn LapseStore> {
        Some(self)
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        let row = sqlx::query("SELECT * FROM members WHERE public_id = ?")
            .bind(id.as_uuid())
            .fetch_optional(&self.readers)
            .await
            .map_err(Error::store)?;
        row.as_ref().map(read_user).transpose()
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<UserWithPassword>> {
        let find = match identity {
            Identity::Email(_) => "SELECT * FROM members WHERE mail_key = ?",
            Identity::Username(_) => "SELECT * FROM members WHERE nickname_key = ?",
            other => return Err(Error::store(format!("members do not go by {other:?}"))),
        };
        let row = sqlx::query(find)
            .bind(identity.canonical())
            .fetch_optional(&self.readers)
            .await
            .map_err(Error::store)?;
        let read = |row: SqliteRow| {
            let password_hash: Option<String> = column(&row, "passphrase")?;
            let password_hash = password_hash.map(PasswordHash::from_stored);
            Ok(UserWithPassword::new(read_user(&row)?, password_hash))
        };
        row.map(read).transpose()
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let after = after.map(UserId::as_uuid);
        let rows = sqlx::query(
            "SELECT * FROM members WHERE ? IS NULL OR public_id > ? ORDER BY public_id LIMIT ?",
        )
        .bind(after)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_user).collect()
    }

    async fn create_user(
        &self,
        user: &NewUser,
        together: &Together,
    ) -> Result<Result<User, Taken>> {
        let display_name = user.email.as_str().split('@').next();
        let mut transaction = self.begin().await?;
        // The unique columns decide whether the address and the username are free.
        let made = sqlx::query(
            "INSERT INTO members
                 (public_id, mail_address, mail_key, nickname, nickname_key, nickname_look,
                  passphrase, proved_at, forgotten_at, display_name, joined_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(user.id.as_uuid())
        .bind(user.email.as_str())
        .bind(user.email.canonical())
        .bind(user.username.as_ref().map(Username::as_str))
        .bind(user.username.as_ref().map(Username::canonical))
        .bind(user.username.as_ref().map(Username::skeleton))
        .bind(user.password_hash.as_ref().map(PasswordHash::as_str))
        .bind(user.confirmed_at.map(micros))
        .bind(user.expires_at.map(micros))
        .bind(display_name)
        .bind(micros(user.created_at))
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if made.rows_affected() == 0 {
            // No other writer is active, so the row in the way is still there.
            let rival = sqlx::query("SELECT 1 FROM members WHERE mail_key = ? OR public_id = ?")
                .bind(user.email.canonical())
                .bind(user.id.as_uuid())
                .fetch_optional(&mut *transaction)
                .await
                .map_err(Error::store)?;
            return Ok(Err(if rival.is_some() { Taken::Email } else { Taken::Username }));
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        let mut made = User::new(user.id, user.email.clone(), user.created_at);
        made.username = user.username.clone();
        made.confirmed_at = user.confirmed_at;
        made.expires_at = user.expires_at;
        Ok(Ok(made))
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        let mut transaction = self.begin().await?;
        let Some(user) = apply_change(&mut transaction, id, change, together).await? else {
            return Ok(None);
        };
        transaction.commit().await.map_err(Error::store)?;
        Ok(Some(user))
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        let replaced =
            sqlx::query("UPDATE members SET passphrase = ? WHERE public_id = ? AND passphrase = ?")
                .bind(new.as_str())
                .bind(id.as_uuid())
                .bind(old.as_str())
                .execute(&self.writer)
                .await
                .map_err(Error::store)?;
        Ok(replaced.rows_affected() == 1)
    }

    /// Deletes everything that belongs to the member, through the foreign keys.
    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let deleted = sqlx::query("DELETE FROM members WHERE public_id = ?")
            .bind(id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(Error::store)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(true)
    }
}

#[async_trait]
impl LapseStore for MemberStore {
    async fn contest_user(
        &self,
        id: UserId,
        contest: &Contest,
        together: &Together,
    ) -> Result<bool> {
        let username = contest.username.as_ref();
        let mut transaction = self.begin().await?;
        let contested = sqlx::query(
            "UPDATE OR IGNORE members
             SET passphrase = IIF(?, passphrase, NULL),
                 nickname = IIF(forgotten_at IS NULL, nickname, ?),
                 nickname_key = IIF(forgotten_at IS NULL, nickname_key, ?),
                 nickname_look = IIF(forgotten_at IS NULL, nickname_look, ?),
                 forgotten_at = IIF(forgotten_at IS NULL, NULL, ?)
             WHERE public_id = ? AND proved_at IS NULL",
        )
        .bind(contest.is_same)
        .bind(username.map(Username::as_str))
        .bind(username.map(Username::canonical))
        .bind(username.map(Username::skeleton))
        .bind(micros(contest.expires_at))
        .bind(id.as_uuid())
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if contested.rows_affected() == 0 {
            return Ok(false);
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(true)
    }

    async fn find_lapsed_users(
        &self,
        lapse: Lapse,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<User>> {
        let rows = sqlx::query(match lapse {
            Lapse::Closed => {
                "SELECT * FROM leaving WHERE leaves_at <= ?1 AND stays_until <= ?1 LIMIT ?2"
            }
            Lapse::Unconfirmed => "SELECT * FROM members WHERE forgotten_at <= ?1 LIMIT ?2",
        })
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_user).collect()
    }

    async fn delete_lapsed_user(
        &self,
        id: UserId,
        lapse: Lapse,
        now: Timestamp,
        together: &Together,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let deleted = sqlx::query(match lapse {
            Lapse::Closed => {
                "DELETE FROM members WHERE public_id = ?1 AND EXISTS (
                     SELECT 1 FROM leaving
                     WHERE public_id = ?1 AND leaves_at <= ?2 AND stays_until <= ?2)"
            }
            Lapse::Unconfirmed => "DELETE FROM members WHERE public_id = ?1 AND forgotten_at <= ?2",
        })
        .bind(id.as_uuid())
        .bind(micros(now))
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(true)
    }
}

/// Applies a change within a transaction: to the member, to what ends with the change, and with what is
/// committed with it. Returns `None` if the change does not apply; then the caller must not commit.
pub(crate) async fn apply_change(
    connection: &mut SqliteConnection,
    id: UserId,
    change: &UserChange,
    together: &Together,
) -> Result<Option<User>> {
    let passphrase = change.password_hash.as_ref();
    let username = change.username.iter().flatten().next();
    let changed = sqlx::query(
        "UPDATE members
         SET suspended = COALESCE(?, suspended),
             proved_at = COALESCE(?, proved_at),
             mail_address = COALESCE(?, mail_address),
             mail_key = COALESCE(?, mail_key),
             nickname = CASE WHEN ? THEN ? ELSE nickname END,
             nickname_key = CASE WHEN ? THEN ? ELSE nickname_key END,
             nickname_look = CASE WHEN ? THEN ? ELSE nickname_look END,
             must_choose_anew = COALESCE(?, must_choose_anew),
             leaves_at = CASE WHEN ? THEN ? ELSE leaves_at END,
             forgotten_at = CASE WHEN ? THEN NULL ELSE forgotten_at END,
             passphrase = CASE WHEN ? THEN ? ELSE passphrase END,
             generation = generation + 1
         WHERE public_id = ? AND (proved_at IS NULL OR NOT ?) AND (passphrase IS NOT NULL OR NOT ?)
             AND generation = COALESCE(?, generation)",
    )
    .bind(change.active.map(|active| !active))
    .bind(change.confirmed_at.map(micros))
    .bind(change.email.as_ref().map(Email::as_str))
    .bind(change.email.as_ref().map(Email::canonical))
    .bind(change.username.is_some())
    .bind(username.map(Username::as_str))
    .bind(change.username.is_some())
    .bind(username.map(Username::canonical))
    .bind(change.username.is_some())
    .bind(username.map(Username::skeleton))
    .bind(change.must_change)
    .bind(change.closes_at.is_some())
    .bind(change.closes_at.flatten().map(micros))
    .bind(change.confirmed_at.is_some())
    .bind(passphrase.is_some())
    .bind(passphrase.and_then(|hash| hash.as_ref().map(PasswordHash::as_str)))
    .bind(id.as_uuid())
    .bind(change.only_unconfirmed)
    .bind(change.only_with_password)
    .bind(change.epoch)
    .execute(&mut *connection)
    .await;
    let changed = match changed {
        // Another member has the address or the username.
        Err(fault) if fault.as_database_error().is_some_and(|it| it.is_unique_violation()) => {
            return Ok(None);
        }
        changed => changed.map_err(Error::store)?,
    };
    if changed.rows_affected() == 0 {
        return Ok(None);
    }
    for end in [
        "DELETE FROM member_sessions WHERE member = ?",
        "DELETE FROM member_tokens WHERE member = ? AND NOT lasting",
    ] {
        let end = sqlx::query(end).bind(id.as_uuid()).execute(&mut *connection).await;
        end.map_err(Error::store)?;
    }
    if let Some(after) = change.ends_lasting_after {
        for end in [
            "DELETE FROM member_tokens WHERE member = ? AND lasting AND asked_at > ?",
            "DELETE FROM outgoing_mail WHERE member = ? AND link_lasting AND written_at > ?",
        ] {
            let end = sqlx::query(end).bind(id.as_uuid()).bind(micros(after));
            end.execute(&mut *connection).await.map_err(Error::store)?;
        }
    }
    push_all(connection, together).await?;
    let row = sqlx::query("SELECT * FROM members WHERE public_id = ?")
        .bind(id.as_uuid())
        .fetch_one(connection)
        .await
        .map_err(Error::store)?;
    read_user(&row).map(Some)
}

/// Reads a row of `members`.
pub(crate) fn read_user(row: &SqliteRow) -> Result<User> {
    let id = UserId::from_uuid(column(row, "public_id")?);
    let email = Email::parse(column(row, "mail_address")?).map_err(|_| corrupt("mail_address"))?;
    let mut user = User::new(id, email, time(row, "joined_at")?);
    user.username = column::<Option<String>>(row, "nickname")?.map(Username::from_stored);
    user.active = !column::<bool>(row, "suspended")?;
    user.confirmed_at = some_time(row, "proved_at")?;
    user.must_change = column(row, "must_choose_anew")?;
    user.closes_at = some_time(row, "leaves_at")?;
    user.expires_at = some_time(row, "forgotten_at")?;
    user.epoch = column(row, "generation")?;
    Ok(user)
}
