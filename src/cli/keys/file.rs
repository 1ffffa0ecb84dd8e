//! A file of keys: PASERK, one a line, or a PEM.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::{fs, io};

use crate::cli::keys::passphrase::{configured_passphrase, passphrase};
use crate::cli::terminal::Failure;
use crate::config::TokenPurpose;
use crate::crypto::token_key::{KeyFault, TokenKey, TokenVersion};
use crate::error::Error;
use crate::secret::Secret;
use crate::token::key_source::{read_key_file, read_keys};

/// The keys of a file, each with its text in the file.
pub(crate) struct KeyFile {
    keys: Vec<(TokenKey, Secret<String>)>,
    passphrase: Option<Secret<String>>,
}

/// The outcome of a rotation.
pub(crate) struct RotatedKeys {
    /// The id of the key that issues tokens from now on.
    pub(crate) id: String,
    /// The number of older keys that were removed.
    pub(crate) removed: usize,
}

impl KeyFile {
    /// Reads a file. The passphrase of a wrapped key is the configured one; if there is none, it is asked
    /// for.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path)?;
        let (passphrase, is_typed) = match text.expose().contains(WRAPPED) {
            false => (None, false),
            true => match configured_passphrase()? {
                Some(configured) => (Some(configured), false),
                None => (Some(passphrase()?), true),
            },
        };
        let keys = read_keys(text.expose(), None, passphrase.as_ref())
            .map_err(|fault| unread(path, &fault, is_typed))?;
        let lines: Vec<String> = if is_pem(&text) {
            keys.iter().map(|key| key.to_paserk().expose().clone()).collect()
        } else {
            lines(&text).map(str::to_owned).collect()
        };
        let keys = keys.into_iter().zip(lines.into_iter().map(Secret::new)).collect();
        Ok(Self { keys, passphrase })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TokenKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// Puts a new key before the first, which only verifies from then on. Announced keys that are kept can
    /// still be activated.
    pub(crate) fn rotate(&mut self, keep: Option<usize>) -> Result<RotatedKeys, Failure> {
        let (key, text) = self.make()?;
        Ok(self.put_first(key, text, keep))
    }

    /// Adds a new key at the end and returns its id. The key only verifies, because the first key that can
    /// issue does so.
    pub(crate) fn announce(&mut self) -> Result<String, Failure> {
        let (key, text) = self.make()?;
        let id = key.id().to_owned();
        self.keys.push((key, text));
        Ok(id)
    }

    /// Puts an announced key before the first, which only verifies from then on. Other announced keys that
    /// are kept can still be activated.
    pub(crate) fn activate(
        &mut self,
        id: &str,
        keep: Option<usize>,
    ) -> Result<RotatedKeys, Failure> {
        let purpose = self.issuing()?.purpose();
        let Some(at) = self.keys().position(|key| key.id() == id) else {
            return Err(Failure::refused(format!(
                "the file has no key with the id {id}. See `rocket-security keys inspect`, or add a new \
                 key with --announce"
            )));
        };
        let is_fit = |key: &TokenKey| key.can_issue() && key.purpose() == purpose;
        match self.keys().nth(at) {
            Some(key) if at > 0 && is_fit(key) => {}
            Some(_) if at == 0 => {
                return Err(Failure::refused(
                    "that key issues already: it is the first of the file",
                ));
            }
            _ => {
                return Err(Failure::refused(
                    "that key cannot take the place of the first: it issues nothing, or tokens of another \
                     purpose",
                ));
            }
        }
        let (key, text) = self.keys.remove(at);
        Ok(self.put_first(key, text, keep))
    }

    /// Replaces the file in one step; for a symbolic link, the file that it points to. The new file has the
    /// owner of the old one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |source| fault_of(path, source);
        let path = fs::canonicalize(path).map_err(failed)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let mut file = create(Path::new(&name)).map_err(failed)?;
        let write = || {
            for (_, text) in &self.keys {
                writeln!(file, "{}", text.expose())?;
            }
            keep_owner(&path, Path::new(&name))?;
            file.sync_all()?;
            fs::rename(&name, &path)
        };
        let written = { write }();
        if written.is_err() {
            let _ = fs::remove_file(&name);
        }
        written.map_err(failed)
    }

    /// Returns the first key, if it can issue.
    fn issuing(&self) -> Result<&TokenKey, Failure> {
        self.keys().next().filter(|key| key.can_issue()).ok_or_else(|| {
            Failure::refused(
                "the first key of the file issues no tokens. Rotate where the secret key is",
            )
        })
    }

    /// Generates a key that will replace the first.
    fn make(&self) -> Result<(TokenKey, Secret<String>), Failure> {
        let first = self.issuing()?;
        if first.version() != TokenVersion::V4 {
            return Err(Failure::refused(
                "the first key of the file is of an older version, and keys of version 4 alone are \
                 made. Put one before it, made with `rocket-security keys generate`",
            ));
        }
        let key = TokenKey::generate(first.purpose())?;
        let text = match &self.passphrase {
            Some(passphrase) => wrapped(&key, passphrase)?,
            None => key.to_paserk(),
        };
        Ok((key, text))
    }

    fn put_first(
        &mut self,
        key: TokenKey,
        text: Secret<String>,
        keep: Option<usize>,
    ) -> RotatedKeys {
        let (id, purpose) = (key.id().to_owned(), key.purpose());
        let mut left = keep.unwrap_or(usize::MAX);
        let mut removed = 0;
        let mut keys = vec![(key, text)];
        for (at, (key, text)) in self.keys.drain(..).enumerate() {
            if key.purpose() != purpose {
                keys.push((key, text));
            } else if left > 0 {
                left -= 1;
                // A pair after it may be announced, and must be able to issue later.
                keys.push(if at == 0 { verifying(key, text) } else { (key, text) });
            } else {
                removed += 1;
            }
        }
        self.keys = keys;
        RotatedKeys { id, removed }
    }
}

/// Returns the only key of a file, to wrap it.
pub(crate) fn read_bare(path: &Path) -> Result<TokenKey, Failure> {
    let text = read_text(path)?;
    if !is_pem(&text) && lines(&text).count() > 1 {
        return Err(Failure::refused(format!(
            "{} holds several keys. Put each into a separate file, wrap it, and join the lines",
            path.display()
        )));
    }
    if text.expose().contains(WRAPPED) {
        return Err(Failure::refused(format!("{} is wrapped already", path.display())));
    }
    let keys = read_keys(text.expose(), None, None).map_err(|fault| unread(path, &fault, false))?;
    keys.into_iter().next().ok_or_else(|| empty(path))
}

/// Wraps a key.
pub(crate) fn wrapped(
    key: &TokenKey,
    passphrase: &Secret<String>,
) -> Result<Secret<String>, Failure> {
    key.wrap(passphrase).map_err(|fault| match fault {
        Error::Crypto(text) => Failure::refused(text),
        fault => Failure::Fault(fault),
    })
}

/// Writes a key to a new file that only its owner can read.
pub(crate) fn write_new(path: &Path, key: &TokenKey) -> Result<(), Failure> {
    let mut file = create(path).map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => Failure::refused(format!(
            "{0} is there already. Name another file, or rotate its keys with `rocket-security keys \
             rotate {0}`",
            path.display()
        )),
        _ => fault_of(path, fault),
    })?;
    let written = writeln!(file, "{}", key.to_paserk().expose()).and_then(|()| file.sync_all());
    written.map_err(|fault| {
        // A partly written file is not a key, and would block the next attempt.
        let _ = fs::remove_file(path);
        fault_of(path, fault)
    })
}

/// The endings of the kinds of wrapped keys.
const WRAPPED: &str = "-pw.";

fn read_text(path: &Path) -> Result<Secret<String>, Failure> {
    let text = read_key_file(path)?;
    if text.expose().trim().is_empty() { Err(empty(path)) } else { Ok(text) }
}

fn lines(text: &Secret<String>) -> impl Iterator<Item = &str> {
    text.expose().lines().filter(|line| !line.trim().is_empty())
}

/// A PEM has many lines and one key.
fn is_pem(text: &Secret<String>) -> bool {
    text.expose().contains("-----BEGIN ")
}

fn empty(path: &Path) -> Failure {
    Failure::refused(format!("{} is empty", path.display()))
}

/// Describes an invalid key. If the passphrase was typed, the message does not mention the configuration.
fn unread(path: &Path, fault: &KeyFault, is_typed: bool) -> Failure {
    let cure = match is_typed && fault.fault().contains("does not open") {
        true => "Give the one that it was wrapped with, or set security.tokens.passphrase",
        false => fault.cure(),
    };
    Failure::refused(format!("{}: the key {}. {cure}", path.display(), fault.fault()))
}

fn fault_of(path: &Path, source: io::Error) -> Failure {
    Failure::Fault(Error::File { path: path.display().to_string(), source })
}

/// Creates a file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns the part of a key that only verifies: the public half, or a symmetric key unchanged.
fn verifying(key: TokenKey, text: Secret<String>) -> (TokenKey, Secret<String>) {
    match (key.purpose(), key.public_paserk()) {
        (TokenPurpose::Public, Some(public)) => (key, Secret::new(public)),
        _ => (key, text),
    }
}

#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let (before, after) = (fs::metadata(old)?, fs::metadata(new)?);
    if (before.uid(), before.gid()) != (after.uid(), after.gid()) {
        chown(new, Some(before.uid()), Some(before.gid()))?;
    }
    fs::set_permissions(new, before.permissions())
}

#[cfg(not(unix))]
fn keep_owner(_old: &Path, _new: &Path) -> io::Result<()> {
    Ok(())
}
