//! Destinations in the configuration.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::read_url;
use crate::web::next::Next;

/// The value of a setting such as `post_login_view`: a path on this site, such as `"/welcome"`, or a page at
/// one of [`security.redirect_origins`](crate::Config::redirect_origins), such as
/// `"https://app.example.org/welcome"`.
///
/// It is not yet a [`Next`], because the list of origins is not known when a setting is parsed. The launch
/// checks it against that list and stops if the destination is not allowed. Redirects use the [`Next`] parsed
/// from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct View(String);

impl View {
    /// Parses a path, or the URL of a page. Returns `None` for anything else, and for a fragment, which a
    /// redirect would lose.
    pub fn parse(text: &str) -> Option<Self> {
        let has_fragment = text.contains('#');
        if let Some(path) = Next::parse(text).filter(|_| !has_fragment) {
            return Some(path.into());
        }
        let url = read_url(text).filter(|url| url.fragment().is_none())?;
        Some(Self(url.into()))
    }

    /// Returns the home page, `/`.
    pub fn home() -> Self {
        Next::home().into()
    }

    /// Returns the destination as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Next> for View {
    fn from(next: Next) -> Self {
        Self(next.as_str().to_owned())
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Deserializes a setting. An invalid value stops the launch.
impl<'de> Deserialize<'de> for View {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "it is neither a path on this site, like \"/welcome\", nor a page like \
                 \"https://app.example.org/welcome\", without a fragment",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::web::view::View;

    #[test]
    fn a_view_is_a_path_or_a_page() {
        for text in ["/", "/a?b=c", "https://app.example.org/a?b=c", "http://localhost:5173/"] {
            assert_eq!(View::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "a",
            "//app.example.org/",
            "/\\app.example.org",
            "/a#b",
            "https://app.example.org/#/reset",
            "https://ann@app.example.org/",
            "https:app.example.org",
            "javascript:alert(1)",
        ] {
            assert_eq!(View::parse(text), None, "{text:?}");
        }
    }
}
