//! Version 4 of PASETO.

use std::fmt;

use rusty_paseto::core::{
    Footer, ImplicitAssertion, Key, Local, Paseto, PasetoAsymmetricPrivateKey,
    PasetoAsymmetricPublicKey, PasetoNonce, PasetoSymmetricKey, Payload, Public, V4,
};

use crate::crypto::random::random_bytes;
use crate::crypto::token_key::material::{Material, NO_SECRET};
use crate::error::{Error, Result};

pub(super) fn seal(
    material: &Material,
    payload: &str,
    footer: &str,
    assertion: &str,
) -> Result<String> {
    let failed = |fault: &dyn fmt::Display| Error::Crypto(fault.to_string());
    match material {
        Material::Local(bytes) => {
            let key = PasetoSymmetricKey::<V4, Local>::from(Key::from(bytes.expose()));
            let nonce = Key::<32>::from(random_bytes::<32>()?);
            let mut token = Paseto::<V4, Local>::builder();
            token.set_payload(Payload::from(payload));
            token.set_implicit_assertion(ImplicitAssertion::from(assertion));
            if !footer.is_empty() {
                token.set_footer(Footer::from(footer));
            }
            token.try_encrypt(&key, &PasetoNonce::from(&nonce)).map_err(|fault| failed(&fault))
        }
        Material::Secret(secret, _) => {
            let mut token = Paseto::<V4, Public>::builder();
            token.set_payload(Payload::from(payload));
            token.set_implicit_assertion(ImplicitAssertion::from(assertion));
            if !footer.is_empty() {
                token.set_footer(Footer::from(footer));
            }
            PasetoAsymmetricPrivateKey::try_from(secret.expose().as_slice())
                .and_then(|key| token.try_sign(&key))
                .map_err(|fault| failed(&fault))
        }
        Material::Public(_) => Err(failed(&NO_SECRET)),
    }
}

pub(super) fn open(
    material: &Material,
    token: &str,
    footer: &str,
    assertion: &str,
) -> Option<String> {
    let (footer, assertion) = (Footer::from(footer), ImplicitAssertion::from(assertion));
    match material {
        Material::Local(bytes) => {
            let key = PasetoSymmetricKey::<V4, Local>::from(Key::from(bytes.expose()));
            Paseto::<V4, Local>::try_decrypt(token, &key, footer, assertion).ok()
        }
        Material::Secret(_, public) | Material::Public(public) => {
            let key = Key::<32>::try_from(public.as_slice()).ok()?;
            let key = PasetoAsymmetricPublicKey::<V4, Public>::from(&key);
            Paseto::<V4, Public>::try_verify(token, &key, footer, assertion).ok()
        }
    }
}
