//! Sealing small values into cookies, as PASETO `v4.local`.

use rusty_paseto::core::{
    ImplicitAssertion, Key, Local, Paseto, PasetoNonce, PasetoSymmetricKey, Payload, V4,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::Token;
use crate::crypto::random_bytes;
use crate::error::{Error, Result};

/// The longest token that is looked at, in bytes: a browser keeps no larger cookie (RFC 6265,
/// section 6.1).
const MAX_BYTES: usize = 4_096;

const HEADER: &str = "v4.local.";

/// Encrypts and authenticates values for one purpose.
///
/// The purpose is bound twice: by a key of its own, and by the implicit assertion.
pub struct Sealer {
    active: PasetoSymmetricKey<V4, Local>,
    older: Vec<PasetoSymmetricKey<V4, Local>>,
    purpose: Purpose,
}

impl Sealer {
    /// Makes the sealer for `purpose`.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when keys cannot be derived.
    pub fn new(keyring: &Keyring, purpose: Purpose) -> Result<Self> {
        let mut keys = keyring
            .derive(purpose)?
            .into_iter()
            .map(|key| PasetoSymmetricKey::from(Key::from(key.expose())));
        let active = keys.next().ok_or_else(|| Error::Crypto("there is no key".to_owned()))?;
        Ok(Self { active, older: keys.collect(), purpose })
    }

    /// Seals `value` with the active key.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when there is no randomness for the nonce.
    pub fn seal(&self, value: &impl Serialize) -> Result<String> {
        self.seal_with(value, self.purpose.as_str())
    }

    /// Seals `value` for whoever has the id `owner` alone: it opens with that and no other.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when there is no randomness for the nonce.
    pub fn seal_to(&self, value: &impl Serialize, owner: &Token) -> Result<String> {
        self.seal_with(value, &self.assertion_of(owner))
    }

    /// Opens what any of the keys sealed for this purpose; none for anything else.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        self.open_with(token, self.purpose.as_str())
    }

    /// Opens what any of the keys sealed for this purpose and for `owner`; none for anything else.
    pub fn open_of<T: DeserializeOwned>(&self, token: &str, owner: &Token) -> Option<T> {
        self.open_with(token, &self.assertion_of(owner))
    }

    /// Says how long the token is that seals a value of so many bytes of JSON: the header, and as
    /// unpadded base64url a nonce of 32 bytes, the value, and a tag of 32 bytes (PASETO, version 4).
    pub fn sealed_length(payload: usize) -> usize {
        HEADER.len() + ((32 + payload + 32) * 4).div_ceil(3)
    }

    /// The owner goes into the implicit assertion, which is authenticated and not sent.
    fn assertion_of(&self, owner: &Token) -> String {
        format!("{}:{}", self.purpose.as_str(), owner.reveal())
    }

    fn seal_with(&self, value: &impl Serialize, assertion: &str) -> Result<String> {
        let failed = |fault: &dyn std::fmt::Display| Error::Crypto(fault.to_string());
        let payload = serde_json::to_string(value).map_err(|fault| failed(&fault))?;
        let nonce = Key::<32>::from(random_bytes::<32>()?);
        Paseto::<V4, Local>::builder()
            .set_payload(Payload::from(payload.as_str()))
            .set_implicit_assertion(ImplicitAssertion::from(assertion))
            .try_encrypt(&self.active, &PasetoNonce::from(&nonce))
            .map_err(|fault| failed(&fault))
    }

    fn open_with<T: DeserializeOwned>(&self, token: &str, assertion: &str) -> Option<T> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let assertion = ImplicitAssertion::from(assertion);
        let payload = std::iter::once(&self.active)
            .chain(&self.older)
            .find_map(|key| Paseto::<V4, Local>::try_decrypt(token, key, None, assertion).ok())?;
        serde_json::from_str(&payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::crypto::keys::{Keyring, Purpose, generate_paserk};
    use crate::crypto::one_time::Token;
    use crate::crypto::paseto::Sealer;

    #[test]
    fn what_was_sealed_for_one_purpose_opens_for_no_other() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let session = Sealer::new(&ring, Purpose::Session).unwrap();
        let link = Sealer::new(&ring, Purpose::Link).unwrap();
        let token = session.seal(&"value").unwrap();
        assert!(token.starts_with("v4.local."));
        assert_eq!(session.open::<String>(&token), Some("value".to_owned()));
        assert_eq!(link.open::<String>(&token), None);
    }

    #[test]
    fn an_older_key_still_opens_and_no_longer_seals() {
        let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
        let before = Sealer::new(
            &Keyring::from_paserk(std::slice::from_ref(&old)).unwrap(),
            Purpose::Session,
        );
        let after = Sealer::new(&Keyring::from_paserk(&[new, old]).unwrap(), Purpose::Session);
        let (before, after) = (before.unwrap(), after.unwrap());
        assert_eq!(after.open::<u8>(&before.seal(&7).unwrap()), Some(7));
        assert_eq!(before.open::<u8>(&after.seal(&7).unwrap()), None);
    }

    #[test]
    fn what_is_sealed_to_one_owner_opens_for_no_other() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let sealer = Sealer::new(&ring, Purpose::Data).unwrap();
        let (mine, other) = (Token::random().unwrap(), Token::random().unwrap());
        let token = sealer.seal_to(&7, &mine).unwrap();
        assert_eq!(sealer.open_of::<u8>(&token, &mine), Some(7));
        assert_eq!(sealer.open_of::<u8>(&token, &other), None);
        assert_eq!(sealer.open::<u8>(&token), None);
        assert_eq!(sealer.open_of::<u8>(&sealer.seal(&7).unwrap(), &mine), None);
    }

    #[test]
    fn the_length_of_a_token_is_known_before_it_is_made() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let sealer = Sealer::new(&ring, Purpose::Data).unwrap();
        for length in 0..9 {
            let value = "x".repeat(length);
            let payload = serde_json::to_string(&value).unwrap();
            let token = sealer.seal(&value).unwrap();
            assert_eq!(Sealer::sealed_length(payload.len()), token.len());
        }
    }

    #[test]
    fn noise_opens_to_nothing() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let sealer = Sealer::new(&ring, Purpose::Session).unwrap();
        let token = sealer.seal(&1).unwrap();
        let longer = format!("{token}A");
        for text in ["", "v4.local.", "v4.local.AAAA", "v4.public.AAAA", &token[..40], &longer] {
            assert_eq!(sealer.open::<u8>(text), None, "{text}");
        }
        assert_eq!(sealer.open::<u8>(&"v4.local.".repeat(1_000)), None);
    }
}
