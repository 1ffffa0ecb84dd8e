//! Scopes: what a personal access token can be used for.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The name of a scope: 1 to 80 printable ASCII characters without spaces, `"` and `\`, as for a
/// `scope-token` of RFC 6749, section 3.3. Compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ScopeName(String);

impl ScopeName {
    /// Parses the name of a scope.
    ///
    /// # Errors
    ///
    /// [`ScopeNameError`] if the text is empty, longer than 80 bytes, or contains a character that a
    /// `scope-token` cannot have.
    pub fn parse(text: &str) -> Result<Self, ScopeNameError> {
        if Self::is_one(text) { Ok(Self(text.to_owned())) } else { Err(ScopeNameError) }
    }

    /// Checks whether a text can be the name of a scope.
    pub const fn is_one(text: &str) -> bool {
        let mut rest = text.as_bytes();
        let fits = !rest.is_empty() && rest.len() <= 80;
        while let [byte, behind @ ..] = rest {
            if !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\') {
                return false;
            }
            rest = behind;
        }
        fits
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ScopeName {
    type Err = ScopeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The error for a text that is not a [`ScopeName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope's name has 1 to 80 printable ASCII characters, and no blank, quote or backslash")]
pub struct ScopeNameError;

/// A scope as a type, so that a misspelled one does not compile.
///
/// Declare it with [`scopes!`](crate::scopes), and use it in the guard [`Scoped`](crate::Scoped).
pub trait Scope: Send + Sync + 'static {
    /// The name of the scope in tokens.
    const NAME: &'static str;

    /// What the scope allows a program to do, for users who create a token.
    const DESCRIPTION: &'static str = "";
}

/// A scope, as offered to users who create a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KnownScope {
    /// The name of the scope.
    pub name: &'static str,
    /// What the scope allows a program to do.
    pub description: &'static str,
}

impl KnownScope {
    /// Creates a scope with this name and description.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description }
    }
}

/// One scope, or a tuple of up to twelve. Used by the guard [`Scoped`](crate::Scoped), and for the scopes
/// that [`PersonalTokens`](crate::features::personal_tokens::PersonalTokens) offers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scope and no tuple of scopes",
    label = "not a scope",
    note = "declare scopes by `rocket_security::scopes!`, and name them: \
            `PersonalTokens::default().scopes::<(ReadReports, WriteReports)>()`"
)]
pub trait ScopeSet: Send + Sync + 'static {
    /// Returns the scopes in the set.
    fn scopes() -> Vec<KnownScope>;

    /// Returns the names of the scopes in the set.
    fn names() -> Vec<&'static str> {
        Self::scopes().into_iter().map(|scope| scope.name).collect()
    }
}

impl<S: Scope> ScopeSet for S {
    fn scopes() -> Vec<KnownScope> {
        vec![KnownScope { name: S::NAME, description: S::DESCRIPTION }]
    }
}

macro_rules! scope_set {
    ($($scope:ident),+) => {
        impl<$($scope: Scope),+> ScopeSet for ($($scope,)+) {
            fn scopes() -> Vec<KnownScope> {
                vec![$(
                    KnownScope { name: $scope::NAME, description: $scope::DESCRIPTION }
                ),+]
            }
        }
    };
}

scope_set!(A);
scope_set!(A, B);
scope_set!(A, B, C);
scope_set!(A, B, C, D);
scope_set!(A, B, C, D, E);
scope_set!(A, B, C, D, E, F);
scope_set!(A, B, C, D, E, F, G);
scope_set!(A, B, C, D, E, F, G, H);
scope_set!(A, B, C, D, E, F, G, H, I);
scope_set!(A, B, C, D, E, F, G, H, I, J);
scope_set!(A, B, C, D, E, F, G, H, I, J, K);
scope_set!(A, B, C, D, E, F, G, H, I, J, K, L);

/// Declares the scopes of an application as types, each with its name and an optional description for users
/// who create a token.
///
/// ```
/// rocket_security::scopes! {
///     /// For the nightly download.
///     pub ReadReports = "reports:read", "See your reports";
///     pub WriteReports = "reports:write";
/// }
/// # use rocket_security::Scope;
/// assert_eq!(ReadReports::NAME, "reports:read");
/// assert_eq!(ReadReports::DESCRIPTION, "See your reports");
/// ```
///
/// An invalid name (RFC 6749, section 3.3) does not compile:
///
/// ```compile_fail,E0080
/// rocket_security::scopes! { pub ReadReports = "read reports"; }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! scopes {
    ($(
        $(#[$meta:meta])* $visibility:vis $scope:ident = $name:literal $(, $description:literal)?;
    )+) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nThe scope `", $name, "`.")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $scope;

        impl $crate::Scope for $scope {
            const NAME: &'static str = $name;
            $(const DESCRIPTION: &'static str = $description;)?
        }

        const _: () = assert!(
            $crate::user::ScopeName::is_one($name),
            "a scope's name has 1 to 80 printable ASCII characters, and no blank, quote or backslash"
        );
    )+};
}

#[cfg(test)]
mod tests {
    use crate::user::scope::ScopeName;

    #[test]
    fn scope_names_are_those_of_rfc_6749() {
        for text in ["reports:read", "a", "https://example.org/read", "!#[]~", &"x".repeat(80)] {
            assert!(ScopeName::parse(text).is_ok(), "{text:?}");
        }
        for text in ["", "two words", "r\u{f6}le", "a\"b", "a\\b", "a\n", &"x".repeat(81)] {
            assert!(ScopeName::parse(text).is_err(), "{text:?}");
        }
    }
}
