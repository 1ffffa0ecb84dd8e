//! Finds the keys that all other keys are derived from.

use std::path::{Path, PathBuf};

use rocket::figment::Figment;

use crate::config::{Config, is_debug};
use crate::crypto::keys::{Keyring, generate_paserk};
use crate::datastore::sqlx::database_url;
use crate::error::{Error, Result};
use crate::security::access_map::ROUTES_VARIABLE;

/// Returns `true` if [`keyring`] finds keys and need not generate any.
#[cfg(feature = "cli")]
pub(crate) fn has_keys(config: &Config, figment: &Figment) -> bool {
    let is_configured = !config.keys.0.is_empty() || figment.contains("secret_key");
    is_configured || !is_debug(figment) || key_file(figment).exists()
}

/// Finds the keys: the configured ones, Rocket's `secret_key`, or in the debug profile those beside the
/// database, which are generated if necessary.
///
/// # Errors
///
/// [`Error::Config`] if there are no keys, or an invalid one.
pub fn keyring(config: &Config, figment: &Figment) -> Result<Keyring> {
    if !config.keys.0.is_empty() {
        return Keyring::from_paserk(&config.keys.0);
    }
    if let Ok(secret_key) = figment.extract_inner::<String>("secret_key") {
        return Keyring::from_secret_key(&secret_key);
    }
    if !is_debug(figment) {
        return Err(Error::config(
            "keys",
            "is missing, and so is Rocket's secret_key",
            "Create a key with `rocket-security keys generate` and set it",
        ));
    }
    let path = key_file(figment);
    if std::env::var_os(ROUTES_VARIABLE).is_some() && !path.exists() {
        // An application that is only asked for its routes need not create keys.
        return Keyring::from_paserk(&[generate_paserk()?]);
    }
    let (keyring, made) = Keyring::from_file_or_new(&path)?;
    if made {
        log::warn!(
            "created keys for development and saved them in {} (mode 0600); \
             for production set security.keys",
            path.display()
        );
    }
    Ok(keyring)
}

/// Returns the path of the keys of the debug profile: beside the database if that is a file.
fn key_file(figment: &Figment) -> PathBuf {
    let url = database_url(figment).unwrap_or_default();
    let database = url.strip_prefix("sqlite:").unwrap_or_default();
    let database = database.trim_start_matches("//").split('?').next().unwrap_or_default();
    let is_file = !database.is_empty() && !database.starts_with(':');
    let folder = Path::new(database).parent().filter(|_| is_file);
    folder.unwrap_or(Path::new("")).join("security.keys")
}
