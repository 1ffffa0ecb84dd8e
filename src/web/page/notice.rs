//! A sentence for the next page.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A sentence for the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `success`, `info` or `error`.
    pub level: Cow<'static, str>,
    /// The sentence.
    pub text: Cow<'static, str>,
    /// Whether it means nothing to a user who is logged in.
    #[serde(default)]
    pub(super) is_for_guests: bool,
}

impl Notice {
    /// Something was done.
    pub const fn success(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("success"), text: Cow::Borrowed(text), is_for_guests: false }
    }

    /// Something was done, to what the sentence names.
    pub fn success_of(text: String) -> Self {
        Self { level: Cow::Borrowed("success"), text: Cow::Owned(text), is_for_guests: false }
    }

    /// Something is to be known.
    pub const fn info(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("info"), text: Cow::Borrowed(text), is_for_guests: false }
    }

    /// Keeps it from users who are logged in, such as in another tab since it was left.
    pub(crate) fn for_guests(self) -> Self {
        Self { is_for_guests: true, ..self }
    }
}
