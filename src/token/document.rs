//! The public keys, for other services that verify our tokens.

use serde::{Deserialize, Serialize};

/// The document that tells others how to verify our signed tokens: as JSON,
/// `{"issuer":"https://example.org","keys":[{"kid":"k4.pid.…","key":"k4.public.…"}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublicKeys {
    /// The `iss` of the tokens.
    pub issuer: String,
    /// The keys, the active one first.
    pub keys: Vec<PublicKey>,
}

/// A key of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublicKey {
    /// What tokens under this key have as `kid` in their footers: its PASERK id.
    pub kid: String,
    /// The key as PASERK.
    pub key: String,
}

impl PublicKeys {
    pub(super) fn new(issuer: String, keys: Vec<PublicKey>) -> Self {
        Self { issuer, keys }
    }
}

impl PublicKey {
    pub(super) fn new(kid: String, key: String) -> Self {
        Self { kid, key }
    }
}
