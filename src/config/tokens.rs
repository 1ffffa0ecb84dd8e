//! `[default.security.tokens]`: what PASETO tokens are made and read with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config::csrf::CookieName;
use crate::config::span::{Bounds, Span};
use crate::config::token_check::{TokenCheck, by_kind};
use crate::config::token_keys::TokenKeysConfig;
use crate::config::trusted::TrustedConfig;
use crate::error::{Error, Faults, Result as Checked};
use crate::secret::Secret;

/// The most that clocks may be apart: a longer one would keep expired tokens alive.
const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// The longest that a refresh token which was replaced leads to its successor: a thief who is as quick is
/// not found out at once.
const MAX_GRACE: Duration = Duration::from_secs(10);

/// The longest that a program is logged in.
const MAX_REFRESH_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// `[default.security.tokens]`.
///
/// Without any of it, tokens are `v4.local` under a key that is derived from `security.keys`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokensConfig {
    /// The application's own keys: texts, or tables as in [`TokenKeyConfig`](crate::config::TokenKeyConfig). The first of a
    /// purpose that can issue is the active one, the others verify. Without a local key of your own, one
    /// derived from `security.keys` is added, for refresh tokens and `.local()`.
    /// _Default:_ a key for `v4.local`, derived from `security.keys`.
    pub keys: TokenKeysConfig,
    /// What opens keys that are wrapped with a password (`k4.local-pw`, `k4.secret-pw`).
    /// _Default:_ none.
    pub passphrase: Option<Secret<String>>,
    /// Whether a token is encrypted (`"local"`) or signed (`"public"`), unless the call says.
    /// _Default:_ that of the first of `keys` that can issue; `"local"` without `keys`.
    pub purpose: Option<TokenPurpose>,
    /// Who issues: the claim `iss`. _Default:_ `base_url`, without the slash at its end.
    pub issuer: Option<String>,
    /// Whom tokens are for: the claim `aud`, one text or a list. A token is accepted when it is for
    /// any of them. _Default:_ the issuer.
    pub audience: OneOrMany,
    /// How long an access token lasts; one that comes with a refresh token no longer than that.
    /// _Default:_ `"15m"`.
    pub lifetime: Span,
    /// How long a program stays logged in after its login, however often it refreshes: 1 minute to 365 days,
    /// and no longer than a session where [`session.aal`](crate::config::SessionConfig) is set.
    /// _Default:_ `"30days"` (NIST SP 800-63B-4, section 2.1.3).
    #[serde(deserialize_with = "refresh_lifetime")]
    pub refresh_lifetime: Span,
    /// How long a program stays logged in without refreshing. _Default:_ `"7days"`.
    pub refresh_idle: Span,
    /// For how long a refresh token that was replaced leads to its successor once more, for programs that
    /// refresh several times at once or lose an answer; at most `"10s"`. Then, and without it at once, its use
    /// ends the login, for two hold what one should. _Default:_ `"0s"`.
    #[serde(deserialize_with = "grace")]
    pub refresh_grace: Duration,
    /// Where a login puts the refresh token: into the answer's `"body"`, or into a `"cookie"` that goes to
    /// `/refresh-token` alone and that script cannot read. _Default:_ `"body"`.
    pub refresh_in: RefreshIn,
    /// By kind, whether it is asked with each request if a token is good still: `"always"`, `"never"`, or
    /// `"cached(30s)"`, which takes an answer for true that long, 1 second to 10 minutes. It holds for guards
    /// that need the token alone; one that needs its user asks in any case.
    /// _Default:_ `"always"` for every kind.
    #[serde(deserialize_with = "by_kind")]
    pub check: BTreeMap<String, TokenCheck>,
    /// How far clocks may be apart, for `exp`, `nbf` and `iat`; at most `"10m"`.
    /// _Default:_ `"30s"`.
    #[serde(deserialize_with = "leeway")]
    pub leeway: Duration,
    /// Others whose tokens are accepted. _Default:_ none.
    pub trusted: Vec<TrustedConfig>,
    /// Where in a request tokens are looked for. One that stands elsewhere is not seen, and two in
    /// these places are refused. _Default:_ `["authorization", "authentication-token"]`.
    pub sources: Vec<TokenSource>,
    /// The name of the cookie, where `"cookie"` is among the sources.
    /// _Default:_ `security_token`, with the prefix `__Host-` when `base_url` is https.
    pub cookie: Option<CookieName>,
}

impl Default for TokensConfig {
    fn default() -> Self {
        Self {
            keys: TokenKeysConfig::default(),
            passphrase: None,
            purpose: None,
            issuer: None,
            audience: OneOrMany::default(),
            lifetime: Span::minutes(15),
            refresh_lifetime: Span::hours(30 * 24),
            refresh_idle: Span::hours(7 * 24),
            refresh_grace: Duration::ZERO,
            refresh_in: RefreshIn::default(),
            check: BTreeMap::new(),
            leeway: Duration::from_secs(30),
            trusted: Vec::new(),
            sources: vec![TokenSource::Authorization, TokenSource::AuthenticationToken],
            cookie: None,
        }
    }
}

impl TokensConfig {
    /// Returns what is asked of a token of that kind.
    pub fn check_of(&self, kind: &str) -> TokenCheck {
        self.check.get(kind).copied().unwrap_or_default()
    }

    pub(super) fn check(&self, is_https: bool, faults: &mut Faults) {
        faults.note(self.check_families());
        faults.note(self.check_kinds());
        faults.note(self.check_trusted());
        faults.note(self.check_sources(is_https));
    }

    fn check_families(&self) -> Checked<()> {
        if self.refresh_idle > self.refresh_lifetime {
            return Err(Error::config(
                "tokens.refresh_idle",
                "is longer than tokens.refresh_lifetime",
                "Make it shorter, or the other longer",
            ));
        }
        Ok(())
    }

    fn check_kinds(&self) -> Checked<()> {
        match self.check.keys().find(|kind| !is_kind(kind) || *kind == "refresh") {
            None => Ok(()),
            Some(kind) if kind == "refresh" => Err(Error::config(
                "tokens.check.refresh",
                "cannot be set: a refresh token is always asked for",
                "Remove it",
            )),
            Some(kind) => Err(Error::config(
                format!("tokens.check.{kind}"),
                "is not a kind of token",
                "Use \"access\", or the NAME of a kind of your own",
            )),
        }
    }

    /// Refuses lists of kinds that let in nothing, or less than they seem to.
    fn check_trusted(&self) -> Checked<()> {
        for (index, TrustedConfig { kinds, .. }) in self.trusted.iter().enumerate() {
            let is_repeated = |(at, kind)| kinds.iter().take(at).any(|before| before == kind);
            let fault = if kinds.is_empty() {
                "is empty, so no token would be accepted".to_owned()
            } else if kinds.iter().any(|kind| kind == "refresh") {
                "names \"refresh\", but refresh tokens of other issuers are never \
                 accepted"
                    .to_owned()
            } else if let Some(kind) = kinds.iter().find(|kind| !is_kind(kind)) {
                format!("names \"{kind}\", which is not a kind of token")
            } else if kinds.iter().enumerate().any(is_repeated) {
                "has a duplicate value".to_owned()
            } else {
                continue;
            };
            let cure = "Remove it for [\"access\"], or use that and the NAMEs of kinds of your own";
            return Err(Error::config(format!("tokens.trusted[{index}].kinds"), fault, cure));
        }
        Ok(())
    }

    /// Tells whether tokens are looked for there.
    pub fn reads(&self, source: TokenSource) -> bool {
        self.sources.contains(&source)
    }

    fn check_sources(&self, is_https: bool) -> Checked<()> {
        let mut rest = self.sources.iter();
        let mut is_repeated = false;
        while let Some(source) = rest.next() {
            is_repeated |= rest.clone().any(|other| other == source);
        }
        let fault = match (self.sources.is_empty(), is_repeated) {
            (true, _) => Some("is empty, so no token would be found"),
            (_, true) => Some("has a duplicate value"),
            (false, false) => None,
        };
        if let Some(fault) = fault {
            let cure =
                "Set it to [\"authorization\", \"authentication-token\"], or to what is wanted";
            return Err(Error::config("tokens.sources", fault, cure));
        }
        let Some(cookie) = &self.cookie else {
            return Ok(());
        };
        if !self.reads(TokenSource::Cookie) {
            let fault = "names a cookie, but tokens are not read from cookies";
            let cure = "Add \"cookie\" to tokens.sources, or remove it";
            return Err(Error::config("tokens.cookie", fault, cure));
        }
        if cookie.is_prefixed() && !is_https {
            return Err(Error::config(
                "tokens.cookie",
                "has a prefix that browsers take from https only, and base_url is not https",
                "Set base_url to an https address, or choose a name without prefix",
            ));
        }
        Ok(())
    }
}

/// An entry of `sources`: a place in a request where a token may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenSource {
    /// `Authorization: Bearer <token>` (RFC 6750, section 2.1), the scheme in any case.
    Authorization,
    /// `Authentication-Token: <token>`, as Flask-Security's clients send it.
    AuthenticationToken,
    /// A cookie. Browsers send it by themselves: an unsafe request that comes by it needs the
    /// anti-forgery token, and a bad one counts for nothing beside a session. Beside a token in another place it
    /// is a second one, good or bad: 400 `conflicting_credentials`. It is taken away when somebody
    /// logs in or out, and when it was refused for good.
    Cookie,
    /// The parameter `access_token` of the address (RFC 6750, section 2.3), of handshakes of
    /// WebSockets and no other request. Addresses are written down by every server and proxy on the
    /// way, and whoever reads that has the token: a [ticket](crate::features::tickets) is better.
    Query,
}

/// `tokens.refresh_in`: where a login puts the refresh token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshIn {
    /// Into the answer, as `user.refresh_token`.
    #[default]
    Body,
    /// Into a cookie for `/refresh-token`, `HttpOnly` and `SameSite=Strict`.
    Cookie,
}

/// What a token is protected by: PASETO's purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPurpose {
    /// Encrypted and authenticated, by a key that issuer and verifier share.
    Local,
    /// Signed by a secret key and legible to everybody; the public key verifies.
    Public,
}

impl TokenPurpose {
    /// Returns the word that stands in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Public => "public",
        }
    }
}

impl fmt::Display for TokenPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One text or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Many(Vec<String>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::One(text)) => Ok(Self(vec![text])),
            Ok(Written::Many(texts)) if texts.is_empty() => {
                Err(D::Error::custom("it is an empty list. Remove it, or write one text or more"))
            }
            Ok(Written::Many(texts)) => Ok(Self(texts)),
            Err(_) => Err(D::Error::custom("it is neither a text nor a list of them")),
        }
    }
}

/// Tells whether a kind of token can have that name.
fn is_kind(name: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(is_plain)
}

fn refresh_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let least = Duration::from_secs(60);
    let bounds = Bounds::new(least, MAX_REFRESH_LIFETIME, "between 1 minute and 365 days");
    deserializer.deserialize_any(bounds).map(Span::new)
}

fn grace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Bounds::new(Duration::ZERO, MAX_GRACE, "of at most 10 seconds"))
}

fn leeway<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Bounds::new(Duration::ZERO, MAX_LEEWAY, "of at most 10 minutes"))
}
