//! The cookie in which an application's own script finds the anti-forgery token.
//!
//! It is a copy and proves nothing: what counts is the token that the script sends back in a header,
//! against the id of the session. So it needs no seal, and an attacker who plants one gains nothing.
//!
//! A browser has it as long as it has an id: a visitor gets both with the first answer that holds a
//! token, such as `GET /login` in JSON or a page with a form, or that keeps something with them, and
//! with no other.

use rocket::http::Cookie;
use rocket::{Request, Response};

use crate::config::CookieName;
use crate::crypto::one_time::Token;
use crate::session::caching::keep_private;
use crate::session::change::{Change, changes};
use crate::session::cookie;
use crate::session::cookie::Cookies;
use crate::session::current::{Current, loaded};
use crate::session::sessions::SessionManager;

impl SessionManager {
    /// Keeps the cookie in step with the id that the browser has from this answer on. If the
    /// session was not asked for, is unknown, or has ended, the browser is left alone: another tab may have a newer
    /// one. Only an answer that tells script the token of the guest keeps the cookie in step
    /// with that: the next answer puts it right if a newer session is there.
    pub(super) fn finish_csrf_cookie(
        &self,
        request: &Request<'_>,
        response: &mut Response<'_>,
        tells_token: bool,
    ) {
        let Some(name) = self.cookies.csrf_name() else {
            return;
        };
        let held = request.cookies().get(name.as_str()).map(Cookie::value);
        let cookie = match (to_come(request, tells_token), held) {
            (Copy::Kept, _) | (Copy::Gone, None) => return,
            (Copy::Of(id), Some(held)) if id.verify_csrf_token(held) => return,
            (Copy::Of(id), _) => self.cookies.csrf(name, &id),
            (Copy::Gone, Some(_)) => self.cookies.without_csrf(name),
        };
        cookie::set(request, cookie);
        keep_private(response);
    }
}

impl Cookies {
    fn csrf_name(&self) -> Option<&CookieName> {
        self.names.csrf()
    }

    fn csrf(&self, name: &CookieName, id: &Token) -> Cookie<'static> {
        self.names.copy(name, id.csrf_token())
    }

    fn without_csrf(&self, name: &CookieName) -> Cookie<'static> {
        let mut cookie = self.names.copy(name, String::new());
        cookie.make_removal();
        cookie
    }
}

/// What becomes of the cookie with an answer.
enum Copy {
    Of(Token),
    Gone,
    Kept,
}

fn to_come(request: &Request<'_>, tells_token: bool) -> Copy {
    match (&*changes(request), loaded(request)) {
        (Some(Change::User(id)), _) => Copy::Of(id.clone()),
        (Some(Change::Forget), _) => Copy::Gone,
        (_, Some(Current::Ended(_))) if !tells_token => Copy::Kept,
        (Some(Change::Guest(id)), _) => Copy::Of(id.clone()),
        (None, current) => {
            current.and_then(Current::token).map_or(Copy::Kept, |id| Copy::Of(id.clone()))
        }
    }
}
