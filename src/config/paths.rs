//! Paths of the application, as the configuration lists them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Faults, Result};

/// A list of paths, each of which includes everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Paths(Vec<String>);

/// `security.require_guard`: where every route needs a guard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequireGuard {
    /// In no part of the application.
    #[default]
    Nowhere,
    /// In the whole application.
    Everywhere,
    /// Below these paths.
    Below(Paths),
}

impl Paths {
    /// Returns `true` if the path of a route is in the list or below a path in it. Paths are compared segment
    /// by segment and byte by byte: `<id>` matches only `<id>`.
    pub fn cover(&self, path: &str) -> bool {
        self.0.iter().any(|above| is_at_or_below(above, path))
    }

    /// Returns the paths.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Checks that each entry is a path.
    pub(super) fn check(&self, key: &str) -> Result<()> {
        let mut faults = Faults::default();
        for (index, path) in self.iter().enumerate() {
            if !path.starts_with('/') || path.contains(['?', '#']) {
                faults.push(Error::config(
                    format!("{key}[{index}]"),
                    format!("is \"{path}\", which is not a path"),
                    "Write it like \"/admin\", as it stands in the routes",
                ));
            }
        }
        faults.finish()
    }

    /// Returns `true` if the list contains the root, and so covers everything.
    pub(super) fn are_everything(&self) -> bool {
        self.iter().any(|path| segments(path).next().is_none())
    }
}

impl RequireGuard {
    /// Returns `true` if a route with this path needs a guard.
    pub fn covers(&self, path: &str) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::Below(paths) => paths.cover(path),
        }
    }

    pub(super) fn check(&self, key: &str) -> Result<()> {
        match self {
            Self::Nowhere | Self::Everywhere => Ok(()),
            Self::Below(paths) => paths.check(key),
        }
    }
}

impl<'de> Deserialize<'de> for RequireGuard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Everywhere(bool),
            Below(Paths),
        }
        match Given::deserialize(deserializer) {
            Ok(Given::Everywhere(true)) => Ok(Self::Everywhere),
            Ok(Given::Everywhere(false)) => Ok(Self::Nowhere),
            Ok(Given::Below(paths)) => Ok(Self::Below(paths)),
            Err(_) => Err(D::Error::custom("it is neither true, false nor a list of paths")),
        }
    }
}

/// Returns `true` if `path` equals `above` or lies below it.
pub(crate) fn is_at_or_below(above: &str, path: &str) -> bool {
    let mut path = segments(path);
    segments(above).all(|segment| path.next() == Some(segment))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::config::paths::is_at_or_below;

    #[test]
    fn a_path_covers_itself_and_what_is_below_it_and_nothing_that_merely_begins_alike() {
        for below in ["/admin", "/admin/", "/admin/users/<id>", "//admin/x"] {
            assert!(is_at_or_below("/admin", below), "{below}");
            assert!(is_at_or_below("/admin/", below), "{below}");
            assert!(is_at_or_below("/", below), "{below}");
        }
        for other in ["/", "/administration", "/Admin", "/api/admin", "/<path..>", "/%61dmin"] {
            assert!(!is_at_or_below("/admin", other), "{other}");
        }
        assert!(is_at_or_below("/<tenant>/admin", "/<tenant>/admin/users"));
        assert!(!is_at_or_below("/<tenant>/admin", "/<id>/admin/users"));
    }
}
