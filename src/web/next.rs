//! Where to redirect to: a path on this site, or a page at an origin allowed by the configuration.

use std::fmt;

use rocket::http::Status;
use rocket::response::Responder;
use rocket::{Request, Response, response};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::config::{Origins, read_url};

/// A safe destination of a redirect: a path on this site with an optional query, or a URL at one of
/// [`security.redirect_origins`](crate::Config::redirect_origins).
///
/// Use it for every destination that comes from a request. It is a responder that answers with 303 See Other:
///
/// ```
/// use rocket::get;
/// use rocket_security::web::next::Next;
///
/// #[get("/continue?<next>")]
/// fn go_on(next: Option<&str>) -> Next {
///     next.and_then(Next::parse).unwrap_or_else(Next::home)
/// }
///
/// assert!(Next::parse("/drafts?page=2").is_some());
/// assert!(Next::parse("https://evil.example/").is_none());
/// ```
///
/// The text is parsed with the algorithm of browsers (the WHATWG URL Standard) and written again from the
/// result, so browsers follow exactly what was checked. [`parse`](Next::parse) accepts only paths: no other
/// host, no scheme, no backslash, no `//`. Only [`parse_within`](Next::parse_within)
/// accepts a URL, and only at one of the given origins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Next(String);

/// The maximum length in bytes, which servers and proxies commonly accept in a request line.
const MAX_BYTES: usize = 2_048;

impl Next {
    /// Parses a path. Returns `None` for anything that could lead to another site.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || !text.starts_with('/') {
            return None;
        }
        let site = Url::parse("http://site.invalid/").ok()?;
        let url = site.join(text).ok()?;
        let path = url.path();
        if url.origin() != site.origin() || path.contains("//") {
            return None;
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self(format!("{path}{query}")))
    }

    /// Parses a path, or a URL at one of `origins`. Returns `None` for anything that could lead elsewhere.
    /// Removes a fragment.
    ///
    /// In a handler, [`Site::next`](crate::web::Site::next) calls it with the configured origins.
    pub fn parse_within(text: &str, origins: &Origins) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse_elsewhere(text, origins))
    }

    fn parse_elsewhere(text: &str, origins: &Origins) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut url = read_url(text).filter(|url| origins.have(url))?;
        url.set_fragment(None);
        Some(Self(url.into()))
    }

    /// Returns the home page, `/`.
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// Returns the path, or the URL, as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns this page with `next` in its query, for a page that redirects there later.
    pub fn with_next(&self, next: &Next) -> Self {
        self.with(&[("next", next.as_str())])
    }

    /// Returns this page with additional pairs in its query.
    pub(crate) fn with(&self, content: &[(&str, &str)]) -> Self {
        let first = if self.0.contains('?') { '&' } else { '?' };
        Self(format!("{}{first}{}", self.0, pairs(content)))
    }

    /// Returns this page with pairs in its fragment. Only scripts on that page can read them: browsers do not
    /// send a fragment to a server or in `Referer`.
    pub(crate) fn with_fragment(&self, content: &[(&str, &str)]) -> Self {
        Self(format!("{}#{}", self.0, pairs(content)))
    }
}

fn pairs(content: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(content).finish()
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Deserializes a path in the configuration. An invalid value stops the launch.
impl<'de> Deserialize<'de> for Next {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("it is not a path on this site, like \"/welcome\"")
        })
    }
}

/// Answers with 303 See Other (RFC 9110, section 15.4.4).
impl<'r> Responder<'r, 'static> for Next {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(Response::build().status(Status::SeeOther).raw_header("Location", self.0).finalize())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::Origins;
    use crate::web::next::Next;

    fn within(text: &str) -> Option<Next> {
        let origins =
            ["https://app.example.org", "https://b\u{fc}cher.example", "http://localhost:5173"];
        let origins: Origins = serde_json::from_value(json!(origins)).unwrap();
        Next::parse_within(text, &origins)
    }

    #[test]
    fn paths_on_this_site_are_kept() {
        for text in ["/", "/profile", "/profile?tab=1&x=%2F", "/a%20b/c", "/search?q=http://x.y"] {
            assert_eq!(Next::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Next::parse("/a/../b").unwrap().as_str(), "/b");
        assert_eq!(Next::parse("/a#fragment").unwrap().as_str(), "/a");
    }

    #[test]
    fn whatever_a_browser_could_take_elsewhere_is_refused() {
        for text in [
            "",
            "profile",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%09//evil.example",
            "/..//evil.example",
            "/a//b",
            " //evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\\/evil.example",
        ] {
            assert_eq!(Next::parse(text), None, "{text:?}");
        }
        assert_eq!(Next::parse(&format!("/{}", "a".repeat(3_000))), None);
    }

    #[test]
    fn without_a_list_no_url_is_one() {
        let nothing = Origins::default();
        for text in ["https://app.example.org/", "http://site.invalid/"] {
            assert_eq!(Next::parse(text), None, "{text}");
            assert_eq!(Next::parse_within(text, &nothing), None, "{text}");
        }
        assert_eq!(Next::parse_within("/a?b", &nothing), Next::parse("/a?b"));
    }

    #[test]
    fn a_url_at_an_allowed_origin_is_kept_as_it_was_parsed() {
        for (text, kept) in [
            ("https://app.example.org", "https://app.example.org/"),
            ("https://app.example.org/a?b=c&d", "https://app.example.org/a?b=c&d"),
            ("https://APP.example.org:443/", "https://app.example.org/"),
            ("HTTPS://app.example.org/a/../b", "https://app.example.org/b"),
            ("https://app.example.org/a#b", "https://app.example.org/a"),
            ("https://app.example.org//evil.example", "https://app.example.org//evil.example"),
            ("https://app.example.org/@evil.example", "https://app.example.org/@evil.example"),
            ("http://localhost:5173/x", "http://localhost:5173/x"),
            ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(within(text).unwrap().as_str(), kept, "{text}");
        }
    }

    #[test]
    fn whatever_is_at_no_allowed_origin_is_refused() {
        for text in [
            "http://app.example.org/",
            "https://example.org/",
            "https://x.app.example.org/",
            "https://app.example.org./",
            "https://app.example.org:8443/",
            "https://app.example.org.evil.example/",
            "https://evil.example/https://app.example.org/",
            "https://evil.example/?app.example.org",
            "https://evil.example#@app.example.org/",
            "https://app.example.org@evil.example/",
            "https://app.example.org:443@evil.example/",
            "https://ann@app.example.org/",
            "https://:pass@app.example.org/",
            "https://app.example.org\\@evil.example/",
            "https://evil.example\\@app.example.org/",
            "https:\\\\app.example.org/",
            "https:app.example.org",
            "https:/app.example.org",
            "https:///app.example.org",
            "https:evil.example",
            "//app.example.org/",
            "\\\\app.example.org/",
            " https://app.example.org/",
            "https://app.example.org/\t",
            "ht\ntps://app.example.org/",
            "https://app\t.example.org/",
            "https://app.example.org\u{3002}evil.example/",
            "https://app.ex\u{e4}mple.org/",
            "https://xn--bucher-kva.example/",
            "http://localhost:5174/",
            "http://127.0.0.1:5173/",
            "blob:https://app.example.org/x",
            "wss://app.example.org/",
            "javascript://app.example.org/%0aalert(1)",
            "data:text/html,x",
            "app.example.org",
        ] {
            assert_eq!(within(text), None, "{text:?}");
        }
        let long = format!("https://app.example.org/{}", "a".repeat(3_000));
        assert_eq!(within(&long), None);
    }

    #[test]
    fn what_is_followed_elsewhere_can_stand_in_a_header_and_leads_there_when_it_is_read_again() {
        let text = "https://app.example.org/caf\u{e9}/\u{202e}?q=\u{20ac}&\u{1f600}";
        let next = within(text).unwrap();
        assert!(next.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{next}");
        assert_eq!(within(next.as_str()), Some(next));
    }

    #[test]
    fn what_is_added_to_a_page_is_escaped() {
        let page = within("https://app.example.org/reset?lang=de").unwrap();
        let with = page.with_fragment(&[("token", "a&b=c#d"), ("error", "e f")]);
        let expected = "https://app.example.org/reset?lang=de#token=a%26b%3Dc%23d&error=e+f";
        assert_eq!(with.as_str(), expected);
        let back = page.with_next(&Next::parse("/a?b").unwrap());
        assert_eq!(back.as_str(), "https://app.example.org/reset?lang=de&next=%2Fa%3Fb");
    }

    #[test]
    fn what_is_written_can_stand_in_a_header() {
        let next = Next::parse("/caf\u{e9}?q=\u{20ac}\r\nSet-Cookie: a=b").unwrap();
        assert!(next.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{next}");
    }

    #[test]
    fn the_way_back_is_escaped() {
        let next = Next::parse("/a?b=c&d=e").unwrap();
        let login = Next::parse("/login").unwrap().with_next(&next);
        assert_eq!(login.as_str(), "/login?next=%2Fa%3Fb%3Dc%26d%3De");
    }
}
