//! Where users may be redirected to, beside this site.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::error::{Error, Result};

/// `security.redirect_behavior`: where mailed links lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RedirectBehavior {
    /// Mailed links lead to the pages of the features.
    #[default]
    Pages,
    /// Mailed links lead to pages of a single-page application, which uses the JSON routes. The settings of
    /// each feature name these pages. See [`guide::single_page`](crate::guide::single_page).
    Spa,
}

/// A list of origins, each with scheme, host and port and nothing else (RFC 6454).
///
/// They are parsed as browsers do (WHATWG URL Standard) and compared as a whole: `https://app.example.org`
/// allows neither `https://app.example.org:8443`, nor another host below `example.org`, nor
/// `http://app.example.org`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<Url>);

impl Origins {
    /// Reads one origin. A pattern with `*` is invalid: every origin is written out.
    pub(super) fn parse(text: &str) -> Option<Url> {
        let url = read_url(text)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_pattern = url.host_str().is_some_and(|host| host.contains('*'));
        (is_bare && !is_pattern).then_some(url)
    }

    pub(super) fn of(urls: Vec<Url>) -> Self {
        Self(urls)
    }

    /// Returns `true` if the URL has one of these origins.
    pub fn have(&self, url: &Url) -> bool {
        is_web(url) && self.0.iter().any(|allowed| allowed.origin() == url.origin())
    }

    /// Returns the origins as texts, as browsers write them in the header `Origin`.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|url| url.origin().ascii_serialization())
    }

    pub(super) fn check(&self, key: &str, debug: bool) -> Result<()> {
        let is_open = |url: &&Url| !debug && url.scheme() != "https";
        let open: Vec<&str> = self.0.iter().filter(is_open).map(Url::as_str).collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(Error::config(
            key,
            format!("has {}, which others on the network can read and change", open.join(", ")),
            "Write it with https",
        ))
    }
}

/// Reads a list of texts. An invalid origin stops the launch.
impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let origins = Vec::<Origin>::deserialize(deserializer)?;
        Ok(Self(origins.into_iter().map(|Origin(url)| url).collect()))
    }
}

/// One entry of the list, so that an error names its index.
struct Origin(Url);

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Origins::parse(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "it is \"{text}\", which is not just a scheme, host and port, like \
                 \"https://app.example.org\""
            ))
        })
    }
}

/// Reads the URL of a page on another site. Returns `None` for a URL that breaks the syntax of the WHATWG URL
/// Standard (backslashes, tabs, a missing slash), or that contains a username or password.
pub fn read_url(text: &str) -> Option<Url> {
    let is_clean = std::cell::Cell::new(true);
    let note = |_| is_clean.set(false);
    let parsed = Url::options().syntax_violation_callback(Some(&note)).parse(text);
    let url = parsed.ok().filter(|_| is_clean.get())?;
    let names_nobody = url.username().is_empty() && url.password().is_none();
    (is_web(&url) && names_nobody).then_some(url)
}

/// Other schemes do not count: the origin of a `blob:` URL is that of another URL.
fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use crate::config::redirects::Origins;

    fn origins(texts: &[&str]) -> Result<Origins, String> {
        serde_json::from_value(json!(texts)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        for text in [
            "https://app.example.org",
            "https://app.example.org/",
            "https://app.example.org:8443",
            "http://localhost:5173",
            "http://[::1]:5173",
            "https://b\u{fc}cher.example",
        ] {
            assert!(origins(&[text]).is_ok(), "{text}");
        }
        for text in [
            "",
            "app.example.org",
            "//app.example.org",
            "/app",
            "https://",
            "https:app.example.org",
            "https:/app.example.org",
            "https:\\\\app.example.org",
            " https://app.example.org",
            "https://app.example.org/app",
            "https://app.example.org?",
            "https://app.example.org/#",
            "https://ann@app.example.org",
            "https://*.example.org",
            "https://app.example.org:99999",
            "ftp://app.example.org",
            "blob:https://app.example.org/x",
            "null",
            "*",
        ] {
            let fault = origins(&[text]).unwrap_err();
            assert!(fault.contains("like \"https://app.example.org\""), "{text}: {fault}");
        }
    }

    #[test]
    fn what_is_there_is_there_exactly() {
        let origins = origins(&["https://app.example.org", "https://b\u{fc}cher.example"]).unwrap();
        let have = |text: &str| origins.have(&Url::parse(text).unwrap());
        for text in [
            "https://app.example.org/",
            "https://APP.example.org:443/x?y",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(have(text), "{text}");
        }
        for text in [
            "http://app.example.org/",
            "https://app.example.org:8443/",
            "https://app.example.org./",
            "https://x.app.example.org/",
            "https://example.org/",
            "https://app.example.org.evil.example/",
            "https://app.example.org@evil.example/",
            "https://xn--bucher-kva.example/",
            "wss://app.example.org/",
            "blob:https://app.example.org/x",
        ] {
            assert!(!have(text), "{text}");
        }
        assert_eq!(
            origins.texts().collect::<Vec<_>>(),
            ["https://app.example.org", "https://xn--bcher-kva.example"]
        );
    }
}
