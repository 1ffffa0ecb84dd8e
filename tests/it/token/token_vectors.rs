//! Keys and tokens that another implementation made: `scripts/vectors.py`.

use rocket_security::Secret;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::token::Access;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::tokens::{issuer, key};

#[derive(Deserialize)]
struct Document {
    issuer: String,
    assertion: String,
    passphrase: String,
    payload: Value,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    version: u8,
    id: String,
    keys: Vec<String>,
    wrapped: Vec<String>,
    tokens: Vec<Made>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
    footer: String,
}

fn document() -> Document {
    let mut document: Document =
        serde_json::from_str(include_str!("../../vectors/tokens.json")).unwrap();
    let has_legacy = cfg!(feature = "legacy-paseto");
    document.vectors.retain(|vector| vector.version == 4 || has_legacy);
    document
}

impl Vector {
    fn keys(&self, passphrase: &Secret<String>) -> Vec<TokenKey> {
        let texts = self.keys.iter().chain(&self.wrapped);
        texts
            .map(|text| {
                TokenKey::parse(text, Some(self.version), Some(passphrase))
                    .map_err(|fault| fault.to_string())
                    .unwrap()
            })
            .collect()
    }
}

#[test]
fn keys_of_another_implementation_are_read_and_have_the_same_id() {
    let document = document();
    let passphrase = Secret::new(document.passphrase.clone());
    for vector in &document.vectors {
        for key in vector.keys(&passphrase) {
            assert_eq!(key.id(), vector.id);
            assert_eq!(key.version().number(), vector.version);
        }
    }
}

#[test]
fn tokens_of_another_implementation_open_with_every_form_of_their_key() {
    let document = document();
    let passphrase = Secret::new(document.passphrase.clone());
    for vector in &document.vectors {
        for key in vector.keys(&passphrase) {
            for Made { token, footer } in &vector.tokens {
                let payload = key.open(token, footer, &document.assertion).unwrap();
                assert_eq!(serde_json::from_str::<Value>(&payload).unwrap(), document.payload);
                assert_eq!(key.open(token, "other", &document.assertion), None);
                let is_bound = key.version().has_implicit_assertion();
                assert_eq!(key.open(token, footer, "").is_none(), is_bound);
                if key.can_issue() {
                    let ours = key.seal(&payload, footer, &document.assertion).unwrap();
                    assert_eq!(key.open(&ours, footer, &document.assertion), Some(payload));
                }
            }
        }
    }
}

#[test]
fn tokens_of_another_implementation_that_were_changed_open_with_no_key() {
    let document = document();
    let passphrase = Secret::new(document.passphrase.clone());
    let all: Vec<TokenKey> =
        document.vectors.iter().flat_map(|vector| vector.keys(&passphrase)).collect();
    for vector in &document.vectors {
        for Made { token, footer } in &vector.tokens {
            let parts: Vec<&str> = token.split('.').collect();
            let (head, body) = (parts[..2].join("."), parts[2]);
            let tail = parts.get(3).map(|footer| format!(".{footer}")).unwrap_or_default();
            let other = |at: usize| if body.as_bytes()[at] == b'A' { "B" } else { "A" };
            let swapped = |at: usize| format!("{}{}{}", &body[..at], other(at), &body[at + 1..]);
            let changed = [
                format!("{head}.{}{tail}", swapped(0)),
                format!("{head}.{}{tail}", swapped(body.len() / 2)),
                format!("{head}.{}{tail}", &body[4..]),
                format!("{head}.{}{tail}", &body[..body.len() - 4]),
                format!("{head}.{tail}"),
                format!("{head}.{body}.e30"),
                token.replacen(&head, "v1.local", 1),
                token.replacen(&head, "v9.local", 1),
            ];
            for changed in changed {
                for key in &all {
                    assert_eq!(key.open(&changed, footer, &document.assertion), None, "{changed}");
                }
            }
            let others = all.iter().filter(|key| key.id() != vector.id);
            for key in others {
                assert_eq!(key.open(token, footer, &document.assertion), None, "{token}");
            }
        }
    }
}

#[test]
fn every_version_and_purpose_has_tokens_with_and_without_a_footer() {
    let document: Document =
        serde_json::from_str(include_str!("../../vectors/tokens.json")).unwrap();
    for version in [2, 3, 4] {
        for purpose in ["local", "public"] {
            let head = format!("v{version}.{purpose}.");
            let tokens = document.vectors.iter().flat_map(|vector| &vector.tokens);
            let made: Vec<&Made> = tokens.filter(|made| made.token.starts_with(&head)).collect();
            assert!(made.iter().any(|made| made.footer.is_empty()), "{head}");
            assert!(made.iter().any(|made| made.footer.contains("kid")), "{head}");
        }
    }
}

#[test]
fn tokens_of_another_implementation_are_verified_where_their_issuer_is_trusted() {
    let document = document();
    for vector in &document.vectors {
        for text in
            vector.keys.iter().filter(|text| !text.contains("PRIVATE") && !text.contains("secret"))
        {
            let version = vector.version;
            let us = issuer(&format!(
                "[[default.security.tokens.trusted]]\niss = \"{}\"\n\
                 key = {{ key = \"\"\"{text}\"\"\", version = {version} }}",
                document.issuer
            ));
            for made in &vector.tokens {
                let verified =
                    us.tokens.verifier().verify::<Map<String, Value>, Access>(&made.token);
                let verified = verified.map_err(|fault| fault.reason()).ok().unwrap();
                assert_eq!(verified.claims["city"], "Zürich");
                assert_eq!(verified.key_id(), vector.id);
                assert_eq!(verified.audience().len(), 2);
            }
        }
    }
}

/// Keys that everybody has are read for test vectors alone.
#[test]
fn a_published_key_is_a_test_vector_and_nothing_else() {
    let published = "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f";
    assert!(TokenKey::parse(published, None, None).is_err());
    let vector = TokenKey::parse_test_vector(published, None).ok().unwrap();
    // PASETO's vector 4-E-1: a nonce of zeros.
    let token = "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQg";
    let payload = vector.open(token, "", "").unwrap();
    assert_eq!(payload, r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}"#);
    assert_ne!(key(TokenPurpose::Local), vector.to_paserk().expose().as_str());
}
