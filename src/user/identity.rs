//! What a person types to say who they are.

use crate::user::email::Email;
use crate::user::username::Username;

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
    /// Returns the form under which the identity is looked up and counted. No two kinds share one: an
    /// address has an `@`, a username has none.
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Username(username) => username.canonical(),
        }
    }
}
