//! A verified token and its claims.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::rejection::TokenFault;
use crate::token::claims::Standard;
use crate::token::kind::TokenKind;

/// A verified token of the kind `K`, with the application's own claims as `C`.
///
/// [`Verifier::verify`](crate::token::Verifier::verify) and the guard [`Paseto`](crate::Paseto) return it.
#[non_exhaustive]
pub struct VerifiedToken<C, K> {
    /// The application's own claims.
    pub claims: C,
    pub(super) standard: Standard,
    pub(super) footer: Map<String, Value>,
    pub(super) key_id: String,
    pub(super) is_foreign: bool,
    pub(super) kind: PhantomData<K>,
}

impl<C, K> VerifiedToken<C, K> {
    /// Returns the issuer, `iss`: this application, or a trusted issuer.
    pub fn issuer(&self) -> &str {
        &self.standard.iss
    }

    /// Returns `true` if a trusted issuer other than this application issued the token.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Returns the subject, `sub`. For an access token of ours this is the id of a user. Returns `None` only
    /// if a trusted issuer is allowed to omit it.
    pub fn subject(&self) -> Option<&str> {
        self.standard.sub.as_deref()
    }

    /// Returns the audience, `aud`. It is empty only if a trusted issuer is allowed to omit it.
    pub fn audience(&self) -> &[String] {
        self.standard.aud.as_deref().unwrap_or_default()
    }

    /// Returns when the token expires, `exp`, or `None` if it never does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.standard.exp
    }

    /// Returns the time from which the token is valid, `nbf`. Returns `None` only if a trusted issuer is
    /// allowed to omit it.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.standard.nbf
    }

    /// Returns when the token was issued, `iat`. Returns `None` only if a trusted issuer is allowed to omit
    /// it.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.standard.iat
    }

    /// Returns the id of the token, `jti`. Returns `None` only if a trusted issuer is allowed to omit it.
    pub fn id(&self) -> Option<&str> {
        self.standard.jti.as_deref()
    }

    /// Returns the public id of the session that the token was issued in, `sid`, or `None` if there was none.
    pub fn session(&self) -> Option<&str> {
        self.standard.sid.as_deref()
    }

    /// Returns the public id of the family of refresh tokens that the token belongs to, `fam`, or `None` if
    /// it belongs to none.
    pub fn family(&self) -> Option<&str> {
        self.standard.fam.as_deref()
    }

    /// Returns the [epoch](crate::User::epoch) that the user had when the token was issued, or `None` for a
    /// token that belongs to no user of ours.
    pub fn epoch(&self) -> Option<i64> {
        self.standard.epoch
    }

    /// Returns how the user proved their identity, `amr` (RFC 8176). It is empty if the token does not state
    /// this.
    pub fn amr(&self) -> &[String] {
        &self.standard.amr
    }

    /// Returns the level of the user's proofs, `acr`: `aal1` or `aal2` for a token of ours. Returns `None` if
    /// the token does not state this.
    pub fn acr(&self) -> Option<&str> {
        self.standard.acr.as_deref()
    }

    /// Returns the members of the footer, including `kid`. It is empty if the footer is not a JSON object.
    pub fn footer(&self) -> &Map<String, Value> {
        &self.footer
    }

    /// Returns the id of the key that the token was made with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

impl<K: TokenKind> VerifiedToken<Map<String, Value>, K> {
    /// Reads the claims into another type, as [`Verifier::verify`](crate::token::Verifier::verify) does.
    ///
    /// # Errors
    ///
    /// [`TokenFault::UnreadableClaims`] if the claims cannot be read as a `C`.
    pub fn read<C: DeserializeOwned>(&self) -> Result<VerifiedToken<C, K>, TokenFault> {
        Ok(VerifiedToken {
            claims: read(self.claims.clone())?,
            standard: self.standard.clone(),
            footer: self.footer.clone(),
            key_id: self.key_id.clone(),
            is_foreign: self.is_foreign,
            kind: PhantomData,
        })
    }
}

pub(super) fn read<C: DeserializeOwned>(claims: Map<String, Value>) -> Result<C, TokenFault> {
    serde_json::from_value(Value::Object(claims)).map_err(|_| TokenFault::UnreadableClaims)
}
