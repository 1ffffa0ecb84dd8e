//! Other issuers whose tokens are accepted.

use serde::Deserialize;

use crate::config::token_keys::TokenKeyConfig;

/// An entry of `[[default.security.tokens.trusted]]`: another issuer whose tokens are accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustedConfig {
    /// Sets the issuer: the claim `iss` of every token under this key must equal it. _Default:_ none; it is
    /// required.
    pub iss: String,
    /// Sets the issuer's key: a text, or a table as in [`TokenKeyConfig`]. _Default:_ none; it is required.
    pub key: TokenKeyConfig,
    /// Sets the `kid` that the issuer writes in footers. _Default:_ the PASERK id of the key.
    #[serde(default)]
    pub kid: Option<String>,
    /// Sets the kinds that the issuer's tokens may be used as. `"refresh"` stops the launch. _Default:_
    /// `["access"]`.
    #[serde(default = "access_alone")]
    pub kinds: Vec<String>,
    /// Sets the requirements that are waived for this issuer's tokens. _Default:_ none.
    #[serde(default)]
    pub allow: Vec<Allowance>,
}

fn access_alone() -> Vec<String> {
    vec!["access".to_owned()]
}

/// An entry of `allow`: a requirement that is waived for tokens of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Allowance {
    /// `sub` may be an integer; it is read as its decimal text.
    IntegerSub,
    /// `sub` may be missing.
    NoSub,
    /// `aud` may be missing. If it is present, it must still name this application.
    NoAud,
    /// `iat` may be missing.
    NoIat,
    /// `nbf` may be missing.
    NoNbf,
    /// `jti` may be missing. Tokens without it cannot be revoked one by one.
    NoJti,
    /// The kind need not be in the implicit assertion; tokens of other libraries do not have it there. It is
    /// read from `typ` or `type`. If both are missing, `kinds` must name exactly one kind.
    Unbound,
}
