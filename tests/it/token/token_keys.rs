//! The document of public keys.

use rocket::http::{ContentType, Status};
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::features::token_keys::TokenKeys;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::{Answer, TestApp};
use rocket_security::token::{Access, NoClaims, PublicKeys};
use rocket_security::{AccessMap, Secret, Security};
use serde_json::{Value, json};

use crate::support::bearer::issuer as issuer_of;
use crate::support::launching::try_launch;
use crate::support::tokens::{ISSUER, PARTNER, issuer, key, public_half};

const PATH: &str = "/.well-known/paseto-keys";

async fn app_with(settings: Value) -> TestApp {
    TestApp::launch_with(rocket::build().attach(Security::default()), settings).await
}

fn document(answer: &Answer) -> PublicKeys {
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn id_of(text: &str) -> String {
    TokenKey::parse(text, None, None).ok().unwrap().id().to_owned()
}

#[rocket::async_test]
async fn everybody_reads_our_public_keys_the_active_one_first_and_nothing_that_is_secret() {
    let (active, older, oldest) =
        (key(TokenPurpose::Public), key(TokenPurpose::Public), key(TokenPurpose::Public));
    let (local, old_local) = (key(TokenPurpose::Local), key(TokenPurpose::Local));
    let (partner, shared) = (key(TokenPurpose::Public), key(TokenPurpose::Local));
    let passphrase = "correct horse battery staple";
    let wrapped = TokenKey::parse(&key(TokenPurpose::Public), None, None).ok().unwrap();
    let wrapped_public = wrapped.public_paserk().unwrap();
    let wrapped = wrapped.wrap(&Secret::new(passphrase.to_owned())).unwrap().expose().clone();
    let keys = json!([public_half(&oldest), active, local, older, old_local, wrapped]);
    let app = app_with(json!({"tokens": {
        "keys": keys, "passphrase": passphrase, "issuer": ISSUER,
        "trusted": [
            {"iss": PARTNER, "key": public_half(&partner)},
            {"iss": "https://brother.example", "key": shared},
        ],
    }}))
    .await;
    let answer = app.browser().get(PATH).await;
    let read = document(&answer);
    assert_eq!(read.issuer, ISSUER);
    let shown: Vec<&str> = read.keys.iter().map(|key| key.key.as_str()).collect();
    let (first, last, others) = (public_half(&active), public_half(&older), public_half(&oldest));
    assert_eq!(shown, [&first, &others, &last, &wrapped_public]);
    for key in &read.keys {
        assert_eq!(key.kid, id_of(&key.key));
        assert!(key.kid.starts_with("k4.pid.") && key.key.starts_with("k4.public."));
    }
    for word in ["secret", "local", ".lid.", ".sid.", "PRIVATE", "partner", "brother"] {
        assert!(!answer.body.contains(word), "{word}: {}", answer.body);
    }
    for secret in [&active, &older, &oldest, &local, &old_local, &shared, &wrapped] {
        let bytes = secret.rsplit('.').next().unwrap();
        assert!(!answer.body.contains(bytes), "{}", answer.body);
    }
    assert!(!answer.body.contains(&public_half(&partner)), "{}", answer.body);
}

#[rocket::async_test]
async fn it_may_be_kept_for_five_minutes_and_sets_no_cookie() {
    let app = app_with(json!({"tokens": {"keys": key(TokenPurpose::Public)}})).await;
    let ann = app.log_in_as("ann@example.org").await;
    for browser in [app.browser(), ann] {
        let answer = browser.get(PATH).await;
        assert_eq!(answer.header("Content-Type"), Some(ContentType::JSON.to_string().as_str()));
        assert_eq!(answer.header("Cache-Control"), Some("public, max-age=300"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.headers("Set-Cookie").count(), 0);
        assert_eq!(document(&answer).keys.len(), 1);
    }
    let posted = app.browser().post_raw(PATH, "application/json", b"{}").await;
    assert_eq!(posted.status, Status::NotFound);
}

#[rocket::async_test]
async fn whoever_has_it_verifies_our_tokens_and_those_of_the_key_before() {
    let (old, new) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let app = app_with(json!({"tokens": {"keys": old, "issuer": ISSUER}})).await;
    let ann = app.user("ann@example.org").await;
    let first = issuer_of(&app).access(&ann).issue().unwrap();
    let app = app
        .restart_with(
            rocket::build().attach(Security::default()),
            json!({"tokens": {"keys": [new, old], "issuer": ISSUER}}),
        )
        .await;
    let second = issuer_of(&app).access(&ann).issue().unwrap();
    let read = document(&app.browser().get(PATH).await);
    assert_eq!(
        read.keys.iter().map(|key| &*key.kid).collect::<Vec<_>>(),
        [id_of(&new), id_of(&old)]
    );
    let trusted: Vec<String> = read
        .keys
        .iter()
        .map(|key| {
            let (iss, key) = (&read.issuer, &key.key);
            format!("[[default.security.tokens.trusted]]\niss = \"{iss}\"\nkey = \"{key}\"")
        })
        .collect();
    let settings =
        format!("issuer = \"https://b.example\"\naudience = \"{ISSUER}\"\n{}", trusted.join("\n"));
    let elsewhere = issuer(&settings).tokens.verifier();
    for token in [first, second] {
        let token = elsewhere.verify::<NoClaims, Access>(&token).ok().unwrap();
        assert_eq!(token.subject(), Some(ann.id.to_string().as_str()));
    }
    let foreign = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
    let foreign = foreign.tokens.access(&ann).issue().unwrap();
    let refused = elsewhere.verify::<NoClaims, Access>(&foreign).err();
    assert_eq!(refused, Some(TokenFault::UnknownKey));
}

#[rocket::async_test]
async fn where_nothing_is_signed_the_list_is_empty() {
    let app = app_with(json!({})).await;
    let read = document(&app.browser().get(PATH).await);
    assert_eq!((read.issuer.as_str(), read.keys.len()), ("http://127.0.0.1:8000", 0));
}

#[rocket::async_test]
async fn its_path_is_configured_and_it_is_not_there_without_the_feature() {
    let settings = json!({"token_keys": {"path": "/api/keys.json"}});
    let app = app_with(settings).await;
    assert_eq!(app.browser().get(PATH).await.status, Status::NotFound);
    assert_eq!(app.path_of("token_keys").as_deref(), Some("/api/keys.json"));
    document(&app.browser().get("/api/keys.json").await);
    document(&app.browser().get("/api/keys.json?x=1").await);

    let security = Security::default().disable::<TokenKeys>();
    let app = TestApp::launch(rocket::build().attach(security)).await;
    assert_eq!(app.browser().get(PATH).await.status, Status::NotFound);
}

#[rocket::async_test]
async fn the_access_map_says_that_it_is_for_everybody() {
    let settings = json!({"require_guard": true, "token_keys": {"path": "/api/keys.json"}});
    let app = app_with(settings).await;
    let map = AccessMap::of(app.client().rocket()).to_string();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = map.lines().map(words).collect();
    let line = "GET /api/keys.json -9 - document token_keys Public not needed";
    assert!(lines.contains(&line.to_owned()), "{map}");
}

#[rocket::async_test]
async fn a_path_that_is_none_stops_the_launch() {
    for path in
        ["keys", "/", "/<keys>", "/login", "/sessions", "/security/style.css", "/confirm/abc"]
    {
        let rocket = rocket::build().attach(Security::default());
        let settings = json!({"token_keys": {"path": path}});
        let fault = try_launch(rocket, settings).await.unwrap_err();
        assert!(fault.contains("FailedFairings"), "{path}: {fault}");
    }
}
