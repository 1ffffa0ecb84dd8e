//! Our cookies: names, prefixes, attributes, and what is sealed into them.
//!
//! | cookie | holds | until |
//! |---|---|---|
//! | `security_session` | the id of the session, or of an anonymous visitor | the browser closes |
//! | `security_link` | the token of a mailed link after it left the address bar | half an hour |
//! | `security_notice` | one sentence for the next page | that page |
//!
//! With an `https` base URL the names begin with `__Host-` and the cookies are `Secure`, so that
//! no neighbouring host can set or read them. All are `HttpOnly`, `SameSite=Lax`, `Path=/`, and
//! sealed as PASETO `v4.local`.

use std::sync::Mutex;
use std::sync::PoisonError;

use rocket::Request;
use rocket::Response;
use rocket::http::Cookie;
use rocket::http::SameSite;
use rocket::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::keys::Keyring;
use crate::crypto::keys::Purpose;
use crate::crypto::paseto::Sealer;
use crate::error::Result;

const SESSION: &str = "security_session";
const LINK: &str = "security_link";
const NOTICE: &str = "security_notice";
const HOST_PREFIX: &str = "__Host-";

/// How long the token of a mailed link waits for the button to be pressed.
const LINK_LIFETIME: Duration = Duration::minutes(30);

/// Makes, finds and opens our cookies.
pub struct Cookies {
    session: Sealer,
    link: Sealer,
    notice: Sealer,
    secure: bool,
}

impl Cookies {
    /// Derives the keys. `secure` says that the application is reached by https.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when keys cannot be derived.
    pub fn new(keyring: &Keyring, secure: bool) -> Result<Self> {
        Ok(Self {
            session: Sealer::new(keyring, Purpose::Session)?,
            link: Sealer::new(keyring, Purpose::Link)?,
            notice: Sealer::new(keyring, Purpose::Notice)?,
            secure,
        })
    }

    /// Tells whether a request carries any cookie of ours, by whichever name.
    pub fn any_in(&self, request: &Request<'_>) -> bool {
        request.cookies().iter().any(|cookie| {
            let name = cookie.name();
            [SESSION, LINK, NOTICE].contains(&name.strip_prefix(HOST_PREFIX).unwrap_or(name))
        })
    }

    /// Makes the cookie that holds the token of a mailed link.
    pub(crate) fn link(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        let mut cookie = self.cookie(LINK, self.link.seal(value)?);
        cookie.set_max_age(LINK_LIFETIME);
        Ok(cookie)
    }

    /// Opens the cookie that holds the token of a mailed link.
    pub(crate) fn open_link<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.link.open(self.find(LINK, request)?)
    }

    /// Makes the cookie that takes the token of a mailed link away.
    pub(crate) fn without_link(&self) -> Cookie<'static> {
        self.removal(LINK)
    }

    /// Makes the cookie that holds a sentence for the next page.
    pub(crate) fn notice(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.cookie(NOTICE, self.notice.seal(value)?))
    }

    /// Opens the cookie that holds a sentence for this page.
    pub(crate) fn open_notice<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.notice.open(self.find(NOTICE, request)?)
    }

    /// Makes the cookie that takes the sentence away.
    pub(crate) fn without_notice(&self) -> Cookie<'static> {
        self.removal(NOTICE)
    }

    pub(super) fn session(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.cookie(SESSION, self.session.seal(value)?))
    }

    pub(super) fn find_session<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        self.find(SESSION, request)
    }

    pub(super) fn open_session<T: DeserializeOwned>(&self, sealed: &str) -> Option<T> {
        self.session.open(sealed)
    }

    pub(super) fn without_session(&self) -> Cookie<'static> {
        self.removal(SESSION)
    }

    fn name(&self, name: &str) -> String {
        if self.secure { format!("{HOST_PREFIX}{name}") } else { name.to_owned() }
    }

    fn find<'r>(&self, name: &str, request: &'r Request<'_>) -> Option<&'r str> {
        request.cookies().get(&self.name(name)).map(Cookie::value)
    }

    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((self.name(name), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .build()
    }

    fn removal(&self, name: &str) -> Cookie<'static> {
        let mut cookie = self.cookie(name, String::new());
        cookie.make_removal();
        cookie
    }
}

/// Notes a cookie to be written with the answer, in place of one of the same name.
pub(crate) fn set(request: &Request<'_>, cookie: Cookie<'static>) {
    let mut pending = pending(request).0.lock().unwrap_or_else(PoisonError::into_inner);
    pending.retain(|other| other.name() != cookie.name());
    pending.push(cookie);
}

/// Writes what was noted to the answer.
pub(super) fn write(request: &Request<'_>, response: &mut Response<'_>) {
    for cookie in pending(request).0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        response.adjoin_header(&cookie);
    }
}

/// The cookies to be written with the answer to a request.
struct Pending(Mutex<Vec<Cookie<'static>>>);

fn pending<'r>(request: &'r Request<'_>) -> &'r Pending {
    request.local_cache(|| Pending(Mutex::new(Vec::new())))
}
