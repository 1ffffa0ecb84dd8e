//! A key with its id, and the tokens that it seals and opens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use paserk::core::operations::id::compute_id;
use paserk::core::version::K4;
use subtle::ConstantTimeEq;

use crate::config::TokenPurpose;
use crate::crypto::random::random_bytes;
#[cfg(feature = "legacy-paseto")]
use crate::crypto::token_key::legacy;
use crate::crypto::token_key::material::Material;
use crate::crypto::token_key::v4;
use crate::crypto::token_key::version::TokenVersion;
use crate::error::Result;
use crate::secret::Secret;

/// A key for tokens of one version and purpose. It does not implement `Debug`, and its secrets are wiped when it is
/// dropped.
pub struct TokenKey {
    pub(super) version: TokenVersion,
    id: String,
    pub(super) material: Material,
}

impl TokenKey {
    /// Generates a random key of version 4: a symmetric key, or a key pair.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the operating system returns no randomness.
    pub fn generate(purpose: TokenPurpose) -> Result<Self> {
        let bytes = Secret::new(random_bytes::<32>()?);
        match purpose {
            TokenPurpose::Local => Ok(Self::local(bytes)),
            TokenPurpose::Public => Ok(Self::pair(&SigningKey::from_bytes(bytes.expose()))),
        }
    }

    /// Creates a key for `v4.local` from derived bytes.
    pub fn local(bytes: Secret<[u8; 32]>) -> Self {
        Self::new(TokenVersion::V4, Material::Local(bytes))
    }

    /// Returns the version of the key's tokens.
    pub fn version(&self) -> TokenVersion {
        self.version
    }

    /// Returns the purpose of the key's tokens.
    pub fn purpose(&self) -> TokenPurpose {
        match self.material {
            Material::Local(_) => TokenPurpose::Local,
            Material::Secret(..) | Material::Public(_) => TokenPurpose::Public,
        }
    }

    /// Returns the PASERK id of the key: `k4.lid.…` or `k4.pid.…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Checks whether the key can issue tokens. A public key can only verify them.
    pub fn can_issue(&self) -> bool {
        !matches!(self.material, Material::Public(_))
    }

    /// Returns the public half as PASERK, or `None` for a symmetric key.
    pub fn public_paserk(&self) -> Option<String> {
        match &self.material {
            Material::Local(_) => None,
            Material::Secret(_, public) | Material::Public(public) => {
                Some(paserk(self.version, "public", public))
            }
        }
    }

    /// Returns the whole key as PASERK, including its secret half.
    pub fn to_paserk(&self) -> Secret<String> {
        Secret::new(match &self.material {
            Material::Local(bytes) => paserk(self.version, "local", bytes.expose()),
            Material::Secret(secret, _) => paserk(self.version, "secret", secret.expose()),
            Material::Public(public) => paserk(self.version, "public", public),
        })
    }

    /// Checks whether the two keys share a part, whatever their versions and purposes. A key must have only
    /// one version and purpose: a symmetric key with the bytes of a public key would be public.
    pub fn is_same_as(&self, other: &Self) -> bool {
        other.parts().into_iter().any(|part| self.has_part(part))
    }

    /// Checks whether the bytes are a part of the key: the symmetric key, or a half of the key pair.
    pub fn has_part(&self, bytes: &[u8]) -> bool {
        self.parts().into_iter().any(|part| part.ct_eq(bytes).into())
    }

    /// Returns the symmetric key, or the halves of the key pair that are present. PASERK appends the public
    /// half of Ed25519 to the secret one.
    fn parts(&self) -> Vec<&[u8]> {
        match &self.material {
            Material::Local(bytes) => vec![bytes.expose()],
            Material::Secret(secret, public) => {
                let secret = secret.expose().as_slice();
                vec![secret.strip_suffix(public.as_slice()).unwrap_or(secret), public]
            }
            Material::Public(public) => vec![public],
        }
    }

    /// Makes a token of `payload`. An empty footer or assertion counts as none. Version 2 has no assertion,
    /// and ignores it.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if there is no randomness, or this is a public key.
    pub fn seal(&self, payload: &str, footer: &str, assertion: &str) -> Result<String> {
        match self.version {
            #[cfg(feature = "legacy-paseto")]
            TokenVersion::V2 | TokenVersion::V3 => {
                legacy::seal(self.version, &self.material, payload, footer, assertion)
            }
            TokenVersion::V4 => v4::seal(&self.material, payload, footer, assertion),
        }
    }

    /// Opens a token that this key made with this footer and assertion, and returns its payload. Returns
    /// `None` for anything else.
    pub fn open(&self, token: &str, footer: &str, assertion: &str) -> Option<String> {
        match self.version {
            #[cfg(feature = "legacy-paseto")]
            TokenVersion::V2 | TokenVersion::V3 => {
                legacy::open(self.version, &self.material, token, footer, assertion)
            }
            TokenVersion::V4 => v4::open(&self.material, token, footer, assertion),
        }
    }

    fn pair(pair: &SigningKey) -> Self {
        let secret = Secret::new(pair.to_keypair_bytes().to_vec());
        let public = pair.verifying_key().to_bytes().to_vec();
        Self::new(TokenVersion::V4, Material::Secret(secret, public))
    }

    pub(super) fn new(version: TokenVersion, material: Material) -> Self {
        let id = match &material {
            Material::Local(bytes) => id_of(version, "lid", "local", bytes.expose()),
            Material::Secret(_, public) | Material::Public(public) => {
                id_of(version, "pid", "public", public)
            }
        };
        Self { version, id, material }
    }
}

fn paserk(version: TokenVersion, kind: &str, bytes: &[u8]) -> String {
    format!("k{}.{kind}.{}", version.number(), URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns the PASERK id of a key: its kind, and a digest of its text (PASERK, operation ID).
fn id_of(version: TokenVersion, id: &str, kind: &str, bytes: &[u8]) -> String {
    let head = format!("k{}.{id}.", version.number());
    let text = Secret::new(paserk(version, kind, bytes));
    let digest = match version {
        #[cfg(feature = "legacy-paseto")]
        TokenVersion::V3 => legacy::id_digest(&head, text.expose()),
        _ => compute_id::<K4>(&head, text.expose()),
    };
    format!("{head}{}", URL_SAFE_NO_PAD.encode(digest))
}

#[cfg(test)]
mod tests {
    use crate::config::TokenPurpose;
    use crate::crypto::token_key::key::TokenKey;
    use crate::secret::Secret;

    #[test]
    fn what_one_key_made_opens_with_it_alone_and_with_the_same_footer_and_assertion() {
        for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
            let key = TokenKey::generate(purpose).unwrap();
            let other = TokenKey::generate(purpose).unwrap();
            let token = key.seal("payload", "footer", "assertion").unwrap();
            assert!(token.starts_with(&format!("v4.{purpose}.")));
            assert_eq!(key.open(&token, "footer", "assertion"), Some("payload".to_owned()));
            assert_eq!(key.open(&token, "", "assertion"), None);
            assert_eq!(key.open(&token, "footer", ""), None);
            assert_eq!(other.open(&token, "footer", "assertion"), None);
        }
    }

    #[test]
    fn a_key_opens_no_token_of_another_purpose() {
        let local = TokenKey::generate(TokenPurpose::Local).unwrap();
        let public = TokenKey::generate(TokenPurpose::Public).unwrap();
        let token = local.seal("payload", "", "").unwrap();
        assert_eq!(public.open(&token, "", ""), None);
        assert_eq!(public.open(&token.replace("local", "public"), "", ""), None);
        assert_eq!(local.open(&public.seal("payload", "", "").unwrap(), "", ""), None);
    }

    #[test]
    fn a_key_pair_is_named_by_its_public_half_and_a_public_key_issues_nothing() {
        let pair = TokenKey::generate(TokenPurpose::Public).unwrap();
        assert!(pair.id().starts_with("k4.pid."));
        let text = pair.public_paserk().unwrap();
        let public = TokenKey::parse(&text, None, None).ok().unwrap();
        assert_eq!(public.id(), pair.id());
        assert!(pair.can_issue() && !public.can_issue());
        assert!(public.seal("payload", "", "").is_err());
        assert!(public.is_same_as(&pair));
        let local = TokenKey::generate(TokenPurpose::Local).unwrap();
        assert!(local.id().starts_with("k4.lid.") && local.public_paserk().is_none());
    }

    #[test]
    fn keys_are_the_same_when_a_part_of_them_is_whatever_they_are_for() {
        let pair = TokenKey::generate(TokenPurpose::Public).unwrap();
        let halves: Vec<[u8; 32]> =
            pair.parts().into_iter().map(|part| part.try_into().unwrap()).collect();
        assert_eq!(halves.len(), 2);
        for &bytes in &halves {
            let local = TokenKey::local(Secret::new(bytes));
            assert!(local.is_same_as(&pair) && pair.is_same_as(&local));
            assert!(pair.has_part(&bytes));
        }
        let public_alone =
            TokenKey::parse(&pair.public_paserk().unwrap(), None, None).ok().unwrap();
        assert!(!TokenKey::local(Secret::new(halves[0])).is_same_as(&public_alone));
        for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
            assert!(!TokenKey::generate(purpose).unwrap().is_same_as(&pair));
        }
    }
}
