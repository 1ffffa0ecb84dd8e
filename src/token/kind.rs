//! Kinds of tokens, and how long a token of one lasts.

use std::time::Duration;

use crate::clock::Timestamp;

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

    /// Who has named it. Only the framework can name itself.
    #[doc(hidden)]
    const NAMED_BY: NamedBy = NamedBy::Application;
}

/// The kind of token that a program shows with its requests.
pub struct Access;

impl TokenKind for Access {
    const NAME: &'static str = "access";
    const NAMED_BY: NamedBy = NamedBy::Framework;
}

/// The kind of token by which a program gets its next access token, and its own successor: good for that
/// alone, and once. [`TokenIssuer::refresh`](crate::TokenIssuer::refresh) begins with one.
pub struct Refresh;

impl TokenKind for Refresh {
    const NAME: &'static str = "refresh";
    const NAMED_BY: NamedBy = NamedBy::Framework;
}

/// How long a token lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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

/// Who has named a kind of token. It is out of reach for applications, which cannot name it.
pub enum NamedBy {
    Framework,
    Application,
}

/// Returns what the tokens of a kind authenticate besides what they carry: the kind, and what the
/// caller adds. Names of kinds have no colon, so no two are alike.
pub(super) fn assertion_of(kind: &str, own: &str) -> String {
    if own.is_empty() {
        return format!("rocket-security:{kind}");
    }
    format!("rocket-security:{kind}:{own}")
}

/// Returns `true` if a kind of an application's own has the name of one of the framework's.
pub(super) const fn is_disguised<K: TokenKind>() -> bool {
    is_taken(K::NAME) && matches!(K::NAMED_BY, NamedBy::Application)
}

/// Stops the build for a kind whose name is none.
pub(super) const fn is_name(name: &str) -> bool {
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

/// Returns `true` if the name is one of the framework's own.
pub(super) const fn is_taken(name: &str) -> bool {
    matches!(name.as_bytes(), b"access" | b"refresh")
}
