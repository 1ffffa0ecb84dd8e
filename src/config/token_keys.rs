//! The keys of tokens in the configuration.

use std::fmt;

use rocket::figment::value::magic::RelativePathBuf;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::secret::{Secret, refuse_scalars};

/// A key in the configuration: either a text, or a table with `key` or `file`, and `version`.
///
/// Each entry of `tokens.keys` is one.
///
/// The text is PASERK (`k4.local`, `k4.secret`, `k4.public`, and wrapped with a password `k4.local-pw`,
/// `k4.secret-pw`), PEM (PKCS#8 or SPKI), or 32 bytes for `v4.local` as hexadecimal or base64url. An invalid
/// key stops the launch; the message never quotes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenKeyConfig {
    /// Where the text is: in the configuration (`key`) or in a file (`file`).
    pub source: KeySource,
    /// The version of PASETO, if it is set.
    pub version: Option<u8>,
}

/// Where the text of a key is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum KeySource {
    /// `key`: in the configuration or the environment.
    Text(Secret<String>),
    /// `file`: in a file, relative to the configuration file. The file may contain several PASERK keys, one a
    /// line, or the 32 raw bytes of one key.
    File(RelativePathBuf),
}

/// [`TokenKeyConfig`] as a table: an entry of `[[default.security.tokens.keys]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    /// Sets the key as text. _Default:_ none; `key` or `file` is required.
    key: Option<Secret<String>>,
    /// Sets the file that contains the key, relative to the configuration file. _Default:_ none; `key` or
    /// `file` is required.
    file: Option<RelativePathBuf>,
    /// Sets the version of PASETO, for texts that do not contain it: PEM and plain bytes. _Default:_ 4; 3 for
    /// a PEM of the curve P-384.
    version: Option<u8>,
}

impl<'de> Deserialize<'de> for TokenKeyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

/// The error for a key that is a number or a boolean.
const NO_KEY: &str = "it is neither a key as text nor a table. Write the text in quotes";

/// Reads a key without quoting it: serde's own errors would.
struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = TokenKeyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key as text, or a table with `key` or `file`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TokenKeyConfig, E> {
        let source = KeySource::Text(Secret::new(text.to_owned()));
        Ok(TokenKeyConfig { source, version: None })
    }

    refuse_scalars!(NO_KEY);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TokenKeyConfig, A::Error> {
        let table = KeyTable::deserialize(MapAccessDeserializer::new(map))?;
        let source = match (table.key, table.file) {
            (Some(key), None) => KeySource::Text(key),
            (None, Some(file)) => KeySource::File(file),
            (Some(_), Some(_)) => {
                return Err(A::Error::custom("it has both `key` and `file`. Remove one of them"));
            }
            (None, None) => {
                return Err(A::Error::custom("it has neither `key` nor `file`. Set one of them"));
            }
        };
        Ok(TokenKeyConfig { source, version: table.version })
    }
}

/// One key or a list. The first key of each purpose is the active one.
#[derive(Debug, Clone, Default)]
pub struct TokenKeysConfig(pub Vec<TokenKeyConfig>);

impl<'de> Deserialize<'de> for TokenKeysConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = TokenKeysConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TokenKeysConfig, E> {
        Ok(TokenKeysConfig(vec![KeyVisitor.visit_str(text)?]))
    }

    refuse_scalars!(NO_KEY);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TokenKeysConfig, A::Error> {
        Ok(TokenKeysConfig(vec![KeyVisitor.visit_map(map)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<TokenKeysConfig, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = list.next_element()? {
            keys.push(key);
        }
        Ok(TokenKeysConfig(keys))
    }
}
