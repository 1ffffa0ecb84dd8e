//! `[default.security.tokens]`: how PASETO tokens are issued and verified.

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

/// The most that clocks may differ: a larger leeway would keep expired tokens valid.
const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// The longest grace period for a replaced refresh token: a thief who uses it within this time is not
/// detected at once.
const MAX_GRACE: Duration = Duration::from_secs(10);

/// The longest time that a program stays logged in.
const MAX_REFRESH_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// `[default.security.tokens]`: how PASETO tokens are issued and verified.
///
/// Without this table, tokens are `v4.local` under a key that is derived from `security.keys`. An invalid
/// value stops the launch.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokensConfig {
    /// Sets your own keys: texts, or tables as in [`TokenKeyConfig`](crate::config::TokenKeyConfig). The
    /// first key of a purpose that can issue tokens is the active one, and the others only verify. Without a
    /// local key of your own, one that is derived from `security.keys` is added, for refresh tokens and
    /// `.local()`. _Default:_ a key for `v4.local`, derived from `security.keys`.
    pub keys: TokenKeysConfig,
    /// Sets the passphrase for keys that are wrapped with a password (`k4.local-pw`, `k4.secret-pw`).
    /// _Default:_ none.
    pub passphrase: Option<Secret<String>>,
    /// Sets whether tokens are encrypted (`"local"`) or signed (`"public"`), unless the code that issues one
    /// chooses. _Default:_ the purpose of the first of `keys` that can issue; `"local"` without `keys`.
    pub purpose: Option<TokenPurpose>,
    /// Sets the issuer: the claim `iss`. _Default:_ `base_url`, without the slash at its end.
    pub issuer: Option<String>,
    /// Sets the audience: the claim `aud`, one text or a list. A token is accepted if it names any of them.
    /// _Default:_ the issuer.
    pub audience: OneOrMany,
    /// Sets how long an access token is valid. One that was issued with a refresh token never outlives it.
    /// _Default:_ `"15m"`.
    pub lifetime: Span,
    /// Sets how long a program stays logged in after its login, however often it refreshes: 1 minute to 365
    /// days, and no longer than a session if [`session.aal`](crate::config::SessionConfig) is set. _Default:_
    /// `"30days"` (NIST SP 800-63B-4, section 2.1.3).
    #[serde(deserialize_with = "refresh_lifetime")]
    pub refresh_lifetime: Span,
    /// Sets how long a program stays logged in without refreshing, at most `refresh_lifetime`. _Default:_
    /// `"7days"`.
    pub refresh_idle: Span,
    /// Sets for how long a replaced refresh token still returns its successor, for programs that refresh
    /// several times at once or lose an answer; at most `"10s"`. After this time, using it ends the login,
    /// because two parties hold a token that only one should have. _Default:_ `"0s"`.
    #[serde(deserialize_with = "grace")]
    pub refresh_grace: Duration,
    /// Sets where a login puts the refresh token: in the `"body"` of the answer, or in a `"cookie"` that is
    /// sent to `/refresh-token` alone and that scripts cannot read. _Default:_ `"body"`.
    pub refresh_in: RefreshIn,
    /// Sets for each kind of token whether a request checks in the store that the token was not revoked:
    /// `"always"`, `"never"`, or `"cached(30s)"`, which trusts a result that long, 1 second to 10 minutes. It
    /// applies to guards that need only the token; guards that need its user always check. _Default:_
    /// `"always"` for every kind.
    #[serde(deserialize_with = "by_kind")]
    pub check: BTreeMap<String, TokenCheck>,
    /// Sets how far clocks may differ, for `exp`, `nbf` and `iat`; at most `"10m"`. _Default:_ `"30s"`.
    #[serde(deserialize_with = "leeway")]
    pub leeway: Duration,
    /// Lists other issuers whose tokens are accepted. _Default:_ none.
    pub trusted: Vec<TrustedConfig>,
    /// Lists the places in a request that are searched for tokens. A token elsewhere is ignored, and two
    /// tokens in these places are refused. _Default:_ `["authorization", "authentication-token"]`.
    pub sources: Vec<TokenSource>,
    /// Sets the name of the cookie that carries the token, if `"cookie"` is one of `sources`. _Default:_
    /// `security_token`, with the prefix `__Host-` if `base_url` is https.
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
    /// Returns whether tokens of this kind are checked in the store.
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
                "cannot be set: refresh tokens are always checked",
                "Remove it",
            )),
            Some(kind) => Err(Error::config(
                format!("tokens.check.{kind}"),
                "is not a kind of token",
                "Use \"access\", or the NAME of a kind of your own",
            )),
        }
    }

    /// Refuses lists of kinds that accept no token, or fewer than they seem to.
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

    /// Checks whether this place is searched for tokens.
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
                "has a prefix that browsers accept over https only, and base_url is not https",
                "Set base_url to an https address, or choose a name without prefix",
            ));
        }
        Ok(())
    }
}

/// An entry of `tokens.sources`: a place in a request where a token may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenSource {
    /// The header `Authorization: Bearer <token>` (RFC 6750, section 2.1). The scheme is case-insensitive.
    Authorization,
    /// The header `Authentication-Token: <token>`, as clients of Flask-Security send it.
    AuthenticationToken,
    /// A cookie. Browsers send it automatically, so an unsafe request that is authenticated with it needs the
    /// CSRF token, and an invalid one is ignored beside a session. Beside a token in another place, it counts
    /// as a second token, valid or not: 400 `conflicting_credentials`. The cookie is removed when a user logs
    /// in or out, and when its token is permanently invalid.
    Cookie,
    /// The URL parameter `access_token` (RFC 6750, section 2.3), for WebSocket handshakes only. Servers and
    /// proxies on the way log URLs, and every reader of such a log has the token: prefer a
    /// [ticket](crate::features::tickets).
    Query,
}

/// `tokens.refresh_in`: where a login puts the refresh token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefreshIn {
    /// In the answer, as `user.refresh_token`.
    #[default]
    Body,
    /// In a cookie for `/refresh-token`, `HttpOnly` and `SameSite=Strict`.
    Cookie,
}

/// How a token is protected: the purpose of PASETO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenPurpose {
    /// Encrypted and authenticated, with a key that issuer and verifier share.
    Local,
    /// Signed with a secret key, and readable without one; the public key verifies it.
    Public,
}

impl TokenPurpose {
    /// Returns the word for it in a token.
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

/// Returns `true` if `name` is a valid name for a kind of token.
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
