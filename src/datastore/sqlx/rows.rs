//! Rows as the drivers give them, and the values they stand for.

use std::net::IpAddr;

use chrono::DateTime;
use chrono::Utc;
use uuid::Uuid;

use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::Digest;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::Credentials;
use crate::error::Error;
use crate::error::Result;
use crate::user::Email;
use crate::user::RoleName;
use crate::user::User;
use crate::user::UserId;

/// Declares a row and reads it by the names of its columns, for every driver that is enabled.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        pub(in crate::datastore::sqlx) struct $name {
            $(pub(in crate::datastore::sqlx) $field: $type),+
        }

        #[cfg(feature = "sqlite")]
        $crate::datastore::sqlx::rows::read!(::sqlx::sqlite::SqliteRow, $name { $($field),+ });
        #[cfg(feature = "postgres")]
        $crate::datastore::sqlx::rows::read!(::sqlx::postgres::PgRow, $name { $($field),+ });
        #[cfg(feature = "mysql")]
        $crate::datastore::sqlx::rows::read!(::sqlx::mysql::MySqlRow, $name { $($field),+ });
    };
}

/// Reads a row of one driver.
macro_rules! read {
    ($row:ty, $name:ident { $($field:ident),+ }) => {
        impl<'r> ::sqlx::FromRow<'r, $row> for $name {
            fn from_row(row: &'r $row) -> ::sqlx::Result<Self> {
                use ::sqlx::Row;
                Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
    };
}

pub(super) use read;
pub(super) use row;

row! {
    /// A user with one of their roles; a user of several roles is several rows.
    UserRow {
        user_id: Uuid,
        email: String,
        password_hash: Option<String>,
        active: bool,
        confirmed_at: Option<DateTime<Utc>>,
        user_epoch: i64,
        user_created_at: DateTime<Utc>,
        role_name: Option<String>,
    }
}

row! {
    /// The key of a row.
    DigestRow { digest: Vec<u8> }
}

row! {
    /// The part of a joined row that belongs to the session.
    SessionRow {
        digest: Vec<u8>,
        session_id: Uuid,
        session_epoch: i64,
        authn_via: String,
        client: Option<String>,
        user_agent: Option<String>,
        session_created_at: DateTime<Utc>,
        authenticated_at: DateTime<Utc>,
        last_seen_at: DateTime<Utc>,
    }
}

/// Puts the rows of each user together, in their order.
pub(super) fn users_from(rows: Vec<UserRow>) -> Result<Vec<Credentials>> {
    let mut users: Vec<Credentials> = Vec::new();
    for row in rows {
        let role = row.role_name.as_deref().map(read_role).transpose()?;
        let id = UserId::from_uuid(row.user_id);
        if users.last().is_none_or(|last| last.user.id != id) {
            users.push(read_user(row)?);
        }
        if let (Some(role), Some(last)) = (role, users.last_mut()) {
            last.user.roles.push(role);
        }
    }
    users.iter_mut().for_each(|found| found.user.roles.sort());
    Ok(users)
}

impl SessionRow {
    /// Gives the session, which belongs to the user of that id.
    pub(super) fn read(self, user_id: UserId) -> Result<SessionRecord> {
        Ok(SessionRecord {
            digest: read_digest(self.digest)?,
            id: self.session_id,
            user_id,
            epoch: self.session_epoch,
            authn_via: self.authn_via,
            client: read_address(self.client.as_deref())?,
            user_agent: self.user_agent,
            created_at: self.session_created_at,
            authenticated_at: self.authenticated_at,
            last_seen_at: self.last_seen_at,
        })
    }
}

pub(super) fn read_digest(bytes: Vec<u8>) -> Result<Digest> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| corrupt("a digest"))?;
    Ok(Digest::from_bytes(bytes))
}

pub(super) fn read_address(text: Option<&str>) -> Result<Option<IpAddr>> {
    text.map(|text| text.parse().map_err(|_| corrupt("a network address"))).transpose()
}

pub(super) fn read_email(text: &str) -> Result<Email> {
    Email::parse(text).map_err(|_| corrupt("an e-mail address"))
}

pub(super) fn read_role(text: &str) -> Result<RoleName> {
    RoleName::parse(text).map_err(|_| corrupt("a role's name"))
}

/// Names what cannot be read, without showing it.
pub(super) fn corrupt(what: &str) -> Error {
    Error::Corrupt(what.to_owned())
}

fn read_user(row: UserRow) -> Result<Credentials> {
    let id = UserId::from_uuid(row.user_id);
    let mut user = User::new(id, read_email(&row.email)?, row.user_created_at);
    user.active = row.active;
    user.confirmed_at = row.confirmed_at;
    user.epoch = row.user_epoch;
    Ok(Credentials { user, password_hash: row.password_hash.map(PasswordHash::from_stored) })
}
