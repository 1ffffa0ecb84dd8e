//! Passwords, and which of them may be chosen.

use std::error::Error as StdError;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use url::Url;

use crate::config::Config;
use crate::crypto::guessable::is_guessable;
use crate::rejection::FieldErrors;
use crate::secret::Secret;
use crate::text::Text;
use crate::user::EMAIL_MAX_BYTES;

/// The maximal length of a password after normalisation, in bytes. NIST SP 800-63B-4, section 3.1.1.2,
/// requires at least 64 characters to be allowed; the limit only keeps normalisation cheap.
pub const MAX_BYTES: usize = 1_024;

/// A password as a user typed it, normalised to NFC and otherwise unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password(Secret<String>);

impl Password {
    /// Reads a password. Nothing is trimmed, folded or cut.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] if it is empty or longer than [`MAX_BYTES`].
    pub fn parse(text: &Secret<String>) -> Result<Self, PasswordError> {
        let text = text.expose();
        if text.is_empty() {
            return Err(PasswordError::Missing);
        }
        // NFC at most triples the bytes. Refusing first keeps a megabyte from being normalised.
        if text.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        let normalised: String = text.nfc().collect();
        if normalised.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(Secret::new(normalised)))
    }

    /// Returns the bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }

    fn as_str(&self) -> &str {
        self.0.expose()
    }
}

/// Why a text is not a [`Password`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordError {
    /// The text is empty.
    Missing,
    /// The text is longer than [`MAX_BYTES`].
    TooLong,
}

impl From<PasswordError> for Text {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Missing => Text::new("password_invalid.missing", "Enter your password."),
            PasswordError::TooLong => {
                Text::new("password_invalid.too_long", "This password is longer than 1024 bytes.")
            }
        }
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::from(*self).fmt(f)
    }
}

impl StdError for PasswordError {}

/// The rules for new passwords.
///
/// A new password must be long enough, and not among those that guessing programs try first. There are no
/// rules about kinds of characters, and no setting for such rules (NIST SP 800-63B-4, section 3.1.1.2: SHALL
/// NOT).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasswordPolicy {
    /// The minimal length, in code points.
    pub min_length: usize,
    /// Words that are not secret on this site: its name and its host.
    pub context_words: Vec<String>,
}

const BLOCKLISTED: Text = Text::new(
    "password_blocklisted",
    "This password is too easy to guess. Add a few words that have nothing to do with each \
     other, with you, or with this site.",
);

impl PasswordPolicy {
    /// Creates the policy with the length from the configuration and context words from the names of the site
    /// (ASVS 5.0, 6.1.2).
    pub fn new(config: &Config, base_url: &Url) -> Self {
        let host = base_url.host_str().unwrap_or_default();
        let labels = host.split('.').filter(|label| label.len() > 2);
        let words = labels.chain([config.site_name.as_str(), host]);
        Self {
            min_length: config.password.min_length,
            context_words: words.map(str::to_owned).collect(),
        }
    }

    /// Checks a password that a user wants to choose. `own_words` are words that belong to the user, such as
    /// an address or a name, and `field` is the form field that errors are attached to.
    ///
    /// A password is refused if it is in `zxcvbn`'s lists of leaked passwords, names and words, or made of
    /// little else. Of a long password, the first and the last 24 characters are checked, and one good part
    /// suffices. Of each word, the first 254 bytes count.
    ///
    /// The work is bounded for every password. Call it off the async threads.
    pub fn check(&self, field: &str, password: &Password, own_words: &[&str]) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if password.as_str().chars().count() < self.min_length {
            let text = Text::new("password_too_short", "Use at least {min} characters.");
            errors.push(field, text.with("min", self.min_length));
            return errors;
        }
        let mut words: Vec<String> = self.context_words.clone();
        words.extend(own_words.iter().flat_map(|word| split_words(bounded(word))));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if is_made_of(password.as_str(), &words) || is_guessable(password.as_str(), &words) {
            errors.push(field, BLOCKLISTED);
        }
        errors
    }
}

/// Returns `true` if little remains of a password without the words: fewer than 8 characters, the least that
/// any password must have.
fn is_made_of(password: &str, words: &[&str]) -> bool {
    let bare = |text: &str| -> String {
        text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let mut words: Vec<String> =
        words.iter().map(|word| bare(word)).filter(|word| word.chars().count() > 3).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let whole = bare(password);
    let is_any_in = words.iter().any(|word| whole.contains(word.as_str()));
    let rest = words.iter().fold(whole, |rest, word| rest.replace(word.as_str(), ""));
    is_any_in && rest.chars().count() < 8
}

/// Limits a word to the length of an e-mail address: it may be text that a user typed as an address.
fn bounded(word: &str) -> &str {
    word.get(..word.floor_char_boundary(EMAIL_MAX_BYTES)).unwrap_or_default()
}

/// Returns a text as a whole and split at its punctuation.
fn split_words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.len() > 2);
    let local = text.split('@').next();
    std::iter::once(text).chain(local).chain(parts).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use crate::crypto::password::{Password, PasswordError, PasswordPolicy};
    use crate::rejection::FieldError;
    use crate::secret::Secret;

    fn password(text: &str) -> Password {
        Password::parse(&Secret::new(text.to_owned())).unwrap()
    }

    fn reasons(text: &str) -> Vec<&'static str> {
        let policy =
            PasswordPolicy { min_length: 15, context_words: vec!["Harbour Library".to_owned()] };
        let errors = policy.check("password", &password(text), &["ann.lee@example.org"]);
        errors.iter().map(FieldError::reason).collect()
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(password("caf\u{e9}"), password("cafe\u{301}"));
    }

    #[test]
    fn blanks_and_case_count() {
        assert_ne!(password(" secret "), password("secret"));
        assert_ne!(password("Secret"), password("secret"));
    }

    #[test]
    fn length_counts_code_points_not_bytes() {
        assert_eq!(reasons("\u{1f426}\u{1f30a}\u{1f525}\u{1f3b2}"), ["password_too_short"]);
        assert!(reasons("vier kurze W\u{f6}rter sind genug").is_empty());
    }

    #[test]
    fn a_megabyte_is_refused_before_any_work() {
        let long = Secret::new("x".repeat(1_000_000));
        assert_eq!(Password::parse(&long), Err(PasswordError::TooLong));
        assert_eq!(Password::parse(&Secret::new(String::new())), Err(PasswordError::Missing));
    }

    #[test]
    fn long_passwords_that_are_tried_first_are_refused() {
        for text in [
            "passwordpassword",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfgh",
            "ann.lee@example.org",
            "Harbour Library",
            "HarbourLibrary 2026",
            "harbour library harbour",
            "ann.lee ann.lee 1",
        ] {
            assert_eq!(reasons(text), ["password_blocklisted"], "{text}");
        }
    }

    #[test]
    fn sentences_are_fine() {
        assert!(reasons("correct horse battery staple").is_empty());
        assert!(reasons("my cat sleeps on warm keyboards").is_empty());
    }
}
