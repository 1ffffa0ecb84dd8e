//! What a token says that was verified.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::rejection::TokenFault;
use crate::token::claims::Standard;
use crate::token::kind::TokenKind;

/// A token of the kind `K` that was verified, with claims of the application's own.
#[non_exhaustive]
pub struct VerifiedToken<C, K> {
    /// The claims of the application's own.
    pub claims: C,
    pub(super) standard: Standard,
    pub(super) footer: Map<String, Value>,
    pub(super) key_id: String,
    pub(super) is_foreign: bool,
    pub(super) kind: PhantomData<K>,
}

impl<C, K> VerifiedToken<C, K> {
    /// Returns the issuer: ours, or one that is trusted.
    pub fn issuer(&self) -> &str {
        &self.standard.iss
    }

    /// Returns `true` if a trusted issuer other than this application issued it.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Returns the subject: of an access token of ours, the id of a user. None where a trusted issuer
    /// may leave it out.
    pub fn subject(&self) -> Option<&str> {
        self.standard.sub.as_deref()
    }

    /// Returns the audience; empty where a trusted issuer may leave it out.
    pub fn audience(&self) -> &[String] {
        self.standard.aud.as_deref().unwrap_or_default()
    }

    /// Returns when it expires; none when never.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.standard.exp
    }

    /// Returns from when on it is valid.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.standard.nbf
    }

    /// Returns when it was issued.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.standard.iat
    }

    /// Returns its own id, `jti`.
    pub fn id(&self) -> Option<&str> {
        self.standard.jti.as_deref()
    }

    /// Returns the public id of the session that it was issued in, `sid`.
    pub fn session(&self) -> Option<&str> {
        self.standard.sid.as_deref()
    }

    /// Returns the public id of the family of refresh tokens that it belongs to, `fam`.
    pub fn family(&self) -> Option<&str> {
        self.standard.fam.as_deref()
    }

    /// Returns the epoch that its user had.
    pub fn epoch(&self) -> Option<i64> {
        self.standard.epoch
    }

    /// Returns how the user proved who they are (RFC 8176), `amr`; empty if it does not say.
    pub fn amr(&self) -> &[String] {
        &self.standard.amr
    }

    /// Returns the level of what the user proved, `acr`: `aal1` or `aal2` for a token of ours.
    pub fn acr(&self) -> Option<&str> {
        self.standard.acr.as_deref()
    }

    /// Returns what stands in its footer, `kid` among it; empty for one that is no JSON object.
    pub fn footer(&self) -> &Map<String, Value> {
        &self.footer
    }

    /// Returns the id of the key that made it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

impl<K: TokenKind> VerifiedToken<Map<String, Value>, K> {
    /// Reads its claims into another type, as [`Verifier::verify`](crate::token::Verifier::verify) does.
    ///
    /// # Errors
    ///
    /// [`TokenFault::UnreadableClaims`].
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
