//! Our cookies: names, prefixes, attributes, and what is sealed into them.
//!
//! | cookie | holds | until |
//! |---|---|---|
//! | `security_session` | the id of the session, or of an anonymous visitor | the browser closes |
//! | `security_link` | the token of a mailed link after it left the address bar | the link is used, somebody logs out, or the browser closes |
//! | `security_notice` | one sentence for the next page | that page |
//! | `security_form` | what was typed into a form, secrets apart, while its user proves that it is still them | ten minutes |
//! | `security_data` | what the application keeps with the session, bound to its id | the session ends, or the browser closes |
//! | `security_remember` | by what the browser is remembered: the selector of its series, and a validator | [`remember.lifetime`](crate::features::remember), 30 days after the login by default |
//! | `security_refresh` | the refresh token of a program that runs in this browser, where `security.tokens.refresh_in` is `"cookie"` | the token expires, or somebody logs out |
//! | `security_token`, or the one that `security.tokens.cookie` names | a token that the application set, where `"cookie"` is among [`tokens.sources`](crate::config::TokensConfig::sources) | somebody logs in or out, it was refused for good, the browser closes, or the application takes it away |
//! | the one that `security.csrf.cookie` names, if it does | a copy of the anti-forgery token, for script to read | the id of the browser changes, or the browser closes |
//!
//! With an `https` base URL the names begin with `__Host-` and the cookies are `Secure`, so that
//! no neighbouring host can set or read them. All are `HttpOnly`, `SameSite=Lax`, `Path=/`, and
//! sealed as PASETO `v4.local`, but for the token, which is one already; but the last is `SameSite=Strict`,
//! has the name that it was given, and is neither `HttpOnly` nor sealed, and `security_refresh` is
//! `SameSite=Strict`, goes to `/refresh-token` and below alone, and so can have `__Secure-` only before its name.

use std::sync::Mutex;
use std::sync::PoisonError;

use chrono::TimeDelta;
use rocket::Request;
use rocket::Response;
use rocket::http::Cookie;
use rocket::http::SameSite;
use rocket::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::config::CookieName;
use crate::crypto::keys::Keyring;
use crate::crypto::keys::Purpose;
use crate::crypto::lineage::Keepsake;
use crate::crypto::lineage::Lineage;
use crate::crypto::one_time::Token;
use crate::crypto::paseto::Sealer;
use crate::error::Result;

const SESSION: &str = "security_session";
const LINK: &str = "security_link";
const NOTICE: &str = "security_notice";
const FORM: &str = "security_form";
const DATA: &str = "security_data";
const REMEMBER: &str = "security_remember";
const REFRESH: &str = "security_refresh";
const TOKEN: &str = "security_token";
const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// Where a refresh token goes to.
pub(crate) const REFRESH_PATH: &str = "/refresh-token";

/// How long what was typed waits for its user to prove that it is still them.
const FORM_LIFETIME: Duration = Duration::minutes(10);

/// The longest value of a cookie that every browser keeps, with room for name and attributes (RFC
/// 6265, section 6.1).
const MAX_VALUE: usize = 3_800;

/// Makes, finds and opens our cookies.
pub struct Cookies {
    session: Sealer,
    link: Sealer,
    notice: Sealer,
    form: Sealer,
    data: Sealer,
    csrf: Option<CookieName>,
    token: Option<CookieName>,
    reads_token: bool,
    remember: Sealer,
    lineage: Lineage,
    has_refresh: bool,
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
            form: Sealer::new(keyring, Purpose::Form)?,
            data: Sealer::new(keyring, Purpose::Data)?,
            csrf: None,
            token: None,
            reads_token: false,
            remember: Sealer::new(keyring, Purpose::Remember)?,
            lineage: Lineage::new(keyring)?,
            has_refresh: false,
            secure,
        })
    }

    /// Has script find the anti-forgery token in a cookie of that name, if there is one.
    pub fn with_csrf(self, name: Option<CookieName>) -> Self {
        Self { csrf: name, ..self }
    }

    /// Has browsers keep refresh tokens in a cookie, if that is chosen.
    pub fn with_refresh(self, has_refresh: bool) -> Self {
        Self { has_refresh, ..self }
    }

    /// Has tokens looked for in a cookie, of that name if there is one.
    pub fn with_token(self, name: Option<CookieName>) -> Self {
        Self { token: name, reads_token: true, ..self }
    }

    /// Makes the cookie that holds a token until the browser closes, for an application that wants a
    /// browser to come by it: `HttpOnly`, `SameSite=Lax`, `Path=/`, `Secure` over https. Browsers keep
    /// no more than 4096 bytes of name and value. A logout takes it away, and so does the beginning of a
    /// session, whoever's, unless the same answer sets it. It is read where `"cookie"` is among
    /// [`tokens.sources`](crate::config::TokensConfig::sources).
    ///
    /// ```
    /// # use rocket::State;
    /// # use rocket::http::CookieJar;
    /// # use rocket::post;
    /// use rocket_security::AuthVia;
    /// use rocket_security::Rejection;
    /// use rocket_security::Tokens;
    /// use rocket_security::via;
    /// use rocket_security::web::Web;
    ///
    /// #[post("/token-cookie")]
    /// fn keep(
    ///     user: AuthVia<via::Session>,
    ///     tokens: &Tokens,
    ///     web: &State<Web>,
    ///     jar: &CookieJar<'_>,
    /// ) -> Result<(), Rejection> {
    ///     // It ends with the session.
    ///     let token = tokens.access(&user).issue()?;
    ///     jar.add(web.sessions().cookies().token(token));
    ///     Ok(())
    /// }
    /// ```
    pub fn token(&self, token: String) -> Cookie<'static> {
        let mut cookie = self.cookie(TOKEN, token);
        cookie.set_name(self.token_name());
        cookie
    }

    /// Makes the cookie that takes the token away.
    pub fn without_token(&self) -> Cookie<'static> {
        let mut cookie = self.token(String::new());
        cookie.make_removal();
        cookie
    }

    /// Makes the cookie that takes the token away, where one is looked for in a cookie.
    pub(super) fn token_removal(&self) -> Option<Cookie<'static>> {
        self.reads_token.then(|| self.without_token())
    }

    /// Finds the token that a request carries in a cookie.
    pub(crate) fn find_token<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        request.cookies().get(&self.token_name()).map(Cookie::value)
    }

    fn token_name(&self) -> String {
        self.token.as_ref().map_or_else(|| self.name(TOKEN), |name| name.as_str().to_owned())
    }

    /// Tells whether a request carries any cookie of ours, by whichever name.
    pub fn any_in(&self, request: &Request<'_>) -> bool {
        let token = self.reads_token.then(|| self.token_name());
        request.cookies().iter().any(|cookie| {
            let name = cookie.name();
            if token.as_deref() == Some(name) {
                return true;
            }
            let is_copy = self.csrf.as_ref().is_some_and(|copy| copy.as_str() == name);
            let name = name.strip_prefix(HOST_PREFIX).unwrap_or(name);
            let name = name.strip_prefix(SECURE_PREFIX).unwrap_or(name);
            is_copy || [SESSION, LINK, NOTICE, FORM, DATA, REMEMBER, REFRESH].contains(&name)
        })
    }

    /// Makes the cookie that holds the token of a mailed link.
    pub(crate) fn link(&self, value: &impl Serialize) -> Result<Cookie<'static>> {
        Ok(self.cookie(LINK, self.link.seal(value)?))
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

    /// Makes the cookie that holds what was typed into a form; none when that is too much for one.
    pub(crate) fn form(&self, value: &impl Serialize) -> Result<Option<Cookie<'static>>> {
        let sealed = self.form.seal(value)?;
        if sealed.len() > MAX_VALUE {
            return Ok(None);
        }
        let mut cookie = self.cookie(FORM, sealed);
        cookie.set_max_age(FORM_LIFETIME);
        Ok(Some(cookie))
    }

    /// Opens the cookie that holds what was typed into a form.
    pub(crate) fn open_form<T: DeserializeOwned>(&self, request: &Request<'_>) -> Option<T> {
        self.form.open(self.find(FORM, request)?)
    }

    /// Makes the cookie that takes away what was typed into a form.
    pub(crate) fn without_form(&self) -> Cookie<'static> {
        self.removal(FORM)
    }

    /// Makes the cookies that take away the link, the form and the data that a request still carries.
    pub(super) fn without_leftovers(&self, request: &Request<'_>) -> Vec<Cookie<'static>> {
        let left = [LINK, FORM, DATA].into_iter().filter(|name| self.find(name, request).is_some());
        left.map(|name| self.removal(name)).collect()
    }

    /// Makes the cookie of the data that belongs to the session whose id is `owner`.
    pub(super) fn data(&self, value: &impl Serialize, owner: &Token) -> Result<Cookie<'static>> {
        Ok(self.cookie(DATA, self.data.seal_to(value, owner)?))
    }

    /// Says how many bytes the line of that cookie has when its value is of so many bytes of JSON.
    pub(super) fn data_size(&self, payload: usize) -> usize {
        self.cookie(DATA, String::new()).to_string().len() + Sealer::sealed_length(payload)
    }

    pub(super) fn has_data(&self, request: &Request<'_>) -> bool {
        self.find(DATA, request).is_some()
    }

    pub(super) fn open_data<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        owner: &Token,
    ) -> Option<T> {
        self.data.open_of(self.find(DATA, request)?, owner)
    }

    pub(super) fn without_data(&self) -> Cookie<'static> {
        self.removal(DATA)
    }

    pub(super) fn csrf_name(&self) -> Option<&CookieName> {
        self.csrf.as_ref()
    }

    pub(super) fn csrf(&self, name: &CookieName, id: &Token) -> Cookie<'static> {
        Cookie::build((name.as_str().to_owned(), id.csrf_token()))
            .path("/")
            .http_only(false)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .build()
    }

    pub(super) fn without_csrf(&self, name: &CookieName) -> Cookie<'static> {
        let mut cookie = Cookie::build((name.as_str().to_owned(), ""))
            .path("/")
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .build();
        cookie.make_removal();
        cookie
    }

    /// Makes the cookie by which a browser is remembered, for as long as it is at `now`.
    pub(super) fn remember(&self, keepsake: &Keepsake, now: Timestamp) -> Result<Cookie<'static>> {
        let mut cookie = self.cookie(REMEMBER, self.remember.seal(keepsake)?);
        let left = keepsake.expires_at() - now;
        cookie.set_max_age(Duration::seconds(left.num_seconds()));
        Ok(cookie)
    }

    /// Opens the cookie by which a browser is remembered.
    pub(super) fn open_remember(&self, request: &Request<'_>) -> Option<Keepsake> {
        self.remember.open(self.find(REMEMBER, request)?)
    }

    pub(super) fn has_remember(&self, request: &Request<'_>) -> bool {
        self.find(REMEMBER, request).is_some()
    }

    pub(super) fn without_remember(&self) -> Cookie<'static> {
        self.removal(REMEMBER)
    }

    pub(super) fn refresh(&self, token: &str, left: TimeDelta) -> Cookie<'static> {
        let mut cookie = self.refresh_cookie(token.to_owned());
        cookie.set_max_age(Duration::seconds(left.num_seconds()));
        cookie
    }

    pub(super) fn find_refresh<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        let cookie = request.cookies().get(&self.refresh_name())?;
        self.has_refresh.then_some(cookie.value())
    }

    pub(super) fn without_refresh(&self) -> Option<Cookie<'static>> {
        let mut cookie = self.refresh_cookie(String::new());
        cookie.make_removal();
        self.has_refresh.then_some(cookie)
    }

    fn refresh_cookie(&self, value: String) -> Cookie<'static> {
        Cookie::build((self.refresh_name(), value))
            .path(REFRESH_PATH)
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .build()
    }

    fn refresh_name(&self) -> String {
        if self.secure { format!("{SECURE_PREFIX}{REFRESH}") } else { REFRESH.to_owned() }
    }

    /// Gives what derives the successors of a keepsake.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
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
