//! Tokens that are issued, and what becomes of them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use rocket::http::{Accept, Status};
use rocket::{State, get, post, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::random_uuid;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::TestApp;
use rocket_security::token::{Access, Lifetime, NoClaims};
use rocket_security::{Rejection, Security, TokenIssuer, TokenKind, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::tokens::{ASSERTION, ISSUER, fault, forge, good_claims, issuer, key, user};

type Object = Map<String, Value>;

/// Lets its bearer fetch one file.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::After(Duration::from_secs(60)));
}

/// Stands on a badge, and does not expire.
struct Badge;

impl TokenKind for Badge {
    const NAME: &'static str = "badge";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::Never);
}

/// Says why a token is not issued.
fn refusal<K: TokenKind>(builder: rocket_security::token::TokenBuilder<'_, K>) -> String {
    builder.issue().err().map(|fault| fault.to_string()).unwrap_or_default()
}

#[test]
fn an_access_token_says_whose_it_is_for_whom_and_until_when() {
    let issuer = issuer("");
    let (user, session) = (user(), random_uuid().unwrap());
    let before = issuer.clock.now();
    let token = issuer.tokens.access(&user).session(session).issue().unwrap();
    assert!(token.starts_with("v4.local."));

    let token = issuer.tokens.verifier().verify::<NoClaims, Access>(&token).ok().unwrap();
    assert_eq!(token.issuer(), ISSUER);
    assert_eq!(token.subject(), Some(user.id.to_string().as_str()));
    assert_eq!(token.audience(), [ISSUER]);
    assert_eq!(token.session(), Some(session.to_string().as_str()));
    assert_eq!(token.epoch(), Some(7));
    assert!(token.id().is_some_and(|id| id.len() == 36));
    assert_eq!(token.not_before(), token.issued_at());
    let (from, to) = (token.issued_at().unwrap(), token.expires_at().unwrap());
    assert!(before - from < TimeDelta::seconds(1));
    assert_eq!(to - from, TimeDelta::minutes(15));
    assert!(token.key_id().starts_with("k4.lid."));
    assert_eq!(token.footer().get("kid").and_then(Value::as_str), Some(token.key_id()));
    assert!(!token.is_foreign());
    assert_eq!(token.claims, NoClaims {});
}

#[test]
fn no_two_tokens_are_alike() {
    let (issuer, user) = (issuer(""), user());
    let verifier = issuer.tokens.verifier();
    let mut ids: Vec<String> = (0..100)
        .map(|_| issuer.tokens.access(&user).issue().unwrap())
        .map(|token| verifier.verify::<NoClaims, Access>(&token).ok().unwrap())
        .map(|token| token.id().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[test]
fn an_application_adds_claims_of_any_type_of_its_own() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Plan {
        plan: String,
        seats: u32,
    }
    let (issuer, user) = (issuer(""), user());
    let plan = Plan { plan: "Größte".to_owned(), seats: 3 };
    let token = issuer.tokens.access(&user).claims(&plan).issue().unwrap();
    let verifier = issuer.tokens.verifier();
    assert_eq!(verifier.verify::<Plan, Access>(&token).ok().unwrap().claims, plan);

    let others = issuer.tokens.access(&user).claims(json!({"plan": "x"})).issue().unwrap();
    let refused = verifier.verify::<Plan, Access>(&others).err();
    assert_eq!(refused, Some(TokenFault::UnreadableClaims));
    let more = json!({"plan": "x", "seats": 1, "more": 2});
    let more = issuer.tokens.access(&user).claims(more).issue().unwrap();
    assert_eq!(verifier.verify::<Plan, Access>(&more).err(), Some(TokenFault::UnreadableClaims));
    assert!(verifier.verify::<NoClaims, Access>(&more).is_ok());
}

#[test]
fn claims_of_the_framework_cannot_be_overridden() {
    let (issuer, user) = (issuer(""), user());
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "sid", "epoch"] {
        let said = refusal(issuer.tokens.access(&user).claims(json!({ name: "x" })));
        assert!(said.contains(&format!("the claim `{name}` is the framework's")), "{said}");
    }
    for no_object in [json!(1), json!([]), json!("x"), json!(null)] {
        let said = refusal(issuer.tokens.access(&user).claims(no_object.clone()));
        assert!(said.contains("no JSON object"), "{said}");
        assert!(refusal(issuer.tokens.access(&user).footer(no_object)).contains("no JSON object"));
    }
    let said = refusal(issuer.tokens.access(&user).footer(json!({"kid": "x"})));
    assert!(said.contains("`kid` in a footer is the framework's"), "{said}");
}

#[test]
fn a_lifetime_is_neither_zero_nor_over_nor_endless_unless_the_kind_says_so() {
    let (issuer, user) = (issuer(""), user());
    let (now, access) = (issuer.clock.now(), || issuer.tokens.access(&user));
    for lifetime in [
        Lifetime::After(Duration::ZERO),
        Lifetime::After(Duration::from_millis(999)),
        Lifetime::At(now),
        Lifetime::At(now - TimeDelta::days(1)),
        Lifetime::At(DateTime::UNIX_EPOCH),
    ] {
        assert!(refusal(access().lifetime(lifetime)).contains("over before it begins"));
    }
    for length in [Duration::MAX, Duration::from_secs(400_000_000_000)] {
        assert!(refusal(access().lifetime(length)).contains("beyond the year 9999"));
    }
    assert!(refusal(access().lifetime(Lifetime::Never)).contains("have to end"));
    let until = now + TimeDelta::days(3);
    let token = access().lifetime(until).issue().unwrap();
    let token = issuer.tokens.verifier().verify::<NoClaims, Access>(&token).ok().unwrap();
    assert_eq!(token.expires_at().unwrap().timestamp(), until.timestamp());

    let badge = issuer.tokens.of::<Badge>("door 3").issue().unwrap();
    issuer.clock.advance(TimeDelta::days(40_000));
    let badge = issuer.tokens.verifier().verify::<NoClaims, Badge>(&badge).ok().unwrap();
    assert_eq!((badge.expires_at(), badge.subject()), (None, Some("door 3")));
}

#[test]
fn one_kind_never_serves_as_another() {
    let master = key(TokenPurpose::Local);
    let signing = key(TokenPurpose::Public);
    for settings in [String::new(), format!("keys = [\"{signing}\", \"{master}\"]")] {
        let issuer = issuer(&settings);
        let verifier = issuer.tokens.verifier();
        let access = issuer.tokens.access(&user()).issue().unwrap();
        let download = issuer.tokens.of::<Download>("report.pdf").issue().unwrap();
        assert_eq!(verifier.verify::<Object, Download>(&access).err(), Some(TokenFault::Forged));
        assert_eq!(verifier.verify::<Object, Access>(&download).err(), Some(TokenFault::Forged));
        assert!(verifier.verify::<Object, Download>(&download).is_ok());
    }
    // Nor where the claim says one kind and the assertion another.
    let issuer = issuer(&format!("keys = \"{master}\""));
    let mut claims = good_claims(&issuer, ISSUER);
    claims["typ"] = "download".into();
    assert_eq!(
        fault(&issuer, &forge(&master, &claims, "", ASSERTION)),
        Some(TokenFault::WrongKind)
    );
}

#[test]
fn a_token_for_one_context_is_good_in_no_other() {
    let (issuer, user) = (issuer(""), user());
    let verifier = issuer.tokens.verifier();
    let token = issuer.tokens.access(&user).assertion("room 7").issue().unwrap();
    assert!(verifier.verify_asserted::<Object, Access>(&token, "room 7").is_ok());
    for other in ["", "room 8", "room 7 "] {
        let refused = verifier.verify_asserted::<Object, Access>(&token, other).err();
        assert_eq!(refused, Some(TokenFault::Forged));
    }
}

#[test]
fn a_call_says_whether_it_is_signed_and_for_whom() {
    let issuer = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
    let user = user();
    let signed = issuer.tokens.access(&user).footer(json!({"zone": "eu"})).issue().unwrap();
    assert!(signed.starts_with("v4.public."));
    let verified = issuer.tokens.verifier().verify::<Object, Access>(&signed).ok().unwrap();
    assert_eq!(verified.footer().get("zone"), Some(&json!("eu")));
    assert!(verified.key_id().starts_with("k4.pid."));
    // Everybody can read it, and its claims are those that are promised.
    let body = URL_SAFE_NO_PAD.decode(signed.split('.').nth(2).unwrap()).unwrap();
    let body: Object = serde_json::from_slice(&body[..body.len() - 64]).unwrap();
    let names: Vec<&str> = body.keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "epoch", "exp", "iat", "iss", "jti", "nbf", "sub", "typ"]);

    let local = issuer.tokens.access(&user).local().issue().unwrap();
    assert!(local.starts_with("v4.local.") && fault(&issuer, &local).is_none());
    let builder = || issuer.tokens.access(&user).public();
    let elsewhere = builder().audience("https://b.example").issue().unwrap();
    assert_eq!(fault(&issuer, &elsewhere), Some(TokenFault::WrongAudience));
    let both = builder().audience("https://b.example").audience(ISSUER).issue().unwrap();
    assert_eq!(fault(&issuer, &both), None);
}

#[test]
fn a_token_lives_and_dies_with_the_clock_and_its_leeway() {
    let (issuer, user) = (issuer(""), user());
    let token = issuer.tokens.access(&user).issue().unwrap();
    let at = |seconds: i64| {
        issuer.clock.advance(TimeDelta::seconds(seconds));
        let fault = fault(&issuer, &token);
        issuer.clock.advance(TimeDelta::seconds(-seconds));
        fault
    };
    assert_eq!(at(0), None);
    assert_eq!(at(15 * 60 + 27), None);
    assert_eq!(at(15 * 60 + 31), Some(TokenFault::Expired));
    assert_eq!(at(-28), None);
    assert_eq!(at(-33), Some(TokenFault::NotYetValid));
}

#[test]
fn an_account_that_is_switched_off_gets_no_token_and_nobody_neither() {
    let (issuer, mut user) = (issuer(""), user());
    user.active = false;
    assert!(refusal(issuer.tokens.access(&user)).contains("an account that is not open"));
    assert!(refusal(issuer.tokens.of::<Download>("")).contains("has no subject"));
}

#[test]
fn what_is_too_long_is_neither_issued_nor_looked_at() {
    let (issuer, user) = (issuer(""), user());
    let long = json!({"text": "x".repeat(9_000)});
    assert!(refusal(issuer.tokens.access(&user).claims(&long)).contains("longer than 8192"));
    let footer = json!({"text": "x".repeat(1_000)});
    assert!(refusal(issuer.tokens.access(&user).footer(footer)).contains("longer than 1024"));
    assert_eq!(fault(&issuer, &"v".repeat(8_193)), Some(TokenFault::TooLong));
    let token = format!("v4.local.AAAA.{}", "A".repeat(1_025));
    assert_eq!(fault(&issuer, &token), Some(TokenFault::TooLong));
}

#[test]
fn a_plain_token_is_for_others_alone() {
    let (issuer, user) = (issuer(""), user());
    let token = issuer.tokens.access(&user).plain().issue().unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(fault(&issuer, &token), Some(TokenFault::Forged));
}

/// Whoever has the key can make any claims: each that is wrong has its own fault.
#[test]
fn every_claim_is_looked_at() {
    let master = key(TokenPurpose::Local);
    let issuer = issuer(&format!("keys = \"{master}\""));
    let good = good_claims(&issuer, ISSUER);
    let later = (issuer.clock.now() + TimeDelta::minutes(2)).to_rfc3339();
    let check = |claims: &Value| fault(&issuer, &forge(&master, claims, "", ASSERTION));
    assert_eq!(check(&good), None);
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(check(&claims), Some(TokenFault::MissingClaim(name)));
        for wrong in [json!(null), json!(1), json!({}), json!([1]), json!(true), json!("")] {
            claims[name] = wrong.clone();
            let fault = check(&claims);
            let is_audience = name == "aud" && wrong == json!("");
            let expected = if is_audience {
                TokenFault::WrongAudience
            } else {
                TokenFault::MalformedClaim(name)
            };
            assert_eq!(fault, Some(expected), "{name} {wrong}");
        }
    }
    for (name, value, fault) in [
        ("iss", json!("https://evil.example"), TokenFault::WrongIssuer),
        ("aud", json!("https://other.example"), TokenFault::WrongAudience),
        ("aud", json!([]), TokenFault::WrongAudience),
        ("typ", json!("refresh"), TokenFault::WrongKind),
        ("typ", json!(["access"]), TokenFault::MalformedClaim("typ")),
        ("exp", json!("tomorrow"), TokenFault::MalformedClaim("exp")),
        ("exp", json!("2999-01-01"), TokenFault::MalformedClaim("exp")),
        ("exp", json!("2999-01-01T00:00:00"), TokenFault::MalformedClaim("exp")),
        ("exp", json!("32503680000"), TokenFault::MalformedClaim("exp")),
        ("exp", json!("2020-01-01T00:00:00Z"), TokenFault::Expired),
        ("nbf", json!(later), TokenFault::NotYetValid),
        ("iat", json!(later), TokenFault::IssuedInFuture),
        ("epoch", json!("7"), TokenFault::MalformedClaim("epoch")),
        ("sid", json!(7), TokenFault::MalformedClaim("sid")),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(check(&claims), Some(fault), "{claims}");
    }
    let mut several = good.clone();
    several["aud"] = json!(["https://other.example", ISSUER]);
    assert_eq!(check(&several), None);
    let twice = good.to_string().replacen('{', "{\"sub\":\"me\",", 1);
    let key = rocket_security::crypto::token_key::TokenKey::parse(&master, None, None);
    let twice = key.ok().unwrap().seal(&twice, "", ASSERTION).unwrap();
    assert_eq!(fault(&issuer, &twice), Some(TokenFault::MalformedClaims));
    assert_eq!(check(&json!([good])), Some(TokenFault::MalformedClaims));
}

#[post("/token/<plan>")]
fn give(plan: &str, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.of::<Download>("report.pdf").claims(json!({ "plan": plan })).issue()?)
}

#[get("/token/<token>")]
fn read(token: &str, verifier: &State<Verifier>) -> Result<String, Status> {
    match verifier.verify::<Object, Download>(token) {
        Ok(token) => Ok(token.claims["plan"].to_string()),
        Err(_) => Err(Status::Unauthorized),
    }
}

#[rocket::async_test]
async fn a_launched_application_has_both_in_its_managed_state_on_its_own_clock() {
    let rocket = rocket::build().attach(Security::default()).mount("/", routes![give, read]);
    let app = TestApp::launch(rocket).await;
    let token = app.client().post("/token/free").dispatch().await.into_string().await.unwrap();
    let answer = app.client().get(format!("/token/{token}")).dispatch().await;
    assert_eq!(answer.into_string().await.unwrap(), "\"free\"");
    app.clock().advance(TimeDelta::seconds(91));
    let request = app.client().get(format!("/token/{token}")).header(Accept::JSON);
    assert_eq!(request.dispatch().await.status(), Status::Unauthorized);
}
