//! Whom or what a token is about.

use crate::user::User;

/// Whom or what a token is about: a user, or any text.
pub struct Subject {
    pub(super) text: String,
    pub(super) epoch: Option<i64>,
    pub(super) is_open: bool,
}

impl From<&User> for Subject {
    fn from(user: &User) -> Self {
        Self { text: user.id.to_string(), epoch: Some(user.epoch), is_open: user.is_open() }
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), epoch: None, is_open: true }
    }
}
