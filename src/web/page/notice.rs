//! A sentence for the next page.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// A sentence for the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    level: &'static str,
    text: Text,
    is_for_guests: bool,
}

impl Notice {
    /// Something was done.
    pub const fn success(text: Text) -> Self {
        Self { level: "success", text, is_for_guests: false }
    }

    /// Something the user should know.
    pub const fn info(text: Text) -> Self {
        Self { level: "info", text, is_for_guests: false }
    }

    /// Hides it from users who are logged in, such as in another tab since it was left.
    pub(crate) fn for_guests(self) -> Self {
        Self { is_for_guests: true, ..self }
    }

    /// Returns what the browser keeps until the next page.
    pub(crate) fn kept(&self) -> KeptNotice {
        let text = self.text.to_string();
        KeptNotice { level: Cow::Borrowed(self.level), text, is_for_guests: self.is_for_guests }
    }
}

/// A sentence that the page before left, as templates see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptNotice {
    /// `success` or `info`.
    pub level: Cow<'static, str>,
    /// The sentence.
    pub text: String,
    /// Whether it means nothing to a user who is logged in.
    #[serde(default)]
    pub(super) is_for_guests: bool,
}
