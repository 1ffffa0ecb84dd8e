//! fastapi-paseto-auth 0.6 and its successor fastapi-paseto: access and refresh tokens for routes.
//!
//! Its status for a token that is not accepted is 422. Ours is 401, by which programs know that other
//! credentials are wanted (RFC 6750, section 3.1); 422 is had by `error_style = "fastapi"`
//! (`tests/it/web/error_style.rs`). That alone is marked as different nowhere below.
//!
//! The letters are those of its suite's files, the numbers ours. Its cases of other places than headers
//! stand in [`places`]: B-J, B-O2, B-W.
//!
//! | case | mark | what |
//! |---|---|---|
//! | B-C1 | different on purpose | the defaults; clocks may be half a minute apart |
//! | B-C2 | different on purpose | a token without an end is of a kind that says so |
//! | B-C3 | different on purpose | without a secret a key is derived |
//! | B-C4 | different on purpose | tokens can be denied without any setting |
//! | B-C5 | stricter | a setting of a wrong type, or of no name |
//! | B-H1 | same | a header without a token |
//! | B-H2 | same | the scheme is a word in any case |
//! | B-D1 | same | garbage, a foreign key, an expired token; the leeway |
//! | B-D2 | same | a token that somebody else made in the right shape |
//! | B-D3 | stricter | the issuer is always compared |
//! | B-D4 | same | a kind of one's own |
//! | B-D5 | different on purpose | a token in Base64 once more |
//! | B-D6 | different on purpose | an audience is one of several |
//! | B-G1 | same | no token |
//! | B-G2 | same | a refresh token is no access token |
//! | B-G3 | stricter | an access token is no refresh token, and a refresh token is good once |
//! | B-G4 | stricter | a fresh token, and a stale one |
//! | B-G5 | different on purpose | a guest is welcome, a bad token is no guest's |
//! | B-N1 | same | a token that is not denied, and one that is |
//! | B-N2 | stricter | a refresh token that is taken back |
//! | B-N3 | different on purpose | by kind it is chosen how often it is asked, for guards of the token alone |
//! | B-O1 | same | a token that is handed over by the program |
//! | B-F1 | same | a footer of one's own, encrypted and signed |
//! | B-F2 | same | an implicit assertion |
//! | B-F3 | different on purpose | an application is one issuer |
//! | B-F4 | same | reserved claims are refused |
//! | B-F5 | same | a footer that is none |

mod places;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket::{Build, Rocket, get, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::TestApp;
use rocket_security::token::{Access, Lifetime};
use rocket_security::{AuthUser, AuthVia, Fresh, Maybe, Security, TokenKind, via};
use serde_json::{Map, Value, json};

use crate::support::bearer::{bearer, begin_session, deny, issuer as issuer_of};
use crate::support::program::{get_with, log_in_program, pair_in, post, refresh, token_of};
use crate::support::tokens::{ISSUER, fault, forge, good_claims, issuer, key, refusal, user};
use crate::support::{ANN, with_ann};

const THEM: &str = "https://issuer.example";

#[get("/protected")]
fn protected(user: AuthVia<via::BearerToken>) -> String {
    user.email.to_string()
}

#[get("/optional")]
fn optional(user: Maybe<AuthVia<via::BearerToken>>) -> String {
    user.0.map_or("a guest".to_owned(), |user| user.email.to_string())
}

#[get("/fresh")]
fn fresh(user: Fresh<5>) -> String {
    user.email.to_string()
}

#[get("/any")]
fn any(user: AuthUser) -> String {
    user.email.to_string()
}

fn rocket() -> Rocket<Build> {
    let routes = routes![protected, optional, fresh, any];
    rocket::build().attach(Security::default()).mount("/", routes)
}

async fn app() -> TestApp {
    with_ann(TestApp::launch(rocket())).await
}

/// Trusts an issuer of theirs whose key is shared, as its tokens come.
fn trusting(key: &str, more: &str) -> String {
    format!(
        "[[default.security.tokens.trusted]]\niss = \"{THEM}\"\nkey = \"{key}\"\n\
         allow = [\"unbound\", \"integer-sub\", \"no-aud\"]\n{more}"
    )
}

/// B-C1, different on purpose: of two machines none has the right time, so that half a minute is allowed
/// for; theirs allows for none.
#[rocket::async_test]
async fn a_token_is_encrypted_lasts_a_quarter_of_an_hour_and_comes_in_a_header() {
    let us = issuer("");
    let token = us.tokens.access(&user()).issue().unwrap();
    assert!(token.starts_with("v4.local."));
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    let (from, to) = (read.issued_at().unwrap(), read.expires_at().unwrap());
    assert_eq!(to - from, TimeDelta::minutes(15));
    assert!(read.id().is_some() && read.not_before() == Some(from));
    us.clock.advance(TimeDelta::minutes(15) + TimeDelta::seconds(31));
    assert_eq!(fault(&us, &token), Some(TokenFault::Expired));
    let app = app().await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get_with(&app, "/protected", bearer(&token)).await.body, ANN);
}

/// Lets its bearer through one door.
struct Badge;

impl TokenKind for Badge {
    const NAME: &'static str = "badge";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::Never);
}

/// B-C2, different on purpose: no setting, and no value that is computed wrongly, makes an access token
/// last for ever.
#[test]
fn only_a_kind_that_says_so_has_tokens_without_an_end() {
    let us = issuer("");
    assert!(refusal("lifetime = false").starts_with("security.tokens.lifetime: is wrong"));
    assert!(us.tokens.access(&user()).lifetime(Lifetime::Never).issue().is_err());
    assert!(us.tokens.access(&user()).lifetime(Duration::ZERO).issue().is_err());
    let past = us.clock.now() - TimeDelta::hours(1);
    assert!(us.tokens.access(&user()).lifetime(past).issue().is_err());
    let badge = us.tokens.of::<Badge>("door 3").issue().unwrap();
    us.clock.advance(TimeDelta::days(4_000));
    assert!(us.tokens.verifier().verify::<Value, Badge>(&badge).is_ok());
}

/// B-C3, different on purpose: encrypted tokens need no setting, and signed ones, whose key others must
/// have, stop the launch without.
#[test]
fn without_a_secret_a_key_is_derived() {
    let us = issuer("");
    let token = us.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&us, &token), None);
    assert!(refusal("purpose = \"public\"").starts_with("security.tokens.purpose: "));
}

/// B-C4, different on purpose: the store keeps which are denied, so that no callback can be forgotten, or
/// say yes to everything.
#[rocket::async_test]
async fn tokens_can_be_denied_without_any_setting() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    assert!(deny::<Access>(&app, &pair.access).await);
    assert!(refusal("denylist_enabled = true").starts_with("security.tokens.denylist_"));
}

/// B-C5, stricter: theirs ignores a setting whose name is misspelt.
#[test]
fn a_setting_of_a_wrong_type_or_of_no_name_stops_the_launch() {
    for settings in [
        "keys = 123",
        "purpose = 123",
        "purpose = \"else\"",
        "issuer = 1",
        "audience = 1",
        "audience = [1]",
        "leeway = \"soon\"",
        "lifetime = \"test\"",
        "lifetime = true",
        "trusted = \"x\"",
        "privat_key = \"x\"",
    ] {
        let said = refusal(settings);
        assert!(said.starts_with("security.tokens."), "{settings}: {said}");
    }
}

/// B-H1, same.
#[rocket::async_test]
async fn a_header_without_a_token_is_refused() {
    let app = app().await;
    for header in ["Bearer", "Bearer ", "Test asd", "Test ", "Bearer asd", "", "Bearer a b"] {
        let header = Header::new("Authorization", header);
        let answer = get_with(&app, "/protected", header.clone()).await;
        assert_eq!(answer.status, Status::Unauthorized, "{header}");
        assert!(answer.header("WWW-Authenticate").unwrap().starts_with("Bearer "), "{header}");
    }
}

/// B-H2, same as the successor; the older one looked for the scheme anywhere in the header.
#[rocket::async_test]
async fn the_scheme_is_a_word_in_any_case() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    for (scheme, status) in [
        ("Bearer", Status::Ok),
        ("bearer", Status::Ok),
        ("BEARER", Status::Ok),
        ("NotBearer", Status::Unauthorized),
        ("Bearers", Status::Unauthorized),
    ] {
        let header = Header::new("Authorization", format!("{scheme} {token}"));
        assert_eq!(get_with(&app, "/protected", header).await.status, status, "{scheme}");
    }
}

/// B-D1, same.
#[test]
fn garbage_a_foreign_key_and_an_expired_token_are_refused_within_the_leeway() {
    let us = issuer("leeway = \"10s\"");
    let garbage = fault(&us, "v4.local.garbage");
    assert!(matches!(garbage, Some(TokenFault::Forged | TokenFault::Malformed)), "{garbage:?}");
    assert_eq!(fault(&us, "test"), Some(TokenFault::Malformed));
    let foreign = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Local)));
    let foreign = foreign.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&us, &foreign), Some(TokenFault::UnknownKey));
    let token = us.tokens.access(&user()).lifetime(Duration::from_secs(60)).issue().unwrap();
    us.clock.advance(TimeDelta::seconds(67));
    assert_eq!(fault(&us, &token), None);
    us.clock.advance(TimeDelta::seconds(5));
    assert_eq!(fault(&us, &token), Some(TokenFault::Expired));
}

/// B-D2, same, where that issuer is trusted; `sub` may then be a number.
#[test]
fn a_token_of_theirs_is_read() {
    let shared = key(TokenPurpose::Local);
    let us = issuer(&trusting(&shared, ""));
    let now = us.clock.now().to_rfc3339();
    let claims = json!({
        "iss": THEM, "sub": 7, "nbf": now, "iat": now, "jti": "a-b-c", "type": "access",
        "fresh": true, "exp": "2999-01-01T00:00:00+00:00", "city": "Zürich",
    });
    let token = forge(&shared, &claims, "", "");
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!((read.subject(), read.id()), (Some("7"), Some("a-b-c")));
    assert_eq!((&read.claims["city"], &read.claims["fresh"]), (&json!("Zürich"), &json!(true)));
}

/// B-D3, stricter: theirs compares an issuer only where one is configured.
#[test]
fn a_token_names_the_issuer_whose_key_it_has() {
    let shared = key(TokenPurpose::Local);
    let us = issuer(&trusting(&shared, ""));
    let mut claims = good_claims(&us, THEM);
    assert_eq!(fault(&us, &forge(&shared, &claims, "", "")), None);
    claims["iss"] = json!("https://other.example");
    let other = forge(&shared, &claims, "", "");
    assert_eq!(fault(&us, &other), Some(TokenFault::WrongIssuer));
    claims.as_object_mut().unwrap().remove("iss");
    let none = forge(&shared, &claims, "", "");
    assert_eq!(fault(&us, &none), Some(TokenFault::MissingClaim("iss")));
}

/// B-D4, same; the kind is a type, and no text of a request chooses it.
#[test]
fn a_kind_of_one_s_own_is_good_for_itself_alone() {
    struct Custom;
    impl TokenKind for Custom {
        const NAME: &'static str = "test";
    }
    struct Other;
    impl TokenKind for Other {
        const NAME: &'static str = "other";
    }
    let us = issuer("");
    let verifier = us.tokens.verifier();
    let custom = us.tokens.of::<Custom>("test").issue().unwrap();
    let access = us.tokens.access(&user()).issue().unwrap();
    assert!(verifier.verify::<Value, Custom>(&custom).is_ok());
    assert!(verifier.verify::<Value, Other>(&custom).is_err());
    assert!(verifier.verify::<Value, Custom>(&access).is_err());
    assert!(fault(&us, &custom).is_some());
}

/// B-D5, different on purpose: a token is text that every header carries, and one form is enough.
#[rocket::async_test]
async fn a_token_in_base64_once_more_is_none() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    for wrapped in [STANDARD.encode(&token), "dGVzdA==".to_owned(), "%%%".to_owned()] {
        let answer = get_with(&app, "/protected", bearer(&wrapped)).await;
        assert_eq!(answer.status, Status::Unauthorized, "{wrapped}");
    }
}

/// B-D6, different on purpose: theirs compares lists as a whole, so that a token for two is for neither.
#[test]
fn a_token_for_several_is_for_each_of_them() {
    let us = issuer("audience = [\"https://a.example\", \"https://b.example\"]");
    let made = |audience: &[&str]| {
        let token = us.tokens.access(&user());
        audience.iter().fold(token, |token, name| token.audience(*name)).issue().unwrap()
    };
    for good in [&["https://a.example"][..], &["https://b.example", "https://c.example"]] {
        assert_eq!(fault(&us, &made(good)), None);
    }
    let other = made(&["https://c.example"]);
    assert_eq!(fault(&us, &other), Some(TokenFault::WrongAudience));
    let shared = key(TokenPurpose::Local);
    let strict = issuer(&format!("keys = \"{shared}\""));
    let mut claims = good_claims(&strict, ISSUER);
    claims.as_object_mut().unwrap().remove("aud");
    let none = forge(&shared, &claims, "", "rocket-security:access");
    assert_eq!(fault(&strict, &none), Some(TokenFault::MissingClaim("aud")));
}

/// B-G1, same.
#[rocket::async_test]
async fn without_a_token_nobody_is_let_in() {
    let app = app().await;
    for path in ["/protected", "/fresh", "/any"] {
        assert_eq!(app.browser().get_json(path).await.status, Status::Unauthorized, "{path}");
    }
}

/// B-G2, same.
#[rocket::async_test]
async fn a_refresh_token_is_no_access_token() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    for path in ["/protected", "/optional", "/fresh", "/any"] {
        let answer = get_with(&app, path, bearer(&pair.refresh)).await;
        assert_eq!(answer.status, Status::Unauthorized, "{path}");
    }
}

/// B-G3, stricter: theirs is good for any number of times in thirty days.
#[rocket::async_test]
async fn an_access_token_is_no_refresh_token_and_a_refresh_token_is_good_once() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    assert_eq!(refresh(&app, &pair.access).await.status, Status::BadRequest);
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert_eq!(get_with(&app, "/protected", bearer(&next.access)).await.body, ANN);
    assert_eq!(refresh(&app, &pair.refresh).await.reasons(), ["refresh_token_reused"]);
    // Two have what one should: both are out.
    assert_eq!(refresh(&app, &next.refresh).await.status, Status::BadRequest);
}

/// B-G4, stricter: fresh is a time since the proof, not a word for the token's whole life.
#[rocket::async_test]
async fn a_token_is_fresh_for_as_long_as_the_route_says() {
    let app = app().await;
    let ann = app.user(ANN).await;
    for (minutes, status) in [(4, Status::Ok), (6, Status::Unauthorized)] {
        let session = begin_session(&app, &ann, minutes).await;
        let token = issuer_of(&app).access(&ann).session(session.id).issue().unwrap();
        let answer = get_with(&app, "/fresh", bearer(&token)).await;
        assert_eq!(answer.status, status, "{minutes}: {}", answer.body);
    }
}

/// B-G5, different on purpose: theirs serves a token that was tampered with as a guest's. Nothing of one
/// request is left in the next.
#[rocket::async_test]
async fn a_guest_is_welcome_and_a_bad_token_is_no_guest_s() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get_with(&app, "/optional", bearer(&token)).await.body, ANN);
    assert_eq!(app.browser().get("/optional").await.body, "a guest");
    let bad = get_with(&app, "/optional", bearer(&format!("{token}A"))).await;
    assert_eq!(bad.status, Status::Unauthorized);
    assert_eq!(app.browser().get("/optional").await.body, "a guest");
}

/// B-N1, same; a guest is none either.
#[rocket::async_test]
async fn a_token_that_is_denied_opens_nothing() {
    let app = app().await;
    let (pair, other) = (log_in_program(&app).await, log_in_program(&app).await);
    for path in ["/protected", "/optional", "/fresh"] {
        assert_eq!(get_with(&app, path, bearer(&pair.access)).await.status, Status::Ok, "{path}");
    }
    deny::<Access>(&app, &pair.access).await;
    for path in ["/protected", "/optional", "/fresh"] {
        let answer = get_with(&app, path, bearer(&pair.access)).await;
        assert_eq!(answer.status, Status::Unauthorized, "{path}");
        assert_eq!(get_with(&app, path, bearer(&other.access)).await.status, Status::Ok, "{path}");
    }
}

/// B-N2, stricter: the access tokens that came of it end with it.
#[rocket::async_test]
async fn a_refresh_token_that_is_taken_back_ends_with_its_access_token() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    let body = json!({"refresh_token": pair.refresh});
    assert_eq!(post(&app, "/logout", body).await.status, Status::Ok);
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
    let answer = get_with(&app, "/protected", bearer(&pair.access)).await;
    assert_eq!(answer.status, Status::Unauthorized);
}

/// B-N3, different on purpose: kinds of one's own can be denied, too, and a guard that loads its user asks in
/// any case.
#[rocket::async_test]
async fn a_guard_for_users_asks_whatever_is_configured_for_the_kind() {
    let settings = json!({"tokens": {"check": {"access": "never"}}});
    let app = with_ann(TestApp::launch_with(rocket(), settings)).await;
    let pair = log_in_program(&app).await;
    deny::<Access>(&app, &pair.access).await;
    let answer = get_with(&app, "/protected", bearer(&pair.access)).await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert!(refusal("check = [\"access\"]").starts_with("security.tokens.check"));
}

/// B-O1, same: no request is needed.
#[test]
fn a_token_from_anywhere_is_verified_by_the_program() {
    let us = issuer("");
    let token = us.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&us, &token), None);
    assert_eq!(fault(&us, "invalid"), Some(TokenFault::Malformed));
}

/// B-F1, same; the footer also has the id of the key.
#[test]
fn a_footer_of_one_s_own_is_there_again() {
    for purpose in [TokenPurpose::Local, TokenPurpose::Public] {
        let us = issuer(&format!("keys = \"{}\"", key(purpose)));
        let token = us.tokens.access(&user()).footer(json!({"zone": "eu"})).issue().unwrap();
        assert!(token.starts_with(&format!("v4.{purpose}.")));
        let read = us.tokens.verifier().verify::<Value, Access>(&token).ok().unwrap();
        assert_eq!(read.footer()["zone"], "eu");
        assert_eq!(read.footer()["kid"], read.key_id());
    }
}

/// B-F2, same.
#[test]
fn an_assertion_that_is_not_repeated_is_refused() {
    let us = issuer("");
    let token = us.tokens.access(&user()).assertion("room 7").issue().unwrap();
    let verifier = us.tokens.verifier();
    assert!(verifier.verify_asserted::<Value, Access>(&token, "room 7").is_ok());
    assert_eq!(verifier.verify::<Value, Access>(&token).err(), Some(TokenFault::Forged));
}

/// B-F3, different on purpose: whoever verifies knows one issuer by its keys; a call cannot name another.
#[test]
fn every_token_is_from_the_one_issuer() {
    let us = issuer("issuer = \"https://us.example\"");
    assert!(us.tokens.access(&user()).claims(json!({"iss": THEM})).issue().is_err());
    let badge = us.tokens.of::<Badge>("door 3").issue().unwrap();
    let read = us.tokens.verifier().verify::<Value, Badge>(&badge).ok().unwrap();
    assert_eq!(read.issuer(), "https://us.example");
}

/// B-F4, same as the successor; the older one let callers overwrite them.
#[test]
fn reserved_claims_are_refused() {
    let us = issuer("");
    for name in ["sub", "typ", "jti", "exp", "iat", "nbf", "iss", "aud"] {
        let refused = us.tokens.access(&user()).claims(json!({ name: "x" })).issue();
        assert!(refused.is_err(), "{name}");
    }
}

/// B-F5, same.
#[test]
fn a_footer_that_is_no_object_is_refused() {
    let us = issuer("");
    for none in [json!(123), json!(["x"]), json!("x"), json!(null)] {
        assert!(us.tokens.access(&user()).footer(&none).issue().is_err(), "{none}");
    }
}
