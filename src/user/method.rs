//! The ways to prove who one is, and what each shows.

use serde::{Deserialize, Serialize};

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
    /// A method that this version does not know, as another version wrote it. It proves nothing here.
    Unknown(Box<str>),
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

/// The longest name of a method of an application's own, in characters: a store keeps all proofs of a login in a
/// text of 1,000.
const LONGEST_NAME: usize = 64;

impl Method {
    /// Creates a method of the application's own, for example `smart_card`. It counts as something that
    /// the user has.
    ///
    /// The name is what events and `/sessions` show as `authn_via`, and what tokens carry in `amr`. It has up to
    /// 64 characters; a longer one is cut.
    pub fn custom(name: &str) -> Self {
        Self::Custom(name.chars().take(LONGEST_NAME).collect::<String>().into())
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
            Self::Link(name) | Self::Provider(name) | Self::Custom(name) | Self::Unknown(name) => {
                name
            }
        }
    }

    /// Returns the values of `amr` for the method (RFC 8176, section 2); none for a method that proves
    /// nothing.
    pub(super) fn amr(&self) -> Vec<&str> {
        match self {
            Self::Password => vec!["pwd"],
            Self::Code(Channel::Sms) => vec!["sms"],
            Self::Code(Channel::Mail) | Self::Link(_) | Self::Totp | Self::RecoveryCode => {
                vec!["otp"]
            }
            Self::Passkey { user_verified: true } => vec!["pop", "user"],
            Self::Passkey { user_verified: false } => vec!["pop"],
            Self::Provider(_) => vec!["fed"],
            Self::Remembered | Self::Unknown(_) => Vec::new(),
            Self::Custom(name) => vec![name],
        }
    }

    pub(super) fn kind(&self) -> Kind {
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
            Self::Remembered | Self::Unknown(_) => Kind::Nothing,
        }
    }
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
            _ => Self::Unknown(text.into()),
        }
    }
}

/// What a method shows. Two of one kind are worth no more than one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
