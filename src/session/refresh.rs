//! The cookie of a refresh token, where `security.tokens.refresh_in` chooses one.

use chrono::TimeDelta;
use rocket::Request;
use rocket::http::Cookie;
use rocket::time::Duration;

use crate::clock::Timestamp;
use crate::session::cookie;
use crate::session::cookie::Cookies;
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;

impl SessionManager {
    /// Returns the refresh token that a request brings in its cookie, if it does and cookies are chosen.
    pub(crate) fn refresh_token<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        self.cookies.find_refresh(request).filter(|token| !token.is_empty())
    }

    /// Sets the cookie of a refresh token that expires then. Only `flow` calls it.
    pub(crate) fn keep_refresh_token(&self, request: &Request<'_>, token: &str, end: Timestamp) {
        cookie::set(request, self.cookies.refresh(token, end - self.clock.now()));
    }

    /// Takes the refresh token from the browser, whether it has one or not: this request may not show it.
    pub(crate) fn forget_refresh_token(&self, request: &Request<'_>) {
        if let Some(removal) = self.cookies.without_refresh() {
            cookie::set(request, removal);
        }
    }
}

impl Cookies {
    fn refresh(&self, token: &str, left: TimeDelta) -> Cookie<'static> {
        let mut cookie = self.names.cookie(Kind::Refresh, token.to_owned());
        cookie.set_max_age(Duration::seconds(left.num_seconds()));
        cookie
    }

    fn find_refresh<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        self.names.find(Kind::Refresh, request).filter(|_| self.has_refresh)
    }

    fn without_refresh(&self) -> Option<Cookie<'static>> {
        self.has_refresh.then(|| self.removal(Kind::Refresh))
    }
}
