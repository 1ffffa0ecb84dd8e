//! The methods by which users prove who they are.

use serde::{Deserialize, Serialize};

/// A method by which a user proves who they are.
///
/// Pass it to [`Proof::new`](crate::user::Proof::new), or look for it with
/// [`Proofs::has`](crate::user::Proofs::has). Stores and cookies contain it as a short text such as
/// `password`, `passkey:verified` or `provider:github`:
///
/// ```
/// use rocket_security::user::Method;
///
/// let method = Method::from("passkey:verified".to_owned());
/// assert_eq!(method, Method::Passkey { user_verified: true });
/// assert_eq!(Method::custom("smart_card").authn_via(), "smart_card");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
#[non_exhaustive]
pub enum Method {
    /// The password of the account.
    Password,
    /// A code that was sent to the user.
    Code(Channel),
    /// A link that was mailed to the user. The name is that of the feature, for example `reset`.
    Link(Box<str>),
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// One of the codes that the user keeps for losing every other factor.
    RecoveryCode,
    /// A passkey (WebAuthn).
    Passkey {
        /// Whether the authenticator verified the user, for example with a PIN or a fingerprint.
        user_verified: bool,
    },
    /// Another site that the user logged in to. The name is that of the configured provider.
    Provider(Box<str>),
    /// A remembered browser. It proves nothing.
    Remembered,
    /// A custom method with the name passed to [`Method::custom`].
    Custom(Box<str>),
    /// A method that this version of the framework does not know, stored by another version. It proves
    /// nothing here.
    Unknown(Box<str>),
}

/// The channel by which a code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// E-mail.
    Mail,
    /// Text message.
    Sms,
}

/// The maximum length of the name of a custom method, in characters. A store keeps all proofs of a login in a
/// text of 1,000 characters.
const LONGEST_NAME: usize = 64;

impl Method {
    /// Creates a custom method, for example `smart_card`. It counts as something the user has.
    ///
    /// Events and `/sessions` show the name as `authn_via`, and tokens contain it in `amr`. It has up to 64
    /// characters. A longer name is cut.
    pub fn custom(name: &str) -> Self {
        Self::Custom(name.chars().take(LONGEST_NAME).collect::<String>().into())
    }

    /// Returns the name of the method in JSON and events, for example `password`.
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

    /// Returns the `amr` values of the method (RFC 8176, section 2). Empty for a method that proves nothing.
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

/// What a method proves. Two methods of the same kind count as one factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something the user knows.
    Known,
    /// Something the user has.
    Owned,
    /// Something the user has, unlocked by something they know or are.
    OwnedAndUnlocked,
    /// Another site identifies the user.
    Vouched,
    /// The user receives the mail of the account. This is not a factor (NIST SP 800-63B-4, section 3.1.3.1).
    Mailbox,
    /// Nothing.
    Nothing,
}
