//! What an application keeps with a session, in a cookie of its own.
//!
//! The cookie opens with the id of its session alone (the id is the implicit assertion of the PASETO
//! token), so that one of another browser, of before a logout or of a session that is over opens to
//! nothing. When the id is replaced, what belongs to the same visitor is sealed anew to the next id;
//! what belongs to another user is dropped.
//!
//! It is read once a request, kept beside the request, and written by the fairing if it changed.

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

/// How large the cookie may be, in bytes: the whole line, its name and attributes included (RFC 6265,
/// section 6.1). What is larger, browsers drop without a word.
pub const MAX_COOKIE: usize = 4_096;

/// Why something cannot be kept with a session, or not be had back.
///
/// A handler hands it on as a [`Rejection`]: `-> Result<…, Rejection>`. What is too large is the visitor's
/// doing, and 400; anything else is ours, and 503. No variant holds or prints a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The cookie would be larger than browsers keep. Nothing was changed.
    #[error(
        "with {name:?} the session data is a cookie of {size} bytes, and browsers keep {limit} at \
         most. Keep the value in the database and its key in the session, or remove what is no \
         longer needed"
    )]
    TooLarge {
        /// What was to be kept.
        name: String,
        /// How large the cookie would be, in bytes.
        size: usize,
        /// How large it may be: [`MAX_COOKIE`].
        limit: usize,
    },
    /// What is kept under the name is of another type.
    #[error(
        "the session data {name:?} is no {expected}. Ask for the type that was inserted, or remove \
         what an older version of the application left"
    )]
    WrongType {
        /// What was asked for.
        name: String,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The value has no JSON, such as a map whose keys are no texts. Nothing was changed.
    #[error(
        "the session data {name:?} cannot be written as JSON. Make it of texts, numbers, lists and structs"
    )]
    NotSerializable {
        /// What was to be kept.
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

/// A sentence that is shown once, on whichever page comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flash {
    /// What kind of sentence it is, in the application's words: `success`, `error`.
    pub level: String,
    /// The sentence.
    pub text: String,
}

/// What an application keeps with the session of a request.
pub(crate) struct Data {
    pub(super) content: Content,
    pub(super) came: Content,
    /// The sentences that were taken to be shown.
    pub(super) shown: Vec<Flash>,
    /// Whether it has to be sealed to another id.
    pub(super) is_moved: bool,
    /// Whether the answer may depend on it.
    pub(super) is_used: bool,
}

/// What the cookie holds.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    /// When it is over, in seconds since 1970.
    pub(super) until: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) values: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) flashes: Vec<Flash>,
    /// Where the visitor was going before they went to look for a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl Content {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.flashes.is_empty() && self.next.is_none()
    }
}

impl Data {
    /// Notes that the answer may depend on it.
    pub(crate) fn mark_used(&mut self) {
        self.is_used = true;
    }

    /// Returns the value of that name; none when there is none.
    pub(crate) fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SessionError> {
        let Some(value) = self.content.values.get(name) else {
            return Ok(None);
        };
        // What serde says of it may quote the value.
        T::deserialize(value).map(Some).map_err(|_| SessionError::WrongType {
            name: name.to_owned(),
            expected: type_name::<T>(),
        })
    }

    /// Keeps a value under that name, in place of the one that is there.
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

    /// Removes the value of that name; returns whether there was one.
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

    /// Leaves a sentence for the next page.
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

    /// Takes the messages to show, the oldest first.
    pub(crate) fn take_flashes(&mut self) -> Vec<Flash> {
        let flashes = take(&mut self.content.flashes);
        self.shown.extend(flashes.iter().cloned());
        flashes
    }

    fn check_size(&self, sessions: &SessionManager, name: &str) -> Result<(), SessionError> {
        // Sentences that were taken count: they go back if the answer turns out to show nothing.
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

    /// Returns what has to be written; `None` if the browser has it already. An answer that shows
    /// nothing, such as a redirect, has shown no sentence either.
    pub(super) fn written(self, shows_nothing: bool) -> Option<Content> {
        let content = if shows_nothing { self.with_shown() } else { self.content };
        let is_changed = content.values != self.came.values
            || content.flashes != self.came.flashes
            || content.next != self.came.next;
        (is_changed || self.is_moved).then_some(content)
    }
}
