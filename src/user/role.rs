//! Roles: their names, and roles as types.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The name of a role: 1 to 80 printable ASCII characters without spaces, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoleName(String);

impl RoleName {
    /// Parses the name of a role.
    ///
    /// # Errors
    ///
    /// [`RoleNameError`] if the text is empty, longer than 80 bytes, or contains anything but printable ASCII
    /// characters without spaces.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        let fits = (1..=80).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RoleNameError)
        }
    }

    /// Returns the name as text.
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

/// The error for a text that is not a [`RoleName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role's name has 1 to 80 printable ASCII characters and no blank")]
pub struct RoleNameError;

/// A role as a type, so that a misspelled one does not compile.
///
/// Declare it with [`roles!`](crate::roles) and use it in guards such as
/// [`RolesRequired`](crate::RolesRequired).
pub trait Role: Send + Sync + 'static {
    /// The name of the role in the store.
    const NAME: &'static str;
}

/// One role, or a tuple of up to six, for the guards [`RolesRequired`](crate::RolesRequired) and
/// [`RolesAccepted`](crate::RolesAccepted).
pub trait RoleSet: Send + Sync + 'static {
    /// Returns the names of the roles in the set.
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
/// use rocket::get;
/// use rocket_security::RolesRequired;
///
/// rocket_security::roles! {
///     /// Manages the site.
///     pub Admin = "admin";
///     pub Editor = "editor";
/// }
///
/// #[get("/admin")]
/// fn admin(admin: RolesRequired<Admin>) -> String {
///     format!("Hello {}", admin.email)
/// }
/// # use rocket_security::Role;
/// # assert_eq!(Admin::NAME, "admin");
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
    use crate::user::role::RoleName;

    #[test]
    fn role_names_are_short_printable_ascii() {
        assert!(RoleName::parse("admin").is_ok());
        for text in ["", "two words", "r\u{f6}le", &"x".repeat(81)] {
            assert!(RoleName::parse(text).is_err(), "{text:?}");
        }
    }
}
