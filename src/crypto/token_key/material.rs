//! The bytes of a key.

use crate::secret::Secret;

/// The bytes of a key.
pub(super) enum Material {
    Local(Secret<[u8; 32]>),
    /// A key pair: the secret half as in PASERK, and the public half.
    Secret(Secret<Vec<u8>>, Vec<u8>),
    Public(Vec<u8>),
}

/// Why a public key cannot seal.
pub(super) const NO_SECRET: &str = "a public key issues nothing";
