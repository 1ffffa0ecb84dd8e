//! Whether each request checks that its token was not revoked.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest time that the result of a check is cached: a revoked token may be accepted for as long.
const MAX_CACHED: Duration = Duration::from_secs(600);

/// A value of `tokens.check`: whether a request checks in the store that its token was not revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenCheck {
    /// Checks with every request: a revocation takes effect with the next one.
    #[default]
    Always,
    /// Checks unless the last check is no older than this: a revocation takes effect within this time.
    Cached(Duration),
    /// Never checks: a token is accepted until it expires.
    Never,
}

impl<'de> Deserialize<'de> for TokenCheck {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fault = || D::Error::custom("it is neither \"always\", \"never\" nor \"cached(30s)\"");
        match text.as_str() {
            "always" => return Ok(Self::Always),
            "never" => return Ok(Self::Never),
            _ => {}
        }
        let length = text.strip_prefix("cached(").and_then(|rest| rest.strip_suffix(')'));
        let length = length.and_then(|length| humantime::parse_duration(length).ok());
        let length = length.ok_or_else(fault)?;
        if length < Duration::from_secs(1) || length > MAX_CACHED {
            return Err(D::Error::custom("it is not cached for 1 second to 10 minutes"));
        }
        Ok(Self::Cached(length))
    }
}

/// Reads `tokens.check`.
pub(super) fn by_kind<'de, D>(deserializer: D) -> Result<BTreeMap<String, TokenCheck>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(ByKind)
}

struct ByKind;

impl<'de> Visitor<'de> for ByKind {
    type Value = BTreeMap<String, TokenCheck>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table by kinds of tokens")
    }

    /// A single value for all kinds is refused: most likely it is meant for access tokens.
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Err(E::custom(format!("it names no kind of token. Write {{ access = \"{text}\" }}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map))
    }
}
