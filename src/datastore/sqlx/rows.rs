//! Rows as the drivers return them, and the values they stand for.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::Digest;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::UserWithPassword;
use crate::error::{Error, Result};
use crate::user::{Email, PermissionName, Proofs, RoleName, User, UserId, Username};

/// Declares a row, and reads it by the names of its columns for every enabled driver.
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

/// Selects users with their roles, the roles that these include, and the permissions of all of them, as a
/// [`UserRow`] has them. A row that an operator has deleted by hand counts for nothing, even if another row
/// still names it.
///
/// The columns come after `$more` columns, from `$from`, which has users as `u`. `$rest` is the condition.
macro_rules! select_user {
    ($more:literal, $from:literal, $rest:literal) => {
        concat!(
            "
    SELECT ",
            $more,
            "
           u.id AS user_id, u.email, u.username, u.password_hash, u.active, u.confirmed_at,
           u.must_change, u.closes_at, u.expires_at, u.epoch AS user_epoch,
           u.created_at AS user_created_at, g.name AS role_name, n.name AS included_name, p.permission_name
    FROM ",
            $from,
            "
    LEFT JOIN security_users_roles r ON r.user_id = u.id
    LEFT JOIN security_roles g ON g.name = r.role_name
    LEFT JOIN security_roles_included i ON i.role_name = g.name
    LEFT JOIN security_roles n ON n.name = COALESCE(i.included_name, g.name)
    LEFT JOIN security_roles_permissions p ON p.role_name = n.name
    ",
            $rest
        )
    };
}

pub(super) const FIND_USER: &str = select_user!("", "security_users u", "WHERE u.id = ?");

pub(super) use read;
pub(super) use row;
pub(super) use select_user;

row! {
    /// A user with a granted role, a role that it includes, and one of its permissions. A user with several
    /// has several rows.
    UserRow {
        user_id: Uuid,
        email: String,
        username: Option<String>,
        password_hash: Option<String>,
        active: bool,
        confirmed_at: Option<DateTime<Utc>>,
        must_change: bool,
        closes_at: Option<DateTime<Utc>>,
        expires_at: Option<DateTime<Utc>>,
        user_epoch: i64,
        user_created_at: DateTime<Utc>,
        role_name: Option<String>,
        included_name: Option<String>,
        permission_name: Option<String>,
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
        session_proofs: String,
        client: Option<String>,
        user_agent: Option<String>,
        session_created_at: DateTime<Utc>,
        last_seen_at: DateTime<Utc>,
        session_series: Option<Vec<u8>>,
    }
}

/// Joins the rows of each user, in their order.
///
/// A role has one row for each permission of each role that it includes, and several roles may have the same
/// permissions. A role that another version created, or an operator by hand, may have no such row, and
/// includes itself nevertheless.
pub(super) fn users_from(rows: Vec<UserRow>) -> Result<Vec<UserWithPassword>> {
    let mut users: Vec<UserWithPassword> = Vec::new();
    for row in rows {
        let granted = row.role_name.as_deref().map(read_role).transpose()?;
        let included = row.included_name.as_deref().map(read_role).transpose()?;
        let permission = row.permission_name.as_deref().map(read_permission).transpose()?;
        let id = UserId::from_uuid(row.user_id);
        if users.last().is_none_or(|last| last.user.id != id) {
            users.push(read_user(row)?);
        }
        if let Some(last) = users.last_mut() {
            last.user.roles.extend(included.or_else(|| granted.clone()));
            last.user.granted_roles.extend(granted);
            last.user.permissions.extend(permission);
        }
    }
    for found in &mut users {
        found.user.roles.sort();
        found.user.roles.dedup();
        found.user.granted_roles.sort();
        found.user.granted_roles.dedup();
        found.user.permissions.sort();
        found.user.permissions.dedup();
    }
    Ok(users)
}

impl SessionRow {
    /// Returns the session, which belongs to the user of that id.
    pub(super) fn read(self, user_id: UserId) -> Result<SessionRecord> {
        Ok(SessionRecord {
            digest: read_digest(self.digest)?,
            id: self.session_id,
            user_id,
            epoch: self.session_epoch,
            proofs: read_proofs(&self.session_proofs)?,
            client: read_address(self.client.as_deref())?,
            user_agent: self.user_agent,
            created_at: self.session_created_at,
            last_seen_at: self.last_seen_at,
            series: self.session_series.map(read_digest).transpose()?,
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

pub(super) fn read_proofs(text: &str) -> Result<Proofs> {
    text.parse().map_err(|_| corrupt("the proofs of a login"))
}

pub(super) fn read_email(text: &str) -> Result<Email> {
    Email::parse(text).map_err(|_| corrupt("an e-mail address"))
}

pub(super) fn read_role(text: &str) -> Result<RoleName> {
    RoleName::parse(text).map_err(|_| corrupt("a role's name"))
}

pub(super) fn read_permission(text: &str) -> Result<PermissionName> {
    PermissionName::parse(text).map_err(|_| corrupt("a permission's name"))
}

/// Returns the error for a value that cannot be read, without showing the value.
pub(super) fn corrupt(what: &str) -> Error {
    Error::Corrupt(what.to_owned())
}

fn read_user(row: UserRow) -> Result<UserWithPassword> {
    let id = UserId::from_uuid(row.user_id);
    let mut user = User::new(id, read_email(&row.email)?, row.user_created_at);
    user.username = row.username.map(Username::from_stored);
    user.active = row.active;
    user.confirmed_at = row.confirmed_at;
    user.must_change = row.must_change;
    user.closes_at = row.closes_at;
    user.expires_at = row.expires_at;
    user.epoch = row.user_epoch;
    Ok(UserWithPassword { user, password_hash: row.password_hash.map(PasswordHash::from_stored) })
}
