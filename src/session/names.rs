//! What our cookies are called, with which attributes browsers keep them, and which a request brings twice.

use percent_encoding::percent_decode_str;
use rocket::Request;
use rocket::http::{Cookie, SameSite};

use crate::config::{CookieName, CookiesConfig};

const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// Where a refresh token goes to.
pub(crate) const REFRESH_PATH: &str = "/refresh-token";

/// A cookie of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Session,
    Guest,
    Link,
    Notice,
    Form,
    Pending,
    Data,
    GuestData,
    Remember,
    Refresh,
    Token,
}

/// Those whose name does not depend on whether a feature wants them.
const ALWAYS: [Kind; 10] = [
    Kind::Session,
    Kind::Guest,
    Kind::Link,
    Kind::Notice,
    Kind::Form,
    Kind::Pending,
    Kind::Data,
    Kind::GuestData,
    Kind::Remember,
    Kind::Refresh,
];

/// Names our cookies.
pub(super) struct Names {
    settings: CookiesConfig,
    secure: bool,
    token: Option<CookieName>,
    reads_token: bool,
    csrf: Option<CookieName>,
}

impl Names {
    pub(super) fn new(settings: CookiesConfig, secure: bool) -> Self {
        Self { settings, secure, token: None, reads_token: false, csrf: None }
    }

    pub(super) fn with_csrf(self, name: Option<CookieName>) -> Self {
        Self { csrf: name, ..self }
    }

    pub(super) fn with_token(self, name: Option<CookieName>) -> Self {
        Self { token: name, reads_token: true, ..self }
    }

    pub(super) fn csrf(&self) -> Option<&CookieName> {
        self.csrf.as_ref()
    }

    pub(super) fn reads_token(&self) -> bool {
        self.reads_token
    }

    pub(super) fn name(&self, kind: Kind) -> String {
        let own = |last: &str| format!("{}_{last}", self.settings.name);
        let bare = match kind {
            Kind::Session => self.settings.session_name(),
            Kind::Remember => self.settings.remember_name(),
            Kind::Guest => own("guest"),
            Kind::Link => own("link"),
            Kind::Notice => own("notice"),
            Kind::Form => own("form"),
            Kind::Pending => own("pending"),
            Kind::Data => own("data"),
            Kind::GuestData => own("guest_data"),
            Kind::Refresh => own("refresh"),
            Kind::Token => match &self.token {
                Some(name) => return name.as_str().to_owned(),
                None => own("token"),
            },
        };
        // Browsers accept `__Host-` with the path `/` and without a domain only.
        let is_bound = kind != Kind::Refresh && self.settings.are_bound_to_host();
        match (self.secure, is_bound) {
            (false, _) => bare,
            (true, true) => format!("{HOST_PREFIX}{bare}"),
            (true, false) => format!("{SECURE_PREFIX}{bare}"),
        }
    }

    pub(super) fn cookie(&self, kind: Kind, value: String) -> Cookie<'static> {
        if kind != Kind::Refresh {
            return self.build(self.name(kind), value, self.settings.same_site.attribute());
        }
        let mut cookie = self.build(self.name(kind), value, self.settings.same_site.strictest());
        cookie.set_path(format!("{}{REFRESH_PATH}", self.settings.path.trim_end_matches('/')));
        cookie
    }

    pub(super) fn removal(&self, kind: Kind) -> Cookie<'static> {
        let mut cookie = self.cookie(kind, String::new());
        cookie.make_removal();
        cookie
    }

    /// Makes the cookie that script reads.
    pub(super) fn copy(&self, name: &CookieName, value: String) -> Cookie<'static> {
        let strictest = self.settings.same_site.strictest();
        let mut cookie = self.build(name.as_str().to_owned(), value, strictest);
        cookie.set_http_only(false);
        cookie
    }

    fn build(&self, name: String, value: String, same_site: SameSite) -> Cookie<'static> {
        let mut cookie = Cookie::build((name, value))
            .path(self.settings.path.clone())
            .http_only(true)
            .secure(self.secure)
            .same_site(same_site)
            .build();
        if let Some(domain) = &self.settings.domain {
            cookie.set_domain(domain.clone());
        }
        cookie
    }

    /// Returns the value that a request brings.
    pub(super) fn find<'r>(&self, kind: Kind, request: &'r Request<'_>) -> Option<&'r str> {
        request.cookies().get(&self.name(kind)).map(Cookie::value)
    }

    /// Returns whether a name is that of a cookie of ours. Over http, one that has a prefix counts, too:
    /// another configuration of this application may have set it.
    pub(super) fn are_ours(&self, name: &str) -> bool {
        let is_token = self.reads_token && name == self.name(Kind::Token);
        let is_copy = self.csrf.as_ref().is_some_and(|copy| copy.as_str() == name);
        let bare = bare(name);
        let is_kind = |kind: &Kind| bare == self::bare(&self.name(*kind));
        is_token || is_copy || ALWAYS.iter().any(is_kind)
    }

    /// Returns the name of a cookie of ours that a request brings twice. Rocket keeps the last one and says
    /// nothing of the others, so that the header itself is read.
    pub(super) fn doubled(&self, request: &Request<'_>) -> Option<String> {
        let lines = request.headers().get("Cookie");
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
        let names = pairs.map(|(name, _)| percent_decode_str(name.trim()).decode_utf8_lossy());
        let read = self.read();
        let mut ours: Vec<_> = names.filter(|name| read.iter().any(|it| it == name)).collect();
        ours.sort_unstable();
        let mut rest = ours.iter().skip(1);
        ours.iter().find(|name| rest.next() == Some(name)).map(|name| name.to_string())
    }

    /// Returns the names of the cookies that are read: made once for a request, which may bring thousands.
    fn read(&self) -> Vec<String> {
        let token = self.reads_token.then(|| self.name(Kind::Token));
        let copy = self.csrf.as_ref().map(|copy| copy.as_str().to_owned());
        ALWAYS.iter().map(|kind| self.name(*kind)).chain(token).chain(copy).collect()
    }
}

/// Returns a name without what browsers read as a promise.
fn bare(name: &str) -> &str {
    let name = name.strip_prefix(HOST_PREFIX).unwrap_or(name);
    name.strip_prefix(SECURE_PREFIX).unwrap_or(name)
}
