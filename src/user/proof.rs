//! What a user proved for one login, and the level that it reaches.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::{NEVER, Timestamp};
use crate::user::method::{Kind, Method};

/// A proof of who the user is: the method and the time.
///
/// Pass it to [`Flow::enter`](crate::flow::Flow::enter) once a handler has checked what the user sent:
///
/// ```
/// use rocket_security::clock::Clock;
/// use rocket_security::user::{Method, Proof};
///
/// let proof = Proof::new(Method::custom("smart_card"), Clock::default().now());
/// assert_eq!(proof.method.authn_via(), "smart_card");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// How the user proved it.
    pub method: Method,
    /// When the user proved it.
    pub at: Timestamp,
}

impl Proof {
    /// Creates a proof made at the time `at`.
    pub fn new(method: Method, at: Timestamp) -> Self {
        Self { method, at }
    }
}

/// All proofs of one login in order, never empty.
///
/// Hooks decide from it what a login lacks, and guards compute the [`Level`] from it.
///
/// ```
/// use rocket_security::clock::Clock;
/// use rocket_security::user::{Level, Method, Proof, Proofs};
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
    /// Adds a proof. It replaces an earlier one with the same method.
    pub fn and(mut self, proof: Proof) -> Self {
        match self.0.iter_mut().find(|earlier| earlier.method == proof.method) {
            Some(earlier) => *earlier = proof,
            None => self.0.push(proof),
        }
        self
    }

    /// Adds all proofs of another login of the same user. Of two proofs with the same method, the newer one
    /// stays.
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

    /// Checks whether there is a proof with this method.
    pub fn has(&self, method: &Method) -> bool {
        self.0.iter().any(|proof| proof.method == *method)
    }

    /// Returns the level that the proofs reach together.
    pub fn level(&self) -> Level {
        let has = |kind| self.0.iter().any(|proof| proof.method.kind() == kind);
        let owns = has(Kind::Owned);
        if has(Kind::OwnedAndUnlocked) || (owns && (has(Kind::Known) || has(Kind::Vouched))) {
            Level::Two
        } else {
            Level::One
        }
    }

    /// Returns the time of the latest proof, or [`NEVER`] if there is only a remembered browser.
    pub fn latest(&self) -> Timestamp {
        let proves = |proof: &&Proof| proof.method.kind() != Kind::Nothing;
        self.0.iter().filter(proves).map(|proof| proof.at).max().unwrap_or(NEVER)
    }

    /// Returns the name of the method that the login began with, as shown in events and by `/sessions`.
    pub fn authn_via(&self) -> &str {
        self.0.first().map_or("", |proof| proof.method.authn_via())
    }

    /// Returns the methods as values of the claim `amr` (RFC 8176, section 2), with `mfa` if they reach
    /// [`Level::Two`].
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

/// Writes the proofs as JSON, as they are stored. They have at most 1,000 characters for the methods that a
/// login can have.
impl fmt::Display for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Parses stored proofs.
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

/// How certain it is who the user is: an authentication assurance level of NIST SP 800-63B-4, section 2.
///
/// It is computed from the [`Proofs`] of a login and never stored. Guards such as [`Assured`](crate::Assured)
/// require it.
///
/// ```
/// use rocket_security::user::Level;
///
/// assert!(Level::Two > Level::One);
/// assert_eq!(Level::Two.acr(), "aal2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// One factor (AAL1).
    One,
    /// Two factors of different kinds (AAL2): something the user has together with something they know or
    /// another site that identifies them, or a passkey that verified the user with a PIN or a fingerprint.
    /// Codes and links sent by e-mail are not a factor.
    Two,
}

impl Level {
    /// Returns the name of the level in the claim `acr` and in the `acr_values` of challenges (RFC 9470).
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
    use crate::user::method::{Channel, Method};
    use crate::user::proof::{Level, Proof, Proofs};

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
