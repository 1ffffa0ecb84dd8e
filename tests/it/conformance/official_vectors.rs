//! The test vectors of PASETO and PASERK themselves, for whoever has them:
//!
//! ```text
//! git clone https://github.com/paseto-standard/test-vectors
//! SECURITY_TEST_VECTORS=$PWD/test-vectors cargo test --features legacy-paseto --test it official -- --ignored --nocapture
//! ```
//!
//! They are not ours to keep; those of our own making are `tests/it/token/token_vectors.rs`. Of a version
//! that is not compiled or not offered, everything is passed over, and so are the wrappings and ids that
//! we do not have. It says how many were looked at.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket_security::Secret;
use rocket_security::crypto::token_key::TokenKey;
use serde_json::Value;

const VARIABLE: &str = "SECURITY_TEST_VECTORS";

/// The versions that this program has.
fn versions() -> &'static [u8] {
    if cfg!(feature = "legacy-paseto") { &[2, 3, 4] } else { &[4] }
}

fn folder() -> PathBuf {
    let folder = std::env::var_os(VARIABLE).map(PathBuf::from);
    folder.unwrap_or_else(|| panic!("set {VARIABLE} to the folder of the vectors"))
}

/// Gives the vectors of a file; none, if it is not there.
fn vectors(path: &Path) -> Vec<Value> {
    let Ok(text) = fs::read_to_string(path) else {
        return Vec::new();
    };
    let document: Value = serde_json::from_str(&text).unwrap();
    document["tests"].as_array().unwrap().clone()
}

fn text<'v>(vector: &'v Value, name: &str) -> Option<&'v str> {
    vector[name].as_str()
}

fn is_to_fail(vector: &Value) -> bool {
    ["expect-fail", "expectfail"].iter().any(|name| vector[*name] == true)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Writes bytes in hexadecimal as PASERK.
fn paserk(version: u8, kind: &str, hex: &str) -> Option<String> {
    let bytes = from_hex(hex)?;
    Some(format!("k{version}.{kind}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Reads bytes in hexadecimal as a key.
fn key_of(version: u8, kind: &str, hex: &str) -> Option<TokenKey> {
    TokenKey::parse_test_vector(&paserk(version, kind, hex)?, None).ok()
}

/// Gives a vector's key in every form that stands there and can be read.
fn keys(version: u8, vector: &Value) -> Vec<TokenKey> {
    let kinds = [("key", "local"), ("secret-key", "secret"), ("public-key", "public")];
    let bare = kinds.iter().filter_map(|(name, kind)| {
        let written = text(vector, name)?;
        let is_pem = written.starts_with("-----BEGIN");
        if is_pem { Some(written.to_owned()) } else { paserk(version, kind, written) }
    });
    let pem = ["secret-key-pem", "public-key-pem"];
    let pem = pem.iter().filter_map(|name| Some(text(vector, name)?.to_owned()));
    bare.chain(pem)
        .filter_map(|key| TokenKey::parse_test_vector(&key, Some(version)).ok())
        .collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "whoever runs it is told how many there were")]
#[ignore = "reads the official vectors from the folder in SECURITY_TEST_VECTORS"]
fn official_tokens_open_with_their_key_and_those_that_must_fail_do() {
    let (mut opened, mut refused, mut sealed) = (0, 0, 0);
    for version in versions() {
        for vector in vectors(&folder().join(format!("v{version}.json"))) {
            let name = text(&vector, "name").unwrap().to_owned();
            let token = text(&vector, "token").unwrap();
            let footer = text(&vector, "footer").unwrap_or_default();
            let assertion = text(&vector, "implicit-assertion").unwrap_or_default();
            let keys = keys(*version, &vector);
            if is_to_fail(&vector) {
                let is_open = |key: &TokenKey| key.open(token, footer, assertion).is_some();
                assert!(!keys.iter().any(is_open), "{name} opens");
                refused += 1;
                continue;
            }
            assert!(!keys.is_empty(), "{name} has no key that can be read");
            // Newer vectors have the payload as the text that it is.
            let expected = match &vector["payload"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                object => object.clone(),
            };
            for key in &keys {
                let payload = key.open(token, footer, assertion);
                let payload = payload.unwrap_or_else(|| panic!("{name} does not open"));
                assert_eq!(serde_json::from_str::<Value>(&payload).unwrap(), expected, "{name}");
                if !footer.is_empty() {
                    assert_eq!(key.open(token, "", assertion), None, "{name}, without its footer");
                }
                if !assertion.is_empty() && *version > 2 {
                    assert_eq!(key.open(token, footer, ""), None, "{name}, without its assertion");
                }
                opened += 1;
                // Signatures of Ed25519 are made without randomness: ours is theirs.
                if key.can_issue() && name.contains("-S-") {
                    let ours = key.seal(&payload, footer, assertion).unwrap();
                    assert!(*version == 3 || ours == token, "{name}");
                    assert_eq!(key.open(&ours, footer, assertion), Some(payload), "{name}");
                    sealed += 1;
                }
            }
        }
    }
    println!("{opened} opened, {refused} refused, {sealed} made anew");
    assert!(opened > 0, "there are no vectors in {}", folder().display());
}

#[test]
#[allow(clippy::print_stdout, reason = "whoever runs it is told how many there were")]
#[ignore = "reads the official vectors from the folder in SECURITY_TEST_VECTORS"]
fn official_keys_are_read_and_named_as_they_should_be() {
    let (mut read, mut passed_over) = (0, 0);
    for version in versions() {
        for kind in ["local", "secret", "public", "lid", "pid", "local-pw", "secret-pw"] {
            let path = folder().join(format!("PASERK/k{version}.{kind}.json"));
            for vector in vectors(&path) {
                let name = text(&vector, "name").unwrap();
                let written = text(&vector, "paserk").unwrap_or_default();
                match check_key(*version, kind, &vector, written) {
                    Some(is_right) => {
                        assert!(is_right, "{name}");
                        read += 1;
                    }
                    None => passed_over += 1,
                }
            }
        }
    }
    println!("{read} keys read, {passed_over} passed over");
}

/// Tells whether a vector of a key is right; none, if it is about what we do not offer.
fn check_key(version: u8, kind: &str, vector: &Value, written: &str) -> Option<bool> {
    if kind.ends_with("-pw") {
        // Wrapped keys are those of version 4.
        let passphrase = Secret::new(text(vector, "password").filter(|_| version == 4)?.to_owned());
        let key = TokenKey::unwrap_test_vector(written, &passphrase).ok();
        let half = kind.trim_end_matches("-pw");
        let expected = text(vector, "unwrapped").and_then(|hex| key_of(version, half, hex));
        return Some(match (key, expected) {
            (Some(key), Some(expected)) => key.is_same_as(&expected),
            (key, _) => key.is_none() && is_to_fail(vector),
        });
    }
    let half = match kind {
        "lid" => "local",
        "pid" => "public",
        _ => kind,
    };
    let hex = text(vector, "key")?;
    let key = key_of(version, half, hex);
    if is_to_fail(vector) {
        return Some(key.is_none());
    }
    // Some are bytes that are no point of the curve: those are no keys to us.
    assert!(key.is_some() || half == "public", "{written} is no key");
    let key = key?;
    Some(match kind {
        "lid" | "pid" => key.id() == written,
        "public" => key.public_paserk().as_deref() == Some(written),
        _ => key.to_paserk().expose() == written,
    })
}
