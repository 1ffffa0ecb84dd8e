//! Usernames.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{
    GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, skeleton,
};

use crate::text::Text;

/// A public name that a user has chosen and that identifies one user.
///
/// Parse it from what the user typed. Use [`UsernamePolicy::parse`](crate::user::UsernamePolicy::parse) to
/// also check lengths and reserved names.
///
/// ```
/// use rocket_security::user::Username;
///
/// let typed = Username::parse("Ann.Lee")?;
/// assert_eq!(typed, Username::parse("ann.lee")?);
/// assert!(Username::parse("ann@example.org").is_err());
/// # Ok::<_, rocket_security::user::UsernameError>(())
/// ```
///
/// A username consists of letters, digits and their combining marks, with `.`, `_` and `-` between them. It
/// contains no `@`, so that it is never confused with an address, and nothing invisible. All characters are
/// from one script, or from those written together in Chinese, Japanese and Korean, including Latin (Unicode
/// Technical Standard #39, "Highly Restrictive"). It is stored as typed, in normalization form KC, and looked
/// up without regard to case. Two users cannot have names that look alike.
#[derive(Clone, Debug, Eq, Serialize)]
#[serde(transparent)]
pub struct Username(String);

/// The maximum length of a username, in characters. The [`canonical`](Username::canonical) form and the
/// [`skeleton`](Username::skeleton) can have up to 255, which fit into a column of the store.
pub const USERNAME_MAX_CHARS: usize = 64;
const MAX_FORM_CHARS: usize = 255;

/// How many combining marks can follow each other (Unicode Technical Standard #39, section 5.4).
const MAX_MARKS: usize = 4;

impl Username {
    /// Parses a username. Removes spaces around it, which people paste along with it.
    ///
    /// # Errors
    ///
    /// [`UsernameError`] if the framework does not accept the username.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        // Normalizing can make a text 18 times as long, so a text that is much too long is refused first.
        if text.chars().count() > 4 * USERNAME_MAX_CHARS {
            return Err(UsernameError::TooLong);
        }
        let name = text.trim_matches(' ').nfkc().collect::<String>();
        if name.is_empty() {
            return Err(UsernameError::Missing);
        }
        if name.contains('@') {
            return Err(UsernameError::LooksLikeAddress);
        }
        if !is_well_formed(&name) {
            return Err(UsernameError::Malformed);
        }
        if !name.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Err(UsernameError::Mixed);
        }
        let name = Self(name);
        let is_short = |text: &str, most: usize| text.chars().count() <= most;
        let fits = is_short(&name.0, USERNAME_MAX_CHARS)
            && is_short(&name.canonical(), MAX_FORM_CHARS)
            && is_short(&name.skeleton(), MAX_FORM_CHARS);
        if fits { Ok(name) } else { Err(UsernameError::TooLong) }
    }

    /// Creates a username from a stored name without checks. The name was checked when it was chosen.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// Returns the form used to look the name up: in normalization form KC and case-folded.
    pub fn canonical(&self) -> String {
        fold(&self.0)
    }

    /// Returns the same text for names that can be confused with each other (Unicode Technical Standard #39,
    /// section 4), without regard to case.
    ///
    /// It combines the appearance of the name as shown and in lower case: `НОРА` in Cyrillic letters looks
    /// like `HOPA`, and `rnaria` like `Maria`. A capital `i` looks like an `l`, so both letters are replaced
    /// by one.
    pub fn skeleton(&self) -> String {
        let look = |text: &str| fold(&skeleton(text).collect::<String>());
        look(&look(&self.0)).replace('i', "l")
    }

    /// Returns the name as the user typed it, in normalization form KC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The reason why a text is not a [`Username`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsernameError {
    /// The text is empty.
    Missing,
    /// The text is longer than [`USERNAME_MAX_CHARS`].
    TooLong,
    /// The text contains an `@`.
    LooksLikeAddress,
    /// The text contains something other than letters, digits, and `.`, `_` and `-` between them.
    Malformed,
    /// The text mixes scripts, or contains letters that are not in everyday use.
    Mixed,
}

impl From<UsernameError> for Text {
    fn from(error: UsernameError) -> Self {
        match error {
            UsernameError::Missing => Text::new("username_invalid.missing", "Enter a username."),
            UsernameError::TooLong => Text::new(
                "username_invalid.too_long",
                "This username is longer than 64 characters.",
            ),
            UsernameError::LooksLikeAddress => Text::new(
                "username_invalid.looks_like_address",
                "A username can't be an email address. Leave out the @.",
            ),
            UsernameError::Malformed => Text::new(
                "username_invalid.malformed",
                "Use letters and digits, with single dots, hyphens or underscores between them.",
            ),
            UsernameError::Mixed => Text::new(
                "username_invalid.mixed",
                "This username mixes letters from different alphabets, or has letters that are \
                 hard to tell apart.",
            ),
        }
    }
}

impl fmt::Display for UsernameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::from(*self).fmt(f)
    }
}

impl StdError for UsernameError {}

fn is_well_formed(name: &str) -> bool {
    let is_sign = |c: char| matches!(c, '.' | '_' | '-');
    let ends_are_plain = name.starts_with(char::is_alphanumeric) && !name.ends_with(is_sign);
    let (mut marks, mut last) = (0, '\0');
    for c in name.chars() {
        let is_mark = is_combining_mark(c);
        let is_known = (c.is_alphanumeric() || is_mark || is_sign(c))
            && GeneralSecurityProfile::identifier_allowed(c);
        marks = if is_mark { marks + 1 } else { 0 };
        let is_repeated = c == last && (is_mark || is_sign(c));
        let is_pair_of_signs = is_sign(c) && is_sign(last);
        if !is_known || is_repeated || is_pair_of_signs || marks > MAX_MARKS {
            return false;
        }
        last = c;
    }
    ends_are_plain
}

/// Folds the case of a text (Unicode, section 3.13, D146). Folding can undo the normalization, and
/// normalizing can undo the folding. After two rounds the text no longer changes.
fn fold(text: &str) -> String {
    let fold_once = |text: &str| -> String {
        let folded = CaseMapper::new().fold_string(text);
        folded.nfkc().collect()
    };
    fold_once(&fold_once(text))
}

#[cfg(test)]
mod tests {
    use crate::user::username::{Username, UsernameError};

    fn name(text: &str) -> Username {
        Username::parse(text).expect(text)
    }

    fn look_alike(one: &str, other: &str) -> bool {
        name(one).skeleton() == name(other).skeleton()
    }

    #[test]
    fn ordinary_names_of_many_scripts_are_read() {
        for text in [
            "ann",
            "Ann.Lee-2",
            "jos\u{e9}",
            "stra\u{df}e",
            "\u{418}\u{432}\u{430}\u{43d}",
            "\u{3b1}\u{3bb}\u{3ad}\u{3be}\u{3b7}\u{3c2}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "\u{645}\u{62d}\u{645}\u{62f}",
            "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
            "\u{5c71}\u{7530}taro",
            "\u{3059}\u{305a}\u{304d}",
            "\u{ae40}\u{cca0}\u{c218}",
            "7of9",
        ] {
            assert_eq!(name(text).as_str(), text);
        }
        assert_eq!(name(" ann ").as_str(), "ann");
    }

    #[test]
    fn what_is_typed_otherwise_is_the_same_name() {
        for (one, other) in [
            ("Ann", "aNN"),
            ("jose\u{301}", "JOS\u{c9}"),
            ("\u{ff21}\u{ff4e}\u{ff4e}", "ann"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{212a}elvin", "kelvin"),
            (
                "\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
                "\u{3c3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c3}",
            ),
            ("\u{fb01}nn", "finn"),
            ("ann\u{2024}lee", "ann.lee"),
        ] {
            assert_eq!(name(one).canonical(), name(other).canonical(), "{one} {other}");
            assert_eq!(name(one), name(other));
        }
        assert_eq!(name("\u{ff21}nn").as_str(), "Ann", "it is kept in form KC");
    }

    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself() {
        for text in ["\u{130}stanbul", "\u{df}\u{df}", "\u{149}ame", "\u{1f80}\u{3b1}", "K\u{fb03}"]
        {
            if let Ok(name) = Username::parse(text) {
                let canonical = name.canonical();
                assert_eq!(Username::from_stored(canonical.clone()).canonical(), canonical);
            }
        }
    }

    #[test]
    fn nothing_invisible_and_nothing_that_breaks_a_line_is_read() {
        for text in [
            "an n",
            "ann\n",
            "ann\0",
            "an\u{ad}n",
            "an\u{200b}n",
            "an\u{200d}n",
            "an\u{2060}n",
            "\u{202e}nna",
            "an\u{feff}n",
            "an\u{e0061}n",
            "an\u{fe0f}n",
            "an\u{3164}n",
            "ann\u{1f600}",
            "a/b",
            "a\\b",
            "<ann>",
            "ann'",
            "a:b",
            "an\u{b7}n",
            "\u{301}ann",
            "\u{5f4}\u{5f4}\u{5f4}\u{5f4}",
            ".ann",
            "ann.",
            "_ann",
            "an..n",
            "an._n",
            "a\u{317}\u{317}nn",
            "a\u{302}\u{303}\u{304}\u{306}\u{307}\u{308}\u{30a}nn",
        ] {
            assert_eq!(Username::parse(text), Err(UsernameError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_blank_is_none_and_an_address_is_no_name() {
        assert_eq!(Username::parse("  "), Err(UsernameError::Missing));
        for text in ["ann@example.org", "@ann", "ann\u{ff20}example", "ann\u{fe6b}b"] {
            assert_eq!(Username::parse(text), Err(UsernameError::LooksLikeAddress), "{text:?}");
        }
    }

    #[test]
    fn scripts_that_are_not_written_together_are_not_mixed() {
        for text in [
            "\u{430}nn",
            "p\u{430}yp\u{430}l",
            "\u{3b1}nn",
            "ann\u{5d0}",
            "\u{418}\u{3b1}",
            "\u{661}ann",
        ] {
            assert_eq!(Username::parse(text), Err(UsernameError::Mixed), "{text:?}");
        }
    }

    #[test]
    fn letters_out_of_everyday_use_are_refused() {
        for text in ["\u{16a0}\u{16a2}\u{16a6}", "\u{13a0}\u{13a1}", "\u{251}nn", "\u{1d00}nn"] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("alice", "aIice"),
            ("bob", "B0B"),
            ("modern", "rnodern"),
            ("Maria", "MARlA"),
            ("MARIA", "rnaria"),
            ("ADMIN", "adm1n"),
            ("paypal", "PayPa1"),
            ("HOPA", "\u{41d}\u{41e}\u{420}\u{410}"),
            ("cope", "\u{441}\u{43e}\u{440}\u{435}"),
            ("ann", "ANN"),
        ] {
            assert!(look_alike(one, other), "{one} {other}");
        }
        for (one, other) in [("ann", "anna"), ("alice", "alise"), ("ann.lee", "annlee")] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn endless_names_are_refused_before_any_work() {
        for text in ["x".repeat(65), "x".repeat(1_000_000), "\u{fdfa}".repeat(60)] {
            assert!(Username::parse(&text).is_err());
        }
        assert_eq!(Username::parse(&"x".repeat(65)), Err(UsernameError::TooLong));
        assert!(Username::parse(&"m".repeat(64)).is_ok());
    }
}
