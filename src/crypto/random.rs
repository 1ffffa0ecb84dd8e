//! Randomness, of the operating system.

use crate::error::{Error, Result};

/// Returns `N` bytes from the operating system's generator.
///
/// # Errors
///
/// [`Error::Crypto`] when it gives none; there is no fallback.
#[allow(clippy::disallowed_methods, reason = "the sole source of randomness")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|fault| Error::Crypto(fault.to_string()))?;
    Ok(bytes)
}

/// Returns a random UUID (RFC 9562, version 4) for a row. Never a credential.
///
/// # Errors
///
/// [`Error::Crypto`] when the operating system gives no randomness.
pub fn random_uuid() -> Result<uuid::Uuid> {
    Ok(uuid::Builder::from_random_bytes(random_bytes()?).into_uuid())
}
