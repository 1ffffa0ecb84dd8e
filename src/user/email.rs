//! E-mail addresses.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use validator::ValidateEmail;

use crate::text::Text;

/// An e-mail address that mail can be sent to and that identifies one user.
///
/// Parse it from what the user typed. It is stored as typed and compared without regard to ASCII case:
///
/// ```
/// use rocket_security::user::Email;
///
/// let typed = Email::parse("Ann@Example.org")?;
/// assert_eq!(typed, Email::parse("ann@example.org")?);
/// assert_eq!(typed.as_str(), "Ann@Example.org");
/// # Ok::<_, rocket_security::user::EmailError>(())
/// ```
///
/// It accepts fewer addresses than RFC 5321 does: no quoted local part, no comment, no address literal, no
/// `%` routing, no leading `-`, only ASCII, and a domain with a dot.
#[derive(Clone, Debug, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// The maximum length of an address in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
pub const EMAIL_MAX_BYTES: usize = 254;

impl Email {
    /// Parses an address. Removes spaces around it, which people paste along with it.
    ///
    /// # Errors
    ///
    /// [`EmailError`] if the framework does not accept the address.
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

    /// Returns the form used to look the address up: in ASCII lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Returns the address as the user typed it.
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

/// The reason why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailError {
    /// The text is empty.
    Missing,
    /// The text is longer than [`EMAIL_MAX_BYTES`].
    TooLong,
    /// The text is not an address, or not of an accepted form.
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

/// Checks whether a syntactically valid address is also one of the accepted forms.
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
