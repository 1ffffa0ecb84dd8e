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
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use rocket::http::{Method, Status, StatusClass};
use rocket::{Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::rejection::Rejection;
use crate::session::names::Kind;
use crate::session::{ANONYMOUS_LIFETIME, Change, Current, Sessions, changes, cookie, loaded};
use crate::user::UserId;

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
            return Self::Custom {
                reason: "session_full",
                status: Status::BadRequest,
                text: "There is no room left for that.".to_owned(),
            };
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

impl Sessions {
    /// Has somebody look at the data of the session, or change it. The session was read before.
    pub(crate) fn with_data<T>(
        &self,
        request: &Request<'_>,
        work: impl FnOnce(&mut Data) -> T,
    ) -> T {
        let mut cell = cell(request).0.lock().unwrap_or_else(PoisonError::into_inner);
        work(cell.get_or_insert_with(|| self.open_data(request)))
    }

    /// Keeps the data for the session that `user` begins, unless it is another user's.
    pub(super) fn carry_data(&self, request: &Request<'_>, user: UserId) {
        let before = loaded(request).and_then(Current::active).map(|active| active.user.id);
        let is_anothers = before.is_some_and(|before| before != user);
        let until = self.in_future(self.config.absolute.delta());
        self.with_data(request, |data| {
            if is_anothers {
                data.clear();
            }
            data.content.until = until;
            data.is_moved = true;
        });
    }

    /// Keeps the data of a guest for the session to which their browser comes back. That is not read
    /// yet, so that the guest's id is handed over.
    pub(super) fn adopt_data(&self, request: &Request<'_>, guest: &Token) {
        let until = self.in_future(self.config.absolute.delta());
        let opened = self.cookies.open_data::<Content>(Kind::GuestData, request, guest);
        let Some(came) = opened.filter(|it| self.clock.now().timestamp() < it.until) else {
            return;
        };
        let content = Content { until, ..came.clone() };
        let (shown, is_moved, is_used) = (Vec::new(), true, false);
        let data = Data { content, came, shown, is_moved, is_used };
        *cell(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(data);
    }

    /// Drops the data of a session that ends with this request. What is inserted from now on belongs
    /// to the anonymous session that comes next.
    pub(super) fn drop_data(&self, request: &Request<'_>) {
        let until = self.in_future(ANONYMOUS_LIFETIME);
        self.with_data(request, |data| {
            data.clear();
            data.content.until = until;
        });
    }

    /// Notes the cookie to be written, if the data changed.
    pub(super) async fn finish_data(&self, request: &Request<'_>, response: &mut Response<'_>) {
        let Some(data) = self.take_data(request) else {
            return;
        };
        if data.is_used {
            keep_private(response);
        }
        let shows_nothing = request.method() == Method::Head
            || [StatusClass::Redirection, StatusClass::ServerError]
                .contains(&response.status().class());
        let written = data.written(shows_nothing);
        let Some(content) = written else {
            return;
        };
        if self.is_outrun(request).await {
            return;
        }
        if let Err(fault) = self.write_data(request, &content) {
            log::error!("session data could not be written: {fault}");
        }
    }

    /// Tells whether the session of a request has ended or was replaced while the request was answered. Its
    /// data would open with no id any more, and take the place of the data of the session that came after.
    async fn is_outrun(&self, request: &Request<'_>) -> bool {
        let is_changed_here = changes(request).is_some();
        match loaded(request).and_then(Current::active) {
            Some(active) if !is_changed_here => {
                matches!(self.store.find_session(&active.token.digest()).await, Ok(None))
            }
            _ => false,
        }
    }

    fn write_data(&self, request: &Request<'_>, content: &Content) -> Result<()> {
        let is_users = match (&*changes(request), loaded(request)) {
            (Some(Change::User(_)), _) => true,
            (Some(Change::Guest(_) | Change::Forget), _) => false,
            (None, current) => current.and_then(Current::active).is_some(),
        };
        let kind = if is_users { Kind::Data } else { Kind::GuestData };
        if !content.is_empty() {
            let owner = self.owner(request)?;
            cookie::set(request, self.cookies.data(kind, content, &owner)?);
        } else if self.cookies.brought(kind, request).is_some() {
            cookie::set(request, self.cookies.removal(kind));
        }
        if is_users && self.cookies.brought(Kind::GuestData, request).is_some() {
            // What was the guest's is the user's by now.
            cookie::set(request, self.cookies.removal(Kind::GuestData));
        }
        Ok(())
    }

    /// Gives the id that the browser has from this answer on. One who has none gets one.
    fn owner(&self, request: &Request<'_>) -> Result<Token> {
        let known = match &*changes(request) {
            Some(Change::User(token) | Change::Guest(token)) => Some(token.clone()),
            Some(Change::Forget) => None,
            None => loaded(request).and_then(Current::token).cloned(),
        };
        if let Some(token) = known {
            return Ok(token);
        }
        let id = Token::random()?;
        self.set_guest(request, &id)?;
        Ok(id)
    }

    fn take_data(&self, request: &Request<'_>) -> Option<Data> {
        cell(request).0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn open_data(&self, request: &Request<'_>) -> Data {
        let (kind, until) = match loaded(request) {
            Some(Current::Active(active)) => {
                let end = active.record.created_at + self.config.absolute.delta();
                (Kind::Data, end.timestamp())
            }
            _ => (Kind::GuestData, self.in_future(ANONYMOUS_LIFETIME)),
        };
        let owner = loaded(request).and_then(Current::token);
        // What does not open is left as it is: another tab may have what opens it.
        let opened = owner.and_then(|it| self.cookies.open_data::<Content>(kind, request, it));
        let opened = opened.filter(|it| self.clock.now().timestamp() < it.until);
        let content = opened.unwrap_or_else(|| Content { until, ..Content::default() });
        Data { came: content.clone(), content, shown: Vec::new(), is_moved: false, is_used: false }
    }

    fn in_future(&self, lifetime: TimeDelta) -> i64 {
        (self.clock.now() + lifetime).timestamp()
    }
}

/// What an application keeps with the session of a request.
pub(crate) struct Data {
    content: Content,
    came: Content,
    /// The sentences that were taken to be shown.
    shown: Vec<Flash>,
    /// Whether it has to be sealed to another id.
    is_moved: bool,
    /// Whether the answer may depend on it.
    is_used: bool,
}

/// What the cookie holds.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Content {
    /// When it is over, in seconds since 1970.
    until: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flashes: Vec<Flash>,
    /// Where the visitor was going before they went to look for a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Content {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.flashes.is_empty() && self.next.is_none()
    }
}

impl Data {
    /// Notes that the answer may depend on it.
    pub(crate) fn mark_used(&mut self) {
        self.is_used = true;
    }

    /// Gives the value of that name; none when there is none.
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
        sessions: &Sessions,
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

    /// Removes the value of that name; tells whether there was one.
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
    pub(crate) fn keep_next(&mut self, sessions: &Sessions, next: &str) {
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
        sessions: &Sessions,
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

    /// Takes the sentences that are to be shown, the oldest first.
    pub(crate) fn take_flashes(&mut self) -> Vec<Flash> {
        let flashes = take(&mut self.content.flashes);
        self.shown.extend(flashes.iter().cloned());
        flashes
    }

    fn check_size(&self, sessions: &Sessions, name: &str) -> Result<(), SessionError> {
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

    /// Gives what is to be written; none when the browser has it already. An answer that shows
    /// nothing, such as a redirect, has shown no sentence either.
    fn written(self, shows_nothing: bool) -> Option<Content> {
        let content = if shows_nothing { self.with_shown() } else { self.content };
        let is_changed = content.values != self.came.values
            || content.flashes != self.came.flashes
            || content.next != self.came.next;
        (is_changed || self.is_moved).then_some(content)
    }
}

/// Keeps the answer from whoever else may ask the same: caches between here and the browser, and the
/// browser once somebody else sits before it.
pub(super) fn keep_private(response: &mut Response<'_>) {
    vary_by_cookie(response);
    response.set_raw_header("Cache-Control", "no-store");
}

/// Says that the answer may be another one for another cookie.
pub(super) fn vary_by_cookie(response: &mut Response<'_>) {
    let varies = |value: &str| {
        value.split(',').map(str::trim).any(|it| it == "*" || it.eq_ignore_ascii_case("cookie"))
    };
    if !response.headers().get("Vary").any(varies) {
        response.adjoin_raw_header("Vary", "Cookie");
    }
}

/// The data of a request, once it was read.
struct Cell(Mutex<Option<Data>>);

fn cell<'r>(request: &'r Request<'_>) -> &'r Cell {
    request.local_cache(|| Cell(Mutex::new(None)))
}
