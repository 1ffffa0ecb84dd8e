//! Where to go next: a path on this site, and nothing else.

use std::fmt;

use rocket::Request;
use rocket::Response;
use rocket::http::Status;
use rocket::response;
use rocket::response::Responder;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use url::Url;

/// A path with an optional query, on this site.
///
/// It is parsed by the algorithm that browsers use (the WHATWG URL Standard) and written anew from
/// the result, so that what was checked is what is followed: no other host, no scheme, no
/// backslash, no `//`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Next(String);

/// The longest one, in bytes: what servers and proxies commonly take as a request line.
const MAX_BYTES: usize = 2_048;

impl Next {
    /// Reads a path; none for anything that could lead elsewhere.
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

    /// The front page.
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// Gives the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives this path with `next` as its query, for a page that leads back there.
    pub fn with_next(&self, next: &Next) -> Self {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next.as_str())
            .finish();
        Self(format!("{}?{query}", self.0))
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path in the configuration; a text that is none stops the launch.
impl<'de> Deserialize<'de> for Next {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a path on this site, like \"/welcome\""))
    }
}

/// Answers 303 See Other (RFC 9110, section 15.4.4).
impl<'r> Responder<'r, 'static> for Next {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(Response::build().status(Status::SeeOther).raw_header("Location", self.0).finalize())
    }
}

#[cfg(test)]
mod tests {
    use crate::web::next::Next;

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
