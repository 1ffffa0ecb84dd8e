//! Randomness from the operating system.

use crate::error::{Error, Result};

/// Returns `N` bytes from the operating system's generator.
///
/// # Errors
///
/// [`Error::Crypto`] if the generator fails; there is no fallback.
#[allow(clippy::disallowed_methods, reason = "the sole source of randomness")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|fault| Error::Crypto(fault.to_string()))?;
    Ok(bytes)
}

/// Returns a random UUID (RFC 9562, version 4) for a row. It must never serve as a credential.
///
/// # Errors
///
/// [`Error::Crypto`] if the operating system returns no randomness.
pub fn random_uuid() -> Result<uuid::Uuid> {
    Ok(uuid::Builder::from_random_bytes(random_bytes()?).into_uuid())
}
