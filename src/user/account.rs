//! Users, as guards, templates and events see them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::user::email::Email;
use crate::user::permission::PermissionName;
use crate::user::role::RoleName;
use crate::user::username::Username;

/// The identifier of a user: random, stable, and never reused for another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(Uuid);

impl UserId {
    /// Creates an identifier from a UUID.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// Returns the identifier as a UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A user, as guards, templates and events see it. It contains no secret.
///
/// A handler gets it from a guard such as [`AuthUser`](crate::AuthUser), which dereferences to it:
///
/// ```
/// use rocket::get;
/// use rocket_security::AuthUser;
///
/// #[get("/hello")]
/// fn hello(user: AuthUser) -> String {
///     format!("Hello {}, editor: {}", user.email, user.has_role("editor"))
/// }
/// ```
///
/// Clients see a [`UserPayload`] in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The stable identifier.
    pub id: UserId,
    /// The e-mail address, spelled as the user typed it.
    pub email: Email,
    /// The username, if the user has one.
    pub username: Option<Username>,
    /// Whether the account is active. An operator deactivates it.
    pub active: bool,
    /// When the user proved to receive mail at the address.
    pub confirmed_at: Option<Timestamp>,
    /// Whether the password has to be changed before anything else. An operator sets this.
    pub must_change: bool,
    /// When the account is deleted, if its owner has closed it.
    pub closes_at: Option<Timestamp>,
    /// When the account is deleted, unless its address is confirmed or its user logs in before.
    pub expires_at: Option<Timestamp>,
    /// How often a credential or the status changed. Sessions and tokens from before the last change are no
    /// longer valid.
    pub epoch: i64,
    /// The names of the user's roles, and of the roles included in these, sorted. These are the roles that
    /// guards check.
    pub roles: Vec<RoleName>,
    /// The names of the roles granted to the user, without the included ones, sorted. These are the roles
    /// that can be revoked.
    pub granted_roles: Vec<RoleName>,
    /// The names of the permissions of those roles, sorted and without repetition.
    pub permissions: Vec<PermissionName>,
    /// When the account was created.
    pub created_at: Timestamp,
}

impl User {
    /// Creates a user from stored data: active, unconfirmed and without roles.
    pub fn new(id: UserId, email: Email, created_at: Timestamp) -> Self {
        Self {
            id,
            email,
            username: None,
            active: true,
            confirmed_at: None,
            must_change: false,
            closes_at: None,
            expires_at: None,
            epoch: 0,
            roles: Vec::new(),
            granted_roles: Vec::new(),
            permissions: Vec::new(),
            created_at,
        }
    }

    /// Returns `true` if the account is neither deactivated nor closed.
    pub fn is_open(&self) -> bool {
        self.active && self.closes_at.is_none()
    }

    /// Checks whether the user has the role with this name, directly or included in another. Names are
    /// compared byte for byte.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }

    /// Checks whether one of the user's roles has the permission with this name. Names are compared byte for
    /// byte.
    pub fn has_permission(&self, name: &str) -> bool {
        self.permissions.iter().any(|permission| permission.as_str() == name)
    }
}

/// The public data of a user: the `user` of templates and of JSON answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserPayload {
    /// The stable identifier.
    pub id: UserId,
    /// The e-mail address as typed.
    pub email: String,
    /// The username, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The names of the user's roles, and of the roles included in these, sorted.
    pub roles: Vec<RoleName>,
}

impl From<&User> for UserPayload {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.to_string(),
            username: user.username.as_ref().map(Username::to_string),
            roles: user.roles.clone(),
        }
    }
}
