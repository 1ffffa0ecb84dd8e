//! The passphrase of wrapped keys: the configured one, or a typed one.

use crate::cli::terminal::{Failure, ask_password, is_interactive, read_password};
use crate::secret::Secret;

/// Returns the configured passphrase of wrapped keys, if any. The rest of the configuration need not exist.
pub(super) fn configured_passphrase() -> Result<Option<Secret<String>>, Failure> {
    const KEY: &str = "security.tokens.passphrase";
    let figment = rocket::Config::figment();
    if !figment.contains(KEY) {
        return Ok(None);
    }
    figment.extract_inner(KEY).map(Some).map_err(|_| Failure::refused(format!("{KEY} is no text")))
}

/// Asks for the passphrase of a key, or reads it from standard input.
pub(super) fn passphrase() -> Result<Secret<String>, Failure> {
    if is_interactive() { ask_password("Passphrase of the key: ") } else { read_password() }
}
