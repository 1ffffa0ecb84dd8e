//! The keys that everything is derived from.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::Result;
use crate::secret::Secret;

/// `security.keys`: keys as PASERK texts, the active one first.
#[derive(Debug, Clone, Default)]
pub struct Keys(pub Vec<Secret<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(Secret<String>),
            Many(Vec<Secret<String>>),
        }
        match OneOrMany::deserialize(deserializer) {
            Ok(OneOrMany::One(key)) => Ok(Self(vec![key])),
            Ok(OneOrMany::Many(keys)) => Ok(Self(keys)),
            Err(_) => Err(D::Error::custom("it is neither a key as text nor a list of them")),
        }
    }
}
