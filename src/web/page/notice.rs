//! A message for the next page.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// A message shown once on the page that follows a redirect.
///
/// Set it with [`Reply::notice`](crate::web::Reply::notice).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    level: &'static str,
    text: Text,
    is_for_guests: bool,
}

impl Notice {
    /// Creates a notice that something succeeded.
    pub const fn success(text: Text) -> Self {
        Self { level: "success", text, is_for_guests: false }
    }

    /// Creates a notice for information.
    pub const fn info(text: Text) -> Self {
        Self { level: "info", text, is_for_guests: false }
    }

    /// Hides the notice from logged-in users, for example when the user has logged in in another tab.
    pub(crate) fn for_guests(self) -> Self {
        Self { is_for_guests: true, ..self }
    }

    /// Returns the notice as the browser stores it until the next page.
    pub(crate) fn kept(&self) -> KeptNotice {
        let text = self.text.to_string();
        KeptNotice { level: Cow::Borrowed(self.level), text, is_for_guests: self.is_for_guests }
    }
}

/// A message left by the previous page, as templates see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptNotice {
    /// `success` or `info`.
    pub level: Cow<'static, str>,
    /// The text of the message.
    pub text: String,
    /// Whether to show the notice only to guests.
    #[serde(default)]
    pub(super) is_for_guests: bool,
}
