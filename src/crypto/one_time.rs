//! Random tokens that are shown once, and the digests that the store keeps of them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::crypto::random::random_bytes;
use crate::error::Result;
use crate::secret::Secret;

/// A random 256-bit token: the id of a session, or the token of a mailed link.
///
/// As text it is 43 characters of unpadded base64url (RFC 4648, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Secret<[u8; 32]>);

impl Token {
    /// Generates a token.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the operating system returns no randomness.
    pub fn random() -> Result<Self> {
        Ok(Self(Secret::new(random_bytes()?)))
    }

    /// Reads a token from its text. Returns `None` if the text is not a token.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == 32).then(|| Self(Secret::new(bytes)))
    }

    /// Returns the text that the client keeps.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose())
    }

    /// Returns the digest that the store keeps.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.expose()).into())
    }

    /// Creates a token from bytes that were read from another encoding.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Returns the bytes, for another encoding.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Derives another token from this one with a key, for one use (HMAC-SHA-256). The derived token cannot
    /// be computed from this one without the key.
    pub(super) fn derive(&self, key: &Secret<[u8; 32]>, to: &str) -> Self {
        let digest = keyed_digest(key.expose(), &[to.as_bytes(), self.0.expose()]);
        Self(Secret::new(digest.0))
    }

    /// Derives the CSRF token of the session with this id.
    ///
    /// It is HMAC-SHA-256 keyed with the id. The id yields the token, but the token does not reveal the id,
    /// and it changes whenever the id does. It does not depend on the configured keys, so it outlives their
    /// rotation.
    pub fn csrf_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(keyed_digest(self.0.expose(), &[b"rocket_security csrf"]).0)
    }

    /// Checks in constant time whether `text` is the CSRF token of this session.
    pub fn verify_csrf_token(&self, text: &str) -> bool {
        self.csrf_token().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// The SHA-256 digest of a [`Token`], or the keyed digest of something that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Reads a digest from the bytes of a row.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes for a row.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[digest]")
    }
}

/// Computes the digest of `parts` under `key` (HMAC-SHA-256). The result can be looked up, but not guessed
/// from a stolen table. Each part is preceded by its length, so that no two lists collide.
pub fn keyed_digest(key: &[u8; 32], parts: &[&[u8]]) -> Digest {
    // A key of 32 bytes is never refused: HMAC takes any length (RFC 2104).
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => return Digest([0; 32]),
    };
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        mac.update(&length.to_be_bytes());
        mac.update(part);
    }
    Digest(mac.finalize().into_bytes().into())
}

/// Returns a short mark that identifies a text without revealing it: 96 bits of SHA-256.
pub fn mark(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (mark, _) = digest.split_at(12);
    URL_SAFE_NO_PAD.encode(mark)
}

#[cfg(test)]
mod tests {
    use crate::crypto::one_time::{Token, keyed_digest};

    #[test]
    fn a_token_survives_its_text() {
        let token = Token::random().unwrap();
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(Token::parse(&token.reveal()), Some(token));
    }

    #[test]
    fn texts_that_are_no_tokens_are_refused() {
        for text in ["", "abc", &"A".repeat(42), &"A".repeat(44), &"*".repeat(43)] {
            assert_eq!(Token::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_anti_forgery_token_belongs_to_one_session() {
        let (mine, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert!(mine.verify_csrf_token(&mine.csrf_token()));
        assert!(!mine.verify_csrf_token(&other.csrf_token()));
        assert!(!mine.verify_csrf_token(""));
        assert_ne!(mine.csrf_token(), mine.reveal());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(keyed_digest(&[1; 32], &[b"ab", b"c"]), keyed_digest(&[1; 32], &[b"a", b"bc"]));
    }
}
