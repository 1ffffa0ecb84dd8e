//! Others whose tokens are accepted.

use serde::Deserialize;

use crate::config::token_keys::TokenKeyConfig;

/// An entry of `[[default.security.tokens.trusted]]`: another issuer whose tokens are accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustedConfig {
    /// The issuer: tokens under this key have to name it in `iss`, and no other.
    pub iss: String,
    /// The issuer's key: a text, or a table as in [`TokenKeyConfig`].
    pub key: TokenKeyConfig,
    /// What the issuer writes as `kid` into footers. _Default:_ the PASERK id of the key.
    #[serde(default)]
    pub kid: Option<String>,
    /// The kinds that the issuer's tokens may serve as. _Default:_ `["access"]`.
    #[serde(default = "access_alone")]
    pub kinds: Vec<String>,
    /// What the issuer's tokens may do that others may not. _Default:_ nothing.
    #[serde(default)]
    pub allow: Vec<Allowance>,
}

fn access_alone() -> Vec<String> {
    vec!["access".to_owned()]
}

/// An entry of `allow`: what tokens of an issuer may do that others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Allowance {
    /// `sub` may be a whole number; it is read as its decimal text.
    IntegerSub,
    /// `sub` may be missing.
    NoSub,
    /// `aud` may be missing. One that is there has to name us all the same.
    NoAud,
    /// `iat` may be missing.
    NoIat,
    /// `nbf` may be missing.
    NoNbf,
    /// `jti` may be missing. Tokens without it cannot be denied.
    NoJti,
    /// The kind is not in the implicit assertion, as it is not in tokens of other libraries. It is
    /// read from `typ` or `type`; where neither is there, `kinds` has to name one alone.
    Unbound,
}
