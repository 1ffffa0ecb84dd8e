//! The keys of an application and of those it trusts, each with what it is good for.

use url::Url;

use crate::clock::Clock;
use crate::config::{Allowance, Config, TokenPurpose, TokensConfig, TrustedConfig};
use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::token_key::{TokenKey, TokenVersion};
use crate::error::{Error, Faults, Result};
use crate::token::document::{PublicKey, PublicKeys};
use crate::token::families::FamilyLimits;
use crate::token::key_source::KeyReader;

/// What tokens are issued and verified with.
pub(super) struct Ring {
    keys: Vec<RingKey>,
    pub(super) issuer: String,
    pub(super) audience: Vec<String>,
    pub(super) purpose: TokenPurpose,
    pub(super) lifetime: std::time::Duration,
    pub(super) families: FamilyLimits,
    pub(super) leeway: chrono::TimeDelta,
    pub(super) clock: Clock,
}

/// A key, and whose it is.
pub(super) struct RingKey {
    pub(super) key: TokenKey,
    /// What stands in footers.
    pub(super) kid: String,
    pub(super) trust: Trust,
}

/// Whose a key is.
pub(super) enum Trust {
    Own,
    Foreign { iss: String, kinds: Vec<String>, allow: Vec<Allowance> },
}

impl Trust {
    /// Tells what tokens under the key may do that others may not.
    pub(super) fn allow(&self) -> &[Allowance] {
        match self {
            Self::Own => &[],
            Self::Foreign { allow, .. } => allow,
        }
    }
}

/// A key as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenKeyInfo {
    /// What stands in footers: the PASERK id, unless the issuer writes another.
    pub kid: String,
    /// The version of its tokens.
    pub version: TokenVersion,
    /// The purpose of its tokens.
    pub purpose: TokenPurpose,
    /// Whether tokens are issued with it.
    pub is_active: bool,
    /// Whose tokens it verifies.
    pub issuer: String,
}

impl Ring {
    /// Reads the keys of the configuration, or derives one.
    pub(super) fn new(
        config: &Config,
        base_url: &Url,
        keyring: Option<&Keyring>,
        clock: Clock,
    ) -> Result<Self> {
        let tokens = &config.tokens;
        let mut faults = Faults::default();
        let issuer = faults.note(issuer(tokens, base_url)).unwrap_or_default();
        let mut ring = Self {
            keys: Vec::new(),
            audience: faults.note(audience(tokens, &issuer)).unwrap_or_default(),
            issuer,
            purpose: TokenPurpose::Local,
            lifetime: tokens.lifetime.duration(),
            families: FamilyLimits::new(config),
            leeway: chrono::TimeDelta::from_std(tokens.leeway).unwrap_or_default(),
            clock,
        };
        let mut reader = KeyReader::new(tokens.passphrase.as_ref(), keyring);
        faults.note(ring.add_own(tokens, keyring, &mut reader));
        for (index, entry) in tokens.trusted.iter().enumerate() {
            faults.note(ring.add_trusted(index, entry, &mut reader));
        }
        faults.finish()?;
        for warning in reader.into_warnings() {
            log::warn!("{warning}");
        }
        Ok(ring)
    }

    /// Returns the key that issues tokens of this purpose.
    pub(super) fn active(&self, purpose: TokenPurpose) -> Option<&RingKey> {
        self.keys.iter().find(|key| {
            let is_own = matches!(key.trust, Trust::Own);
            is_own && key.key.purpose() == purpose && key.key.can_issue()
        })
    }

    fn is_active(&self, key: &RingKey) -> bool {
        self.active(key.key.purpose()).is_some_and(|active| std::ptr::eq(active, key))
    }

    /// Returns the keys for tokens of this version and purpose.
    pub(super) fn keys_for(
        &self,
        version: TokenVersion,
        purpose: TokenPurpose,
    ) -> impl Iterator<Item = &RingKey> {
        let is_for = move |key: &TokenKey| (key.version(), key.purpose()) == (version, purpose);
        self.keys.iter().filter(move |key| is_for(&key.key))
    }

    /// Returns the public keys of our own, the active one first.
    pub(super) fn public_keys(&self) -> PublicKeys {
        let own = self.keys.iter().filter(|key| matches!(key.trust, Trust::Own));
        let mut own: Vec<&RingKey> = own.collect();
        own.sort_by_key(|key| !self.is_active(key));
        let public = own.into_iter().filter_map(|key| {
            let text = key.key.public_paserk()?;
            Some(PublicKey::new(key.kid.clone(), text))
        });
        PublicKeys::new(self.issuer.clone(), public.collect())
    }

    /// Tells of every key what an operator may know.
    pub(super) fn list(&self) -> Vec<TokenKeyInfo> {
        let info = |key: &RingKey| TokenKeyInfo {
            kid: key.kid.clone(),
            version: key.key.version(),
            purpose: key.key.purpose(),
            is_active: self.is_active(key),
            issuer: match &key.trust {
                Trust::Own => self.issuer.clone(),
                Trust::Foreign { iss, .. } => iss.clone(),
            },
        };
        self.keys.iter().map(info).collect()
    }

    fn add_own(
        &mut self,
        tokens: &TokensConfig,
        keyring: Option<&Keyring>,
        reader: &mut KeyReader<'_>,
    ) -> Result<()> {
        let mut faults = Faults::default();
        for (index, entry) in tokens.keys.0.iter().enumerate() {
            let name = format!("tokens.keys[{index}]");
            for key in faults.note(reader.read(entry, &name)).unwrap_or_default() {
                faults.note(self.add(&name, key, None, Trust::Own));
            }
        }
        faults.finish()?;
        let first = self.keys.iter().find(|key| key.key.can_issue());
        if first.is_none() && !self.keys.is_empty() && keyring.is_some() {
            reader.warn(
                "security.tokens.keys: holds no key that issues, so that tokens are issued under one \
                 derived from security.keys. Make one with `rocket-security keys generate`, and set it \
                 with these",
            );
        }
        self.purpose = tokens
            .purpose
            .or_else(|| first.map(|key| key.key.purpose()))
            .unwrap_or(TokenPurpose::Local);
        if let Some(keyring) = keyring.filter(|_| self.active(TokenPurpose::Local).is_none()) {
            for bytes in keyring.derive(Purpose::Tokens)? {
                self.add("keys", TokenKey::local(bytes), None, Trust::Own)?;
            }
        }
        if self.purpose == TokenPurpose::Public && self.active(self.purpose).is_none() {
            return Err(Error::config(
                "tokens.purpose",
                "is \"public\", but no key in security.tokens.keys can sign",
                "Create one with `rocket-security keys generate --kind secret` and add it",
            ));
        }
        Ok(())
    }

    fn add_trusted(
        &mut self,
        index: usize,
        entry: &TrustedConfig,
        reader: &mut KeyReader<'_>,
    ) -> Result<()> {
        let at = format!("tokens.trusted[{index}]");
        if entry.iss.is_empty() || entry.iss == self.issuer {
            return Err(Error::config(
                format!("{at}.iss"),
                "is empty, or the issuer of our own tokens",
                "Set it to the `iss` of the other issuer; your own keys belong in tokens.keys",
            ));
        }
        let name = format!("{at}.key");
        for key in reader.read(&entry.key, &name)? {
            if key.purpose() == TokenPurpose::Public && key.can_issue() {
                return Err(Error::config(
                    name,
                    "is a secret key, which only its issuer may have",
                    "Set the public key, which `rocket-security keys inspect` prints",
                ));
            }
            let trust = Trust::Foreign {
                iss: entry.iss.clone(),
                kinds: entry.kinds.clone(),
                allow: entry.allow.clone(),
            };
            self.add(&name, key, entry.kid.clone(), trust)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, key: TokenKey, kid: Option<String>, trust: Trust) -> Result<()> {
        let kid = kid.unwrap_or_else(|| key.id().to_owned());
        let is_known = |other: &&RingKey| other.key.is_same_as(&key) || other.kid == kid;
        if let Some(known) = self.keys.iter().find(is_known) {
            let (fault, cure) = if known.key.purpose() == key.purpose() {
                (
                    "holds a key that is there already, or has the id of another",
                    "Remove one of the two: a key is for one version, purpose and issuer",
                )
            } else {
                (
                    "holds a key of the same bytes as one of another purpose, which others may know, or \
                     with its id",
                    "Make another with `rocket-security keys generate`",
                )
            };
            return Err(Error::config(name, fault, cure));
        }
        self.keys.push(RingKey { key, kid, trust });
        Ok(())
    }
}

/// The most that the configuration can put into each token: a token beyond
/// [`MAX_TOKEN_BYTES`](crate::token::MAX_TOKEN_BYTES) is not accepted, and a browser keeps no cookie
/// beyond 4096 bytes.
const MAX_ISSUER_BYTES: usize = 256;
const MAX_AUDIENCE_BYTES: usize = 1_024;

fn issuer(tokens: &TokensConfig, base_url: &Url) -> Result<String> {
    match &tokens.issuer {
        Some(issuer) if issuer.is_empty() => Err(Error::config(
            "tokens.issuer",
            "is empty",
            "Remove it to use base_url, or set it to the name that verifiers expect",
        )),
        Some(issuer) if issuer.len() > MAX_ISSUER_BYTES => Err(Error::config(
            "tokens.issuer",
            "is longer than 256 bytes",
            "Choose a shorter name: every token contains it, and cookies and headers have limits",
        )),
        Some(issuer) => Ok(issuer.clone()),
        None => Ok(base_url.as_str().trim_end_matches('/').to_owned()),
    }
}

fn audience(tokens: &TokensConfig, issuer: &str) -> Result<Vec<String>> {
    let audience = &tokens.audience.0;
    if audience.iter().any(String::is_empty) {
        return Err(Error::config(
            "tokens.audience",
            "contains an empty string",
            "Remove it, or name the audience of the tokens",
        ));
    }
    if audience.iter().map(String::len).sum::<usize>() > MAX_AUDIENCE_BYTES {
        return Err(Error::config(
            "tokens.audience",
            "is longer than 1024 bytes",
            "Use fewer or shorter names: every token contains them, and cookies and headers have limits",
        ));
    }
    Ok(if audience.is_empty() { vec![issuer.to_owned()] } else { audience.clone() })
}
