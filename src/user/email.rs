//! E-mail addresses.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use validator::ValidateEmail;

use crate::text::Text;

/// An e-mail address that mail can be sent to and that names one user.
///
/// It accepts less than RFC 5321 does: no quoted local part, no comment, no address literal, no
/// `%` routing, nothing that begins with `-`, ASCII only, and a domain with a dot. It is stored as
/// typed and compared without regard to ASCII case.
#[derive(Clone, Debug, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// The longest address in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX_BYTES: usize = 254;

impl Email {
    /// Reads an address. Blanks around it are dropped, for people paste them.
    ///
    /// # Errors
    ///
    /// [`EmailError`] when the text is not an address this framework accepts.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(EmailError::Missing);
        }
        if text.len() > EMAIL_MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if !text.validate_email() || !is_plain_address(text) {
            return Err(EmailError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the form under which the address is looked up: ASCII lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Returns the address as its owner typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailError {
    /// There is none.
    Missing,
    /// It is longer than [`EMAIL_MAX_BYTES`].
    TooLong,
    /// It is not an address, or one of a kind that is not accepted here.
    Malformed,
}

impl From<EmailError> for Text {
    fn from(error: EmailError) -> Self {
        match error {
            EmailError::Missing => Text::new("email_invalid.missing", "Enter your email address."),
            EmailError::TooLong => Text::new(
                "email_invalid.too_long",
                "This email address is longer than 254 characters.",
            ),
            EmailError::Malformed => Text::new(
                "email_invalid.malformed",
                "Enter a valid email address, such as name@example.org.",
            ),
        }
    }
}

impl fmt::Display for EmailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::from(*self).fmt(f)
    }
}

impl StdError for EmailError {}

/// Returns `true` if an address that a mail parser would accept is also one we want to mail to.
fn is_plain_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_is_plain = !local.starts_with('-')
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&'*+/=?^_`{|}~.-".contains(&byte));
    let last_label = domain.rsplit('.').next().unwrap_or_default();
    let domain_is_plain = domain.contains('.')
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
        && last_label.bytes().any(|byte| byte.is_ascii_alphabetic());
    local_is_plain && domain_is_plain
}

#[cfg(test)]
mod tests {
    use crate::user::email::{Email, EmailError};

    #[test]
    fn ordinary_addresses_are_read() {
        for text in ["ann@example.org", "Ann.Lee+news@sub.example.co.uk", " o'neil@example.org "] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text.trim());
        }
    }

    #[test]
    fn addresses_that_fool_mail_software_are_refused() {
        for text in [
            "\"x@evil.example\"@victim.example",
            "-oQfile@x.example",
            "a%evil@b.example",
            "a@[127.0.0.1]",
            "a@localhost",
            "\u{430}nn@example.org",
            "ann@ex\u{430}mple.org",
            "a@b.example\n",
            "Ann <ann@example.org>",
            "ann@example.org,bob@example.org",
            "ann@127.0.0.1",
            ".ann@example.org",
            "ann@example..org",
            "ann\0@example.org",
        ] {
            assert_eq!(Email::parse(text), Err(EmailError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn addresses_compare_without_case_and_keep_their_spelling() {
        let typed = Email::parse("Ann@Example.org").unwrap();
        assert_eq!(typed, Email::parse("ann@example.ORG").unwrap());
        assert_eq!(typed.as_str(), "Ann@Example.org");
        assert_eq!(typed.canonical(), "ann@example.org");
    }
}
