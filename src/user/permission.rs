//! Permissions: what the users with a role are allowed to do.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The name of a permission: 1 to 80 printable ASCII characters without spaces, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PermissionName(String);

impl PermissionName {
    /// Parses the name of a permission.
    ///
    /// # Errors
    ///
    /// [`PermissionNameError`] if the text is empty, longer than 80 bytes, or contains anything but printable
    /// ASCII characters without spaces.
    pub fn parse(text: &str) -> Result<Self, PermissionNameError> {
        let fits = (1..=80).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PermissionNameError)
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PermissionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PermissionName {
    type Err = PermissionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The error for a text that is not a [`PermissionName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a permission's name has 1 to 80 printable ASCII characters and no blank")]
pub struct PermissionNameError;

/// A permission as a type, so that a misspelled one does not compile.
///
/// Declare it with [`permissions!`](crate::permissions) and use it in guards such as
/// [`PermissionsRequired`](crate::PermissionsRequired).
pub trait Permission: Send + Sync + 'static {
    /// The name of the permission in the store.
    const NAME: &'static str;
}

/// One permission, or a tuple of up to six, for the guards
/// [`PermissionsRequired`](crate::PermissionsRequired) and
/// [`PermissionsAccepted`](crate::PermissionsAccepted).
pub trait PermissionSet: Send + Sync + 'static {
    /// Returns the names of the permissions in the set.
    fn names() -> Vec<&'static str>;
}

impl<P: Permission> PermissionSet for P {
    fn names() -> Vec<&'static str> {
        vec![P::NAME]
    }
}

macro_rules! permission_set {
    ($($permission:ident),+) => {
        impl<$($permission: Permission),+> PermissionSet for ($($permission,)+) {
            fn names() -> Vec<&'static str> {
                vec![$($permission::NAME),+]
            }
        }
    };
}

permission_set!(A);
permission_set!(A, B);
permission_set!(A, B, C);
permission_set!(A, B, C, D);
permission_set!(A, B, C, D, E);
permission_set!(A, B, C, D, E, F);

/// Declares the permissions of an application as types.
///
/// The store knows which roles have which permissions. `rocket-security roles add-permission` adds a
/// permission to a role, and the users with that role have it from their next request.
///
/// ```
/// use rocket::get;
/// use rocket_security::PermissionsRequired;
///
/// rocket_security::permissions! {
///     /// Allows changing other authors' posts.
///     pub EditPosts = "posts.edit";
///     pub ReadPosts = "posts.read";
/// }
///
/// #[get("/posts/edit")]
/// fn edit(editor: PermissionsRequired<EditPosts>) -> String {
///     format!("Hello {}", editor.email)
/// }
/// # use rocket_security::Permission;
/// # assert_eq!(EditPosts::NAME, "posts.edit");
/// ```
#[macro_export]
macro_rules! permissions {
    ($($(#[$meta:meta])* $visibility:vis $permission:ident = $name:literal;)+) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nThe permission `", $name, "`.")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $permission;

        impl $crate::Permission for $permission {
            const NAME: &'static str = $name;
        }
    )+};
}

#[cfg(test)]
mod tests {
    use crate::user::permission::PermissionName;

    #[test]
    fn permission_names_are_short_printable_ascii() {
        assert!(PermissionName::parse("posts.edit").is_ok());
        for text in ["", "two words", "r\u{f6}le", &"x".repeat(81)] {
            assert!(PermissionName::parse(text).is_err(), "{text:?}");
        }
    }
}
