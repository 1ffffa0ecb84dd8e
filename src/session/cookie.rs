//! Our cookies: what is sealed into them.
//!
//! | cookie | holds | until |
//! |---|---|---|
//! | `security_session` | the id of the session | the user logs out, or the browser closes |
//! | `security_guest` | the id of a guest, and which of the other cookies are dead | a login, a day, or the browser closes |
//! | `security_link` | the token of a mailed link after it left the address bar | the user logs out, or the browser closes |
//! | `security_notice` | one sentence for the next page | that page |
//! | `security_form` | what was typed into a form, secrets apart, while its user proves that it is still them | ten minutes |
//! | `security_pending` | a login that is not finished, bound to the id of the guest | the login is finished, ten minutes, or a logout |
//! | `security_data` | what the application keeps with the session, bound to its id | a logout, or the browser closes |
//! | `security_guest_data` | what the application keeps with a guest, bound to their id | a login, or the browser closes |
//! | `security_remember` | by what the browser is remembered: the selector of its series, and a validator | [`remember.lifetime`](crate::features::remember), 30 days after the login by default |
//! | `security_refresh` | the refresh token of a program that runs in this browser, where `security.tokens.refresh_in` is `"cookie"` | the token expires, or the user logs out |
//! | `security_token`, or the one that `security.tokens.cookie` names | a token that the application set, where `"cookie"` is among [`tokens.sources`](crate::config::TokensConfig::sources) | a user logs in or out, the browser closes, or the application removes it |
//! | the one that `security.csrf.cookie` names, if it does | a copy of the anti-forgery token, for script to read | the user logs out, or the browser closes |
//!
//! [`security.cookies`](crate::config::CookiesConfig) changes the names, the domain, the path and `SameSite`.
//! With an `https` base URL the names begin with `__Host-` and the cookies are `Secure`, so that
//! no neighbouring host can set or read them. All are `HttpOnly`, `SameSite=Lax`, `Path=/`, and
//! sealed as PASETO `v4.local`. There are three exceptions: the token is a PASETO token already; the copy for
//! script is `SameSite=Strict`, has the name that it was given, and is neither `HttpOnly` nor sealed; and
//! `security_refresh` is `SameSite=Strict` and goes to `/refresh-token` and below alone, for which browsers
//! accept no stronger prefix than `__Secure-`.
//!
//! # Answers that come late
//!
//! Two tabs send requests at once, and browsers keep the cookies of whichever answer comes last. So no answer
//! overwrites or removes a cookie because the one that the request brought is dead: a newer one may
//! be in its place by then. Sessions and guests have cookies of their own, and a dead cookie is marked in
//! `security_guest` instead, by a digest of its value. Only a login, a change of credentials and a logout
//! write the session's cookie.
//!
//! A cookie that none of our keys opens is a stranger's, such as that of another application on the same host.
//! Its browser is a guest's, and no answer removes it, but for data, which opens with one id alone: a login and
//! a logout remove it.
//!
//! A request that brings one of these cookies twice is refused with 400 `conflicting_credentials`: one of the
//! two may have been planted.

use std::sync::{Mutex, PoisonError};

use rocket::http::Cookie;
use rocket::time::Duration;
use rocket::{Request, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::clock::Timestamp;
use crate::config::{CookieName, CookiesConfig};
use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::Token;
use crate::crypto::paseto::Sealer;
use crate::crypto::remember_token::{RememberToken, Succession};
use crate::error::Result;
use crate::session::guest::Guest;
use crate::session::names::{Kind, Names};

/// How long what was typed waits for its user to prove that it is still them.
const FORM_LIFETIME: Duration = Duration::minutes(10);

/// The longest value of a cookie that every browser keeps, with room for name and attributes (RFC
/// 6265, section 6.1).
pub(super) const MAX_VALUE: usize = 3_800;

/// Makes, finds and opens our cookies.
pub struct Cookies {
    pub(super) names: Names,
    session: Sealer,
    guest: Sealer,
    link: Sealer,
    notice: Sealer,
    form: Sealer,
    pub(super) pending: Sealer,
    data: Sealer,
    remember: Sealer,
    succession: Succession,
    pub(super) has_refresh: bool,
}

impl Cookies {
    /// Derives the keys. `secure` says that the application is reached by https.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when keys cannot be derived.
    pub fn new(keyring: &Keyring, settings: CookiesConfig, secure: bool) -> Result<Self> {
        Ok(Self {
            names: Names::new(settings, secure),
            session: Sealer::new(keyring, Purpose::Session)?,
            guest: Sealer::new(keyring, Purpose::Guest)?,
            link: Sealer::new(keyring, Purpose::Link)?,
            notice: Sealer::new(keyring, Purpose::Notice)?,
            form: Sealer::new(keyring, Purpose::Form)?,
            pending: Sealer::new(keyring, Purpose::PendingLogin)?,
            data: Sealer::new(keyring, Purpose::Data)?,
            remember: Sealer::new(keyring, Purpose::Remember)?,
            succession: Succession::new(keyring)?,
            has_refresh: false,
        })
    }

    /// Has script find the anti-forgery token in a cookie of that name, if there is one.
    pub fn with_csrf(self, name: Option<CookieName>) -> Self {
        Self { names: self.names.with_csrf(name), ..self }
    }

    /// Has browsers keep refresh tokens in a cookie, if that is chosen.
    pub fn with_refresh(self, has_refresh: bool) -> Self {
        Self { has_refresh, ..self }
    }

    /// Has tokens looked for in a cookie, of that name if there is one.
    pub fn with_token(self, name: Option<CookieName>) -> Self {
        Self { names: self.names.with_token(name), ..self }
    }

    /// Returns `true` if a request carries any cookie of ours, by whichever name.
    pub fn any_in(&self, request: &Request<'_>) -> bool {
        request.cookies().iter().any(|cookie| self.names.are_ours(cookie.name()))
    }

    /// Returns the name of a cookie of ours that a request brings twice.
    pub(crate) fn doubled(&self, request: &Request<'_>) -> Option<String> {
        self.names.doubled(request)
    }

    /// Finds a cookie of a request, unless it is marked as dead.
    pub(super) fn find<'r>(&self, kind: Kind, request: &'r Request<'_>) -> Option<&'r str> {
        let guest = self.guest(request);
        let is_dead = |value: &&str| guest.is_some_and(|guest| guest.has_marked(value));
        self.names.find(kind, request).filter(|value| !is_dead(value))
    }

    /// Finds a cookie that a request brings, dead or not, if one of our keys opens it: what no key of ours
    /// opens is a stranger's, and stays in the browser. Data opens with one id alone, so that a stranger's
    /// cannot be told.
    pub(super) fn brought<'r>(&self, kind: Kind, request: &'r Request<'_>) -> Option<&'r str> {
        let value = self.names.find(kind, request)?;
        let opens = |sealer: &Sealer| sealer.open::<IgnoredAny>(value).is_some();
        let is_ours = match kind {
            Kind::Session => opens(&self.session),
            Kind::Guest => self.guest(request).is_some(),
            Kind::Link => opens(&self.link),
            Kind::Notice => opens(&self.notice),
            Kind::Form => opens(&self.form),
            Kind::Remember => opens(&self.remember),
            Kind::Pending | Kind::Data | Kind::GuestData | Kind::Refresh | Kind::Token => true,
        };
        is_ours.then_some(value)
    }

    /// Makes the cookie that removes another.
    pub(super) fn removal(&self, kind: Kind) -> Cookie<'static> {
        self.names.removal(kind)
    }

    pub(super) fn guest_cookie(&self, guest: &Guest) -> Result<Cookie<'static>> {
        Ok(self.names.cookie(Kind::Guest, self.guest.seal(guest)?))
    }

    /// Opens the cookie of a guest, once a request.
    pub(super) fn guest<'r>(&self, request: &'r Request<'_>) -> Option<&'r Guest> {
        struct Opened(Option<Guest>);
        let open = || self.names.find(Kind::Guest, request).and_then(|it| self.guest.open(it));
        request.local_cache(|| Opened(open())).0.as_ref()
    }

    /// Makes the cookie that holds the token of a mailed link.
    pub(crate) fn link(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.names.cookie(Kind::Link, self.link.seal(value)?))
    }

    /// Opens the cookie that holds the token of a mailed link.
    pub(crate) fn open_link<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.link.open(self.find(Kind::Link, request)?)
    }

    /// Makes the cookie that takes the token of a mailed link away.
    pub(crate) fn without_link(&self) -> Cookie<'static> {
        self.removal(Kind::Link)
    }

    /// Makes the cookie that holds a sentence for the next page.
    pub(crate) fn notice(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.names.cookie(Kind::Notice, self.notice.seal(value)?))
    }

    /// Opens the cookie that holds a sentence for this page.
    pub(crate) fn open_notice<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.notice.open(self.find(Kind::Notice, request)?)
    }

    /// Makes the cookie that takes the sentence away.
    pub(crate) fn without_notice(&self) -> Cookie<'static> {
        self.removal(Kind::Notice)
    }

    /// Makes the cookie that holds what was typed into a form; none when that is too much for one.
    pub(crate) fn form(&self, value: &impl Serialize) -> Result<Option<Cookie<'static>>> {
        let sealed = self.form.seal(value)?;
        if sealed.len() > MAX_VALUE {
            return Ok(None);
        }
        let mut cookie = self.names.cookie(Kind::Form, sealed);
        cookie.set_max_age(FORM_LIFETIME);
        Ok(Some(cookie))
    }

    /// Opens the cookie that holds what was typed into a form.
    pub(crate) fn open_form<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.form.open(self.find(Kind::Form, request)?)
    }

    /// Creates the cookies that remove what a user leaves in the browser at a logout.
    pub(super) fn without_leftovers(&self, request: &Request<'_>) -> Vec<Cookie<'static>> {
        let left =
            [Kind::Guest, Kind::Link, Kind::Form, Kind::Pending, Kind::Data, Kind::GuestData];
        let left = left.into_iter().filter(|kind| self.brought(*kind, request).is_some());
        left.map(|kind| self.removal(kind)).collect()
    }

    /// Makes the cookie of the data that belongs to the session, or the guest, whose id is `owner`.
    pub(super) fn data(
        &self,
        kind: Kind,
        value: &impl Serialize,
        owner: &Token,
    ) -> Result<Cookie<'static>> {
        Ok(self.names.cookie(kind, self.data.seal_to(value, owner)?))
    }

    /// Says how many bytes the line of that cookie has when its value is of so many bytes of JSON.
    pub(super) fn data_size(&self, payload: usize) -> usize {
        let line = self.names.cookie(Kind::GuestData, String::new()).to_string();
        line.len() + Sealer::sealed_length(payload)
    }

    pub(super) fn open_data<T: DeserializeOwned>(
        &self,
        kind: Kind,
        request: &Request<'_>,
        owner: &Token,
    ) -> Option<T> {
        self.data.open_of(self.find(kind, request)?, owner)
    }

    /// Makes the cookie by which a browser is remembered, for as long as it is at `now`.
    pub(super) fn remember(
        &self,
        remember_token: &RememberToken,
        now: Timestamp,
    ) -> Result<Cookie<'static>> {
        let mut cookie = self.names.cookie(Kind::Remember, self.remember.seal(remember_token)?);
        let left = remember_token.expires_at() - now;
        cookie.set_max_age(Duration::seconds(left.num_seconds()));
        Ok(cookie)
    }

    /// Opens the cookie by which a browser is remembered, also one that is marked as dead.
    pub(super) fn open_remember(&self, request: &Request<'_>) -> Option<RememberToken> {
        self.remember.open(self.names.find(Kind::Remember, request)?)
    }

    /// Returns what derives the successors of a remember token.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    pub(super) fn session(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.names.cookie(Kind::Session, self.session.seal(value)?))
    }

    /// Opens the cookie of the session, unless it is marked as dead.
    pub(super) fn open_session<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.session.open(self.find(Kind::Session, request)?)
    }

    /// Opens the cookie of the session, also one that is marked as dead.
    pub(super) fn open_any_session<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.session.open(self.names.find(Kind::Session, request)?)
    }
}

/// Notes a cookie to be written with the answer, in place of one of the same name.
pub(crate) fn set(request: &Request<'_>, cookie: Cookie<'static>) {
    let mut pending = pending(request).0.lock().unwrap_or_else(PoisonError::into_inner);
    pending.retain(|other| other.name() != cookie.name());
    pending.push(cookie);
}

/// Returns the value that the answer sets for a cookie of that name.
pub(super) fn noted(request: &Request<'_>, name: &str) -> Option<String> {
    let pending = pending(request).0.lock().unwrap_or_else(PoisonError::into_inner);
    pending.iter().find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Drops what was noted of a cookie of that name: the answer has one already.
pub(super) fn leave(request: &Request<'_>, name: &str) {
    let mut pending = pending(request).0.lock().unwrap_or_else(PoisonError::into_inner);
    pending.retain(|other| other.name() != name);
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
