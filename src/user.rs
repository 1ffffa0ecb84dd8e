//! Who somebody is: users, the names they go by, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;
use validator::ValidateEmail;

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
    /// Whether the user may log in; an operator switches it.
    pub active: bool,
    /// When the owner of the address proved to read its mail.
    pub confirmed_at: Option<Timestamp>,
    /// How often a credential or the status changed; what is older than that is dead.
    pub epoch: i64,
    /// The names of the user's roles, sorted.
    pub roles: Vec<RoleName>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// Puts a user together from what a datastore holds; without roles, active and unconfirmed.
    pub fn new(id: UserId, email: Email, created_at: Timestamp) -> Self {
        Self {
            id,
            email,
            active: true,
            confirmed_at: None,
            epoch: 0,
            roles: Vec::new(),
            created_at,
        }
    }

    /// Tells whether the user has the role of that name. Names compare byte for byte.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }
}

/// What the outside may know of a user: the `user` of templates and of JSON answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserPayload {
    /// The stable identifier.
    pub id: UserId,
    /// The address as typed.
    pub email: String,
    /// The names of the user's roles, sorted.
    pub roles: Vec<RoleName>,
}

impl From<&User> for UserPayload {
    fn from(user: &User) -> Self {
        Self { id: user.id, email: user.email.to_string(), roles: user.roles.clone() }
    }
}

/// An e-mail address that mail can be sent to and that names one user.
///
/// It accepts less than RFC 5321 does: no quoted local part, no comment, no address literal, no
/// `%` routing, nothing that begins with `-`, ASCII only, and a domain with a dot. It is stored as
/// typed and compared without regard to ASCII case.
#[derive(Clone, Debug, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// The longest address in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX_BYTES: usize = 254;

impl Email {
    /// Reads an address. Blanks around it are dropped, for people paste them.
    ///
    /// # Errors
    ///
    /// [`EmailError`] when the text is not an address this framework accepts.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(EmailError::Missing);
        }
        if text.len() > EMAIL_MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if !text.validate_email() || !is_plain_address(text) {
            return Err(EmailError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// Gives the form under which the address is looked up: ASCII lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Gives the address as its owner typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// There is none.
    #[error("Enter your email address.")]
    Missing,
    /// It is longer than [`EMAIL_MAX_BYTES`].
    #[error("This email address is longer than 254 characters.")]
    TooLong,
    /// It is not an address, or one of a kind that is not accepted here.
    #[error("This is not an email address. It looks like name@example.org.")]
    Malformed,
}

/// What a person types to say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// An e-mail address.
    Email(Email),
}

impl Identity {
    /// Gives the form under which the identity is looked up and counted.
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => email.canonical(),
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

/// Tells whether an address that a mail parser would accept is also one we want to mail to.
fn is_plain_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_is_plain = !local.starts_with('-')
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&'*+/=?^_`{|}~.-".contains(&byte));
    let last_label = domain.rsplit('.').next().unwrap_or_default();
    let domain_is_plain = domain.contains('.')
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
        && last_label.bytes().any(|byte| byte.is_ascii_alphabetic());
    local_is_plain && domain_is_plain
}

#[cfg(test)]
mod tests {
    use crate::user::Email;
    use crate::user::EmailError;
    use crate::user::RoleName;

    #[test]
    fn ordinary_addresses_are_read() {
        for text in ["ann@example.org", "Ann.Lee+news@sub.example.co.uk", " o'neil@example.org "] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text.trim());
        }
    }

    #[test]
    fn addresses_that_fool_mail_software_are_refused() {
        for text in [
            "\"x@evil.example\"@victim.example",
            "-oQfile@x.example",
            "a%evil@b.example",
            "a@[127.0.0.1]",
            "a@localhost",
            "\u{430}nn@example.org",
            "ann@ex\u{430}mple.org",
            "a@b.example\n",
            "Ann <ann@example.org>",
            "ann@example.org,bob@example.org",
            "ann@127.0.0.1",
            ".ann@example.org",
            "ann@example..org",
            "ann\0@example.org",
        ] {
            assert_eq!(Email::parse(text), Err(EmailError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn addresses_compare_without_case_and_keep_their_spelling() {
        let typed = Email::parse("Ann@Example.org").unwrap();
        assert_eq!(typed, Email::parse("ann@example.ORG").unwrap());
        assert_eq!(typed.as_str(), "Ann@Example.org");
        assert_eq!(typed.canonical(), "ann@example.org");
    }

    #[test]
    fn role_names_are_short_printable_ascii() {
        assert!(RoleName::parse("admin").is_ok());
        for text in ["", "two words", "r\u{f6}le", &"x".repeat(81)] {
            assert!(RoleName::parse(text).is_err(), "{text:?}");
        }
    }
}
