//! The claims that mean something to the framework, read and checked for their types.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::config::Allowance;
use crate::rejection::TokenFault;

/// The names that an application's claims cannot have.
pub(super) const RESERVED: [&str; 13] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "sid", "fam", "epoch", "amr", "acr"];

/// No claims of an application's own; others that are there are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoClaims {}

/// The framework's claims of a token.
#[derive(Clone)]
pub(super) struct Standard {
    pub(super) iss: String,
    pub(super) sub: Option<String>,
    pub(super) aud: Option<Vec<String>>,
    pub(super) exp: Option<Timestamp>,
    pub(super) nbf: Option<Timestamp>,
    pub(super) iat: Option<Timestamp>,
    pub(super) jti: Option<String>,
    pub(super) typ: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) fam: Option<String>,
    pub(super) epoch: Option<i64>,
    pub(super) amr: Vec<String>,
    pub(super) acr: Option<String>,
}

impl Standard {
    /// Takes the framework's claims out of `claims`: what is left is the application's.
    pub(super) fn take(
        claims: &mut Map<String, Value>,
        allow: &[Allowance],
    ) -> Result<Self, TokenFault> {
        let may = |allowance| allow.contains(&allowance);
        let standard = Self {
            iss: take_text(claims, "iss")?.ok_or(TokenFault::MissingClaim("iss"))?,
            sub: take_subject(claims, may(Allowance::IntegerSub))?,
            aud: take_audience(claims)?,
            exp: take_time(claims, "exp")?,
            nbf: take_time(claims, "nbf")?,
            iat: take_time(claims, "iat")?,
            jti: take_text(claims, "jti")?,
            typ: take_text(claims, "typ")?,
            sid: take_text(claims, "sid")?,
            fam: take_text(claims, "fam")?,
            epoch: take_integer(claims, "epoch")?,
            amr: take_if(claims, "amr").unwrap_or_default(),
            acr: take_if(claims, "acr"),
        };
        for (name, is_there, allowance) in [
            ("sub", standard.sub.is_some(), Allowance::NoSub),
            ("aud", standard.aud.is_some(), Allowance::NoAud),
            ("nbf", standard.nbf.is_some(), Allowance::NoNbf),
            ("iat", standard.iat.is_some(), Allowance::NoIat),
            ("jti", standard.jti.is_some(), Allowance::NoJti),
        ] {
            if !is_there && !may(allowance) {
                return Err(TokenFault::MissingClaim(name));
            }
        }
        Ok(standard)
    }
}

/// Writes a time as tokens have it: RFC 3339, in UTC, in whole seconds.
pub(super) fn write_time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Takes a claim if it is of that type. One of another type stays among the application's.
fn take_if<T: DeserializeOwned>(claims: &mut Map<String, Value>, name: &str) -> Option<T> {
    let value = serde_json::from_value(claims.get(name)?.clone()).ok()?;
    claims.remove(name);
    Some(value)
}

fn take_text(
    claims: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, TokenFault> {
    match claims.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(TokenFault::MalformedClaim(name)),
    }
}

fn take_subject(
    claims: &mut Map<String, Value>,
    may_be_integer: bool,
) -> Result<Option<String>, TokenFault> {
    match claims.get("sub") {
        Some(Value::Number(number)) if may_be_integer && !number.is_f64() => {
            let text = number.to_string();
            claims.remove("sub");
            Ok(Some(text))
        }
        _ => take_text(claims, "sub"),
    }
}

fn take_integer(
    claims: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, TokenFault> {
    match claims.remove(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(TokenFault::MalformedClaim(name)),
    }
}

/// One text or a list of them (RFC 7519, section 4.1.3, whose claim PASETO has taken over).
fn take_audience(claims: &mut Map<String, Value>) -> Result<Option<Vec<String>>, TokenFault> {
    let malformed = TokenFault::MalformedClaim("aud");
    match claims.remove("aud") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text])),
        Some(Value::Array(values)) => values
            .into_iter()
            .map(|value| if let Value::String(text) = value { Ok(text) } else { Err(malformed) })
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(malformed),
    }
}

fn take_time(
    claims: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, TokenFault> {
    let Some(text) = take_text(claims, name)? else {
        return Ok(None);
    };
    DateTime::parse_from_rfc3339(&text)
        .map(|time| Some(time.with_timezone(&Utc)))
        .map_err(|_| TokenFault::MalformedClaim(name))
}
