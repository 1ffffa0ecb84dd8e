//! Verifying.

use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::{Allowance, TokenPurpose};
use crate::crypto::token_key::TokenVersion;
use crate::json::parse_object;
use crate::rejection::TokenFault;
use crate::token::claims::Standard;
use crate::token::kind::{Lifetime, TokenKind, assertion_of, is_disguised, is_taken};
use crate::token::limits::{MAX_FOOTER_BYTES, MAX_TOKEN_BYTES};
use crate::token::ring::{Ring, RingKey, Trust};
use crate::token::verified::{VerifiedToken, read};

/// Verifies tokens, in a request or outside of one. It stands in Rocket's managed state.
///
/// It looks at a token in this order, and stops at the first fault: its length and shape; whether
/// there is a key of its version and purpose, and with its `kid`; whether that key made it, for this
/// kind; its claims and their types; issuer, kind, audience, times; and last the application's own
/// claims. What a token says is not believed before its key is.
///
/// ```
/// # use rocket_security::rejection::TokenFault;
/// use rocket_security::token::Access;
/// use rocket_security::token::NoClaims;
/// use rocket_security::token::Verifier;
///
/// fn subject(verifier: &Verifier, token: &str) -> Result<Option<String>, TokenFault> {
///     let token = verifier.verify::<NoClaims, Access>(token)?;
///     Ok(token.subject().map(str::to_owned))
/// }
/// ```
#[derive(Clone)]
pub struct Verifier {
    ring: Arc<Ring>,
}

impl Verifier {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self { ring }
    }

    /// Verifies a token of the kind `K`, and reads its claims into `C`: any type that is read from
    /// an object. The framework's claims are not among them.
    ///
    /// A kind of an application's own with the [name](TokenKind::NAME) of one of the framework's does not
    /// compile.
    ///
    /// # Errors
    ///
    /// [`TokenFault`]: what is wrong with it.
    pub fn verify<C, K>(&self, token: &str) -> Result<VerifiedToken<C, K>, TokenFault>
    where
        C: DeserializeOwned,
        K: TokenKind,
    {
        self.verify_asserted(token, "")
    }

    /// Verifies a token that was issued with [`assertion`](crate::token::TokenBuilder::assertion).
    ///
    /// # Errors
    ///
    /// [`TokenFault::Forged`] when it was issued for another context; the rest as for
    /// [`verify`](Verifier::verify).
    pub fn verify_asserted<C, K>(
        &self,
        token: &str,
        assertion: &str,
    ) -> Result<VerifiedToken<C, K>, TokenFault>
    where
        C: DeserializeOwned,
        K: TokenKind,
    {
        const { assert!(!is_disguised::<K>(), "this name of a kind is the framework's") };
        let opened = self.open(token, K::NAME, assertion)?;
        self.check_source(&opened, K::NAME)?;
        self.check_times(&opened, K::LIFETIME == Some(Lifetime::Never))?;
        opened.verified()
    }

    /// Looks at a token of a kind of which the name alone is known, for the command line and for what was
    /// refused: also at one that is not accepted, once a key has made it.
    ///
    /// # Errors
    ///
    /// [`TokenFault`] for what no key has made for this kind, and for claims that cannot be read.
    pub(crate) fn examine(&self, token: &str, kind: &str) -> Result<Examined, TokenFault> {
        let opened = self.open(token, kind, "")?;
        // Whether a kind of the application's may be without end, the application alone knows.
        let may_be_endless = !is_taken(kind);
        let source = self.check_source(&opened, kind);
        let fault = source.and_then(|()| self.check_times(&opened, may_be_endless)).err();
        let issuer = self.issuer_of(opened.key).to_owned();
        Ok(Examined {
            token: opened.verified()?,
            fault,
            issuer,
            audience: self.ring.audience.clone(),
        })
    }

    /// Reads what a key made for this kind.
    fn open(&self, token: &str, kind: &str, assertion: &str) -> Result<Opened<'_>, TokenFault> {
        let untrusted = Untrusted::parse(token)?;
        let (key, payload) = self.find_key(&untrusted, kind, assertion)?;
        let mut claims =
            parse_object(payload.as_bytes()).map_err(|_| TokenFault::MalformedClaims)?;
        let standard = Standard::take(&mut claims, key.trust.allow())?;
        Ok(Opened { key, standard, claims, footer: untrusted.footer_object })
    }

    /// Finds the key that made the token for this kind, and gives what is inside.
    fn find_key(
        &self,
        token: &Untrusted<'_>,
        kind: &str,
        assertion: &str,
    ) -> Result<(&RingKey, String), TokenFault> {
        let (version, purpose) = (token.version, token.purpose);
        let is_assertable = version.has_implicit_assertion() || assertion.is_empty();
        if !is_assertable || self.ring.keys_for(version, purpose).next().is_none() {
            return Err(TokenFault::Unsupported);
        }
        let bound = assertion_of(kind, assertion);
        let mut fault = TokenFault::UnknownKey;
        for key in self.ring.keys_for(version, purpose) {
            if token.kid().is_some_and(|kid| kid != key.kid) {
                continue;
            }
            fault = TokenFault::Forged;
            let is_unbound = key.trust.allow().contains(&Allowance::Unbound);
            let assertion = if is_unbound { assertion } else { bound.as_str() };
            if let Some(payload) = key.key.open(token.text, &token.footer, assertion) {
                return Ok((key, payload));
            }
        }
        Err(fault)
    }

    /// Checks issuer, kind and audience.
    fn check_source(&self, opened: &Opened<'_>, kind: &str) -> Result<(), TokenFault> {
        let Opened { key, standard, claims, .. } = opened;
        let is_kind = match &key.trust {
            Trust::Own => standard.typ.as_deref() == Some(kind),
            Trust::Foreign { kinds, allow, .. } => {
                let is_unbound = allow.contains(&Allowance::Unbound);
                let said = match (&standard.typ, claims.get("type")) {
                    (Some(typ), _) => Some(typ.as_str()),
                    (None, Some(typ)) if is_unbound => Some(typ.as_str().unwrap_or_default()),
                    (None, _) => None,
                };
                let is_listed = kinds.iter().any(|listed| listed == kind);
                let is_said = said.map_or(is_unbound && kinds.len() == 1, |said| said == kind);
                is_listed && is_said
            }
        };
        if standard.iss != self.issuer_of(key) {
            return Err(TokenFault::WrongIssuer);
        }
        if !is_kind {
            return Err(TokenFault::WrongKind);
        }
        let is_for_us = |audience: &Vec<String>| {
            audience.iter().any(|audience| self.ring.audience.contains(audience))
        };
        if standard.aud.as_ref().is_some_and(|audience| !is_for_us(audience)) {
            return Err(TokenFault::WrongAudience);
        }
        Ok(())
    }

    /// Returns the issuer that speaks by a key.
    fn issuer_of<'k>(&'k self, key: &'k RingKey) -> &'k str {
        match &key.trust {
            Trust::Own => &self.ring.issuer,
            Trust::Foreign { iss, .. } => iss,
        }
    }

    fn check_times(&self, opened: &Opened<'_>, may_be_endless: bool) -> Result<(), TokenFault> {
        let Opened { key, standard, .. } = opened;
        let now = self.ring.clock.now();
        let early = now.checked_sub_signed(self.ring.leeway).unwrap_or(now);
        let late = now.checked_add_signed(self.ring.leeway).unwrap_or(now);
        let is_endless = matches!(key.trust, Trust::Own) && may_be_endless;
        match standard.exp {
            None if !is_endless => return Err(TokenFault::MissingClaim("exp")),
            Some(end) if early >= end => return Err(TokenFault::Expired),
            _ => {}
        }
        if standard.nbf.is_some_and(|begin| late < begin) {
            return Err(TokenFault::NotYetValid);
        }
        if standard.iat.is_some_and(|at| late < at) {
            return Err(TokenFault::IssuedInFuture);
        }
        Ok(())
    }
}

/// What a key has made, before anything else is checked.
struct Opened<'r> {
    key: &'r RingKey,
    standard: Standard,
    claims: Map<String, Value>,
    footer: Map<String, Value>,
}

impl Opened<'_> {
    fn verified<C: DeserializeOwned, K>(self) -> Result<VerifiedToken<C, K>, TokenFault> {
        Ok(VerifiedToken {
            claims: read(self.claims)?,
            standard: self.standard,
            footer: self.footer,
            key_id: self.key.kid.clone(),
            is_foreign: matches!(self.key.trust, Trust::Foreign { .. }),
            kind: PhantomData,
        })
    }
}

/// What a key has made, and whether it is accepted.
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "the command line alone says why one is not accepted")
)]
pub(crate) struct Examined {
    /// What it says.
    pub(crate) token: VerifiedToken<Map<String, Value>, ()>,
    /// Why it is not accepted; none when it is.
    pub(crate) fault: Option<TokenFault>,
    /// The issuer that speaks by its key: ours, or one that is trusted.
    pub(crate) issuer: String,
    /// Our audience: it has to name one of these.
    pub(crate) audience: Vec<String>,
}

/// What can be read of a token before anything is known of it.
struct Untrusted<'t> {
    text: &'t str,
    version: TokenVersion,
    purpose: TokenPurpose,
    footer: String,
    footer_object: Map<String, Value>,
}

impl<'t> Untrusted<'t> {
    fn parse(text: &'t str) -> Result<Self, TokenFault> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(version), Some(purpose), Some(payload), footer, None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Malformed);
        };
        // A point at the end would be another text for the same token.
        if payload.is_empty() || footer == Some("") {
            return Err(TokenFault::Malformed);
        }
        let purpose = match purpose {
            "local" => TokenPurpose::Local,
            "public" => TokenPurpose::Public,
            _ => return Err(TokenFault::Malformed),
        };
        let number = match version {
            "v1" => 1,
            "v2" => 2,
            "v3" => 3,
            "v4" => 4,
            _ => return Err(TokenFault::Malformed),
        };
        let version = TokenVersion::from_number(number).ok_or(TokenFault::Unsupported)?;
        let footer = decode_footer(footer.unwrap_or_default())?;
        let footer_object = read_footer(&footer)?;
        Ok(Self { text, version, purpose, footer, footer_object })
    }

    fn kid(&self) -> Option<&str> {
        self.footer_object.get("kid").and_then(Value::as_str)
    }
}

fn decode_footer(encoded: &str) -> Result<String, TokenFault> {
    if encoded.len() > MAX_FOOTER_BYTES {
        return Err(TokenFault::TooLong);
    }
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenFault::Malformed)?;
    String::from_utf8(bytes).map_err(|_| TokenFault::Malformed)
}

/// Reads a footer that is an object; any other is a text that says nothing to us.
fn read_footer(footer: &str) -> Result<Map<String, Value>, TokenFault> {
    if !footer.starts_with('{') {
        return Ok(Map::new());
    }
    let object = parse_object(footer.as_bytes()).map_err(|_| TokenFault::Malformed)?;
    match object.get("kid") {
        None | Some(Value::String(_)) => Ok(object),
        Some(_) => Err(TokenFault::Malformed),
    }
}
