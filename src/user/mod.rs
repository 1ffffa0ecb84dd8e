//! Who somebody is: users, the names they go by, and what they may do.

mod credential_kind;
mod email;
mod permission;
mod proof;
mod scope;
mod username;

pub use crate::user::credential_kind::{CredentialKind, CredentialKindError};
pub use crate::user::email::{EMAIL_MAX_BYTES, Email, EmailError};
pub use crate::user::permission::{Permission, PermissionName, PermissionNameError, PermissionSet};
pub use crate::user::proof::{Channel, Level, Method, Proof, Proofs};
pub use crate::user::scope::{KnownScope, Scope, ScopeName, ScopeNameError, ScopeSet};
pub use crate::user::username::{USERNAME_MAX_CHARS, Username, UsernameError};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;

/// The identifier of a user: random, stable, and never given to another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(Uuid);

impl UserId {
    /// Names the user whose identifier is `id`.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// Gives the identifier as a UUID.
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
    /// When the account is deleted unless its address is proved before, or somebody logs in.
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

    /// Tells whether the account is neither switched off nor closed.
    pub fn is_open(&self) -> bool {
        self.active && self.closes_at.is_none()
    }

    /// Tells whether the user has the role of that name, by itself or included in another. Names compare
    /// byte for byte.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }

    /// Tells whether one of the user's roles has the permission of that name. Names compare byte for
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

/// What a person types to say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// An e-mail address.
    Email(Email),
    /// A username.
    Username(Username),
}

impl Identity {
    /// Gives the form under which the identity is looked up and counted. No two kinds share one: an
    /// address has an `@`, a username has none.
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Username(username) => username.canonical(),
        }
    }
}

/// The name of a role: 1 to 80 printable ASCII characters without blanks, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoleName(String);

impl RoleName {
    /// Reads a role's name.
    ///
    /// # Errors
    ///
    /// [`RoleNameError`] when it is empty, longer than 80 bytes, or holds anything but printable
    /// ASCII.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        let fits = (1..=80).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RoleNameError)
        }
    }

    /// Gives the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A text that is not a [`RoleName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role's name has 1 to 80 printable ASCII characters and no blank")]
pub struct RoleNameError;

/// A role as a type, so that a misspelt one does not compile. Made by [`roles!`](crate::roles).
pub trait Role: Send + Sync + 'static {
    /// The name under which the store knows the role.
    const NAME: &'static str;
}

/// One role or a tuple of up to six, for the guards `RolesRequired` and `RolesAccepted`.
pub trait RoleSet: Send + Sync + 'static {
    /// Gives the names in the set.
    fn names() -> Vec<&'static str>;
}

impl<R: Role> RoleSet for R {
    fn names() -> Vec<&'static str> {
        vec![R::NAME]
    }
}

macro_rules! role_set {
    ($($role:ident),+) => {
        impl<$($role: Role),+> RoleSet for ($($role,)+) {
            fn names() -> Vec<&'static str> {
                vec![$($role::NAME),+]
            }
        }
    };
}

role_set!(A);
role_set!(A, B);
role_set!(A, B, C);
role_set!(A, B, C, D);
role_set!(A, B, C, D, E);
role_set!(A, B, C, D, E, F);

/// Declares the roles of an application as types.
///
/// ```
/// rocket_security::roles! {
///     /// May do everything.
///     pub Admin = "admin";
///     pub Editor = "editor";
/// }
/// # use rocket_security::Role;
/// assert_eq!(Admin::NAME, "admin");
/// ```
#[macro_export]
macro_rules! roles {
    ($($(#[$meta:meta])* $visibility:vis $role:ident = $name:literal;)+) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nThe role `", $name, "`.")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $role;

        impl $crate::Role for $role {
            const NAME: &'static str = $name;
        }
    )+};
}

#[cfg(test)]
mod tests {
    use crate::user::RoleName;

    #[test]
    fn role_names_are_short_printable_ascii() {
        assert!(RoleName::parse("admin").is_ok());
        for text in ["", "two words", "r\u{f6}le", &"x".repeat(81)] {
            assert!(RoleName::parse(text).is_err(), "{text:?}");
        }
    }
}
