//! What holds of all tokens, tried on many.

use chrono::TimeDelta;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;
use proptest::test_runner::Config;
use rocket_security::config::TokenPurpose;
use rocket_security::token::Access;
use serde_json::{Map, Value};

use crate::support::tokens::{ASSERTION, ISSUER, forge, good_claims, issuer, key, user};

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

type Object = Map<String, Value>;

fn cases(count: u32) -> Config {
    Config { failure_persistence: None, ..Config::with_cases(count) }
}

/// Any JSON, but no numbers that JSON does not keep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Claims of an application: no name is longer than `epoch` has letters, and none is reserved.
fn claims() -> impl Strategy<Value = Object> {
    prop::collection::hash_map("[A-Z ü\"]{0,8}", json(), 0..4)
        .prop_map(|map| map.into_iter().collect())
}

/// Texts that look like tokens, and such that do not.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "(v[1-5]|k[1-4])\\.(local|public|secret|lid)\\.[A-Za-z0-9_-]{0,200}(\\.[A-Za-z0-9_-]{0,60})?"
            .prop_map(String::into_bytes),
        "[0-9a-f]{62,66}".prop_map(String::into_bytes),
        "[A-Za-z0-9_-]{41,45}".prop_map(String::into_bytes),
        json().prop_map(|json| json.to_string().into_bytes()),
        "-----BEGIN (PRIVATE|PUBLIC) KEY-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END (PRIVATE|PUBLIC) KEY-----"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_is_put_in_comes_out(claims in claims(), footer in claims(), is_public in any::<bool>()) {
        let issuer = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
        let user = user();
        let builder = issuer.tokens.access(&user).claims(&claims).footer(&footer);
        let token = if is_public { builder.public() } else { builder.local() }.issue();
        // What is too long is not issued.
        if let Ok(token) = token {
            let verified = issuer.tokens.verifier().verify::<Object, Access>(&token).ok().unwrap();
            prop_assert_eq!(&verified.claims, &claims);
            for (name, value) in &footer {
                prop_assert_eq!(verified.footer().get(name), Some(value));
            }
        }
    }

    #[test]
    fn a_token_of_which_anything_was_changed_is_refused(
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        is_public in any::<bool>(),
    ) {
        let issuer = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
        let user = user();
        let builder = issuer.tokens.access(&user);
        let token = if is_public { builder.public() } else { builder.local() }.issue().unwrap();
        let at = at.index(token.len());
        let refused = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text == token || issuer.tokens.verifier().verify::<Object, Access>(&text).is_err()
        };
        let mut replaced = token.clone().into_bytes();
        replaced[at] = to;
        let mut removed = token.clone().into_bytes();
        removed.remove(at);
        let mut added = token.clone().into_bytes();
        added.insert(at, to);
        for changed in [replaced, removed, added, token.as_bytes()[..at].to_vec()] {
            prop_assert!(refused(changed));
        }
        for end in [".", "=", "A", " ", "\n", "\0"] {
            prop_assert!(refused([token.as_bytes(), end.as_bytes()].concat()));
        }
    }

    #[test]
    fn whoever_has_the_key_has_to_say_what_we_would(
        name in prop::sample::select(vec!["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ"]),
        value in json(),
    ) {
        let master = key(TokenPurpose::Local);
        let issuer = issuer(&format!("keys = \"{master}\""));
        let mut claims = good_claims(&issuer, ISSUER);
        claims[name] = value.clone();
        let token = forge(&master, &claims, "", ASSERTION);
        let verified = issuer.tokens.verifier().verify::<Object, Access>(&token);
        // Of a subject and an id any text will do.
        let is_free = ["sub", "jti"].contains(&name);
        let may_be = is_free && value.as_str().is_some_and(|text| !text.is_empty());
        prop_assert_eq!(verified.is_ok(), may_be);
    }

}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn nothing_that_somebody_sends_is_accepted_or_ends_the_program(data in text()) {
        bodies::token(&data);
        bodies::claims(&data);
        bodies::footer(&data);
        bodies::key(&data);
        bodies::cookie(&data);
    }
}

#[test]
fn every_single_byte_of_a_token_counts() {
    let issuer = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
    let (user, verifier) = (user(), issuer.tokens.verifier());
    for builder in [issuer.tokens.access(&user).local(), issuer.tokens.access(&user).public()] {
        let token = builder.lifetime((TimeDelta::hours(1)).to_std().unwrap()).issue().unwrap();
        assert!(verifier.verify::<Object, Access>(&token).is_ok());
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).unwrap();
            assert!(verifier.verify::<Object, Access>(&text).is_err(), "{at}");
        }
    }
}

/// What takes any bytes.
type Body = fn(&[u8]);

/// The seeds that the fuzzer begins with.
#[test]
fn the_corpus_is_taken_without_harm() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let bodies: [(&str, Body); 5] = [
        ("token", bodies::token),
        ("claims", bodies::claims),
        ("footer", bodies::footer),
        ("key", bodies::key),
        ("cookie", bodies::cookie),
    ];
    for (name, body) in bodies {
        let seeds = std::fs::read_dir(corpus.join(name)).unwrap();
        assert!(seeds.map(|seed| body(&std::fs::read(seed.unwrap().path()).unwrap())).count() > 0);
    }
}
