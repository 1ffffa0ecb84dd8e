//! `[default.security.csrf]`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::config::redirects::Origins;
use crate::error::{Error, Result};

/// `[default.security.csrf]`: protection against forged requests, for applications that run in the
/// browser. See [`guide::single_page`](crate::guide::single_page).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CsrfConfig {
    /// The name of a cookie, for example `"XSRF-TOKEN"`, in which the application's own script
    /// finds the anti-forgery token that it sends back as the header `X-XSRF-Token`. It is
    /// `SameSite=Strict`, `Path=/`, `Secure` over https, and not `HttpOnly`; it proves nothing by
    /// itself. _Default:_ none is set.
    pub cookie: Option<CookieName>,
    /// The origins, beside that of `base_url`, from which a script may send unsafe requests, as
    /// `["https://app.example.org"]`: of the same site, for cookies do not travel to another. They
    /// need the token all the same, and answers to CORS that the application gives itself. Origins
    /// that [`redirect_origins`](crate::Config::redirect_origins) has are not among them: a page
    /// that people may be led to need not be one that acts for them. The origin of a web view can be
    /// listed, too: `["capacitor://localhost"]`. _Default:_ none.
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

/// A list of origins whose scripts may send requests: [`Origins`] of the web, and those of web views, whose
/// schemes are their own, such as `capacitor://localhost` and `tauri://localhost`.
///
/// No redirect leads to one of a scheme of its own: [`Origins`], which decides about redirects, takes none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptOrigins {
    web: Origins,
    views: Vec<String>,
}

impl ScriptOrigins {
    /// Returns `true` if the value of an `Origin` header is one of them.
    pub fn have(&self, origin: &str) -> bool {
        self.views.iter().any(|view| view.eq_ignore_ascii_case(origin))
            || Url::parse(origin).is_ok_and(|origin| self.web.have(&origin))
    }

    pub(super) fn check(&self, key: &str, debug: bool) -> Result<()> {
        self.web.check(key, debug)
    }
}

/// A list of texts; one that is no origin stops the launch.
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

/// One of a list, so that a fault names its place.
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

/// Returns `true` for an origin with a scheme of its own, as web views send it: scheme, host and port. The
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

/// The name of a cookie of the application's choice (RFC 6265, section 4.1.1), none that begins like
/// ours: `security_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_free = !bare(text).is_empty() && !bare(text).starts_with(OURS);
        (Self::is_token(text) && is_free).then(|| Self(text.to_owned()))
    }

    /// Returns whether a cookie can have that name, ours or not.
    pub(super) fn is_token(text: &str) -> bool {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.len() <= MAX_BYTES && text.bytes().all(is_token)
    }

    /// Returns whether browsers read a promise from that name.
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

/// What browsers take for a promise about the cookie.
const PREFIXES: [&str; 2] = ["__Host-", "__Secure-"];

/// How the names of our own cookies begin.
const OURS: &str = "security_";

/// More than anybody needs for a name.
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

/// Returns a name without what browsers take for a promise.
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
