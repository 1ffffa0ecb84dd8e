//! Reads a key from its text, and refuses invalid ones.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::crypto::keys::{check_quality, decode_hex};
use crate::crypto::token_key::fault::KeyFault;
use crate::crypto::token_key::key::TokenKey;
#[cfg(feature = "legacy-paseto")]
use crate::crypto::token_key::legacy;
use crate::crypto::token_key::material::Material;
use crate::crypto::token_key::published::is_published;
use crate::crypto::token_key::version::TokenVersion;
use crate::crypto::token_key::wrapped;
use crate::secret::Secret;

impl TokenKey {
    /// Reads a key: PASERK `local`, `secret`, `public`, `local-pw` and `secret-pw`; PEM; or the 32 bytes of a
    /// symmetric key as hexadecimal or base64url.
    ///
    /// `version` is for texts that do not contain their version. It defaults to 4.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] for a key of another kind or length, for one that is not random or is published, for a
    /// secret key whose halves do not belong together, and for a wrapped key that does not open.
    pub fn parse(
        text: &str,
        version: Option<u8>,
        passphrase: Option<&Secret<String>>,
    ) -> Result<Self, KeyFault> {
        let key = Self::parse_unchecked(text, version, passphrase)?;
        match &key.material {
            Material::Local(bytes) => check_quality(bytes.expose()),
            Material::Secret(secret, _) => check_quality(secret.expose()),
            Material::Public(public) => check_quality(public),
        }
        .map_err(KeyFault::new)?;
        match &key.material {
            Material::Secret(_, public) | Material::Public(public) if is_published(public) => {
                Err(KeyFault::new("holds a key that stands in public documentation"))
            }
            _ => Ok(key),
        }
    }

    /// Reads a key of a test vector, which is public.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] as for [`parse`](TokenKey::parse), except that the key may be published and not random.
    #[cfg(feature = "testing")]
    pub fn parse_test_vector(text: &str, version: Option<u8>) -> Result<Self, KeyFault> {
        Self::parse_unchecked(text, version, None)
    }

    /// Opens a wrapped key of a test vector, which is public.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] as for [`parse_test_vector`](TokenKey::parse_test_vector), and for a key that does not
    /// open.
    #[cfg(feature = "testing")]
    pub fn unwrap_test_vector(text: &str, passphrase: &Secret<String>) -> Result<Self, KeyFault> {
        Self::parse_unchecked(text, None, Some(passphrase))
    }

    fn parse_unchecked(
        text: &str,
        version: Option<u8>,
        passphrase: Option<&Secret<String>>,
    ) -> Result<Self, KeyFault> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            return from_pem(text, version);
        }
        match text.split_once('.') {
            Some((head, rest)) => from_paserk(text, head, rest, version, passphrase),
            None => from_bytes(text, version),
        }
    }
}

fn from_paserk(
    text: &str,
    head: &str,
    rest: &str,
    expected: Option<u8>,
    passphrase: Option<&Secret<String>>,
) -> Result<TokenKey, KeyFault> {
    let number = match head {
        "k1" => 1,
        "k2" => 2,
        "k3" => 3,
        "k4" => 4,
        _ => return Err(KeyFault::new("is not PASERK: it does not begin with \"k4.\"")),
    };
    let version = version_of(number)?;
    if expected.is_some_and(|expected| expected != number) {
        let fault = format!("is of version {number}, and `version` says another");
        return Err(KeyFault::with_cure(fault, "Remove `version`: the key says its own"));
    }
    let (kind, encoded) = rest
        .split_once('.')
        .ok_or_else(|| KeyFault::new("is not PASERK: its parts are missing"))?;
    match kind {
        "local" | "secret" | "public" => {
            let bytes = URL_SAFE_NO_PAD
                .decode(encoded)
                .map(Secret::new)
                .map_err(|_| KeyFault::new("is not unpadded base64url"))?;
            from_kind(version, kind, &bytes)
        }
        "local-pw" | "secret-pw" if version == TokenVersion::V4 => {
            let Some(passphrase) = passphrase else {
                return Err(KeyFault::with_cure(
                    "is wrapped with a passphrase, but none is set",
                    "Set security.tokens.passphrase, in the environment rather than in a file",
                ));
            };
            let bytes = wrapped::unwrap(text, passphrase).map_err(|fault| {
                KeyFault::with_cure(fault, "Check security.tokens.passphrase and the key")
            })?;
            from_kind(version, kind.trim_end_matches("-pw"), &bytes)
        }
        "lid" | "pid" | "sid" => Err(KeyFault::with_cure(
            format!("is the id of a key (k{number}.{kind}), not a key"),
            "Set the key itself; ids are computed",
        )),
        _ => Err(KeyFault::with_cure(
            format!("is of a kind that is not read (k{number})"),
            "Use local, secret, public, or of version 4 local-pw or secret-pw",
        )),
    }
}

/// Creates a key from the bytes that its PASERK contains.
fn from_kind(
    version: TokenVersion,
    kind: &str,
    bytes: &Secret<Vec<u8>>,
) -> Result<TokenKey, KeyFault> {
    let bytes = bytes.expose().as_slice();
    let material = match (version, kind) {
        (_, "local") => {
            let bytes: [u8; 32] =
                bytes.try_into().map_err(|_| KeyFault::new("is not 32 bytes long"))?;
            Material::Local(Secret::new(bytes))
        }
        #[cfg(feature = "legacy-paseto")]
        (TokenVersion::V3, "secret") => legacy::p384_secret(bytes)?,
        #[cfg(feature = "legacy-paseto")]
        (TokenVersion::V3, _) => legacy::p384_public(bytes)?,
        (_, "secret") => ed25519_secret(bytes)?,
        _ => ed25519_public(bytes)?,
    };
    Ok(TokenKey::new(version, material))
}

fn ed25519_secret(bytes: &[u8]) -> Result<Material, KeyFault> {
    let pair: &[u8; 64] = bytes.try_into().map_err(|_| KeyFault::new("is not 64 bytes long"))?;
    let pair = SigningKey::from_keypair_bytes(pair).map_err(|_| {
        KeyFault::new("is no Ed25519 key pair: its public half belongs to another secret one")
    })?;
    Ok(pair_material(&pair))
}

fn pair_material(pair: &SigningKey) -> Material {
    let public = pair.verifying_key().to_bytes().to_vec();
    Material::Secret(Secret::new(pair.to_keypair_bytes().to_vec()), public)
}

fn ed25519_public(bytes: &[u8]) -> Result<Material, KeyFault> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyFault::new("is not 32 bytes long"))?;
    match VerifyingKey::from_bytes(bytes) {
        Ok(key) if !key.is_weak() => Ok(Material::Public(bytes.to_vec())),
        _ => Err(KeyFault::new("is no Ed25519 public key")),
    }
}

/// Reads PKCS#8 and SPKI (RFC 8410). With the cargo feature `legacy-paseto`, P-384 keys and SEC 1 are read,
/// too.
fn from_pem(text: &str, expected: Option<u8>) -> Result<TokenKey, KeyFault> {
    if text.contains("BEGIN ENCRYPTED") {
        return Err(KeyFault::with_cure(
            "is an encrypted PEM, which is not read",
            "Decrypt it, and wrap it with `rocket-security keys wrap`",
        ));
    }
    let is_secret = text.contains("PRIVATE KEY-----");
    let ed25519 = if is_secret {
        SigningKey::from_pkcs8_pem(text).ok().map(|pair| pair_material(&pair))
    } else {
        VerifyingKey::from_public_key_pem(text)
            .ok()
            .filter(|key| !key.is_weak())
            .map(|key| Material::Public(key.to_bytes().to_vec()))
    };
    if let Some(material) = ed25519 {
        let version = version_of(expected.unwrap_or(4))?;
        if expected == Some(3) {
            return Err(KeyFault::with_cure(
                "is a PEM of Ed25519, which version 3 does not use",
                "Remove `version`, or set it to 4",
            ));
        }
        return Ok(TokenKey::new(version, material));
    }
    #[cfg(feature = "legacy-paseto")]
    if expected.is_none_or(|number| number == 3)
        && let Some(material) = legacy::p384_pem(text, is_secret)
    {
        return Ok(TokenKey::new(TokenVersion::V3, material));
    }
    Err(KeyFault::with_cure(
        "is no PEM of a key that can be used",
        "Use Ed25519, as PKCS#8 (`BEGIN PRIVATE KEY`) or SPKI (`BEGIN PUBLIC KEY`)",
    ))
}

fn from_bytes(text: &str, expected: Option<u8>) -> Result<TokenKey, KeyFault> {
    let version = version_of(expected.unwrap_or(4))?;
    let is_hex = text.len() == 64;
    let unpadded = text.trim_end_matches('=');
    let bytes = if is_hex { decode_hex(text) } else { None }
        .or_else(|| URL_SAFE_NO_PAD.decode(unpadded).ok())
        .or_else(|| STANDARD_NO_PAD.decode(unpadded).ok())
        .map(Secret::new)
        .ok_or_else(|| {
            KeyFault::new("is neither PASERK nor PEM, nor 32 bytes as hexadecimal or base64url")
        })?;
    from_kind(version, "local", &bytes)
}

fn version_of(number: u8) -> Result<TokenVersion, KeyFault> {
    TokenVersion::from_number(number).ok_or_else(|| match number {
        2 | 3 => KeyFault::with_cure(
            format!("is of version {number}, which this build does not have"),
            "Enable the cargo feature `legacy-paseto`, or use version 4",
        ),
        _ => KeyFault::with_cure("is of a version that is not supported", "Use version 4"),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use crate::config::TokenPurpose;
    use crate::crypto::token_key::key::TokenKey;
    use crate::secret::Secret;

    fn fault_of(text: &str) -> String {
        match TokenKey::parse(text, None, None) {
            Ok(_) => String::new(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn a_generated_key_is_read_again() {
        for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
            let key = TokenKey::generate(purpose).unwrap();
            let again = TokenKey::parse(key.to_paserk().expose(), None, None).ok().unwrap();
            assert_eq!(again.id(), key.id());
            assert!(again.can_issue());
        }
    }

    #[test]
    fn bare_bytes_are_a_key_for_local_tokens() {
        let key = TokenKey::generate(TokenPurpose::Local).unwrap();
        let encoded = key.to_paserk().expose().replace("k4.local.", "");
        let bytes = URL_SAFE_NO_PAD.decode(&encoded).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [&encoded, &format!("{encoded}="), &hex, &format!("\n{hex}\n")] {
            assert_eq!(TokenKey::parse(text, None, None).ok().unwrap().id(), key.id());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_cure_and_without_its_text() {
        let generated = TokenKey::generate(TokenPurpose::Public).unwrap();
        let other = TokenKey::generate(TokenPurpose::Public).unwrap();
        let bytes_of = |key: &TokenKey| {
            URL_SAFE_NO_PAD.decode(key.to_paserk().expose().replace("k4.secret.", "")).unwrap()
        };
        let mixed = [&bytes_of(&generated)[..32], &bytes_of(&other)[32..]].concat();
        let mixed = format!("k4.secret.{}", URL_SAFE_NO_PAD.encode(mixed));
        for (text, fault) in [
            ("secret", "is neither PASERK nor PEM"),
            ("k9.local.AAAA", "is not PASERK"),
            ("k4.local", "is not PASERK"),
            ("k1.local.AAAA", "is of a version that is not supported. Use version 4"),
            ("k4.local.****", "is not unpadded base64url"),
            ("k4.local.AAAA", "is not 32 bytes long"),
            ("k4.secret.AAAA", "is not 64 bytes long"),
            ("k4.public.AAAA", "is not 32 bytes long"),
            (&format!("k4.local.{}", "A".repeat(43)), "is not random"),
            (&format!("k4.secret.{}", "A".repeat(86)), "is no Ed25519 key pair"),
            (&mixed, "is no Ed25519 key pair"),
            (&format!("k4.public.{}", "A".repeat(43)), "is no Ed25519 public key"),
            ("k4.local-pw.AAAA", "is wrapped with a passphrase. Set security.tokens.passphrase"),
            ("k4.sid.AAAA", "is the id of a key (k4.sid), not a key"),
            ("k4.seal.AAAA", "is of a kind that is not read"),
            ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "is no PEM"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "is an encrypted PEM"),
        ] {
            let message = fault_of(text);
            let fault = fault.replace("passphrase. Set", "passphrase, but none is set. Set");
            assert!(message.contains(&fault), "{message}");
            assert!(!message.contains(text), "{message}");
        }
    }

    #[test]
    fn keys_that_everybody_has_are_refused_in_every_dress() {
        for text in [
            "k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog",
            "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIL7pfyWYtZD7fDPDm+W0kWbNo/AdbRrDjjxMOgy2EL1N\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAc4ZDHPLZ6eGU3yL4ApPpQUq4cQUA900NY1csJIcwAxY=\n-----END PUBLIC KEY-----",
            "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
            "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f",
            "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=",
        ] {
            assert!(fault_of(text).contains("stands in public documentation"), "{text}");
        }
    }

    #[test]
    fn a_wrapped_key_opens_with_its_passphrase_alone() {
        let passphrase = Secret::new("correct horse battery staple".to_owned());
        let wrong = Secret::new("incorrect horse battery staple".to_owned());
        for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
            let key = TokenKey::generate(purpose).unwrap();
            let wrapped = key.wrap(&passphrase).unwrap();
            let opened = TokenKey::parse(wrapped.expose(), None, Some(&passphrase)).ok().unwrap();
            assert_eq!(opened.id(), key.id());
            let refused = TokenKey::parse(wrapped.expose(), None, Some(&wrong)).err().unwrap();
            assert!(refused.fault().contains("does not open"), "{refused}");
        }
        assert!(TokenKey::generate(TokenPurpose::Local).unwrap().wrap(&Secret::default()).is_err());
    }

    #[test]
    fn a_wrapped_key_that_would_cost_too_much_is_not_tried() {
        let passphrase = Secret::new("correct horse battery staple".to_owned());
        let mut data = vec![7; 120];
        data[16..24].copy_from_slice(&(1_u64 << 40).to_be_bytes());
        let text = format!("k4.local-pw.{}", URL_SAFE_NO_PAD.encode(data));
        let refused = TokenKey::parse(&text, None, Some(&passphrase)).err().unwrap();
        assert!(refused.fault().contains("asks for more memory"), "{refused}");
    }
}
