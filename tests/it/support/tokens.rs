//! Issuers and verifiers of tokens, made of a configuration as an application's are.

use chrono::{DateTime, TimeDelta, Utc};
use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket_security::clock::Clock;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::keys::Keyring;
use rocket_security::crypto::random_uuid;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::rejection::TokenFault;
use rocket_security::token::Access;
use rocket_security::{Config, Email, Result, Secret, TokenIssuer, TokenKind, User, UserId};
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://app.example";

/// An issuer of others, whom an application trusts.
pub(crate) const PARTNER: &str = "https://partner.example";

/// What the tokens of the kind `access` authenticate besides what they carry.
pub(crate) const ASSERTION: &str = "rocket-security:access";

/// Lets its bearer fetch one file.
pub(crate) struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
}

/// An application with tokens, and its clock.
pub(crate) struct Issuer {
    pub(crate) tokens: TokenIssuer,
    pub(crate) clock: Clock,
}

/// One with these settings in `[default.security.tokens]`.
pub(crate) fn issuer(settings: &str) -> Issuer {
    try_issuer(settings).unwrap()
}

pub(crate) fn try_issuer(settings: &str) -> Result<Issuer> {
    try_issuer_with_key(settings, &key(TokenPurpose::Local))
}

/// The same with a master key, for tokens without keys of their own.
pub(crate) fn try_issuer_with_key(settings: &str, master: &str) -> Result<Issuer> {
    let toml = format!(
        "[default.security]\nbase_url = \"{ISSUER}\"\n[default.security.tokens]\n{settings}"
    );
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(Toml::string(&toml).nested())
        .select("debug");
    let config = Config::from_figment(&figment)?;
    let keyring = Keyring::from_paserk(&[Secret::new(master.to_owned())])?;
    let base_url = config.base_url_or_local(&figment)?;
    let clock = Clock::default();
    Ok(Issuer {
        tokens: TokenIssuer::new(&config, &base_url, Some(&keyring), clock.clone())?,
        clock,
    })
}

/// Returns why these settings stop a launch; nothing, if they do not.
pub(crate) fn refusal(settings: &str) -> String {
    try_issuer(settings).err().map(|fault| fault.to_string()).unwrap_or_default()
}

/// Returns why a token is not accepted as an access token.
pub(crate) fn fault(issuer: &Issuer, token: &str) -> Option<TokenFault> {
    issuer.tokens.verifier().verify::<Map<String, Value>, Access>(token).err()
}

/// A new key as PASERK.
pub(crate) fn key(purpose: TokenPurpose) -> String {
    TokenKey::generate(purpose).unwrap().to_paserk().expose().clone()
}

/// Gives the public half of a key pair.
pub(crate) fn public_half(secret: &str) -> String {
    TokenKey::parse(secret, None, None).ok().unwrap().public_paserk().unwrap()
}

/// Makes a token of whatever claims with a key, as whoever has it could.
pub(crate) fn forge(key: &str, claims: &Value, footer: &str, assertion: &str) -> String {
    let key = TokenKey::parse(key, None, None).ok().unwrap();
    key.seal(&claims.to_string(), footer, assertion).unwrap()
}

/// The claims of an access token that is accepted at `issuer`'s.
pub(crate) fn good_claims(issuer: &Issuer, iss: &str) -> Value {
    good_claims_at(issuer.clock.now(), iss)
}

/// The same at a time.
pub(crate) fn good_claims_at(now: DateTime<Utc>, iss: &str) -> Value {
    let end = now + TimeDelta::minutes(5);
    json!({
        "iss": iss, "sub": "somebody", "aud": ISSUER, "exp": end.to_rfc3339(),
        "nbf": now.to_rfc3339(), "iat": now.to_rfc3339(), "jti": "1", "typ": "access",
    })
}

pub(crate) fn user() -> User {
    let id = UserId::from_uuid(random_uuid().unwrap());
    let mut user = User::new(id, Email::parse("ann@example.org").unwrap(), Clock::default().now());
    user.epoch = 7;
    user
}
