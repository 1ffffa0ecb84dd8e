//! Versions 2 and 3 of PASETO, for deployments that have such tokens.
//!
//! `local` tokens are made with rusty_paseto. `public` tokens are made with pasetors, because rusty_paseto
//! compiles the signatures of only one version.

use p384::elliptic_curve::sec1::ToSec1Point;
use p384::pkcs8::DecodePublicKey;
use p384::{PublicKey, SecretKey};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::token::UntrustedToken;
use pasetors::version2::V2 as PublicV2;
use pasetors::version3::V3 as PublicV3;
use pasetors::{Public, version2, version3};
use rusty_paseto::core::{
    Footer, ImplicitAssertion, Key, Local, Paseto, PasetoNonce, PasetoSymmetricKey, Payload, V2, V3,
};
use sha2::{Digest, Sha384};

use crate::crypto::random::random_bytes;
use crate::crypto::token_key::fault::KeyFault;
use crate::crypto::token_key::material::{Material, NO_SECRET};
use crate::crypto::token_key::version::TokenVersion;
use crate::error::{Error, Result};
use crate::secret::Secret;

pub(super) fn seal(
    version: TokenVersion,
    material: &Material,
    payload: &str,
    footer: &str,
    assertion: &str,
) -> Result<String> {
    let is_v2 = version == TokenVersion::V2;
    match material {
        Material::Local(bytes) if is_v2 => seal_v2_local(bytes, payload, footer),
        Material::Local(bytes) => seal_v3_local(bytes, payload, footer, assertion),
        Material::Secret(secret, _) => {
            sign(is_v2, secret, payload, footer, assertion).map_err(failed)
        }
        Material::Public(_) => Err(Error::Crypto(NO_SECRET.to_owned())),
    }
}

pub(super) fn open(
    version: TokenVersion,
    material: &Material,
    token: &str,
    footer: &str,
    assertion: &str,
) -> Option<String> {
    let is_v2 = version == TokenVersion::V2;
    match material {
        Material::Local(bytes) if is_v2 => {
            let key = PasetoSymmetricKey::<V2, Local>::from(Key::from(bytes.expose()));
            Paseto::<V2, Local>::try_decrypt(token, &key, Footer::from(footer)).ok()
        }
        Material::Local(bytes) => {
            let key = PasetoSymmetricKey::<V3, Local>::from(Key::from(bytes.expose()));
            let assertion = ImplicitAssertion::from(assertion);
            Paseto::<V3, Local>::try_decrypt(token, &key, Footer::from(footer), assertion).ok()
        }
        Material::Secret(_, public) | Material::Public(public) => {
            verify(is_v2, public, token, footer, assertion).ok()
        }
    }
}

/// Returns the digest in the id of a key of version 3: the first 33 bytes of SHA-384 (PASERK,
/// operation ID).
pub(super) fn id_digest(head: &str, text: &str) -> [u8; 33] {
    let mut short = [0; 33];
    let digest = Sha384::new().chain_update(head).chain_update(text).finalize();
    for (to, from) in short.iter_mut().zip(digest) {
        *to = from;
    }
    short
}

pub(super) fn p384_secret(bytes: &[u8]) -> Result<Material, KeyFault> {
    let is_long = bytes.len() == 48;
    let key = SecretKey::from_slice(bytes).ok().filter(|_| is_long);
    key.map(|key| p384_pair(&key)).ok_or_else(|| KeyFault::new("is no secret key of P-384"))
}

/// Only the compressed form is a key of version 3 (PASETO, version 3).
pub(super) fn p384_public(bytes: &[u8]) -> Result<Material, KeyFault> {
    let is_compressed = bytes.len() == 49;
    match PublicKey::from_sec1_bytes(bytes) {
        Ok(_) if is_compressed => Ok(Material::Public(bytes.to_vec())),
        _ => Err(KeyFault::new("is no compressed public key of P-384")),
    }
}

pub(super) fn p384_pem(text: &str, is_secret: bool) -> Option<Material> {
    if is_secret {
        return SecretKey::from_pem(text).ok().map(|key| p384_pair(&key));
    }
    let key = PublicKey::from_public_key_pem(text).ok()?;
    Some(Material::Public(compressed(&key)))
}

fn p384_pair(key: &SecretKey) -> Material {
    Material::Secret(Secret::new(key.to_bytes().to_vec()), compressed(&key.public_key()))
}

fn compressed(key: &PublicKey) -> Vec<u8> {
    key.to_sec1_point(true).as_bytes().to_vec()
}

fn seal_v2_local(bytes: &Secret<[u8; 32]>, payload: &str, footer: &str) -> Result<String> {
    let key = PasetoSymmetricKey::<V2, Local>::from(Key::from(bytes.expose()));
    let nonce = Key::<24>::from(random_bytes::<24>()?);
    let mut token = Paseto::<V2, Local>::builder();
    token.set_payload(Payload::from(payload));
    if !footer.is_empty() {
        token.set_footer(Footer::from(footer));
    }
    token.try_encrypt(&key, &PasetoNonce::from(&nonce)).map_err(failed)
}

fn seal_v3_local(
    bytes: &Secret<[u8; 32]>,
    payload: &str,
    footer: &str,
    assertion: &str,
) -> Result<String> {
    let key = PasetoSymmetricKey::<V3, Local>::from(Key::from(bytes.expose()));
    let nonce = Key::<32>::from(random_bytes::<32>()?);
    let mut token = Paseto::<V3, Local>::builder();
    token.set_payload(Payload::from(payload));
    token.set_implicit_assertion(ImplicitAssertion::from(assertion));
    if !footer.is_empty() {
        token.set_footer(Footer::from(footer));
    }
    token.try_encrypt(&key, &PasetoNonce::from(&nonce)).map_err(failed)
}

fn sign(
    is_v2: bool,
    secret: &Secret<Vec<u8>>,
    payload: &str,
    footer: &str,
    assertion: &str,
) -> Result<String, pasetors::errors::Error> {
    let (payload, footer) = (payload.as_bytes(), Some(footer.as_bytes()));
    if is_v2 {
        let key = AsymmetricSecretKey::<PublicV2>::from(secret.expose())?;
        return version2::PublicToken::sign(&key, payload, footer);
    }
    let key = AsymmetricSecretKey::<PublicV3>::from(secret.expose())?;
    version3::PublicToken::sign(&key, payload, footer, Some(assertion.as_bytes()))
}

fn verify(
    is_v2: bool,
    public: &[u8],
    token: &str,
    footer: &str,
    assertion: &str,
) -> Result<String, pasetors::errors::Error> {
    // Expecting an empty footer fails if the token has none. So nothing is expected then, and the
    // footer is compared here.
    let expected = Some(footer.as_bytes()).filter(|footer| !footer.is_empty());
    let trusted = if is_v2 {
        let key = AsymmetricPublicKey::<PublicV2>::from(public)?;
        let token = UntrustedToken::<Public, PublicV2>::try_from(token)?;
        version2::PublicToken::verify(&key, &token, expected)?
    } else {
        let key = AsymmetricPublicKey::<PublicV3>::from(public)?;
        let token = UntrustedToken::<Public, PublicV3>::try_from(token)?;
        version3::PublicToken::verify(&key, &token, expected, Some(assertion.as_bytes()))?
    };
    if trusted.footer() != footer.as_bytes() {
        return Err(pasetors::errors::Error::TokenValidation);
    }
    Ok(trusted.payload().to_owned())
}

fn failed(fault: impl std::fmt::Debug) -> Error {
    Error::Crypto(format!("{fault:?}"))
}

#[cfg(test)]
mod tests {
    use crate::config::TokenPurpose;
    use crate::crypto::token_key::key::TokenKey;

    /// A key of each version and purpose. Those of versions 2 and 3 are made from the bytes of others.
    fn keys() -> Vec<TokenKey> {
        let local = TokenKey::generate(TokenPurpose::Local).unwrap().to_paserk();
        let public = TokenKey::generate(TokenPurpose::Public).unwrap().to_paserk();
        let bytes = local.expose().replace("k4.local.", "");
        let p384 = format!("k3.secret.{bytes}{}", &bytes[..21]);
        [
            local.expose().replace("k4.", "k2."),
            local.expose().replace("k4.", "k3."),
            public.expose().replace("k4.", "k2."),
            p384,
        ]
        .iter()
        .map(|text| TokenKey::parse(text, None, None).map_err(|fault| fault.to_string()).unwrap())
        .collect()
    }

    #[test]
    fn tokens_of_older_versions_open_with_their_own_key_alone() {
        for key in keys() {
            for footer in ["", "footer"] {
                let token = key.seal("payload", footer, "").unwrap();
                assert!(token.starts_with(&format!("{}.{}.", key.version(), key.purpose())));
                assert_eq!(key.open(&token, footer, ""), Some("payload".to_owned()));
                assert_eq!(key.open(&token, "other", ""), None);
                for other in keys() {
                    assert_eq!(other.open(&token, footer, ""), None);
                }
            }
        }
    }

    #[test]
    fn version_3_binds_the_assertion() {
        for key in keys().iter().filter(|key| key.version().has_implicit_assertion()) {
            let token = key.seal("payload", "", "assertion").unwrap();
            assert_eq!(key.open(&token, "", "assertion"), Some("payload".to_owned()));
            assert_eq!(key.open(&token, "", ""), None);
        }
    }
}
