//! The rules for choosing usernames.

use crate::text::Text;
use crate::user::username::{Username, UsernameError};

/// Names that stand for the site, its mail (RFC 2142) or no person at all, or that are common paths of sites.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "administration",
    "anonymous",
    "api",
    "auth",
    "billing",
    "bot",
    "contact",
    "daemon",
    "everyone",
    "guest",
    "help",
    "helpdesk",
    "host",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mail",
    "mailerdaemon",
    "marketing",
    "me",
    "mod",
    "moderator",
    "news",
    "nobody",
    "noc",
    "noreply",
    "null",
    "official",
    "operator",
    "owner",
    "password",
    "payment",
    "postmaster",
    "privacy",
    "register",
    "root",
    "sales",
    "security",
    "self",
    "service",
    "settings",
    "signin",
    "signup",
    "site",
    "staff",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "test",
    "undefined",
    "user",
    "username",
    "users",
    "webmaster",
    "www",
    "you",
];

/// The rules for choosing usernames: their length and the reserved names.
#[derive(Clone, Debug)]
pub struct UsernamePolicy {
    /// The minimum number of characters.
    pub min_length: usize,
    /// The maximum number of characters.
    pub max_length: usize,
    /// The appearance of the reserved names.
    reserved: Vec<String>,
    /// Whether an account needs a username.
    is_required: bool,
}

/// The reason why a username cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsernameRefused {
    /// The text is not a username.
    Invalid(UsernameError),
    /// The name is too short or too long.
    Length {
        /// The minimum number of characters.
        min_length: usize,
        /// The maximum number of characters.
        max_length: usize,
    },
    /// The name is reserved for the site.
    Reserved,
}

impl From<UsernameRefused> for Text {
    fn from(refused: UsernameRefused) -> Self {
        match refused {
            UsernameRefused::Invalid(error) => error.into(),
            UsernameRefused::Length { min_length, max_length } => {
                let words = "Use {min} to {max} characters.";
                let text = Text::new("username_invalid.length", words);
                text.with("min", min_length).with("max", max_length)
            }
            UsernameRefused::Reserved => {
                Text::new("username_reserved", "This username is not available.")
            }
        }
    }
}

impl UsernamePolicy {
    /// Creates rules with these lengths. The reserved names are those of every site and the ones in
    /// `reserved`.
    pub(crate) fn new(min_length: usize, max_length: usize, reserved: &[String]) -> Self {
        let reserved = RESERVED.iter().copied().chain(reserved.iter().map(String::as_str));
        let reserved = reserved.map(|name| look(&Username::from_stored(name.to_owned()))).collect();
        Self { min_length, max_length, reserved, is_required: false }
    }

    /// Sets whether an account has to keep a username once it has one.
    pub(crate) fn required(self, is_required: bool) -> Self {
        Self { is_required, ..self }
    }

    /// Returns `true` if an account needs a username.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Parses a username that a user chooses. It does not check whether the name is taken.
    ///
    /// # Errors
    ///
    /// [`UsernameRefused`] if the name cannot be chosen.
    pub fn parse(&self, typed: &str) -> Result<Username, UsernameRefused> {
        let username = Username::parse(typed).map_err(UsernameRefused::Invalid)?;
        let Self { min_length, max_length, .. } = *self;
        if !(min_length..=max_length).contains(&username.as_str().chars().count()) {
            return Err(UsernameRefused::Length { min_length, max_length });
        }
        if self.reserved.contains(&look(&username)) {
            return Err(UsernameRefused::Reserved);
        }
        Ok(username)
    }
}

/// Returns the appearance of a name without punctuation: `ad.min` is reserved like `admin`.
fn look(username: &Username) -> String {
    let skeleton = username.skeleton();
    skeleton.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use crate::text::Text;
    use crate::user::username_policy::UsernamePolicy;

    fn reasons(typed: &str) -> Vec<&'static str> {
        let policy = UsernamePolicy::new(4, 32, &["Harbour".to_owned()]);
        policy.parse(typed).err().map(|refused| Text::from(refused).reason()).into_iter().collect()
    }

    #[test]
    fn a_username_has_4_to_32_characters() {
        for typed in ["ann4", "jos\u{e9}", "jose\u{301}", &"x".repeat(32)] {
            assert!(reasons(typed).is_empty(), "{typed}");
        }
        for typed in ["", "ann", "\u{e9}\u{e9}\u{e9}", &"x".repeat(33), "a@example.org"] {
            assert_eq!(reasons(typed), ["username_invalid"], "{typed}");
        }
    }

    #[test]
    fn names_that_speak_for_the_site_are_reserved_however_they_are_spelled() {
        for typed in
            ["admin", "ADMIN", "adm1n", "r00t", "ad-min", "s.u.pport", "harbour", "H4rbour2"]
        {
            let expected: &[&str] = if typed == "H4rbour2" { &[] } else { &["username_reserved"] };
            assert_eq!(reasons(typed), expected, "{typed}");
        }
        assert!(reasons("adminton").is_empty());
    }
}
