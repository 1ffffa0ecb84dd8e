//! What users type to identify themselves.

use crate::user::email::Email;
use crate::user::username::Username;

/// What a user types to identify themselves: an e-mail address or a username.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// An e-mail address.
    Email(Email),
    /// A username.
    Username(Username),
}

impl Identity {
    /// Returns the form used to look the identity up and to count attempts. The two kinds never share a form,
    /// because an address contains an `@` and a username does not.
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Username(username) => username.canonical(),
        }
    }
}
