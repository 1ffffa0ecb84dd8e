//! Reading the keys of tokens where the configuration says they are.

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use zeroize::Zeroizing;

use crate::config::{KeySource, TokenKeyConfig};
use crate::crypto::keys::Keyring;
use crate::crypto::token_key::{KeyFault, TokenKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The length of a symmetric key of every version (PASETO, section on keys). No text of a key is as short.
const KEY_BYTES: usize = 32;

/// Reads the keys that entries of the configuration name, and notes what an operator should know.
pub(super) struct KeyReader<'a> {
    passphrase: Option<&'a Secret<String>>,
    keyring: Option<&'a Keyring>,
    is_passphrase_needed: bool,
    warnings: Vec<String>,
}

impl<'a> KeyReader<'a> {
    pub(super) fn new(
        passphrase: Option<&'a Secret<String>>,
        keyring: Option<&'a Keyring>,
    ) -> Self {
        Self { passphrase, keyring, is_passphrase_needed: false, warnings: Vec::new() }
    }

    /// Reads the keys of the entry `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a file that cannot be read and for a key that is none, or is a master key.
    pub(super) fn read(&mut self, entry: &TokenKeyConfig, name: &str) -> Result<Vec<TokenKey>> {
        let (text, file) = match &entry.source {
            KeySource::Text(text) => (text.clone(), None),
            KeySource::File(path) => {
                let path = path.relative();
                (read_key_file(&path).map_err(|fault| unreadable(name, fault))?, Some(path))
            }
        };
        let keys = read_keys(text.expose(), entry.version, self.passphrase).map_err(|fault| {
            let place = file.as_ref().map(|path| format!(", in the file {}", path.display()));
            let fault_there = format!("{}{}", fault.fault(), place.unwrap_or_default());
            Error::config(name, fault_there, fault.cure())
        })?;
        let is_master = |key: &TokenKey| {
            self.keyring.is_some_and(|keyring| keyring.any_is(|master| key.has_part(master)))
        };
        if keys.iter().any(is_master) {
            return Err(Error::config(
                name,
                "is a master key (of security.keys or Rocket's secret_key), which also protects cookies \
                 and mailed links",
                "Create another with `rocket-security keys generate`. If others have this one, also \
                 replace it in security.keys",
            ));
        }
        self.is_passphrase_needed |= is_wrapped(text.expose());
        if keys.iter().any(TokenKey::can_issue)
            && let Some(path) = file
            && let Some(mode) = mode_for_others(&path)
        {
            self.warnings.push(format!(
                "security.{name}: others may read the file {path} (mode {mode:04o}). Leave it to its \
                 owner: chmod 600 {path}",
                path = path.display()
            ));
        }
        Ok(keys)
    }

    /// Notes something else that an operator should know.
    pub(super) fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    /// Returns what an operator should know, each with the setting and the cure, once all is read.
    pub(super) fn into_warnings(mut self) -> Vec<String> {
        if self.passphrase.is_some() && !self.is_passphrase_needed {
            let unneeded = "security.tokens.passphrase: opens nothing, for no key is wrapped. Remove it, or \
                            wrap the keys with `rocket-security keys wrap`";
            self.warn(unneeded);
        }
        self.warnings
    }
}

/// Reads the keys that stand in a text: a PEM, or a key a line.
///
/// # Errors
///
/// [`KeyFault`] when one of them is none; also when there is none at all.
pub(crate) fn read_keys(
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

/// Reads a file of keys: text, or the 32 bytes of a key as they are, which are given in hexadecimal.
///
/// # Errors
///
/// [`Error::File`] when it cannot be read, or is neither.
pub(crate) fn read_key_file(path: &Path) -> Result<Secret<String>> {
    let failed = |source| Error::File { path: path.display().to_string(), source };
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    if bytes.len() == KEY_BYTES {
        return Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|fault| failed(io::Error::other(fault)))?;
    Ok(Secret::new(text.to_owned()))
}

/// Says of which setting a file is that cannot be read.
fn unreadable(name: &str, fault: Error) -> Error {
    let Error::File { path, source } = fault else {
        return fault;
    };
    Error::config(
        name,
        format!("names the file {path}, which can't be read ({source})"),
        "Correct `file`, or create the key with `rocket-security keys generate`",
    )
}

/// Returns `true` if one of these keys needs a passphrase.
fn is_wrapped(text: &str) -> bool {
    let heads = ["k4.local-pw.", "k4.secret-pw."];
    text.lines().any(|line| heads.iter().any(|head| line.trim().starts_with(head)))
}

/// Returns the mode of a file that others than its owner may use.
#[cfg(unix)]
fn mode_for_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_path: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{KeySource, TokenKeyConfig, TokenPurpose};
    use crate::crypto::keys::{Keyring, generate_paserk};
    use crate::crypto::token_key::TokenKey;
    use crate::secret::Secret;
    use crate::token::key_source::KeyReader;

    /// Reads these entries and gives what an operator is told.
    fn told(entries: &[KeySource], passphrase: Option<&str>) -> Vec<String> {
        let keyring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let passphrase = passphrase.map(|text| Secret::new(text.to_owned()));
        let mut reader = KeyReader::new(passphrase.as_ref(), Some(&keyring));
        for source in entries {
            let entry = TokenKeyConfig { source: source.clone(), version: None };
            reader.read(&entry, "tokens.keys[0]").unwrap();
        }
        reader.into_warnings()
    }

    #[test]
    fn a_passphrase_that_opens_nothing_is_told() {
        let passphrase = "correct horse battery staple";
        let key = TokenKey::generate(TokenPurpose::Public).unwrap();
        let wrapped = key.wrap(&Secret::new(passphrase.to_owned())).unwrap();
        let plain = [KeySource::Text(key.to_paserk())];
        assert_eq!(told(&[KeySource::Text(wrapped)], Some(passphrase)), [""; 0]);
        assert_eq!(told(&plain, None), [""; 0]);
        let warnings = told(&plain, Some(passphrase));
        assert_eq!(warnings.len(), 1);
        let expected =
            "security.tokens.passphrase: opens nothing, for no key is wrapped. Remove it";
        assert!(warnings[0].starts_with(expected), "{warnings:?}");
        assert!(!warnings[0].contains(passphrase));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_secrets_that_others_may_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.keys");
        let entry = [KeySource::File(path.clone().into())];
        let key = TokenKey::generate(TokenPurpose::Public).unwrap();
        for (text, mode, expected) in [
            (key.to_paserk().expose().clone(), 0o600, ""),
            (key.to_paserk().expose().clone(), 0o400, ""),
            (key.to_paserk().expose().clone(), 0o640, "(mode 0640)"),
            (key.to_paserk().expose().clone(), 0o644, "(mode 0644)"),
            (key.public_paserk().unwrap(), 0o644, ""),
        ] {
            let _ = fs::remove_file(&path);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let warnings = told(&entry, None).concat();
            assert_eq!(warnings.is_empty(), expected.is_empty(), "{mode:o}: {warnings}");
            assert!(warnings.contains(expected), "{warnings}");
            if !warnings.is_empty() {
                let begins = "security.tokens.keys[0]: others may read the file";
                assert!(warnings.starts_with(begins), "{warnings}");
                assert!(warnings.ends_with(&format!("chmod 600 {}", path.display())), "{warnings}");
            }
        }
    }
}
