//! What a browser keeps to be remembered, and what comes after it.
//!
//! A keepsake is replaced whenever it is used. What replaces it, and the id of the session that it
//! opens, are derived from it by a key of the server's: whoever presents one and the same keepsake at
//! once, at whichever instance, gets one and the same successor, and the store needs to know digests
//! only. Without the key nobody can tell the next keepsake from this one.

use chrono::DateTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::secret::Secret;

/// What a browser keeps to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keepsake {
    /// The selector: which series it is. It stays.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub series: Token,
    /// The validator: which one of the series. It is replaced whenever it is used.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub validator: Token,
    /// When the series ends, in seconds since 1970.
    until: i64,
}

impl Keepsake {
    /// Makes the first one of a series.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when the operating system gives no randomness.
    pub fn new(expires_at: Timestamp) -> Result<Self> {
        let until = expires_at.timestamp();
        Ok(Self { series: Token::random()?, validator: Token::random()?, until })
    }

    /// Says when the series ends, to the second.
    pub fn expires_at(&self) -> Timestamp {
        DateTime::from_timestamp(self.until, 0).unwrap_or_default()
    }
}

/// What comes after a keepsake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heir {
    /// What the browser keeps from now on.
    pub keepsake: Keepsake,
    /// The id of the session that is begun.
    pub session: Token,
}

/// Derives what comes after a keepsake.
pub struct Lineage {
    keys: Vec<Secret<[u8; 32]>>,
}

impl Lineage {
    /// Derives its keys from the configured ones.
    ///
    /// # Errors
    ///
    /// Never in practice, as for [`Keyring::derive`].
    pub fn new(keyring: &Keyring) -> Result<Self> {
        Ok(Self { keys: keyring.derive(Purpose::Succession)? })
    }

    /// Returns what comes after a keepsake: by the active key first, then by the older ones, for an
    /// instance that has not got the new key yet may have replaced it.
    pub fn heirs<'a>(&'a self, keepsake: &'a Keepsake) -> impl Iterator<Item = Heir> + 'a {
        self.keys.iter().map(|key| Heir {
            keepsake: Keepsake {
                validator: keepsake.validator.derive(key, "validator"),
                ..keepsake.clone()
            },
            session: keepsake.validator.derive(key, "session"),
        })
    }
}

fn write<S: Serializer>(token: &Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&token.reveal())
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
    let text = String::deserialize(deserializer)?;
    Token::parse(&text).ok_or_else(|| D::Error::custom("no token"))
}

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::crypto::keys::{Keyring, generate_paserk};
    use crate::crypto::lineage::{Keepsake, Lineage};

    #[test]
    fn one_keepsake_has_one_heir_a_key_and_the_active_one_comes_first() {
        let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
        let before = Keyring::from_paserk(std::slice::from_ref(&old)).unwrap();
        let after = Keyring::from_paserk(&[new, old]).unwrap();
        let (before, after) = (Lineage::new(&before).unwrap(), Lineage::new(&after).unwrap());
        let keepsake = Keepsake::new(Clock::default().now()).unwrap();
        let heirs: Vec<_> = after.heirs(&keepsake).collect();
        assert_eq!(heirs.len(), 2);
        let (first, second) = (heirs.first().unwrap(), heirs.last().unwrap());
        assert_ne!(first, second);
        assert_eq!(before.heirs(&keepsake).collect::<Vec<_>>(), std::slice::from_ref(second));
        assert_eq!(first.keepsake.series, keepsake.series);
        assert_eq!(first.keepsake.expires_at(), keepsake.expires_at());
        assert_ne!(first.keepsake.validator, keepsake.validator);
        assert_ne!(first.keepsake.validator, first.session);
    }

    #[test]
    fn a_keepsake_survives_its_text_and_prints_nothing() {
        let keepsake = Keepsake::new(Clock::default().now()).unwrap();
        let text = serde_json::to_string(&keepsake).unwrap();
        assert_eq!(serde_json::from_str::<Keepsake>(&text).unwrap(), keepsake);
        assert!(!format!("{keepsake:?}").contains(&keepsake.series.reveal()));
        for text in ["{}", r#"{"series": "x", "validator": "y", "until": 1}"#, "[]"] {
            assert!(serde_json::from_str::<Keepsake>(text).is_err(), "{text}");
        }
    }
}
