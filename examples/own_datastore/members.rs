//! Members and their ranks: the framework's users and their roles.

use rocket::async_trait;
use rocket_security::Email;
use rocket_security::Error;
use rocket_security::Result;
use rocket_security::RoleName;
use rocket_security::User;
use rocket_security::UserDatastore;
use rocket_security::UserId;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::Credentials;
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::user::RoleRecord;
use rocket_security::datastore::user::UserChange;
use rocket_security::user::Identity;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::outbox::push_all;
use crate::store::MemberStore;
use crate::store::column;
use crate::store::corrupt;
use crate::store::micros;
use crate::store::some_time;
use crate::store::time;

/// A member as the application sees one, beside the framework.
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
    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        let row = sqlx::query("SELECT * FROM accounts WHERE public_id = ?")
            .bind(id.as_uuid())
            .fetch_optional(&self.readers)
            .await
            .map_err(Error::store)?;
        row.as_ref().map(read_user).transpose()
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<Credentials>> {
        let row = sqlx::query("SELECT * FROM accounts WHERE mail_key = ?")
            .bind(identity.canonical())
            .fetch_optional(&self.readers)
            .await
            .map_err(Error::store)?;
        let read = |row: SqliteRow| {
            let password_hash: Option<String> = column(&row, "passphrase")?;
            let password_hash = password_hash.map(PasswordHash::from_stored);
            Ok(Credentials { user: read_user(&row)?, password_hash })
        };
        row.map(read).transpose()
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let after = after.map(UserId::as_uuid);
        let rows = sqlx::query(
            "SELECT * FROM accounts WHERE ? IS NULL OR public_id > ? ORDER BY public_id LIMIT ?",
        )
        .bind(after)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Error::store)?;
        rows.iter().map(read_user).collect()
    }

    async fn create_user(&self, user: &NewUser, together: &Together) -> Result<Option<User>> {
        let display_name = user.email.as_str().split('@').next();
        let mut transaction = self.begin().await?;
        // Whose the address is, the unique column decides.
        let made = sqlx::query(
            "INSERT INTO members
                 (public_id, mail_address, mail_key, passphrase, proved_at, display_name, joined_at)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(user.id.as_uuid())
        .bind(user.email.as_str())
        .bind(user.email.canonical())
        .bind(user.password_hash.as_ref().map(PasswordHash::as_str))
        .bind(user.confirmed_at.map(micros))
        .bind(display_name)
        .bind(micros(user.created_at))
        .execute(&mut *transaction)
        .await
        .map_err(Error::store)?;
        if made.rows_affected() == 0 {
            return Ok(None);
        }
        push_all(&mut transaction, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        let mut made = User::new(user.id, user.email.clone(), user.created_at);
        made.confirmed_at = user.confirmed_at;
        Ok(Some(made))
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        let mut transaction = self.begin().await?;
        let user = apply_change(&mut transaction, id, change, together).await?;
        transaction.commit().await.map_err(Error::store)?;
        Ok(user)
    }

    async fn contest_user(&self, id: UserId, together: &Together) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let contested = sqlx::query(
            "UPDATE members SET passphrase = NULL WHERE public_id = ? AND proved_at IS NULL",
        )
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

    /// Everything that is the member's goes along, by the foreign keys.
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

    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        let made = sqlx::query(
            "INSERT INTO ranks (rank, description) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(name.as_str())
        .bind(description)
        .execute(&self.writer)
        .await
        .map_err(Error::store)?;
        Ok(made.rows_affected() == 1)
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        let rows = sqlx::query("SELECT rank, description FROM ranks ORDER BY rank")
            .fetch_all(&self.readers)
            .await
            .map_err(Error::store)?;
        let read = |row: &SqliteRow| {
            let name = read_role(column(row, "rank")?)?;
            Ok(RoleRecord { name, description: column(row, "description")? })
        };
        rows.iter().map(read).collect()
    }

    async fn grant_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        // To one who has it already it is given again: a row was found, and that is what is said.
        let granted = sqlx::query(
            "INSERT INTO member_ranks (member, rank)
             SELECT public_id, rank FROM members CROSS JOIN ranks WHERE public_id = ? AND rank = ?
             ON CONFLICT DO UPDATE SET rank = excluded.rank",
        )
        .bind(id.as_uuid())
        .bind(role.as_str())
        .execute(&self.writer)
        .await
        .map_err(Error::store)?;
        Ok(granted.rows_affected() == 1)
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        let revoked = sqlx::query("DELETE FROM member_ranks WHERE member = ? AND rank = ?")
            .bind(id.as_uuid())
            .bind(role.as_str())
            .execute(&self.writer)
            .await
            .map_err(Error::store)?;
        Ok(revoked.rows_affected() == 1)
    }
}

/// Applies a change within a transaction: the member, what dies with it, what is committed with it.
/// Gives none, and has done nothing, when the change does not apply.
pub(crate) async fn apply_change(
    connection: &mut SqliteConnection,
    id: UserId,
    change: &UserChange,
    together: &Together,
) -> Result<Option<User>> {
    let passphrase = change.password_hash.as_ref();
    let changed = sqlx::query(
        "UPDATE members
         SET suspended = COALESCE(?, suspended),
             proved_at = COALESCE(?, proved_at),
             passphrase = CASE WHEN ? THEN ? ELSE passphrase END,
             generation = generation + 1
         WHERE public_id = ? AND (proved_at IS NULL OR NOT ?) AND (passphrase IS NOT NULL OR NOT ?)",
    )
    .bind(change.active.map(|active| !active))
    .bind(change.confirmed_at.map(micros))
    .bind(passphrase.is_some())
    .bind(passphrase.and_then(|hash| hash.as_ref().map(PasswordHash::as_str)))
    .bind(id.as_uuid())
    .bind(change.only_unconfirmed)
    .bind(change.only_with_password)
    .execute(&mut *connection)
    .await
    .map_err(Error::store)?;
    if changed.rows_affected() == 0 {
        return Ok(None);
    }
    for end in [
        "DELETE FROM member_sessions WHERE member = ?",
        "DELETE FROM member_tokens WHERE member = ?",
    ] {
        let end = sqlx::query(end).bind(id.as_uuid()).execute(&mut *connection).await;
        end.map_err(Error::store)?;
    }
    push_all(connection, together).await?;
    let row = sqlx::query("SELECT * FROM accounts WHERE public_id = ?")
        .bind(id.as_uuid())
        .fetch_one(connection)
        .await
        .map_err(Error::store)?;
    read_user(&row).map(Some)
}

/// Reads a row of `accounts`.
pub(crate) fn read_user(row: &SqliteRow) -> Result<User> {
    let id = UserId::from_uuid(column(row, "public_id")?);
    let email = Email::parse(column(row, "mail_address")?).map_err(|_| corrupt("mail_address"))?;
    let mut user = User::new(id, email, time(row, "joined_at")?);
    user.active = !column::<bool>(row, "suspended")?;
    user.confirmed_at = some_time(row, "proved_at")?;
    user.epoch = column(row, "generation")?;
    let ranks: Option<&str> = column(row, "ranks")?;
    user.roles =
        ranks.unwrap_or_default().split_whitespace().map(read_role).collect::<Result<_>>()?;
    user.roles.sort();
    Ok(user)
}

fn read_role(text: &str) -> Result<RoleName> {
    RoleName::parse(text).map_err(|_| corrupt("rank"))
}
