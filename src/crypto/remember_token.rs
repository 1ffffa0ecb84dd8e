//! The token of a remembered browser, and its successor.
//!
//! A remember token is replaced whenever it is used. Its successor, and the id of the session that it opens,
//! are derived from it with a key of the server. Requests that present the same token at the same time get
//! the same successor, on every instance, and the store keeps only digests. Without the key, the successor
//! cannot be derived.

use chrono::DateTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::secret::Secret;

/// The token that a browser keeps to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberToken {
    /// The selector: the series that the token belongs to. It never changes.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub series: Token,
    /// The validator: the place in the series. It is replaced whenever the token is used.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub validator: Token,
    /// The end of the series, in seconds since 1970.
    until: i64,
}

impl RememberToken {
    /// Creates the first token of a series.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the operating system returns no randomness.
    pub fn new(expires_at: Timestamp) -> Result<Self> {
        let until = expires_at.timestamp();
        Ok(Self { series: Token::random()?, validator: Token::random()?, until })
    }

    /// Returns when the series ends, to the second.
    pub fn expires_at(&self) -> Timestamp {
        DateTime::from_timestamp(self.until, 0).unwrap_or_default()
    }
}

/// What follows a remember token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Successor {
    /// The token that the browser keeps from now on.
    pub remember_token: RememberToken,
    /// The id of the session that begins.
    pub session: Token,
}

/// Derives the successors of remember tokens.
pub struct Succession {
    keys: Vec<Secret<[u8; 32]>>,
}

impl Succession {
    /// Derives its keys from the configured ones.
    ///
    /// # Errors
    ///
    /// Never in practice, as for [`Keyring::derive`].
    pub fn new(keyring: &Keyring) -> Result<Self> {
        Ok(Self { keys: keyring.derive(Purpose::Succession)? })
    }

    /// Returns the successors of a remember token: by the active key first, then by the older ones, because
    /// an instance that does not have the new key yet may have replaced it.
    pub fn successors<'a>(
        &'a self,
        remember_token: &'a RememberToken,
    ) -> impl Iterator<Item = Successor> + 'a {
        self.keys.iter().map(|key| Successor {
            remember_token: RememberToken {
                validator: remember_token.validator.derive(key, "validator"),
                ..remember_token.clone()
            },
            session: remember_token.validator.derive(key, "session"),
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
    use crate::crypto::remember_token::{RememberToken, Succession};

    #[test]
    fn one_remember_token_has_one_successor_a_key_and_the_active_one_comes_first() {
        let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
        let before = Keyring::from_paserk(std::slice::from_ref(&old)).unwrap();
        let after = Keyring::from_paserk(&[new, old]).unwrap();
        let (before, after) = (Succession::new(&before).unwrap(), Succession::new(&after).unwrap());
        let remember_token = RememberToken::new(Clock::default().now()).unwrap();
        let successors: Vec<_> = after.successors(&remember_token).collect();
        assert_eq!(successors.len(), 2);
        let (first, second) = (successors.first().unwrap(), successors.last().unwrap());
        assert_ne!(first, second);
        assert_eq!(
            before.successors(&remember_token).collect::<Vec<_>>(),
            std::slice::from_ref(second)
        );
        assert_eq!(first.remember_token.series, remember_token.series);
        assert_eq!(first.remember_token.expires_at(), remember_token.expires_at());
        assert_ne!(first.remember_token.validator, remember_token.validator);
        assert_ne!(first.remember_token.validator, first.session);
    }

    #[test]
    fn a_remember_token_survives_its_text_and_prints_nothing() {
        let remember_token = RememberToken::new(Clock::default().now()).unwrap();
        let text = serde_json::to_string(&remember_token).unwrap();
        assert_eq!(serde_json::from_str::<RememberToken>(&text).unwrap(), remember_token);
        assert!(!format!("{remember_token:?}").contains(&remember_token.series.reveal()));
        for text in ["{}", r#"{"series": "x", "validator": "y", "until": 1}"#, "[]"] {
            assert!(serde_json::from_str::<RememberToken>(text).is_err(), "{text}");
        }
    }
}
