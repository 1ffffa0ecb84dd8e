//! What a key is made of.

use crate::secret::Secret;

/// What a key is made of.
pub(super) enum Material {
    Local(Secret<[u8; 32]>),
    /// A key pair: the secret half as PASERK has it, and the public one.
    Secret(Secret<Vec<u8>>, Vec<u8>),
    Public(Vec<u8>),
}

/// Why a key does not seal.
pub(super) const NO_SECRET: &str = "a public key issues nothing";
