//! The versions of PASETO.

use std::fmt;

/// A version of PASETO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenVersion {
    /// XChaCha20-Poly1305 and Ed25519. It has no implicit assertion.
    #[cfg(feature = "legacy-paseto")]
    V2,
    /// AES-256-CTR with HMAC-SHA-384, and ECDSA over P-384.
    #[cfg(feature = "legacy-paseto")]
    V3,
    /// XChaCha20 with BLAKE2b, and Ed25519.
    V4,
}

impl TokenVersion {
    /// Returns its number.
    pub fn number(self) -> u8 {
        match self {
            #[cfg(feature = "legacy-paseto")]
            Self::V2 => 2,
            #[cfg(feature = "legacy-paseto")]
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// Finds the version with this number. Returns `None` if this build does not support it.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            #[cfg(feature = "legacy-paseto")]
            2 => Some(Self::V2),
            #[cfg(feature = "legacy-paseto")]
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            _ => None,
        }
    }

    /// Returns `true` if tokens of this version authenticate an assertion that they do not carry.
    pub fn has_implicit_assertion(self) -> bool {
        self.number() > 2
    }
}

impl fmt::Display for TokenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}
