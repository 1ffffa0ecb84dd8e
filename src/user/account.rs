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

/// The identifier of a user: random, stable, and never given to another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(Uuid);

impl UserId {
    /// Names the user whose identifier is `id`.
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

/// A user, as guards, templates and events see one. It carries no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The stable identifier.
    pub id: UserId,
    /// The address, spelled as its owner typed it.
    pub email: Email,
    /// The username, if the user has one.
    pub username: Option<Username>,
    /// Whether the user may log in; an operator switches it.
    pub active: bool,
    /// When the owner of the address proved to read its mail.
    pub confirmed_at: Option<Timestamp>,
    /// Whether the password has to be changed before anything else: an operator asks for it.
    pub must_change: bool,
    /// When the account, which its owner closed, is deleted.
    pub closes_at: Option<Timestamp>,
    /// When the account is deleted unless its address is confirmed, or its user logs in, before.
    pub expires_at: Option<Timestamp>,
    /// How often a credential or the status changed; what is older than that is dead.
    pub epoch: i64,
    /// The names of the user's roles, and of those that these include, sorted: what counts.
    pub roles: Vec<RoleName>,
    /// The names of the roles that the user was given, without what they include, sorted: what can be
    /// taken away.
    pub granted_roles: Vec<RoleName>,
    /// The names of the permissions of those roles, sorted, each once.
    pub permissions: Vec<PermissionName>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// Puts a user together from what a datastore holds; without roles, active and unconfirmed.
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

    /// Returns `true` if the account is neither switched off nor closed.
    pub fn is_open(&self) -> bool {
        self.active && self.closes_at.is_none()
    }

    /// Returns `true` if the user has the role of that name, by itself or included in another. Names compare
    /// byte for byte.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }

    /// Returns `true` if one of the user's roles has the permission of that name. Names compare byte for
    /// byte.
    pub fn has_permission(&self, name: &str) -> bool {
        self.permissions.iter().any(|permission| permission.as_str() == name)
    }
}

/// What the outside may know of a user: the `user` of templates and of JSON answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserPayload {
    /// The stable identifier.
    pub id: UserId,
    /// The address as typed.
    pub email: String,
    /// The username, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The names of the user's roles, and of those that these include, sorted.
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
