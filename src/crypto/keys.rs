//! The keys that all other keys are derived from.
//!
//! Operators configure master keys. Each purpose has its own key that is derived from them, so that a value
//! made for one purpose is useless for another. The first master key makes new values; all of them verify.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::crypto::random::random_bytes;
use crate::error::{Error, Faults, Result};
use crate::secret::Secret;

/// The purpose of a derived key. Its text is part of the derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Seals the session cookie.
    Session,
    /// Seals the cookie that holds the id of a guest.
    Guest,
    /// Seals the cookie that holds the token of a mailed link after it left the address bar.
    Link,
    /// Seals the cookie that holds a notice for the next page.
    Notice,
    /// Seals what was typed into a form while its user proves again who they are.
    Form,
    /// Seals the cookie that holds an unfinished login.
    PendingLogin,
    /// Seals the cookie that holds the data that an application keeps with a session.
    Data,
    /// Seals the cookie of a remembered browser.
    Remember,
    /// Derives the successor of a remember token.
    Succession,
    /// Digests the identities and networks that attempts are counted by.
    Attempts,
    /// Seals the rows of the audit journal.
    Audit,
    /// Encrypts tokens for programs if no own keys are configured for them.
    Tokens,
    /// Seals secrets in the store that must be read again.
    Vault,
}

impl Purpose {
    /// Returns the text that distinguishes this purpose from the others.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Guest => "guest",
            Self::Link => "link",
            Self::Notice => "notice",
            Self::Form => "form",
            Self::PendingLogin => "pending login",
            Self::Data => "data",
            Self::Remember => "remember",
            Self::Succession => "succession",
            Self::Attempts => "attempts",
            Self::Audit => "audit",
            Self::Tokens => "tokens",
            Self::Vault => "vault",
        }
    }
}

const PASERK_LOCAL: &str = "k4.local.";

/// Keys in public documents, as bytes: Rocket's documentation and tests, the PASETO and PASERK test vectors.
/// They protect nothing.
const PUBLISHED: &[&str] = &[
    "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk",
    "itlYmFR2vYKrOmFhupMIn_hyB6lYCCTXz4yaQX89XVg",
    "8Xui8SN4mI-7egV_9dlfYYLGQJeEx4-DwmSQLwDVXJg",
    "SeerutKeyIsI7releuantAndknvsuZPluaseIgnorYA",
    "cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
    "cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjpA",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
];

/// The configured master keys, the active one first. Never empty.
pub struct Keyring {
    active: Secret<[u8; 32]>,
    older: Vec<Secret<[u8; 32]>>,
    /// The bytes that the active key was derived from, if it is not configured itself: Rocket's `secret_key`.
    origin: Option<Secret<Vec<u8>>>,
}

impl Keyring {
    /// Reads keys written as PASERK `k4.local.…`, the active one first.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming `security.keys` for a key of another kind or of the wrong length, and for one
    /// that is published, repeated, or visibly not random; also if there is no key.
    pub fn from_paserk(texts: &[Secret<String>]) -> Result<Self> {
        let (mut keys, mut faults) = (Vec::new(), Faults::default());
        for (index, text) in texts.iter().enumerate() {
            let name = if texts.len() > 1 { format!("keys[{index}]") } else { "keys".to_owned() };
            match parse_paserk(text.expose()) {
                Ok(key) if keys.contains(&key) => {
                    faults.push(refuse(&name, "holds the same key twice"))
                }
                Ok(key) => keys.push(key),
                Err(fault) => faults.push(refuse(&name, &fault)),
            }
        }
        faults.finish()?;
        let mut keys = keys.into_iter();
        let active = keys.next().ok_or_else(|| refuse("keys", "is empty"))?;
        Ok(Self { active, older: keys.collect(), origin: None })
    }

    /// Reads Rocket's `secret_key`: at least 32 bytes as base64 or hexadecimal text.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it is too short, published, or visibly not random.
    pub fn from_secret_key(text: &str) -> Result<Self> {
        let refuse_it = |fault: &str| {
            Error::config(
                "keys",
                format!("is missing, and Rocket's secret_key, which would replace it, {fault}"),
                CURE,
            )
        };
        let bytes = decode_hex(text)
            .or_else(|| STANDARD.decode(text).ok())
            .or_else(|| URL_SAFE_NO_PAD.decode(text).ok())
            .map(Secret::new)
            .ok_or_else(|| refuse_it("is neither base64 nor hexadecimal"))?;
        if bytes.expose().len() < 32 {
            return Err(refuse_it("is shorter than 32 bytes"));
        }
        check_quality(bytes.expose()).map_err(|fault| refuse_it(&fault))?;
        let mut key = [0; 32];
        // HKDF yields up to 8160 bytes (RFC 5869, section 2.3), so 32 never fail.
        Hkdf::<Sha256>::new(None, bytes.expose())
            .expand(b"rocket_security master from secret_key", &mut key)
            .map_err(|fault| Error::Crypto(fault.to_string()))?;
        Ok(Self { active: Secret::new(key), older: Vec::new(), origin: Some(bytes) })
    }

    /// Reads the keys in the file `path`, or generates one and writes it there, readable by its owner only
    /// (mode 0600). Also returns `true` if the key was generated.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file can be neither read nor written, and [`Error::Config`] if it contains an
    /// invalid key.
    pub fn from_file_or_new(path: &Path) -> Result<(Self, bool)> {
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let made = match options.open(path) {
            Ok(mut file) => {
                writeln!(file, "{}", generate_paserk()?.expose()).map_err(failed)?;
                file.sync_all().map_err(failed)?;
                true
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => false,
            Err(fault) => return Err(failed(fault)),
        };
        let texts: Vec<Secret<String>> = std::fs::read_to_string(path)
            .map_err(failed)?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Secret::new(line.trim().to_owned()))
            .collect();
        let keyring = Self::from_paserk(&texts).map_err(|fault| match fault {
            Error::Config { key, fault, .. } => Error::Config {
                key,
                fault: format!("{fault}, in the file {}", path.display()),
                cure: "Put a copy of the file back. If you have no copy, delete the file to \
                create new keys: all users will have to log in again, and data sealed with the \
                old keys is lost"
                    .to_owned(),
            },
            fault => fault,
        })?;
        Ok((keyring, made))
    }

    /// Returns `true` if `the_one` accepts the bytes of a master key, or of Rocket's `secret_key` from which
    /// one is derived.
    pub fn any_is(&self, the_one: impl Fn(&[u8]) -> bool) -> bool {
        let origin = self.origin.as_ref().map(|origin| origin.expose().as_slice());
        let masters = std::iter::once(&self.active).chain(&self.older);
        masters.map(|master| master.expose().as_slice()).chain(origin).any(the_one)
    }

    /// Derives the key for `purpose` from each master key, the active one first.
    ///
    /// # Errors
    ///
    /// Never in practice: HKDF-SHA-256 yields 32 bytes from any input (RFC 5869, section 2.3).
    pub fn derive(&self, purpose: Purpose) -> Result<Vec<Secret<[u8; 32]>>> {
        std::iter::once(&self.active).chain(&self.older).map(|key| expand(key, purpose)).collect()
    }

    /// Derives the key for `purpose` from the active master key.
    ///
    /// # Errors
    ///
    /// Never in practice, as for [`derive`](Keyring::derive).
    pub fn derive_active(&self, purpose: Purpose) -> Result<Secret<[u8; 32]>> {
        expand(&self.active, purpose)
    }
}

/// Generates a random key, written as PASERK `k4.local.…`.
///
/// # Errors
///
/// [`Error::Crypto`] if the operating system returns no randomness.
pub fn generate_paserk() -> Result<Secret<String>> {
    let key = Secret::new(random_bytes::<32>()?);
    Ok(Secret::new(format!("{PASERK_LOCAL}{}", URL_SAFE_NO_PAD.encode(key.expose()))))
}

const CURE: &str = "Make one with `rocket-security keys generate` and set it";

fn refuse(key: &str, fault: &str) -> Error {
    Error::config(key, fault, CURE)
}

fn expand(master: &Secret<[u8; 32]>, purpose: Purpose) -> Result<Secret<[u8; 32]>> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, master.expose())
        .expand_multi_info(&[b"rocket_security v1 ", purpose.as_str().as_bytes()], &mut key)
        .map_err(|fault| Error::Crypto(fault.to_string()))?;
    Ok(Secret::new(key))
}

fn parse_paserk(text: &str) -> Result<Secret<[u8; 32]>, String> {
    let Some(encoded) = text.strip_prefix(PASERK_LOCAL) else {
        return Err(format!("holds a key that does not begin with \"{PASERK_LOCAL}\""));
    };
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| "holds a key that is not unpadded base64url".to_owned())?;
    let key: [u8; 32] =
        bytes.try_into().map_err(|_| "holds a key that is not 32 bytes long".to_owned())?;
    check_quality(&key)?;
    Ok(Secret::new(key))
}

/// Refuses keys that cannot be random: published ones, and ones with few different bytes. A random key of 32
/// bytes has fewer than 16 different bytes with a probability below 2^-60.
pub(super) fn check_quality(bytes: &[u8]) -> Result<(), String> {
    if PUBLISHED.contains(&URL_SAFE_NO_PAD.encode(bytes).as_str()) {
        return Err("holds a key that stands in public documentation".to_owned());
    }
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() < 16 {
        return Err("holds a key that is not random".to_owned());
    }
    Ok(())
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return None;
    }
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)?.try_into().ok()).collect();
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use crate::crypto::keys::{Keyring, Purpose, generate_paserk};
    use crate::secret::Secret;

    fn fault_of(text: &str) -> String {
        Keyring::from_paserk(&[Secret::new(text.to_owned())]).err().unwrap().to_string()
    }

    #[test]
    fn a_generated_key_is_accepted() {
        assert!(Keyring::from_paserk(&[generate_paserk().unwrap()]).is_ok());
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let session = ring.derive_active(Purpose::Session).unwrap();
        assert!(session != ring.derive_active(Purpose::Link).unwrap());
        assert!(session == ring.derive(Purpose::Session).unwrap().remove(0));
    }

    #[test]
    fn keys_that_are_none_are_refused_with_the_cure() {
        for (text, fault) in [
            ("k4.public.AAAA", "does not begin with \"k4.local.\""),
            ("k4.local.****", "is not unpadded base64url"),
            ("k4.local.AAAA", "is not 32 bytes long"),
            ("k4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "is not random"),
            ("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8", "public documentation"),
            ("k4.local.hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk", "public documentation"),
        ] {
            let message = fault_of(text);
            assert!(message.contains(fault), "{message}");
            assert!(message.contains("keys generate"), "{message}");
            assert!(!message.contains(text), "{message}");
        }
    }

    #[test]
    fn the_same_key_twice_is_refused() {
        let key = generate_paserk().unwrap();
        assert!(Keyring::from_paserk(&[key.clone(), key]).is_err());
    }

    #[test]
    fn rockets_documented_secret_key_is_refused() {
        for text in [
            "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=",
            "itlYmFR2vYKrOmFhupMIn/hyB6lYCCTXz4yaQX89XVg=",
            "c2hvcnQ=",
            &"00".repeat(32),
        ] {
            assert!(Keyring::from_secret_key(text).is_err(), "{text}");
        }
        let hex = "d5b0a36ef3d1fd5c8d9dcd5f2cd03ecb0ae8cf1f3e1ad1c9a5a27a1e4f3b6c78";
        assert!(Keyring::from_secret_key(hex).is_ok());
    }

    #[test]
    fn a_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("security.keys");
        let (first, made) = Keyring::from_file_or_new(&path).unwrap();
        assert!(made);
        let (second, made) = Keyring::from_file_or_new(&path).unwrap();
        assert!(!made);
        assert!(
            first.derive_active(Purpose::Session).unwrap()
                == second.derive_active(Purpose::Session).unwrap()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
