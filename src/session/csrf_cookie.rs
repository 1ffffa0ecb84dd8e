//! The cookie in which an application's own script finds the anti-forgery token.
//!
//! It is a copy and proves nothing: what counts is the token that the script sends back in a header,
//! against the id of the session. So it needs no seal, and whoever plants one gains nothing.
//!
//! A browser has it as long as it has an id: a visitor gets both with the first answer that holds a
//! token, such as `GET /login` in JSON or a page with a form, or that keeps something with them, and
//! with no other.

use rocket::Request;
use rocket::Response;
use rocket::http::Cookie;

use crate::config::CookieName;
use crate::crypto::one_time::Token;
use crate::session::Change;
use crate::session::Current;
use crate::session::Sessions;
use crate::session::changes;
use crate::session::cookie;
use crate::session::data::keep_private;
use crate::session::loaded;

impl Sessions {
    /// Keeps the cookie in step with the id that the browser has from this answer on. Where nobody
    /// asked for the session, or nobody knows it, the browser is left alone.
    pub(super) fn finish_csrf_cookie(&self, request: &Request<'_>, response: &mut Response<'_>) {
        if let (Some(name), Some(id)) = (self.cookies.csrf_name(), id_to_come(request))
            && let Some(cookie) = self.csrf_cookie(name, id.as_ref(), request)
        {
            cookie::set(request, cookie);
            keep_private(response);
        }
    }

    /// Gives what changes with the cookie: none when the browser has what it should.
    fn csrf_cookie(
        &self,
        name: &CookieName,
        id: Option<&Token>,
        request: &Request<'_>,
    ) -> Option<Cookie<'static>> {
        let held = request.cookies().get(name.as_str()).map(Cookie::value);
        match (id, held) {
            (Some(id), Some(held)) if id.verify_csrf_token(held) => None,
            (Some(id), _) => Some(self.cookies.csrf(name, id)),
            (None, Some(_)) => Some(self.cookies.without_csrf(name)),
            (None, None) => None,
        }
    }
}

/// Gives the id that the browser has from this answer on, if it has one; nothing where that is not
/// known.
fn id_to_come(request: &Request<'_>) -> Option<Option<Token>> {
    match (&*changes(request), loaded(request)) {
        (Some(Change::Become(token)), _) => Some(Some(token.clone())),
        (Some(Change::Forget), _) => Some(None),
        (None, None | Some(Current::Unavailable)) => None,
        (None, Some(current)) => Some(current.token().cloned()),
    }
}
