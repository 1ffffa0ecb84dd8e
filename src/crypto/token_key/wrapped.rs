//! Keys that are wrapped with a password: PASERK's `local-pw` and `secret-pw`, version 4.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use paserk::core::operations::pbkw::Argon2Params;
use paserk::core::types::{PaserkLocal, PaserkLocalPw, PaserkSecret, PaserkSecretPw};
use paserk::core::version::K4;

use crate::crypto::token_key::key::TokenKey;
use crate::crypto::token_key::material::Material;
use crate::crypto::token_key::version::TokenVersion;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The minimal length of a passphrase, as for a password as the only factor (NIST SP 800-63B-4, section
/// 3.1.1.2). A thief of the file can try as many passphrases as they like.
const MIN_PASSPHRASE: usize = 15;

/// The cost of wrapping: the second recommendation of RFC 9106, section 4. Other implementations refuse to
/// read keys that cost much more.
const COST: Argon2Params = Argon2Params { memory_kib: 65_536, iterations: 3, parallelism: 4 };

/// The maximal cost of unwrapping, in bytes, passes and lanes. A key that asks for more does not come from an
/// operator.
const MOST: (u64, u32, u32) = (1 << 30, 10, 16);

impl TokenKey {
    /// Returns the key as PASERK wrapped with a password: `k4.local-pw.…` or `k4.secret-pw.…`.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] for a public key, which is not secret, for a version other than 4, and for a
    /// passphrase of fewer than 15 characters.
    pub fn wrap(&self, passphrase: &Secret<String>) -> Result<Secret<String>> {
        if passphrase.expose().chars().count() < MIN_PASSPHRASE {
            let fault = format!("the passphrase is shorter than {MIN_PASSPHRASE} characters");
            return Err(Error::Crypto(fault));
        }
        if self.version != TokenVersion::V4 {
            return Err(Error::Crypto("keys of version 4 alone can be wrapped".to_owned()));
        }
        let passphrase = passphrase.expose().as_bytes();
        let wrapped = match &self.material {
            Material::Local(bytes) => {
                let key = PaserkLocal::<K4>::from(*bytes.expose());
                PaserkLocalPw::try_wrap(&key, passphrase, COST).map(|wrapped| wrapped.to_string())
            }
            Material::Secret(secret, _) => {
                let bytes: &[u8; 64] = secret
                    .expose()
                    .as_slice()
                    .try_into()
                    .map_err(|_| Error::Crypto("the key has another length".to_owned()))?;
                let key = PaserkSecret::<K4>::from(bytes);
                PaserkSecretPw::try_wrap(&key, passphrase, COST).map(|wrapped| wrapped.to_string())
            }
            Material::Public(_) => {
                return Err(Error::Crypto("a public key is no secret to be wrapped".to_owned()));
            }
        };
        wrapped.map(Secret::new).map_err(|fault| Error::Crypto(fault.to_string()))
    }
}

/// Unwraps the bytes of a key, or returns what is wrong with it.
pub(super) fn unwrap(
    text: &str,
    passphrase: &Secret<String>,
) -> Result<Secret<Vec<u8>>, &'static str> {
    let encoded = text.rsplit('.').next().unwrap_or_default();
    let data = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| "is not unpadded base64url")?;
    if !is_affordable(&data) {
        return Err("asks for more memory or passes than a key should (1 GiB, 10)");
    }
    let passphrase = passphrase.expose().as_bytes();
    let bytes = if text.starts_with("k4.local-pw.") {
        PaserkLocalPw::<K4>::try_from(text)
            .and_then(|wrapped| wrapped.try_unwrap(passphrase, COST))
            .map(|key| key.as_bytes().to_vec())
    } else {
        PaserkSecretPw::<K4>::try_from(text)
            .and_then(|wrapped| wrapped.try_unwrap(passphrase, COST))
            .map(|key| key.as_bytes().to_vec())
    };
    bytes.map(Secret::new).map_err(|_| "does not open with this passphrase")
}

/// Reads the cost of Argon2, which follows a salt of 16 bytes: memory in bytes (8), passes (4), lanes (4), as
/// big-endian numbers (PASERK, operation PBKW). Returns `true` if it is within the limit.
fn is_affordable(data: &[u8]) -> bool {
    let cost = || {
        let memory = u64::from_be_bytes(data.get(16..24)?.try_into().ok()?);
        let passes = u32::from_be_bytes(data.get(24..28)?.try_into().ok()?);
        let lanes = u32::from_be_bytes(data.get(28..32)?.try_into().ok()?);
        Some((memory, passes, lanes))
    };
    cost().is_some_and(|(memory, passes, lanes)| {
        memory <= MOST.0 && passes <= MOST.1 && lanes <= MOST.2
    })
}
