//! Kinds of credentials that a user can have beside the password.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The name of a kind of credential: 1 to 32 of the characters `a-z`, `0-9` and `_`.
///
/// The framework's kinds are constants. An application parses the names of its own:
///
/// ```
/// use rocket_security::user::CredentialKind;
///
/// let badge = CredentialKind::parse("acme_badge")?;
/// assert_eq!(badge.as_str(), "acme_badge");
/// assert_eq!(CredentialKind::TOTP.as_str(), "totp");
/// # Ok::<_, rocket_security::user::CredentialKindError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialKind(Cow<'static, str>);

impl CredentialKind {
    /// The shared secret of an authenticator app (RFC 6238).
    pub const TOTP: Self = Self(Cow::Borrowed("totp"));
    /// A code for users who have lost every other second factor.
    pub const RECOVERY_CODE: Self = Self(Cow::Borrowed("recovery_code"));
    /// A passkey or a security key (WebAuthn).
    pub const PASSKEY: Self = Self(Cow::Borrowed("passkey"));
    /// An account at an identity provider (OpenID Connect, OAuth).
    pub const PROVIDER: Self = Self(Cow::Borrowed("provider"));

    /// Parses the name of a kind.
    ///
    /// # Errors
    ///
    /// [`CredentialKindError`] if the text is empty, longer than 32 characters, or contains a character other
    /// than `a-z`, `0-9` and `_`.
    pub fn parse(text: &str) -> Result<Self, CredentialKindError> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=32).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(CredentialKindError)
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CredentialKind {
    type Err = CredentialKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The error for a text that is not a [`CredentialKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind of credential has 1 to 32 of the characters a-z, 0-9 and _")]
pub struct CredentialKindError;

#[cfg(test)]
mod tests {
    use crate::user::credential_kind::CredentialKind;

    #[test]
    fn the_names_of_our_own_kinds_are_names() {
        for kind in [
            CredentialKind::TOTP,
            CredentialKind::RECOVERY_CODE,
            CredentialKind::PASSKEY,
            CredentialKind::PROVIDER,
        ] {
            assert_eq!(CredentialKind::parse(kind.as_str()), Ok(kind));
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for text in ["a", "0", "_", "acme_badge2", &"x".repeat(32)] {
            assert_eq!(CredentialKind::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "TOTP", "two words", "a-b", "a:b", "t\u{f6}tp", "a\n", &"x".repeat(33)] {
            assert!(CredentialKind::parse(text).is_err(), "{text:?}");
        }
    }
}
