//! PASETO tokens for programs: what is issued, and what is accepted.
//!
//! [`Tokens`] issues, and is a guard; [`Verifier`] accepts; both stand in Rocket's managed state. A token is of a
//! [`TokenKind`], which stands in its claim `typ` and in its implicit assertion, so that one kind
//! never serves as another. Settings are those of [`TokensConfig`](crate::config::TokensConfig); the
//! whole story is told in [`guide::tokens`](crate::guide::tokens).
//!
//! | claim | what it says | set |
//! |---|---|---|
//! | `iss` | who issued it | always |
//! | `sub` | whom or what it is about: the id of a user | always |
//! | `aud` | whom it is for | always |
//! | `exp` | when it expires | always, unless the kind never does |
//! | `nbf` | from when on it is valid | always |
//! | `iat` | when it was issued | always |
//! | `jti` | its own id | always |
//! | `typ` | its kind | always |
//! | `sid` | the session that it was made in, by its public id | for an [`AuthUser`](crate::AuthUser) whose request belongs to one, and with [`session`](TokenBuilder::session) |
//! | `fam` | the family of refresh tokens that it belongs to, by its public id | for an `AuthUser` whose access token belongs to one, and with [`family`](TokenBuilder::family) |
//! | `epoch` | the epoch of the user, [`User::epoch`](crate::User::epoch) | for a user |

mod claims;
pub(crate) mod denied;
mod document;
mod issue;
pub(crate) mod key_source;
mod refresh;
mod ring;
mod subject;
pub(crate) mod verify;

pub use crate::token::claims::NoClaims;
pub use crate::token::denied::denied_as;
pub use crate::token::document::{PublicKey, PublicKeys};
pub use crate::token::issue::{TokenBuilder, Tokens};
pub use crate::token::refresh::{RefreshBuilder, TokenPair};
pub use crate::token::ring::TokenKeyInfo;
pub use crate::token::subject::{Holder, Subject};
pub use crate::token::verify::{Verified, Verifier};

pub(crate) use crate::token::refresh::BeginsFamilies;

use std::time::Duration;

use crate::clock::Timestamp;

/// The longest token that is issued or looked at, in bytes. Servers and proxies commonly take no
/// more in a header.
pub const MAX_TOKEN_BYTES: usize = 8_192;

/// The longest footer as it stands in a token, in bytes: it is read before anything is known of the
/// token (PASETO, section on key ids, asks for a limit).
pub const MAX_FOOTER_BYTES: usize = 1_024;

/// A kind of token: what it is good for.
///
/// An application has its own kinds beside [`Access`]:
///
/// ```
/// use std::time::Duration;
/// use rocket_security::token::Lifetime;
/// use rocket_security::token::TokenKind;
///
/// /// Lets its bearer fetch one file.
/// struct Download;
///
/// impl TokenKind for Download {
///     const NAME: &'static str = "download";
///     const LIFETIME: Option<Lifetime> = Some(Lifetime::After(Duration::from_secs(300)));
/// }
/// ```
pub trait TokenKind: Send + Sync + 'static {
    /// The name, which goes into the tokens: at most 32 of a to z, 0 to 9, `-` and `_`. `access` and
    /// `refresh` are the framework's: under another type they are neither issued nor accepted, which is looked
    /// at when the program is compiled.
    ///
    /// ```compile_fail,E0080
    /// # use rocket::get;
    /// # use rocket::routes;
    /// use rocket_security::Paseto;
    /// use rocket_security::TokenKind;
    /// use rocket_security::token::NoClaims;
    ///
    /// struct Mine;
    ///
    /// impl TokenKind for Mine {
    ///     const NAME: &'static str = "access";
    /// }
    ///
    /// #[get("/")]
    /// fn index(_token: Paseto<NoClaims, Mine>) {}
    /// # std::hint::black_box(routes![index]);
    /// ```
    const NAME: &'static str;

    /// How long a token of this kind lasts unless the call says; none is `security.tokens.lifetime`.
    /// A kind whose tokens may be without end says [`Lifetime::Never`], and no other has such.
    const LIFETIME: Option<Lifetime> = None;

    /// Who has named it. Nobody else can say that it is the framework.
    #[doc(hidden)]
    const NAMED_BY: kind::NamedBy = kind::NamedBy::Application;
}

/// The kind of token that a program shows with its requests.
pub struct Access;

impl TokenKind for Access {
    const NAME: &'static str = "access";
    const NAMED_BY: kind::NamedBy = kind::NamedBy::Framework;
}

/// The kind of token by which a program gets its next access token, and its own successor: good for that
/// alone, and once. [`Tokens::refresh`] begins with one.
pub struct Refresh;

impl TokenKind for Refresh {
    const NAME: &'static str = "refresh";
    const NAMED_BY: kind::NamedBy = kind::NamedBy::Framework;
}

/// How long a token lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// For that long, in whole seconds.
    After(Duration),
    /// Until then.
    At(Timestamp),
    /// Without end. For kinds that say so alone.
    Never,
}

impl From<Duration> for Lifetime {
    fn from(length: Duration) -> Self {
        Self::After(length)
    }
}

impl From<Timestamp> for Lifetime {
    fn from(end: Timestamp) -> Self {
        Self::At(end)
    }
}

/// Gives what the tokens of a kind authenticate besides what they carry: the kind, and what the
/// caller adds. Names of kinds have no colon, so no two are alike.
fn assertion_of(kind: &str, own: &str) -> String {
    if own.is_empty() {
        return format!("rocket-security:{kind}");
    }
    format!("rocket-security:{kind}:{own}")
}

/// What is out of reach for applications, which cannot name it.
mod kind {
    /// Who has named a kind of token.
    pub enum NamedBy {
        Framework,
        Application,
    }
}

/// Tells whether a kind of an application's own has the name of one of the framework's.
const fn is_disguised<K: TokenKind>() -> bool {
    is_taken(K::NAME) && matches!(K::NAMED_BY, kind::NamedBy::Application)
}

/// Stops the build for a kind whose name is none.
const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    if rest.is_empty() || rest.len() > 32 {
        return false;
    }
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        rest = others;
    }
    true
}

/// Tells whether the name is one of the framework's own.
const fn is_taken(name: &str) -> bool {
    matches!(name.as_bytes(), b"access" | b"refresh")
}
