//! How a user proved who they are, and how much that is worth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::{NEVER, Timestamp};

/// A way to prove who one is.
///
/// It is written as a short text, in the store and in cookies: `password`, `passkey:verified`,
/// `provider:github`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
#[non_exhaustive]
pub enum Method {
    /// The password of the account.
    Password,
    /// A code that was sent to the user.
    Code(Channel),
    /// A link that was mailed to the user; the name is that of the feature, for example `reset`.
    Link(Box<str>),
    /// A code of an authenticator (RFC 6238).
    Totp,
    /// One of the codes that the user keeps for when everything else is lost.
    RecoveryCode,
    /// A passkey (WebAuthn).
    Passkey {
        /// Whether the authenticator checked a PIN or a fingerprint.
        user_verified: bool,
    },
    /// Another site that the user logged in to; the name is that of the configured provider.
    Provider(Box<str>),
    /// A browser that is remembered. It proves nothing.
    Remembered,
    /// A method of the application's own, by the name that [`Method::custom`] takes.
    Custom(Box<str>),
}

/// What a code is sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// By e-mail.
    Mail,
    /// By text message.
    Sms,
}

impl Method {
    /// Creates a method of the application's own, for example `smart_card`. It counts as something that
    /// the user has.
    ///
    /// The name is what events and `/sessions` show as `authn_via`, and what tokens carry in `amr`.
    pub fn custom(name: impl Into<Box<str>>) -> Self {
        Self::Custom(name.into())
    }

    /// Returns the name of the method on the wire and in events, for example `password`.
    pub fn authn_via(&self) -> &str {
        match self {
            Self::Password => "password",
            Self::Code(Channel::Mail) => "mailed_code",
            Self::Code(Channel::Sms) => "sms",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey { .. } => "passkey",
            Self::Remembered => "remember",
            Self::Link(name) | Self::Provider(name) | Self::Custom(name) => name,
        }
    }

    /// Returns the values of `amr` for the method (RFC 8176, section 2); none for a method that proves
    /// nothing.
    fn amr(&self) -> Vec<&str> {
        match self {
            Self::Password => vec!["pwd"],
            Self::Code(Channel::Sms) => vec!["sms"],
            Self::Code(Channel::Mail) | Self::Link(_) | Self::Totp | Self::RecoveryCode => {
                vec!["otp"]
            }
            Self::Passkey { user_verified: true } => vec!["pop", "user"],
            Self::Passkey { user_verified: false } => vec!["pop"],
            Self::Provider(_) => vec!["fed"],
            Self::Remembered => Vec::new(),
            Self::Custom(name) => vec![name],
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Password => Kind::Known,
            Self::Totp | Self::RecoveryCode | Self::Code(Channel::Sms) | Self::Custom(_) => {
                Kind::Owned
            }
            Self::Passkey { user_verified } => {
                if *user_verified {
                    Kind::OwnedAndUnlocked
                } else {
                    Kind::Owned
                }
            }
            Self::Provider(_) => Kind::Vouched,
            Self::Code(Channel::Mail) | Self::Link(_) => Kind::Mailbox,
            Self::Remembered => Kind::Nothing,
        }
    }
}

/// What a method shows. Two of one kind are worth no more than one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something the user knows.
    Known,
    /// Something the user has.
    Owned,
    /// Something the user has, unlocked by something they know or are.
    OwnedAndUnlocked,
    /// Another site says who the user is.
    Vouched,
    /// The user reads the mail of the account, which is no factor (NIST SP 800-63B-4, section 3.1.3.1).
    Mailbox,
    /// Nothing.
    Nothing,
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        match &method {
            Method::Code(Channel::Mail) => "code:mail".to_owned(),
            Method::Code(Channel::Sms) => "code:sms".to_owned(),
            Method::Link(name) => format!("link:{name}"),
            Method::Passkey { user_verified: true } => "passkey:verified".to_owned(),
            Method::Provider(name) => format!("provider:{name}"),
            Method::Custom(name) => format!("custom:{name}"),
            other => other.authn_via().to_owned(),
        }
    }
}

impl From<String> for Method {
    fn from(text: String) -> Self {
        match text.split_once(':').unwrap_or((text.as_str(), "")) {
            ("password", "") => Self::Password,
            ("code", "mail") => Self::Code(Channel::Mail),
            ("code", "sms") => Self::Code(Channel::Sms),
            ("link", name) => Self::Link(name.into()),
            ("totp", "") => Self::Totp,
            ("recovery_code", "") => Self::RecoveryCode,
            ("passkey", "verified") => Self::Passkey { user_verified: true },
            ("passkey", "") => Self::Passkey { user_verified: false },
            ("provider", name) => Self::Provider(name.into()),
            ("remember", "") => Self::Remembered,
            ("custom", name) => Self::Custom(name.into()),
            // A method of a newer version counts as one that this version does not know.
            _ => Self::Custom(text.into()),
        }
    }
}

/// A proof of who the user is, with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// How the user proved it.
    pub method: Method,
    /// When.
    pub at: Timestamp,
}

impl Proof {
    /// Creates a proof that was made at that time.
    pub fn new(method: Method, at: Timestamp) -> Self {
        Self { method, at }
    }
}

/// Everything that a user proved for one login, in order; never empty.
///
/// ```
/// # use rocket_security::clock::Clock;
/// use rocket_security::user::Level;
/// use rocket_security::user::Method;
/// use rocket_security::user::Proof;
/// use rocket_security::user::Proofs;
///
/// let now = Clock::default().now();
/// let password = Proofs::from(Proof::new(Method::Password, now));
/// assert_eq!(password.level(), Level::One);
///
/// let both = password.and(Proof::new(Method::Totp, now));
/// assert_eq!(both.level(), Level::Two);
/// assert_eq!(both.authn_via(), "password");
/// assert_eq!(both.amr(), ["pwd", "otp", "mfa"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Proofs(Vec<Proof>);

impl From<Proof> for Proofs {
    fn from(first: Proof) -> Self {
        Self(vec![first])
    }
}

impl Proofs {
    /// Adds a proof. It replaces an earlier one by the same method.
    pub fn and(mut self, proof: Proof) -> Self {
        match self.0.iter_mut().find(|earlier| earlier.method == proof.method) {
            Some(earlier) => *earlier = proof,
            None => self.0.push(proof),
        }
        self
    }

    /// Adds all proofs of another login of the same user, the newer of two by the same method.
    pub fn and_all(self, others: &Self) -> Self {
        others.0.iter().fold(self, |all, proof| {
            let is_newer = all.0.iter().any(|it| it.method == proof.method && it.at >= proof.at);
            if is_newer { all } else { all.and(proof.clone()) }
        })
    }

    /// Returns the proofs in the order in which they were first made.
    pub fn iter(&self) -> impl Iterator<Item = &Proof> {
        self.0.iter()
    }

    /// Checks whether the user proved who they are by this method.
    pub fn has(&self, method: &Method) -> bool {
        self.0.iter().any(|proof| proof.method == *method)
    }

    /// Returns how much the proofs are worth together.
    pub fn level(&self) -> Level {
        let has = |kind| self.0.iter().any(|proof| proof.method.kind() == kind);
        let owns = has(Kind::Owned);
        if has(Kind::OwnedAndUnlocked) || (owns && (has(Kind::Known) || has(Kind::Vouched))) {
            Level::Two
        } else {
            Level::One
        }
    }

    /// Returns the time of the latest proof; [`NEVER`] if a remembered browser is all there is.
    pub fn latest(&self) -> Timestamp {
        let proves = |proof: &&Proof| proof.method.kind() != Kind::Nothing;
        self.0.iter().filter(proves).map(|proof| proof.at).max().unwrap_or(NEVER)
    }

    /// Returns the name of the method that the login began with, as events and `/sessions` show it.
    pub fn authn_via(&self) -> &str {
        self.0.first().map_or("", |proof| proof.method.authn_via())
    }

    /// Returns the methods as the claim `amr` has them (RFC 8176, section 2), with `mfa` where they are
    /// worth [`Level::Two`].
    pub fn amr(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for value in self.0.iter().flat_map(|proof| proof.method.amr()) {
            if !all.contains(&value) {
                all.push(value);
            }
        }
        if self.level() == Level::Two {
            all.push("mfa");
        }
        all
    }
}

/// Writes the proofs as a store keeps them: as JSON, at most 1,000 characters for the methods that a login
/// can have.
impl fmt::Display for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Reads the proofs that a store kept.
impl FromStr for Proofs {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl<'de> Deserialize<'de> for Proofs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let proofs = Vec::<Proof>::deserialize(deserializer)?;
        if proofs.is_empty() {
            return Err(serde::de::Error::invalid_length(0, &"at least one proof"));
        }
        Ok(Self(proofs))
    }
}

/// How sure it is who the user is: an authentication assurance level of NIST SP 800-63B-4, section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// One factor, AAL1.
    One,
    /// Two factors of different kinds, AAL2: something the user has beside something they know, or a
    /// passkey that checked a PIN or a fingerprint. What comes by e-mail is no factor.
    Two,
}

impl Level {
    /// Returns the name of the level in the claim `acr` and in `acr_values` of challenges (RFC 9470).
    pub fn acr(self) -> &'static str {
        match self {
            Self::One => "aal1",
            Self::Two => "aal2",
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::clock::{Clock, NEVER, Timestamp};
    use crate::user::proof::{Channel, Level, Method, Proof, Proofs};

    fn at(now: Timestamp, methods: &[Method]) -> Proofs {
        let mut proofs = methods.iter().map(|method| Proof::new(method.clone(), now));
        let first = Proofs::from(proofs.next().unwrap());
        proofs.fold(first, Proofs::and)
    }

    #[test]
    fn two_factors_of_different_kinds_are_level_two() {
        let now = Clock::default().now();
        let passkey = |user_verified| Method::Passkey { user_verified };
        let mail = [Method::Link("reset".into()), Method::Code(Channel::Mail)];
        let level = |methods: &[Method]| at(now, methods).level();
        for second in [Method::Totp, Method::RecoveryCode, Method::custom("card"), passkey(false)] {
            assert_eq!(level(&[Method::Password, second.clone()]), Level::Two);
            assert_eq!(level(&[Method::Provider("github".into()), second.clone()]), Level::Two);
            assert_eq!(level(std::slice::from_ref(&second)), Level::One);
            assert_eq!(level(&[second.clone(), Method::RecoveryCode]), Level::One);
            assert_eq!(level(&[Method::Remembered, second]), Level::One);
        }
        assert_eq!(level(&[passkey(true)]), Level::Two);
        for mail in mail {
            assert_eq!(level(&[Method::Password, mail.clone()]), Level::One);
            assert_eq!(level(&[Method::Totp, mail]), Level::One);
        }
        assert_eq!(level(&[Method::Remembered, Method::Password]), Level::One);
    }

    #[test]
    fn a_remembered_browser_proves_nothing() {
        let now = Clock::default().now();
        let remembered = at(now, &[Method::Remembered]);
        assert_eq!((remembered.latest(), remembered.authn_via()), (NEVER, "remember"));
        assert!(remembered.amr().is_empty());
        let later = now + TimeDelta::minutes(5);
        let verified = remembered.and(Proof::new(Method::Password, later));
        assert_eq!((verified.latest(), verified.authn_via()), (later, "remember"));
    }

    #[test]
    fn a_newer_proof_by_the_same_method_replaces_the_older() {
        let now = Clock::default().now();
        let later = now + TimeDelta::minutes(5);
        let first = at(now, &[Method::Password, Method::Totp]);
        let again = first.clone().and(Proof::new(Method::Password, later));
        assert_eq!((again.iter().count(), again.latest()), (2, later));
        assert_eq!(again.clone().and_all(&first), again);
        assert_eq!(first.and_all(&again), again);
    }

    #[test]
    fn every_method_survives_its_text() {
        let now = Clock::default().now();
        let methods = [
            Method::Password,
            Method::Code(Channel::Mail),
            Method::Code(Channel::Sms),
            Method::Link("confirm".into()),
            Method::Totp,
            Method::RecoveryCode,
            Method::Passkey { user_verified: true },
            Method::Passkey { user_verified: false },
            Method::Provider("github".into()),
            Method::Remembered,
            Method::custom("smart_card"),
        ];
        let all = at(now, &methods);
        assert_eq!(all.to_string().parse::<Proofs>().unwrap(), all);
        assert!(all.to_string().len() <= 1_000, "{all}");
        assert!("[]".parse::<Proofs>().is_err());
    }
}
