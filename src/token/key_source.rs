//! Reading the keys of tokens where the configuration says they are.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::KeySource;
use crate::config::TokenKeyConfig;
use crate::crypto::token_key::KeyFault;
use crate::crypto::token_key::TokenKey;
use crate::error::Error;
use crate::error::Result;
use crate::secret::Secret;

/// The length of a symmetric key of every version (PASETO, section on keys). No text of a key is as short.
const KEY_BYTES: usize = 32;

/// Reads the keys that stand in a text: a PEM, or a key a line.
///
/// # Errors
///
/// [`KeyFault`] when one of them is none; also when there is none at all.
pub fn read_keys(
    text: &str,
    version: Option<u8>,
    passphrase: Option<&Secret<String>>,
) -> Result<Vec<TokenKey>, KeyFault> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("-----BEGIN ") {
        return TokenKey::parse(text, version, passphrase).map(|key| vec![key]);
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| TokenKey::parse(line, version, passphrase)).collect()
}

/// Reads the keys of the entry `name`.
pub(super) fn keys_of(
    entry: &TokenKeyConfig,
    name: &str,
    passphrase: Option<&Secret<String>>,
) -> Result<Vec<TokenKey>> {
    let (text, place) = match &entry.source {
        KeySource::Text(text) => (text.clone(), String::new()),
        KeySource::File(path) => {
            let path = path.relative();
            (read_key_file(&path)?, format!(", in the file {}", path.display()))
        }
    };
    read_keys(text.expose(), entry.version, passphrase)
        .map_err(|fault| Error::config(name, format!("{}{place}", fault.fault()), fault.cure()))
}

/// Reads a file of keys: text, or the 32 bytes of a key as they are, which are given in hexadecimal.
///
/// # Errors
///
/// [`Error::File`] when it cannot be read, or is neither.
pub fn read_key_file(path: &Path) -> Result<Secret<String>> {
    let failed = |source| Error::File { path: path.display().to_string(), source };
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    if bytes.len() == KEY_BYTES {
        return Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|fault| failed(io::Error::other(fault)))?;
    Ok(Secret::new(text.to_owned()))
}
