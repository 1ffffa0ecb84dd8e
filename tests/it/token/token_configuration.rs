//! The keys of tokens as they are configured, and those of trusted issuers.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket_security::clock::Clock;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::keys::Keyring;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::rejection::TokenFault;
use rocket_security::token::{Access, PublicKeys};
use rocket_security::{Config, Secret, TokenIssuer};
use serde_json::{Map, Value, json};
use url::Url;

use crate::support::tokens::{
    ASSERTION, ISSUER, Issuer, PARTNER, fault, forge, good_claims, issuer, key, public_half,
    refusal, try_issuer_with_key, user,
};

/// An issuer that trusts a partner with this key, and these words more in the entry.
fn trusting(key: &str, more: &str) -> Issuer {
    issuer(&trusted(key, more))
}

fn trusted(key: &str, more: &str) -> String {
    format!(
        "[[default.security.tokens.trusted]]\niss = \"{PARTNER}\"\nkey = \"\"\"{key}\"\"\"\n{more}"
    )
}

#[test]
fn without_keys_tokens_are_encrypted_under_a_key_that_is_derived_from_the_master_key() {
    let (old, new) = (key(TokenPurpose::Local), key(TokenPurpose::Local));
    let one = try_issuer_with_key("", &old).unwrap();
    let same = try_issuer_with_key("", &old).unwrap();
    let other = try_issuer_with_key("", &new).unwrap();
    let token = one.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&same, &token), None);
    assert_eq!(fault(&other, &token), Some(TokenFault::UnknownKey));
    let keys = one.tokens.keys();
    assert!(keys.len() == 1 && keys[0].is_active);
    // It is not the master key itself.
    assert!(!format!("{keys:?}").contains(TokenKey::parse(&old, None, None).ok().unwrap().id()));
    let said = one.tokens.access(&user()).public().issue().unwrap_err().to_string();
    assert!(said.contains("no key that issues public tokens"), "{said}");
}

#[test]
fn the_first_key_of_a_purpose_issues_and_the_others_verify() {
    for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
        let (old, new) = (key(purpose), key(purpose));
        let before = issuer(&format!("keys = \"{old}\""));
        let after = issuer(&format!("keys = [\"{new}\", \"{old}\"]"));
        let (first, second) = (
            before.tokens.access(&user()).issue().unwrap(),
            after.tokens.access(&user()).issue().unwrap(),
        );
        assert_eq!(fault(&after, &first), None);
        assert_eq!(fault(&after, &second), None);
        assert_eq!(fault(&before, &second), Some(TokenFault::UnknownKey));
        let active: Vec<bool> = after.tokens.keys().iter().map(|key| key.is_active).collect();
        assert_eq!(active[..2], [true, false]);
    }
    // Of an old pair the public half is enough.
    let (old, new) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let before = issuer(&format!("keys = \"{old}\""));
    let after = issuer(&format!("keys = [\"{}\", \"{new}\"]", public_half(&old)));
    assert_eq!(fault(&after, &before.tokens.access(&user()).issue().unwrap()), None);
    assert_eq!(fault(&after, &after.tokens.access(&user()).issue().unwrap()), None);
}

#[test]
fn keys_come_from_files_and_under_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.keys");
    let (new, old) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    fs::write(&path, format!("{new}\n\n{}\n", public_half(&old))).unwrap();
    let settings = format!("keys = {{ file = \"{}\" }}", path.display());
    let from_file = issuer(&settings);
    assert_eq!(
        from_file.tokens.keys().iter().filter(|key| key.purpose == TokenPurpose::Public).count(),
        2
    );
    assert!(from_file.tokens.access(&user()).issue().unwrap().starts_with("v4.public."));

    // The bytes of a key as they are, as `openssl rand 32` gives them.
    let (bytes, text) =
        ([0xc3_u8; 16].into_iter().chain(0..16).collect::<Vec<_>>(), "c3".repeat(16));
    fs::write(&path, &bytes).unwrap();
    let digits: String = (0..16).map(|byte| format!("{byte:02x}")).collect();
    let (raw, written) = (issuer(&settings), issuer(&format!("keys = \"{text}{digits}\"")));
    assert_eq!(fault(&written, &raw.tokens.access(&user()).issue().unwrap()), None);
    fs::write(&path, [0xff_u8; 33]).unwrap();
    assert!(refusal(&settings).contains(&path.display().to_string()));

    let passphrase = Secret::new("correct horse battery staple".to_owned());
    let wrapped = TokenKey::parse(&new, None, None).ok().unwrap().wrap(&passphrase).unwrap();
    fs::write(&path, wrapped.expose()).unwrap();
    let said = refusal(&settings);
    assert!(said.starts_with("security.tokens.keys[0]: is wrapped with a passphrase"), "{said}");
    assert!(said.contains(&path.display().to_string()), "{said}");
    let opened = issuer(&format!("{settings}\npassphrase = \"{}\"", passphrase.expose()));
    assert_eq!(fault(&from_file, &opened.tokens.access(&user()).issue().unwrap()), None);
    let said = refusal(&format!("{settings}\npassphrase = \"wrong horse battery staple\""));
    assert!(said.contains("does not open with this passphrase"), "{said}");
    assert!(!said.contains("wrong horse"), "{said}");
}

#[test]
fn a_wrong_setting_is_refused_with_its_name_and_the_cure_and_no_key_is_shown() {
    let (local, pair) = (key(TokenPurpose::Local), key(TokenPurpose::Public));
    let trusted_pair = trusted(&pair, "");
    let own = trusted(&public_half(&pair), "").replace(PARTNER, ISSUER);
    let both = format!("keys = \"{pair}\"\n{}", trusted(&public_half(&pair), ""));
    for (settings, start, cure) in [
        ("keys = \"secret\"", "security.tokens.keys[0]: is neither PASERK", "keys generate"),
        (
            &format!("keys = [\"{local}\", \"{local}\"]"),
            "security.tokens.keys[1]: holds a key that is there",
            "Remove one",
        ),
        (
            &format!("keys = [\"{pair}\", \"{}\"]", public_half(&pair)),
            "security.tokens.keys[1]: holds",
            "Remove one",
        ),
        (
            "keys = { file = \"/nowhere/at.all\" }",
            "security.tokens.keys[0]: names the file /nowhere/at.all, which can't be read (No such file",
            "Correct `file`, or create the key with `rocket-security keys generate`",
        ),
        (
            &format!("keys = {{ key = \"{local}\", file = \"x\" }}"),
            "security.tokens.keys: is wrong: it has both `key` and `file`",
            "Remove one of them",
        ),
        (
            &format!("keys = {{ key = \"{local}\", version = 1 }}"),
            "security.tokens.keys[0]: is of version 4",
            "Remove",
        ),
        ("keys = { kye = \"x\" }", "security.tokens.keys.kye: is not a setting", "Write \"key\""),
        ("purpose = \"public\"", "security.tokens.purpose: is \"public\"", "--kind secret"),
        ("purpose = \"secret\"", "security.tokens.purpose: is wrong", "use one of: local, public"),
        ("issuer = \"\"", "security.tokens.issuer: is empty", "Remove it"),
        (
            "audience = [\"a\", \"\"]",
            "security.tokens.audience: contains an empty",
            "name the audience",
        ),
        (
            &format!("issuer = \"{}\"", "x".repeat(257)),
            "security.tokens.issuer: is longer than 256 bytes",
            "Choose a shorter name",
        ),
        (
            &format!("audience = \"{}\"", "x".repeat(1_025)),
            "security.tokens.audience: is longer than 1024 bytes",
            "Use fewer",
        ),
        ("sources = []", "security.tokens.sources: is empty", "or to what is wanted"),
        (
            "sources = [\"cookie\", \"cookie\"]",
            "security.tokens.sources: has a duplicate value",
            "\"authorization\"",
        ),
        (
            "sources = [\"header\"]",
            "security.tokens.sources[0]: is wrong: it is \"header\"",
            "use one of: authorization",
        ),
        (
            "sources = \"cookie\"",
            "security.tokens.sources: is wrong: it is one text",
            "Write a list: [\"…\"]",
        ),
        (
            &format!("keys = [\"{pair}\", {{ kye = \"x\" }}]"),
            "security.tokens.keys[1].kye: is not a setting",
            "Write \"key\"",
        ),
        (
            "audience = []",
            "security.tokens.audience: is wrong: it is an empty list",
            "Remove it, or write one text or more",
        ),
        (
            "cookie = \"token\"",
            "security.tokens.cookie: names a cookie, but tokens",
            "Add \"cookie\" to tokens.sources",
        ),
        (
            "sources = [\"cookie\"]\ncookie = \"security_session\"",
            "security.tokens.cookie: is wrong: it is \"security_session\", and names that begin with",
            "Write one like \"XSRF-TOKEN\"",
        ),
        ("audience = 7", "security.tokens.audience: is wrong", "Correct it"),
        (
            "lifetime = \"500ms\"",
            "security.tokens.lifetime: is wrong: it is not a length of time between 1 second and 10 years",
            "Correct it",
        ),
        (
            "lifetime = 900",
            "security.tokens.lifetime: is wrong: it is a number without a unit. Write it with a unit",
            "in quotes: \"15m\"",
        ),
        (
            "leeway = \"11m\"",
            "security.tokens.leeway: is wrong: it is not a length of time of at most 10 minutes",
            "Correct it",
        ),
        ("leeway = 30", "security.tokens.leeway: is wrong: it is a number without", "\"15m\""),
        ("leewya = \"1m\"", "security.tokens.leewya: is not a setting", "Write \"leeway\""),
        (&trusted_pair, "security.tokens.trusted[0].key: is a secret key", "public key"),
        (&own, "security.tokens.trusted[0].iss: is empty, or the issuer", "tokens.keys"),
        (&both, "security.tokens.trusted[0].key: holds a key that is there", "Remove one"),
        (
            &trusted("k4.pid.AAAA", ""),
            "security.tokens.trusted[0].key: is the id of a key",
            "itself",
        ),
        (
            &trusted(&local, "allow = [\"everything\"]"),
            "security.tokens.trusted[0].allow[0]: is wrong",
            "use one of: integer-sub",
        ),
        (
            &trusted(&local, "kinds = []"),
            "security.tokens.trusted[0].kinds: is empty, so no token would be accepted",
            "Remove it for [\"access\"]",
        ),
        (
            &trusted(&local, "kinds = [\"access\", \"refresh\"]"),
            "security.tokens.trusted[0].kinds: names \"refresh\"",
            "Remove it for [\"access\"]",
        ),
        (
            &trusted(&local, "kinds = [\"Access\"]"),
            "security.tokens.trusted[0].kinds: names \"Access\", which is not a kind of token",
            "Remove it for [\"access\"]",
        ),
        (
            &trusted(&local, "kinds = [\"access\", \"access\"]"),
            "security.tokens.trusted[0].kinds: has a duplicate value",
            "Remove it for [\"access\"]",
        ),
    ] {
        let said = refusal(settings);
        assert!(said.starts_with(start) && said.contains(cure), "{settings}: {said}");
        for shown in [&local, &pair] {
            assert!(!said.contains(shown.rsplit('.').next().unwrap()), "{said}");
        }
    }
    assert_eq!(refusal("leeway = \"0s\"\naudience = \"a\"\nlifetime = \"1s\""), "");
}

/// The bytes of a key as PASERK has them: of a pair the secret half, and the public one behind it.
fn bytes_of(key: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(key.rsplit('.').next().unwrap()).unwrap()
}

fn paserk(kind: &str, bytes: &[u8]) -> String {
    format!("k4.{kind}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[test]
fn a_key_that_others_know_as_another_is_refused() {
    let pair = key(TokenPurpose::Public);
    let public = public_half(&pair);
    let (as_public, as_seed) = (bytes_of(&public), bytes_of(&pair)[..32].to_vec());
    let fault = "holds a key of the same bytes as one of another purpose";
    for bytes in [as_public, as_seed] {
        let local = paserk("local", &bytes);
        for (settings, name) in [
            (format!("keys = [\"{pair}\", \"{local}\"]"), "keys[1]"),
            (format!("keys = [\"{local}\", \"{pair}\"]"), "keys[1]"),
            (format!("keys = \"{pair}\"\n{}", trusted(&local, "")), "trusted[0].key"),
        ] {
            let said = refusal(&settings);
            assert!(said.starts_with(&format!("security.tokens.{name}: {fault}")), "{said}");
            assert!(said.ends_with("`rocket-security keys generate`"), "{said}");
        }
    }
    // Everybody may know the public key of a partner, too.
    let local = paserk("local", &bytes_of(&public));
    let said = refusal(&format!("keys = \"{local}\"\n{}", trusted(&public, "")));
    assert!(said.starts_with(&format!("security.tokens.trusted[0].key: {fault}")), "{said}");
}

#[test]
fn a_master_key_is_no_key_of_tokens_in_any_dress() {
    let master = key(TokenPurpose::Local);
    let refusal = |settings: &str| {
        try_issuer_with_key(settings, &master).err().map(|it| it.to_string()).unwrap_or_default()
    };
    let pair = SigningKey::from_bytes(&bytes_of(&master).try_into().unwrap());
    let pair = paserk("secret", &pair.to_keypair_bytes());
    for (settings, name) in [
        (format!("keys = \"{master}\""), "keys[0]"),
        (format!("keys = \"{pair}\""), "keys[0]"),
        (trusted(&master, ""), "trusted[0].key"),
    ] {
        let said = refusal(&settings);
        let expected = format!("security.tokens.{name}: is a master key (of security.keys");
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains("`rocket-security keys generate`"), "{said}");
        assert!(!said.contains(master.rsplit('.').next().unwrap()), "{said}");
    }
    assert_eq!(refusal(&format!("keys = \"{}\"", key(TokenPurpose::Local))), "");

    // What Rocket's `secret_key` is made of.
    let figment = Figment::from(rocket::Config::debug_default());
    let config = |settings: &str| {
        let toml = format!("[default.security.tokens]\n{settings}");
        Config::from_figment(&figment.clone().merge(Toml::string(&toml).nested())).unwrap()
    };
    let keyring = Keyring::from_secret_key(&STANDARD.encode(bytes_of(&master))).unwrap();
    let base_url = Url::parse(ISSUER).unwrap();
    let tokens =
        |config: &Config| TokenIssuer::new(config, &base_url, Some(&keyring), Clock::default());
    let said = tokens(&config(&format!("keys = \"{master}\""))).err().unwrap().to_string();
    assert!(said.contains("is a master key (of security.keys or Rocket's secret_key"), "{said}");
    assert!(tokens(&config("")).is_ok());
}

#[test]
fn the_issuer_of_a_key_says_that_it_is_theirs_and_nobody_else() {
    let pair = key(TokenPurpose::Public);
    let us = trusting(&public_half(&pair), "");
    let token = |iss: &str| forge(&pair, &good_claims(&us, iss), "", ASSERTION);
    let verified =
        us.tokens.verifier().verify::<Map<String, Value>, Access>(&token(PARTNER)).ok().unwrap();
    assert!(verified.is_foreign() && verified.issuer() == PARTNER);
    // A partner makes no tokens of ours, nor of a third.
    assert_eq!(fault(&us, &token(ISSUER)), Some(TokenFault::WrongIssuer));
    assert_eq!(fault(&us, &token("https://third.example")), Some(TokenFault::WrongIssuer));
    let ours = us.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&us, &ours), None);
    // Their key is not published as ours, and issues nothing.
    assert!(us.tokens.public_keys().keys.is_empty());
    assert!(us.tokens.access(&user()).public().issue().is_err());
}

#[test]
fn what_an_issuer_may_leave_out_is_allowed_one_by_one() {
    let pair = key(TokenPurpose::Public);
    let public = public_half(&pair);
    let strict = trusting(&public, "");
    for (name, allowance) in [
        ("sub", "no-sub"),
        ("aud", "no-aud"),
        ("iat", "no-iat"),
        ("nbf", "no-nbf"),
        ("jti", "no-jti"),
    ] {
        let us = trusting(&public, &format!("allow = [\"{allowance}\"]"));
        let mut claims = good_claims(&us, PARTNER);
        claims.as_object_mut().unwrap().remove(name);
        let token = forge(&pair, &claims, "", ASSERTION);
        assert_eq!(fault(&us, &token), None, "{name}");
        assert_eq!(fault(&strict, &token), Some(TokenFault::MissingClaim(name)));
        claims[name] = json!({"no": "text"});
        let token = forge(&pair, &claims, "", ASSERTION);
        assert_eq!(fault(&us, &token), Some(TokenFault::MalformedClaim(name)));
    }
    let us = trusting(&public, "allow = [\"integer-sub\"]");
    let mut claims = good_claims(&us, PARTNER);
    claims["sub"] = json!(7);
    let token = forge(&pair, &claims, "", ASSERTION);
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(read.subject(), Some("7"));
    assert_eq!(fault(&strict, &token), Some(TokenFault::MalformedClaim("sub")));
    claims["sub"] = json!(7.5);
    assert!(fault(&us, &forge(&pair, &claims, "", ASSERTION)).is_some());
    // A token of a partner ends, whatever is allowed, and ours leave nothing out.
    let everything =
        "allow = [\"no-sub\", \"no-aud\", \"no-iat\", \"no-nbf\", \"no-jti\", \"unbound\"]";
    let us = trusting(&public, everything);
    let token = forge(&pair, &json!({ "iss": PARTNER }), "", "");
    assert_eq!(fault(&us, &token), Some(TokenFault::MissingClaim("exp")));
}

#[test]
fn an_unbound_token_serves_as_what_it_says_or_as_the_only_kind_there_is() {
    let pair = key(TokenPurpose::Public);
    let public = public_half(&pair);
    let us = trusting(&public, "allow = [\"unbound\"]");
    let two = trusting(&public, "allow = [\"unbound\"]\nkinds = [\"access\", \"download\"]");
    let none = trusting(&public, "kinds = [\"download\"]");
    let mut claims = good_claims(&us, PARTNER);
    assert_eq!(fault(&us, &forge(&pair, &claims, "", "")), None);
    assert_eq!(fault(&us, &forge(&pair, &claims, "", ASSERTION)), Some(TokenFault::Forged));
    assert_eq!(fault(&none, &forge(&pair, &claims, "", "")), Some(TokenFault::Forged));
    assert_eq!(fault(&none, &forge(&pair, &claims, "", ASSERTION)), Some(TokenFault::WrongKind));
    claims.as_object_mut().unwrap().remove("typ");
    assert_eq!(fault(&us, &forge(&pair, &claims, "", "")), None);
    assert_eq!(fault(&two, &forge(&pair, &claims, "", "")), Some(TokenFault::WrongKind));
    claims["type"] = json!("access");
    assert_eq!(fault(&two, &forge(&pair, &claims, "", "")), None);
    for other in [json!("refresh"), json!(7), json!(null)] {
        claims["type"] = other;
        assert_eq!(fault(&us, &forge(&pair, &claims, "", "")), Some(TokenFault::WrongKind));
    }
}

#[test]
fn a_key_is_found_by_the_id_in_the_footer_and_an_unknown_one_is_refused() {
    let (first, second) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let us = issuer(&format!(
        "{}\n{}",
        trusted(&public_half(&first), ""),
        trusted(&public_half(&second), "kid = \"blue\"")
    ));
    let claims = good_claims(&us, PARTNER);
    let fault = |key: &str, footer: &str| fault(&us, &forge(key, &claims, footer, ASSERTION));
    let id = TokenKey::parse(&first, None, None).ok().unwrap().id().to_owned();
    assert_eq!(fault(&first, &json!({ "kid": id }).to_string()), None);
    assert_eq!(fault(&second, "{\"kid\":\"blue\"}"), None);
    assert_eq!(fault(&first, "{\"kid\":\"blue\"}"), Some(TokenFault::Forged));
    assert_eq!(fault(&first, "{\"kid\":\"red\"}"), Some(TokenFault::UnknownKey));
    // Without an id, each key of the version and purpose is tried.
    for footer in ["", "no JSON", "{}", "{\"zone\":1}"] {
        assert_eq!(fault(&first, footer), None);
        assert_eq!(fault(&second, footer), None);
    }
    for footer in ["{", "{\"kid\":7}", "{\"kid\":null}", "{\"kid\":\"blue\",\"kid\":\"blue\"}"] {
        assert_eq!(fault(&second, footer), Some(TokenFault::Malformed), "{footer}");
    }
}

#[test]
fn others_verify_our_tokens_with_the_document_of_public_keys() {
    let pair = key(TokenPurpose::Public);
    let us = issuer(&format!("keys = \"{pair}\""));
    let document = serde_json::to_string(&us.tokens.public_keys()).unwrap();
    assert!(!document.contains("secret") && !document.contains(&pair));
    let read: PublicKeys = serde_json::from_str(&document).unwrap();
    assert_eq!((read.issuer.as_str(), read.keys.len()), (ISSUER, 1));
    let settings = format!(
        "issuer = \"{PARTNER}\"\naudience = \"{ISSUER}\"\n[[default.security.tokens.trusted]]\n\
         iss = \"{}\"\nkey = \"{}\"",
        read.issuer, read.keys[0].key
    );
    let them = issuer(&settings);
    let token = us.tokens.access(&user()).issue().unwrap();
    let verified =
        them.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(verified.key_id(), read.keys[0].kid);
}

#[test]
fn a_token_without_a_key_for_its_version_and_purpose_is_not_tried() {
    let us = issuer("");
    for token in ["v4.public.AAAA", "v1.local.AAAA", "v2.local.AAAA", "v3.public.AAAA"] {
        assert_eq!(fault(&us, token), Some(TokenFault::Unsupported), "{token}");
    }
}

#[cfg(feature = "legacy-paseto")]
struct Other;

#[cfg(feature = "legacy-paseto")]
impl rocket_security::TokenKind for Other {
    const NAME: &'static str = "other";
}

#[cfg(feature = "legacy-paseto")]
#[test]
fn keys_of_older_versions_issue_and_verify_tokens_of_theirs_alone() {
    let local = key(TokenPurpose::Local);
    let pair = key(TokenPurpose::Public);
    for text in
        [local.replace("k4.", "k2."), local.replace("k4.", "k3."), pair.replace("k4.", "k2.")]
    {
        let us = issuer(&format!("keys = \"{text}\""));
        let token = us.tokens.access(&user()).claims(json!({"a": 1})).issue().unwrap();
        assert!(token.starts_with(&text[..2].replace('k', "v")), "{token}");
        let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
        assert_eq!(read.claims["a"], 1);
        assert!(read.key_id().starts_with(&text[..2]));
        let newer = issuer(&format!("keys = \"{local}\""));
        assert_eq!(fault(&newer, &token), Some(TokenFault::Unsupported));
        let twice = format!("keys = [\"{text}\", \"{}\"]", text.replacen(&text[..2], "k4", 1));
        assert!(refusal(&twice).contains("holds a key that is there already"));
        if text.starts_with("k2") {
            // The kind stands in a claim alone.
            let other = us.tokens.verifier().verify::<Map<String, Value>, Other>(&token).err();
            assert_eq!(other, Some(TokenFault::WrongKind));
            let said = us.tokens.access(&user()).assertion("x").issue().unwrap_err().to_string();
            assert!(said.contains("version 2 have no implicit assertion"), "{said}");
            let asserted =
                us.tokens.verifier().verify_asserted::<Map<String, Value>, Access>(&token, "x");
            assert_eq!(asserted.err(), Some(TokenFault::Unsupported));
        }
    }
}

const REFRESH_LIFETIME: &str = "security.tokens.refresh_lifetime: is wrong: it is not a length of time \
                                between 1 minute and 365 days";

#[test]
fn settings_of_refresh_tokens_that_make_no_sense_stop_the_launch() {
    for (settings, expected) in [
        ("refresh_lifetime = \"366days\"", REFRESH_LIFETIME),
        ("refresh_lifetime = \"11years\"", REFRESH_LIFETIME),
        ("refresh_lifetime = \"30s\"", REFRESH_LIFETIME),
        ("refresh_lifetime = \"soon\"", "security.tokens.refresh_lifetime: is wrong"),
        ("refresh_idle = \"31days\"", "security.tokens.refresh_idle: is longer than"),
        ("refresh_idle = \"0s\"", "security.tokens.refresh_idle: is wrong"),
        ("refresh_grace = \"11s\"", "security.tokens.refresh_grace: is wrong"),
        ("refresh_in = \"header\"", "security.tokens.refresh_in: is wrong"),
        ("check = { access = \"sometimes\" }", "security.tokens.check.access: is wrong"),
        ("check = { access = \"cached\" }", "security.tokens.check.access: is wrong"),
        ("check = { access = \"cached(0s)\" }", "security.tokens.check.access: is wrong"),
        (
            "check = { access = \"cached(1ms)\" }",
            "security.tokens.check.access: is wrong: it is not cached for 1 second to 10 minutes",
        ),
        ("check = { access = \"cached(11m)\" }", "security.tokens.check.access: is wrong"),
        ("check = { refresh = \"never\" }", "security.tokens.check.refresh: cannot be set"),
        (
            "check = { \"my kind\" = \"never\" }",
            "security.tokens.check.my kind: is not a kind of token",
        ),
        (
            "check = \"never\"",
            "security.tokens.check: is wrong: it names no kind of token. Write { access = \"never\" }",
        ),
    ] {
        let fault = refusal(settings);
        assert!(fault.starts_with(expected), "{settings}: {fault}");
    }
    for settings in [
        "refresh_lifetime = \"365days\"\nrefresh_idle = \"365days\"\nrefresh_grace = \"10s\"",
        "refresh_in = \"cookie\"\ncheck = { access = \"cached(10m)\", download = \"never\" }",
        "refresh_grace = \"0s\"\ncheck = { access = \"always\" }",
    ] {
        assert_eq!(refusal(settings), "");
    }
}
