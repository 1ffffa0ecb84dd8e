//! A file of keys: PASERK, one a line, or a PEM.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use rocket_security::Error;
use rocket_security::Secret;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::crypto::token_key::TokenVersion;
use rocket_security::token::read_key_file;
use rocket_security::token::read_keys;

use crate::keys::passphrase;
use crate::terminal::Failure;

/// The keys of a file, each with the text that stands for it there.
pub(crate) struct KeyFile {
    keys: Vec<(TokenKey, Secret<String>)>,
    passphrase: Option<Secret<String>>,
}

impl KeyFile {
    /// Reads a file; asks for the passphrase when a key is wrapped.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_key_file(path)?;
        let is_wrapped = text.expose().contains("-pw.");
        let passphrase = if is_wrapped { Some(passphrase()?) } else { None };
        let refused = |fault: &dyn std::fmt::Display| {
            Failure::refused(format!("{}: {fault}", path.display()))
        };
        let keys =
            read_keys(text.expose(), None, passphrase.as_ref()).map_err(|fault| refused(&fault))?;
        // A PEM has many lines and one key.
        let lines = text.expose().lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<String> = if text.expose().contains("-----BEGIN ") {
            keys.iter().map(|key| key.to_paserk().expose().clone()).collect()
        } else {
            lines.map(str::to_owned).collect()
        };
        let keys = keys.into_iter().zip(lines.into_iter().map(Secret::new)).collect();
        Ok(Self { keys, passphrase })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TokenKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// Puts a new key before the first, which verifies from then on, and gives the new one's id.
    pub(crate) fn rotate(&mut self, keep: Option<usize>) -> Result<String, Failure> {
        let first = self.keys().next().filter(|key| key.can_issue());
        let Some(purpose) = first.map(TokenKey::purpose) else {
            return Err(Failure::refused(
                "the first key of the file issues no tokens. Rotate where the secret key is",
            ));
        };
        if self.keys().next().is_some_and(|first| first.version() != TokenVersion::V4) {
            return Err(Failure::refused(
                "the first key of the file is of an older version, and keys of version 4 alone are \
                 made. Put one before it, made with `rocket-security keys generate`",
            ));
        }
        let key = TokenKey::generate(purpose)?;
        let text = match &self.passphrase {
            Some(passphrase) => key.wrap(passphrase)?,
            None => key.to_paserk(),
        };
        let mut left = keep.unwrap_or(usize::MAX);
        let mut keys = vec![(key, text)];
        for (key, text) in self.keys.drain(..) {
            if key.purpose() != purpose {
                keys.push((key, text));
            } else if left > 0 {
                left -= 1;
                keys.push(verifying(key, text));
            }
        }
        self.keys = keys;
        Ok(self.keys().next().map(|key| key.id().to_owned()).unwrap_or_default())
    }

    /// Replaces the file in one step. The new one belongs to whom the old one belonged to.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed =
            |source| Failure::Fault(Error::File { path: path.display().to_string(), source });
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&name).map_err(failed)?;
        let write = || {
            for (_, text) in &self.keys {
                writeln!(file, "{}", text.expose())?;
            }
            keep_owner(path, Path::new(&name))?;
            file.sync_all()?;
            fs::rename(&name, path)
        };
        let written = { write }();
        if written.is_err() {
            let _ = fs::remove_file(&name);
        }
        written.map_err(failed)
    }
}

/// Gives what is left of a key that only verifies: the public half, or a symmetric key as it is.
fn verifying(key: TokenKey, text: Secret<String>) -> (TokenKey, Secret<String>) {
    match (key.purpose(), key.public_paserk()) {
        (TokenPurpose::Public, Some(public)) => (key, Secret::new(public)),
        _ => (key, text),
    }
}

#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::chown;
    let (before, after) = (fs::metadata(old)?, fs::metadata(new)?);
    if (before.uid(), before.gid()) != (after.uid(), after.gid()) {
        chown(new, Some(before.uid()), Some(before.gid()))?;
    }
    fs::set_permissions(new, before.permissions())
}

#[cfg(not(unix))]
fn keep_owner(_old: &Path, _new: &Path) -> std::io::Result<()> {
    Ok(())
}
