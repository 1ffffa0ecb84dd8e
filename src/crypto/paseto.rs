//! Seals values for one purpose as PASETO `v4.local`: small values in cookies, and secrets in the store.

use rusty_paseto::core::{
    ImplicitAssertion, Key, Local, Paseto, PasetoNonce, PasetoSymmetricKey, Payload, V4,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::Token;
use crate::crypto::random::random_bytes;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The longest token that is read, in bytes. Browsers need not keep a larger cookie (RFC 6265, section 6.1).
const MAX_BYTES: usize = 4_096;

const HEADER: &str = "v4.local.";

/// Which key sealed a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// The key that seals now.
    Active,
    /// A key that only opens.
    Older,
}

/// Encrypts and authenticates values for one purpose.
///
/// The purpose is bound twice: by a separate key, and by the implicit assertion.
pub struct Sealer {
    active: PasetoSymmetricKey<V4, Local>,
    older: Vec<PasetoSymmetricKey<V4, Local>>,
    purpose: Purpose,
}

impl Sealer {
    /// Creates the sealer for `purpose`.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the keys cannot be derived.
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
    /// [`Error::Crypto`] if the value cannot be serialized, or there is no randomness for the nonce.
    pub fn seal(&self, value: &impl Serialize) -> Result<String> {
        self.seal_with(value, self.purpose.as_str())
    }

    /// Seals `value` for the id `owner`. It opens only with the same id.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the value cannot be serialized, or there is no randomness for the nonce.
    pub fn seal_to(&self, value: &impl Serialize, owner: &Token) -> Result<String> {
        self.seal_with(value, &self.assertion_of(owner))
    }

    /// Opens a value that one of the keys sealed for this purpose. Returns `None` for anything else.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        self.open_with(token, self.purpose.as_str())
    }

    /// Opens a value that one of the keys sealed for this purpose and for `owner`. Returns `None` for
    /// anything else.
    pub fn open_of<T: DeserializeOwned>(&self, token: &str, owner: &Token) -> Option<T> {
        self.open_with(token, &self.assertion_of(owner))
    }

    /// Returns the length of the token that seals a value of `payload` bytes of JSON: the header, then, as
    /// unpadded base64url, a nonce of 32 bytes, the value, and a tag of 32 bytes (PASETO, version 4).
    pub fn sealed_length(payload: usize) -> usize {
        HEADER.len() + ((32 + payload + 32) * 4).div_ceil(3)
    }

    /// The owner is part of the implicit assertion, which is authenticated but not sent.
    fn assertion_of(&self, owner: &Token) -> String {
        format!("{}:{}", self.purpose.as_str(), owner.reveal())
    }

    fn seal_with(&self, value: &impl Serialize, assertion: &str) -> Result<String> {
        let payload =
            serde_json::to_string(value).map_err(|fault| Error::Crypto(fault.to_string()))?;
        self.seal_text(&payload, assertion)
    }

    fn open_with<T: DeserializeOwned>(&self, token: &str, assertion: &str) -> Option<T> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (payload, _) = self.open_text(token, assertion)?;
        serde_json::from_str(payload.expose()).ok()
    }

    /// Seals a text without serializing it. It opens only with the same assertion.
    pub(super) fn seal_text(&self, text: &str, assertion: &str) -> Result<String> {
        let nonce = Key::<32>::from(random_bytes::<32>()?);
        Paseto::<V4, Local>::builder()
            .set_payload(Payload::from(text))
            .set_implicit_assertion(ImplicitAssertion::from(assertion))
            .try_encrypt(&self.active, &PasetoNonce::from(&nonce))
            .map_err(|fault| Error::Crypto(fault.to_string()))
    }

    /// Opens a text that one of the keys sealed with the same assertion, and returns which key.
    pub(super) fn open_text(&self, token: &str, assertion: &str) -> Option<(Secret<String>, Age)> {
        // An empty footer is not authenticated: with another dot it would be the same token.
        if token.ends_with('.') {
            return None;
        }
        let assertion = ImplicitAssertion::from(assertion);
        let open = |key| Paseto::<V4, Local>::try_decrypt(token, key, None, assertion).ok();
        let active = open(&self.active).map(|text| (text, Age::Active));
        let (text, age) =
            active.or_else(|| self.older.iter().find_map(open).map(|text| (text, Age::Older)))?;
        Some((Secret::new(text), age))
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
        let (longer, dotted) = (format!("{token}A"), format!("{token}."));
        let short = &token[..40];
        for text in ["", "v4.local.", "v4.local.AAAA", "v4.public.AAAA", short, &longer, &dotted] {
            assert_eq!(sealer.open::<u8>(text), None, "{text}");
        }
        assert_eq!(sealer.open::<u8>(&"v4.local.".repeat(1_000)), None);
    }
}
