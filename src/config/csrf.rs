//! `[default.security.csrf]`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::config::redirects::Origins;
use crate::error::{Error, Result};

/// `[default.security.csrf]`: protection against forged requests (CSRF) for applications that run in the
/// browser. See [`guide::single_page`](crate::guide::single_page).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CsrfConfig {
    /// Sets the name of a cookie, for example `"XSRF-TOKEN"`, in which the application's own script finds the
    /// CSRF token that it sends back in the header `X-XSRF-Token`. The cookie is `SameSite=Strict`, `Path=/`,
    /// `Secure` over https, and not `HttpOnly`; it proves nothing by itself. An invalid name stops the
    /// launch. _Default:_ none: no such cookie is set.
    pub cookie: Option<CookieName>,
    /// Sets the origins, beside that of `base_url`, whose scripts may send unsafe requests, as
    /// `["https://app.example.org"]`. They must belong to the same site, because browsers do not send the
    /// cookies from another. They still need the CSRF token, and the application must answer CORS itself. The
    /// origins in [`redirect_origins`](crate::Config::redirect_origins) are not included: a page that users
    /// may be redirected to need not be allowed to act for them. The origin of a web view can be listed, too:
    /// `["capacitor://localhost"]`. An invalid value stops the launch. _Default:_ none.
    pub origins: ScriptOrigins,
}

impl CsrfConfig {
    pub(super) fn check(&self, is_https: bool) -> Result<()> {
        let needs_https = self.cookie.as_ref().is_some_and(CookieName::is_prefixed);
        if needs_https && !is_https {
            return Err(Error::config(
                "csrf.cookie",
                "has a prefix that browsers accept over https only, and base_url is not https",
                "Set base_url to an https address, or choose a name without prefix",
            ));
        }
        Ok(())
    }
}

/// A list of origins whose scripts may send requests: web [`Origins`], and those of web views, which have
/// custom schemes, such as `capacitor://localhost` and `tauri://localhost`.
///
/// A redirect never leads to a custom scheme: redirects are checked against [`Origins`], which accepts none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptOrigins {
    web: Origins,
    views: Vec<String>,
}

impl ScriptOrigins {
    /// Returns `true` if the value of an `Origin` header is in the list.
    pub fn have(&self, origin: &str) -> bool {
        self.views.iter().any(|view| view.eq_ignore_ascii_case(origin))
            || Url::parse(origin).is_ok_and(|origin| self.web.have(&origin))
    }

    pub(super) fn check(&self, key: &str, debug: bool) -> Result<()> {
        self.web.check(key, debug)
    }
}

/// Reads a list of texts. An invalid origin stops the launch.
impl<'de> Deserialize<'de> for ScriptOrigins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut web, mut views) = (Vec::new(), Vec::new());
        for origin in Vec::<ScriptOrigin>::deserialize(deserializer)? {
            match origin {
                ScriptOrigin::Web(url) => web.push(url),
                ScriptOrigin::View(text) => views.push(text),
            }
        }
        Ok(Self { web: Origins::of(web), views })
    }
}

/// One entry of the list, so that an error names its index.
enum ScriptOrigin {
    Web(Url),
    View(String),
}

impl<'de> Deserialize<'de> for ScriptOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Origins::parse(&text) {
            Some(url) => Ok(Self::Web(url)),
            None if is_view(&text) => Ok(Self::View(text)),
            None => Err(D::Error::custom(format!(
                "it is \"{text}\", which is not just a scheme, host and port, like \
                 \"https://app.example.org\" or \"capacitor://localhost\""
            ))),
        }
    }
}

/// Returns `true` for an origin with a custom scheme, as web views send it: scheme, host and port. The
/// schemes that browsers know mean something else, or have no origin at all.
fn is_view(text: &str) -> bool {
    const KNOWN: [&str; 10] =
        ["http", "https", "ws", "wss", "ftp", "file", "data", "blob", "javascript", "about"];
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(of_scheme)
        && !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(scheme))
        && !host.is_empty()
        && host.bytes().all(of_host)
}

/// A cookie name that the application chooses (RFC 6265, section 4.1.1). It must not begin with `security_`,
/// as our own names do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    /// Reads a name. Returns `None` for an invalid or reserved name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_free = !bare(text).is_empty() && !bare(text).starts_with(OURS);
        (Self::is_token(text) && is_free).then(|| Self(text.to_owned()))
    }

    /// Returns `true` if `text` is a valid cookie name, ours or not.
    pub(super) fn is_token(text: &str) -> bool {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.len() <= MAX_BYTES && text.bytes().all(is_token)
    }

    /// Returns `true` if browsers give a special meaning to the beginning of the name.
    pub(super) fn has_prefix(text: &str) -> bool {
        let name = text.to_ascii_lowercase();
        PREFIXES.iter().any(|prefix| name.starts_with(&prefix.to_ascii_lowercase()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_prefixed(&self) -> bool {
        Self::has_prefix(&self.0)
    }

    pub(super) fn is_host_prefixed(&self) -> bool {
        self.0.to_ascii_lowercase().starts_with("__host-")
    }

    /// Returns the name without its prefix.
    pub(super) fn bare(&self) -> &str {
        bare(&self.0)
    }
}

/// The prefixes that browsers enforce: a cookie with such a name must have certain attributes.
const PREFIXES: [&str; 2] = ["__Host-", "__Secure-"];

/// The beginning of our own cookies' names.
const OURS: &str = "security_";

/// The maximal length of a name, in bytes. Longer names serve no purpose.
const MAX_BYTES: usize = 64;

impl<'de> Deserialize<'de> for CookieName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let fault = if bare(&text).starts_with(OURS) {
                format!("and names that begin with \"{OURS}\" are ours")
            } else {
                "which no cookie can have as its name".to_owned()
            };
            D::Error::custom(format!("it is \"{text}\", {fault}. Write one like \"XSRF-TOKEN\""))
        })
    }
}

/// Returns a name without the prefix that browsers enforce.
fn bare(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::csrf::{CookieName, ScriptOrigins};
    use crate::config::redirects::Origins;

    #[test]
    fn the_origin_of_a_web_view_is_listed_for_scripts_and_never_for_redirects() {
        for view in ["capacitor://localhost", "tauri://localhost", "ionic://app:80", "app://x.y"] {
            let listed: ScriptOrigins = serde_json::from_value(json!([view])).unwrap();
            assert!(listed.have(view) && listed.have(&view.to_uppercase()), "{view}");
            assert!(!listed.have("null") && !listed.have("https://localhost"), "{view}");
            assert!(!listed.have(&format!("{view}.evil.example")), "{view}");
            assert!(serde_json::from_value::<Origins>(json!([view])).is_err(), "{view}");
        }
        for text in [
            "null",
            "*",
            "file://localhost",
            "data://x",
            "javascript://x",
            "blob://x",
            "HTTPS:app.example.org",
            "https://*.example.org",
            "capacitor://",
            "capacitor://localhost/",
            "capacitor://*",
            "capacitor:localhost",
            "://localhost",
            "1a://localhost",
        ] {
            assert!(serde_json::from_value::<ScriptOrigins>(json!([text])).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_that_a_cookie_can_have_and_none_of_ours() {
        for name in ["XSRF-TOKEN", "csrf", "__Host-csrf", "__Secure-XSRF-TOKEN"] {
            assert_eq!(CookieName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            " ",
            "a b",
            "a=b",
            "a;b",
            "a\r\nb",
            "caf\u{e9}",
            "__Host-",
            "security_session",
            "__Host-security_session",
            &"x".repeat(65),
        ] {
            assert_eq!(CookieName::parse(name), None, "{name:?}");
        }
    }
}
