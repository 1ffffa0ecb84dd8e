//! The data that an application keeps with a session, in a cookie of its own.
//!
//! The id of the session is the implicit assertion of the PASETO token in the cookie, so the cookie can be
//! opened only with this session. The cookie of another browser, from before a logout, or of a session that
//! has ended counts as absent. When the id of a session is replaced, the data is sealed to the new id, unless
//! it belongs to another user.
//!
//! The cookie is read once for each request, kept beside the request, and written by the fairing if the data
//! changed.

use std::any::type_name;
use std::collections::BTreeMap;
use std::mem::take;

use rocket::http::Status;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rejection::Rejection;
use crate::session::sessions::SessionManager;
use crate::text::Text;

/// The largest size of the cookie in bytes: the whole line, with its name and attributes (RFC 6265, section
/// 6.1). Browsers silently drop larger cookies.
pub const MAX_COOKIE: usize = 4_096;

/// The reason why a value cannot be kept with a session, or cannot be read.
///
/// A handler returns it as a [`Rejection`]: `-> Result<…, Rejection>`. [`TooLarge`](Self::TooLarge) is
/// answered with 400 `session_full`, because visitors fill their sessions themselves. The others are faults
/// of the application: they are logged and answered with 503. No variant contains or prints a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The cookie would be larger than browsers keep. The data is unchanged.
    #[error(
        "with {name:?} the session data is a cookie of {size} bytes, and browsers keep {limit} at \
         most. Keep the value in the database and its key in the session, or remove what is no \
         longer needed"
    )]
    TooLarge {
        /// The name of the value.
        name: String,
        /// The size that the cookie would have, in bytes.
        size: usize,
        /// The largest size: [`MAX_COOKIE`].
        limit: usize,
    },
    /// The value with this name has another type.
    #[error(
        "the session data {name:?} is no {expected}. Ask for the type that was inserted, or remove \
         what an older version of the application left"
    )]
    WrongType {
        /// The name of the value.
        name: String,
        /// The type that it was read as.
        expected: &'static str,
    },
    /// The value cannot be written as JSON, for example a map whose keys are not strings. The data is
    /// unchanged.
    #[error(
        "the session data {name:?} cannot be written as JSON. Make it of texts, numbers, lists and structs"
    )]
    NotSerializable {
        /// The name of the value.
        name: String,
    },
}

impl From<SessionError> for Rejection {
    fn from(fault: SessionError) -> Self {
        if matches!(fault, SessionError::TooLarge { .. }) {
            let text = Text::new("session_full", "There is no space left to save this.");
            return Self::Custom { status: Status::BadRequest, text };
        }
        log::error!("{fault}");
        Self::Unavailable
    }
}

/// A message that is shown once, on the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flash {
    /// The kind of message, in the application's own words: `success`, `error`.
    pub level: String,
    /// The message.
    pub text: String,
}

/// The data that an application keeps with the session of a request.
pub(crate) struct Data {
    pub(super) content: Content,
    pub(super) came: Content,
    /// The messages that were taken out to be shown.
    pub(super) shown: Vec<Flash>,
    /// Whether the data has to be sealed to another id.
    pub(super) is_moved: bool,
    /// Whether the answer may depend on the data.
    pub(super) is_used: bool,
}

/// The content of the cookie.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    /// When the data ends, in seconds since 1970.
    pub(super) until: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) values: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) flashes: Vec<Flash>,
    /// Where the visitor was going before they were asked to look for a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl Content {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.flashes.is_empty() && self.next.is_none()
    }
}

impl Data {
    /// Notes that the answer may depend on the data.
    pub(crate) fn mark_used(&mut self) {
        self.is_used = true;
    }

    /// Returns the value with this name, or `None` if there is none.
    pub(crate) fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SessionError> {
        let Some(value) = self.content.values.get(name) else {
            return Ok(None);
        };
        // The error of serde may quote the value.
        T::deserialize(value).map(Some).map_err(|_| SessionError::WrongType {
            name: name.to_owned(),
            expected: type_name::<T>(),
        })
    }

    /// Keeps a value under this name, and replaces the previous one.
    pub(crate) fn insert(
        &mut self,
        sessions: &SessionManager,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), SessionError> {
        let value = serde_json::to_value(value)
            .map_err(|_| SessionError::NotSerializable { name: name.to_owned() })?;
        let before = self.content.values.insert(name.to_owned(), value);
        let checked = self.check_size(sessions, name);
        if checked.is_err() {
            match before {
                Some(before) => self.content.values.insert(name.to_owned(), before),
                None => self.content.values.remove(name),
            };
        }
        checked
    }

    /// Removes the value with this name. Returns `false` if there was none.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.content.values.remove(name).is_some()
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.content.values.clear();
        self.content.flashes.clear();
        self.content.next = None;
        self.shown.clear();
    }

    /// Keeps where the visitor was going. If there is no room for it, nothing is kept.
    pub(crate) fn keep_next(&mut self, sessions: &SessionManager, next: &str) {
        self.content.next = Some(next.to_owned());
        if self.check_size(sessions, "next").is_err() {
            self.content.next = None;
        }
    }

    /// Takes out where the visitor was going.
    pub(crate) fn take_next(&mut self) -> Option<String> {
        self.content.next.take()
    }

    /// Leaves a message for the next page.
    pub(crate) fn flash(
        &mut self,
        sessions: &SessionManager,
        level: &str,
        text: String,
    ) -> Result<(), SessionError> {
        self.content.flashes.push(Flash { level: level.to_owned(), text });
        let checked = self.check_size(sessions, "a flash message");
        if checked.is_err() {
            self.content.flashes.pop();
        }
        checked
    }

    /// Takes out the messages to show, the oldest first.
    pub(crate) fn take_flashes(&mut self) -> Vec<Flash> {
        let flashes = take(&mut self.content.flashes);
        self.shown.extend(flashes.iter().cloned());
        flashes
    }

    fn check_size(&self, sessions: &SessionManager, name: &str) -> Result<(), SessionError> {
        // Messages that were taken out count: they are put back if the answer shows nothing.
        let whole = self.with_shown();
        let json = serde_json::to_vec(&whole)
            .map_err(|_| SessionError::NotSerializable { name: name.to_owned() })?;
        let size = sessions.cookies.data_size(json.len());
        if size <= MAX_COOKIE {
            return Ok(());
        }
        Err(SessionError::TooLarge { name: name.to_owned(), size, limit: MAX_COOKIE })
    }

    fn with_shown(&self) -> Content {
        let flashes = self.shown.iter().chain(&self.content.flashes).cloned().collect();
        Content { flashes, ..self.content.clone() }
    }

    /// Returns the content to write, or `None` if the browser already has it. An answer that shows nothing,
    /// such as a redirect, has shown no message either.
    pub(super) fn written(self, shows_nothing: bool) -> Option<Content> {
        let content = if shows_nothing { self.with_shown() } else { self.content };
        let is_changed = content.values != self.came.values
            || content.flashes != self.came.flashes
            || content.next != self.came.next;
        (is_changed || self.is_moved).then_some(content)
    }
}
