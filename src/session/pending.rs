//! The cookie of a login that is not finished: what its user has proved so far.
//!
//! It is sealed to the id that the browser has as a guest, and opens with that id alone, for ten minutes.
//! What is in it belongs to `flow`.

use rocket::Request;
use rocket::http::Cookie;
use rocket::time::Duration;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::session::cookie;
use crate::session::cookie::{Cookies, MAX_VALUE};
use crate::session::current::loaded;
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;

/// How long a login can wait for what it lacks.
const PENDING_LIFETIME: Duration = Duration::minutes(10);

#[derive(Serialize, Deserialize)]
struct Held<T> {
    /// When the login began, in seconds since 1970.
    at: i64,
    login: T,
}

impl SessionManager {
    /// Has the browser keep a login that began at `began_at`. Returns false if it is too large for a cookie.
    pub(crate) fn hold_login(
        &self,
        request: &Request<'_>,
        began_at: Timestamp,
        login: &impl Serialize,
    ) -> Result<bool> {
        let guest = self.guest_to_bind(request)?;
        let left = PENDING_LIFETIME.whole_seconds() - (self.clock.now() - began_at).num_seconds();
        let held = Held { at: began_at.timestamp(), login };
        let Some(cookie) = self.cookies.pending(&held, &guest, left)? else {
            return Ok(false);
        };
        cookie::set(request, cookie);
        Ok(true)
    }

    /// Returns the login that the browser keeps, with its beginning, however old. One that this very request
    /// began counts already.
    pub(crate) fn held_login<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Option<(Timestamp, T)> {
        let Held { at, login } = match self.cookies.noted_pending(request) {
            Some(sealed) => self.cookies.pending.open_of(&sealed, &self.next_guest_id(request)?)?,
            None => self.cookies.open_pending(request, &self.guest_id(request)?)?,
        };
        Some((Timestamp::from_timestamp(at, 0)?, login))
    }

    /// Checks whether a login that began at that time is too old to be finished.
    pub(crate) fn is_login_over(&self, began_at: Timestamp) -> bool {
        (self.clock.now() - began_at).num_seconds() >= PENDING_LIFETIME.whole_seconds()
    }

    /// Checks whether the browser keeps a login that can still be finished.
    pub(crate) fn holds_login(&self, request: &Request<'_>) -> bool {
        let held = self.held_login::<IgnoredAny>(request);
        held.is_some_and(|(began_at, _)| !self.is_login_over(began_at))
    }

    /// Takes the login from the browser.
    pub(crate) fn drop_login(&self, request: &Request<'_>) {
        if self.cookies.find(Kind::Pending, request).is_some() {
            cookie::set(request, self.cookies.removal(Kind::Pending));
        } else {
            // One that this very request began.
            cookie::leave(request, self.cookies.removal(Kind::Pending).name());
        }
    }

    /// Returns the id that the browser has as a guest after this answer. A browser with a session keeps that.
    fn guest_to_bind(&self, request: &Request<'_>) -> Result<Token> {
        if loaded(request).is_some_and(|current| current.active().is_some()) {
            let id = self.guest_id(request).map_or_else(Token::random, Ok)?;
            self.write_guest(request, &id)?;
            return Ok(id);
        }
        self.become_guest(request)
    }
}

impl Cookies {
    /// Makes the cookie that holds a login for so many seconds, for the guest of that id alone; none when it
    /// is too much for a cookie.
    fn pending(
        &self,
        login: &impl Serialize,
        guest: &Token,
        seconds: i64,
    ) -> Result<Option<Cookie<'static>>> {
        let sealed = self.pending.seal_to(login, guest)?;
        if sealed.len() > MAX_VALUE {
            return Ok(None);
        }
        let mut cookie = self.names.cookie(Kind::Pending, sealed);
        cookie.set_max_age(Duration::seconds(seconds));
        Ok(Some(cookie))
    }

    fn noted_pending(&self, request: &Request<'_>) -> Option<String> {
        cookie::noted(request, &self.names.name(Kind::Pending))
    }

    fn open_pending<T: DeserializeOwned>(&self, request: &Request<'_>, guest: &Token) -> Option<T> {
        self.pending.open_of(self.find(Kind::Pending, request)?, guest)
    }
}
