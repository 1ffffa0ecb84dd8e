//! Issuing.

use std::marker::PhantomData;

use chrono::{Datelike, SubsecRound, TimeDelta};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::TokenPurpose;
use crate::crypto::random_uuid;
use crate::error::{Error, Result};
use crate::token::claims::{RESERVED, write_time};
use crate::token::kind::{Lifetime, TokenKind, assertion_of, is_name};
use crate::token::limits::{MAX_FOOTER_BYTES, MAX_TOKEN_BYTES};
use crate::token::ring::{Ring, RingKey};
use crate::token::subject::Subject;
use crate::user::Proofs;

/// A token that is about to be issued.
#[must_use = "a token is made by `issue`"]
pub struct TokenBuilder<'t, K> {
    ring: &'t Ring,
    subject: Subject,
    session: Option<Uuid>,
    family: Option<Uuid>,
    id: Option<Uuid>,
    claims: Result<Map<String, Value>>,
    footer: Result<Map<String, Value>>,
    audience: Vec<String>,
    lifetime: Option<Lifetime>,
    issued_at: Option<Timestamp>,
    assertion: String,
    purpose: Option<TokenPurpose>,
    is_plain: bool,
    kind: PhantomData<K>,
}

impl<'t, K: TokenKind> TokenBuilder<'t, K> {
    pub(super) fn new(ring: &'t Ring, subject: Subject) -> Self {
        const { assert!(is_name(K::NAME), "this is no name of a kind of token") };
        Self {
            ring,
            subject,
            session: None,
            family: None,
            id: None,
            claims: Ok(Map::new()),
            footer: Ok(Map::new()),
            audience: Vec::new(),
            lifetime: None,
            issued_at: None,
            assertion: String::new(),
            purpose: None,
            is_plain: false,
            kind: PhantomData,
        }
    }

    /// Adds claims of the application's own: what serialises to a JSON object. None of them may have
    /// the name of one of the framework's.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = to_object("claims", &claims).and_then(|claims| {
            match claims.keys().find(|name| RESERVED.contains(&name.as_str())) {
                None => Ok(claims),
                Some(name) => Err(refuse(format!("the claim `{name}` is the framework's"))),
            }
        });
        self
    }

    /// Says whom it is for, in place of the configured audience; more than once for several.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Says how long it lasts.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetime = Some(lifetime.into());
        self
    }

    /// Has it go on after the login that its user came by: until a change of the account, its `exp`, or its
    /// denial.
    pub fn beyond_login(mut self) -> Self {
        (self.subject.session, self.subject.family) = (None, None);
        (self.session, self.family) = (None, None);
        self
    }

    /// Ties it to a session, by the public id of that, in place of the login that its user came by.
    pub fn session(mut self, id: Uuid) -> Self {
        self.session = Some(id);
        self
    }

    /// Ties it to a family of refresh tokens, by the public id of that, in place of the login that its user
    /// came by: it ends with the program's login.
    pub fn family(mut self, id: Uuid) -> Self {
        self.family = Some(id);
        self
    }

    /// Says what the user proved for the login that it belongs to.
    pub(super) fn proofs(mut self, proofs: &Proofs) -> Self {
        self.subject.proofs = Some(proofs.clone());
        self
    }

    /// Sets when it is issued, in place of the moment of [`issue`](Self::issue): for a caller that has checked at
    /// that moment that it may be.
    pub(super) fn issued_at(mut self, now: Timestamp) -> Self {
        self.issued_at = Some(now);
        self
    }

    /// Sets its id, `jti`, in place of a random one: for a caller that has to record the id before the token
    /// exists. No two tokens may have the same.
    pub fn id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// Encrypts it, whatever is configured.
    pub fn local(mut self) -> Self {
        self.purpose = Some(TokenPurpose::Local);
        self
    }

    /// Signs it, whatever is configured: everybody can read it.
    pub fn public(mut self) -> Self {
        self.purpose = Some(TokenPurpose::Public);
        self
    }

    /// Adds a JSON object to the footer, which anyone can read but not change. `kid` is the framework's.
    pub fn footer(mut self, footer: impl Serialize) -> Self {
        self.footer = to_object("footer", &footer).and_then(|footer| {
            if footer.contains_key("kid") {
                return Err(refuse("`kid` in a footer is the framework's"));
            }
            Ok(footer)
        });
        self
    }

    /// Binds it to a context that it does not carry: it is good only for a verifier that gives the
    /// same, with [`Verifier::verify_asserted`](crate::token::Verifier::verify_asserted).
    pub fn assertion(mut self, assertion: impl Into<String>) -> Self {
        self.assertion = assertion.into();
        self
    }

    /// Leaves out `kid` and the kind's implicit assertion, for verifiers of other makes that know
    /// neither. The kind stands in `typ` alone, and [`Verifier`](crate::token::Verifier) does not accept the token
    /// (but of version 2, which has no assertion anyway).
    pub fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Makes the token.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] for a user who came by a personal token: their request is refused, 403.
    /// [`Error::Token`] for an account that is switched off, claims that are no object or have names of the framework's, a lifetime of
    /// zero, in the past or beyond the year 9999, one without end for a kind that does not say so, a token or
    /// footer that is too long, or when there is no key.
    /// [`Error::Crypto`] when there is no randomness.
    pub fn issue(mut self) -> Result<String> {
        if let Some(fault) = self.subject.fault.take() {
            return Err(fault);
        }
        if self.subject.text.is_empty() {
            return Err(refuse("it has no subject"));
        }
        let purpose = self.purpose.unwrap_or(self.ring.purpose);
        let key = self.ring.active(purpose).ok_or_else(|| {
            refuse(format!("there is no key that issues {purpose} tokens in security.tokens.keys"))
        })?;
        let assertion = self.full_assertion(key)?;
        let footer = std::mem::replace(&mut self.footer, Ok(Map::new()))?;
        let footer = self.full_footer(footer, key)?;
        let payload = Value::Object(self.full_claims()?).to_string();
        let token = key.key.seal(&payload, &footer, &assertion)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refuse(format!("it is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        Ok(token)
    }

    fn full_claims(self) -> Result<Map<String, Value>> {
        let now = self.issued_at.unwrap_or_else(|| self.ring.clock.now()).trunc_subsecs(0);
        let lifetime = self.lifetime.or(K::LIFETIME).unwrap_or(Lifetime::After(self.ring.lifetime));
        let mut claims = self.claims?;
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.ring.issuer.clone().into());
        set("sub", self.subject.text.into());
        let audience =
            if self.audience.is_empty() { self.ring.audience.clone() } else { self.audience };
        set("aud", written_audience(audience));
        if let Some(end) = end_of::<K>(lifetime, now)? {
            set("exp", write_time(end).into());
        }
        set("nbf", write_time(now).into());
        set("iat", write_time(now).into());
        let id = self.id.map_or_else(random_uuid, Ok)?;
        set("jti", id.to_string().into());
        set("typ", K::NAME.into());
        let (session, family) = match (self.session, self.family) {
            (None, None) => (self.subject.session, self.subject.family),
            said => said,
        };
        if let Some(session) = session {
            set("sid", session.to_string().into());
        }
        if let Some(family) = family {
            set("fam", family.to_string().into());
        }
        if let Some(proofs) = self.subject.proofs {
            set("amr", proofs.amr().into());
            set("acr", proofs.level().acr().into());
        }
        if let Some(epoch) = self.subject.epoch {
            set("epoch", epoch.into());
        }
        Ok(claims)
    }

    fn full_assertion(&self, key: &RingKey) -> Result<String> {
        let has_one = key.key.version().has_implicit_assertion();
        if !has_one && !self.assertion.is_empty() {
            return Err(refuse("tokens of version 2 have no implicit assertion"));
        }
        if self.is_plain || !has_one {
            return Ok(self.assertion.clone());
        }
        Ok(assertion_of(K::NAME, &self.assertion))
    }

    fn full_footer(&self, mut footer: Map<String, Value>, key: &RingKey) -> Result<String> {
        if !self.is_plain {
            footer.insert("kid".to_owned(), key.kid.clone().into());
        }
        if footer.is_empty() {
            return Ok(String::new());
        }
        let footer = Value::Object(footer).to_string();
        if (footer.len() * 4).div_ceil(3) > MAX_FOOTER_BYTES {
            return Err(refuse(format!("its footer is longer than {MAX_FOOTER_BYTES} bytes")));
        }
        Ok(footer)
    }
}

/// Returns when a token ends; none when never.
fn end_of<K: TokenKind>(lifetime: Lifetime, now: Timestamp) -> Result<Option<Timestamp>> {
    let end = match lifetime {
        Lifetime::Never if K::LIFETIME == Some(Lifetime::Never) => return Ok(None),
        Lifetime::Never => {
            let fault = format!("tokens of the kind `{}` have to end", K::NAME);
            return Err(refuse(fault));
        }
        Lifetime::After(length) => i64::try_from(length.as_secs())
            .ok()
            .and_then(TimeDelta::try_seconds)
            .and_then(|length| now.checked_add_signed(length)),
        Lifetime::At(end) => Some(end.trunc_subsecs(0)),
    };
    match end.filter(|end| end.year() <= 9_999) {
        None => Err(refuse("its lifetime reaches beyond the year 9999")),
        Some(end) if end <= now => Err(refuse("its lifetime is over before it begins")),
        Some(end) => Ok(Some(end)),
    }
}

fn written_audience(mut audience: Vec<String>) -> Value {
    match audience.len() {
        1 => audience.remove(0).into(),
        _ => audience.into(),
    }
}

fn to_object(name: &str, value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(refuse(format!("its {name} are no JSON object"))),
        Err(fault) => Err(refuse(format!("its {name} cannot be written as JSON: {fault}"))),
    }
}

fn refuse(fault: impl Into<String>) -> Error {
    Error::Token(fault.into())
}
