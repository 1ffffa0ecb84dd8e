//! Seals secrets that the store keeps and that must be read again.
//!
//! The store has a hash of a password, and a digest of a token. The secret of an authenticator app and the
//! token of an identity provider must be read again. They are sealed as PASETO `v4.local` with a separate key
//! that is derived from `security.keys`, so a stolen database does not reveal them without the keys.
//!
//! The implicit assertion, which is authenticated and not stored, binds a sealed secret to its user, its kind
//! and the id of its row. It does not open in another row. An attacker who can write to the database and has
//! an account cannot replace another user's secret with their own.
//!
//! The active key seals, and older keys still open. If [`Opened::is_outdated`] is set, an older key was
//! needed: seal the secret again, so that the older key can be removed one day.
//!
//! ```
//! use rocket_security::Secret;
//! use rocket_security::UserId;
//! use rocket_security::crypto::keys::Keyring;
//! use rocket_security::crypto::keys::generate_paserk;
//! use rocket_security::crypto::random_uuid;
//! use rocket_security::crypto::vault::SealedFor;
//! use rocket_security::crypto::vault::Vault;
//! use rocket_security::user::CredentialKind;
//!
//! let vault = Vault::new(&Keyring::from_paserk(&[generate_paserk()?])?)?;
//! let user = UserId::from_uuid(random_uuid()?);
//! let place = SealedFor::new(user, &CredentialKind::TOTP, random_uuid()?);
//! let sealed = vault.seal(&Secret::new("JBSWY3DPEHPK3PXP".to_owned()), &place)?;
//! assert_eq!(vault.open(&sealed, &place)?.secret.expose(), "JBSWY3DPEHPK3PXP");
//! # Ok::<_, rocket_security::Error>(())
//! ```

use uuid::Uuid;

use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::paseto::{Age, Sealer};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::user::{CredentialKind, UserId};

/// Seals and opens secrets that must be read again.
pub struct Vault {
    sealer: Sealer,
}

impl Vault {
    /// Derives the keys from the configured ones.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the keys cannot be derived.
    pub fn new(keyring: &Keyring) -> Result<Self> {
        Ok(Self { sealer: Sealer::new(keyring, Purpose::Vault)? })
    }

    /// Seals a secret with the active key, for one row of one user.
    ///
    /// The result is ASCII text of 95 bytes plus four thirds of the secret's length. Sealing the same secret
    /// twice returns two different texts.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the operating system returns no randomness.
    pub fn seal(&self, secret: &Secret<String>, place: &SealedFor<'_>) -> Result<String> {
        self.sealer.seal_text(secret.expose(), &place.assertion())
    }

    /// Opens a secret that one of the keys sealed for the same user, kind and row.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if no key opens it: the key was removed, the text was altered, or it was sealed for
    /// another place. This is not the user's fault; an operator must look into it.
    pub fn open(&self, sealed: &str, place: &SealedFor<'_>) -> Result<Opened> {
        let opened = self.sealer.open_text(sealed, &place.assertion());
        let (secret, age) = opened.ok_or_else(|| place.fault())?;
        Ok(Opened { secret, is_outdated: age == Age::Older })
    }
}

/// The place that a secret is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealedFor<'a> {
    /// The user that the secret belongs to.
    pub user: UserId,
    /// The kind of the credential.
    pub kind: &'a CredentialKind,
    /// The id of the credential's row.
    pub id: Uuid,
}

impl<'a> SealedFor<'a> {
    /// Creates the place of a credential.
    pub fn new(user: UserId, kind: &'a CredentialKind, id: Uuid) -> Self {
        Self { user, kind, id }
    }
}

impl SealedFor<'_> {
    /// Returns what is authenticated with the secret. The ids have a fixed length, so no two places have the
    /// same assertion.
    fn assertion(&self) -> String {
        let (purpose, user) = (Purpose::Vault.as_str(), self.user.as_uuid().hyphenated());
        format!("{purpose}:{user}:{}:{}", self.kind, self.id.hyphenated())
    }

    fn fault(&self) -> Error {
        Error::Crypto(format!(
            "none of security.keys opens the secret of the credential {} of the kind \"{}\". Put the \
             key that sealed it back behind the first one; if none is missing, the row was altered, \
             and its user has to set the credential up again",
            self.id, self.kind,
        ))
    }
}

/// A secret that was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The secret.
    pub secret: Secret<String>,
    /// Set if an older key sealed it. Seal it again then, and store the result.
    pub is_outdated: bool,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::crypto::keys::{Keyring, Purpose, generate_paserk};
    use crate::crypto::paseto::Sealer;
    use crate::crypto::random::random_uuid;
    use crate::crypto::vault::{SealedFor, Vault};
    use crate::error::Error;
    use crate::secret::Secret;
    use crate::user::{CredentialKind, UserId};

    const KIND: &CredentialKind = &CredentialKind::TOTP;

    fn vault(keys: &[Secret<String>]) -> Vault {
        Vault::new(&Keyring::from_paserk(keys).unwrap()).unwrap()
    }

    fn place() -> SealedFor<'static> {
        let user = UserId::from_uuid(random_uuid().unwrap());
        SealedFor::new(user, KIND, random_uuid().unwrap())
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_secret_survives_its_seal() {
        let (vault, place) = (vault(&[generate_paserk().unwrap()]), place());
        for text in ["JBSWY3DPEHPK3PXP", "{\"a\": \"\u{1f980}\"}", "", &"x".repeat(20_000)] {
            let sealed = vault.seal(&secret(text), &place).unwrap();
            assert!(sealed.starts_with("v4.local.") && sealed.is_ascii(), "{sealed}");
            let opened = vault.open(&sealed, &place).unwrap();
            assert_eq!((opened.secret.expose().as_str(), opened.is_outdated), (text, false));
        }
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let (vault, place) = (vault(&[generate_paserk().unwrap()]), place());
        let seal = || vault.seal(&secret("JBSWY3DPEHPK3PXP"), &place).unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_secret_opens_for_its_user_its_kind_and_its_row_alone() {
        let (vault, mine) = (vault(&[generate_paserk().unwrap()]), place());
        let sealed = vault.seal(&secret("JBSWY3DPEHPK3PXP"), &mine).unwrap();
        let exchanged =
            SealedFor { user: UserId::from_uuid(mine.id), id: mine.user.as_uuid(), ..mine };
        for other in [
            SealedFor { user: place().user, ..mine },
            SealedFor { kind: &CredentialKind::PROVIDER, ..mine },
            SealedFor { id: place().id, ..mine },
            SealedFor { id: Uuid::nil(), ..mine },
            exchanged,
        ] {
            assert!(vault.open(&sealed, &other).is_err(), "{other:?}");
        }
        assert!(vault.open(&sealed, &mine).is_ok());
    }

    #[test]
    fn an_older_key_opens_and_the_secret_is_outdated_until_it_is_sealed_again() {
        let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
        let (before, after) = (vault(std::slice::from_ref(&old)), vault(&[new.clone(), old]));
        let (place, last) = (place(), vault(&[new]));
        let sealed = before.seal(&secret("JBSWY3DPEHPK3PXP"), &place).unwrap();
        let opened = after.open(&sealed, &place).unwrap();
        assert_eq!(opened.secret.expose(), "JBSWY3DPEHPK3PXP");
        assert!(opened.is_outdated);
        // Without the older key the secret is lost, unless it was sealed again in time.
        assert!(last.open(&sealed, &place).is_err());
        let again = after.seal(&opened.secret, &place).unwrap();
        for vault in [&after, &last] {
            assert!(!vault.open(&again, &place).unwrap().is_outdated);
        }
        assert!(before.open(&again, &place).is_err());
    }

    #[test]
    fn a_text_that_was_cut_or_altered_does_not_open() {
        let (vault, place) = (vault(&[generate_paserk().unwrap()]), place());
        let sealed = vault.seal(&secret("JBSWY3DPEHPK3PXP"), &place).unwrap();
        for length in 0..sealed.len() {
            assert!(vault.open(&sealed[..length], &place).is_err(), "{length}");
        }
        for at in 0..sealed.len() {
            for other in ["A", "B", ".", "\u{e9}"] {
                let mut altered = sealed.clone();
                altered.replace_range(at..=at, other);
                if altered != sealed {
                    assert!(vault.open(&altered, &place).is_err(), "{at} {other}");
                }
            }
        }
        for more in ["A", ".", ".AAAA", " ", &sealed] {
            assert!(vault.open(&format!("{sealed}{more}"), &place).is_err(), "{more}");
        }
    }

    #[test]
    fn what_was_sealed_for_another_purpose_does_not_open() {
        let ring = Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap();
        let (vault, place) = (Vault::new(&ring).unwrap(), place());
        let others = Sealer::new(&ring, Purpose::Data).unwrap();
        let sealed = others.seal_text("JBSWY3DPEHPK3PXP", &place.assertion()).unwrap();
        assert!(vault.open(&sealed, &place).is_err());
    }

    #[test]
    fn a_fault_names_the_row_and_the_cure_and_nothing_prints_the_secret() {
        let (vault, place) = (vault(&[generate_paserk().unwrap()]), place());
        let sealed = vault.seal(&secret("JBSWY3DPEHPK3PXP"), &place).unwrap();
        let opened = format!("{:?}", vault.open(&sealed, &place).unwrap());
        assert_eq!(opened, "Opened { secret: [secret], is_outdated: false }");
        let fault = vault.open(&sealed[1..], &place).unwrap_err();
        assert!(matches!(fault, Error::Crypto(_)), "{fault:?}");
        let text = fault.to_string();
        assert!(text.contains(&place.id.to_string()) && text.contains("\"totp\""), "{text}");
        assert!(text.contains("security.keys") && text.lines().count() == 1, "{text}");
        assert!(!text.contains("v4.local") && !text.contains(&place.user.to_string()), "{text}");
    }
}
