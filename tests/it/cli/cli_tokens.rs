//! Tokens on the command line.

use std::time::Duration;

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{get, routes};
use rocket_security::clock::Clock;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::random_uuid;
use rocket_security::testing::TestApp;
use rocket_security::token::{Access, Lifetime, NoClaims};
use rocket_security::{Paseto, TokenKind};
use serde_json::{Value, json};

use crate::support::bearer::{bearer, begin_session, issuer, read};
use crate::support::operator::{CHEAP_HASH, PASSWORD, Place, app_with_an_operator};
use crate::support::program::{Pair, get, log_in_program, pair_in, refresh};
use crate::support::tokens::{ASSERTION, ISSUER, PARTNER, forge, good_claims_at, key, public_half};
use crate::support::{ANN, program, rocket, sql, with_ann};

#[test]
fn a_token_is_issued_for_an_account_and_verified() {
    let place = Place::debug();
    place.run_with_input("users create ann@example.org --confirmed", &format!("{PASSWORD}\n"));
    let arguments = [
        "tokens",
        "issue",
        "ann@example.org",
        "--claims",
        r#"{"plan":"free"}"#,
        "--footer",
        r#"{"zone":"eu"}"#,
        "--lifetime",
        "2h",
    ];
    let token = place.run_with(&arguments, b"").succeeded();
    assert!(token.starts_with("v4.local."));
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["claims"], json!({"plan": "free"}));
    assert_eq!(told["footer"]["zone"], "eu");
    assert_eq!(told["issuer"], "http://127.0.0.1:8000");
    assert_eq!(told["epoch"], 0);
    assert!(told["id"].is_string() && told["denied_as"] == told["id"], "{told}");

    let other = place.run("tokens issue ann@example.org --audience https://b.example").succeeded();
    place.run_with_input("tokens verify", &other).refused(&["(token_audience_wrong)"]);
    place.run_with_input("tokens verify", "v4.local.AAAA\n").refused(&["(token_forged)"]);
    place.run_with_input("tokens verify", &"x".repeat(9_000)).refused(&["(token_too_long)"]);
    place.run("tokens issue bob@example.org").refused(&["bob@example.org has no account"]);
    place.run("tokens issue ann@example.org --public").refused(&["no key that issues public"]);
    place.run("tokens issue ann@example.org --lifetime 0s").refused(&["over before it begins"]);
    let reserved = ["tokens", "issue", "ann@example.org", "--claims", r#"{"sub":"bob"}"#];
    place.run_with(&reserved, b"").refused(&["the claim `sub` is the framework's"]);
    place.run("users deactivate ann@example.org").succeeded();
    place.run("tokens issue ann@example.org").refused(&["an account that is not open"]);
}

/// An application beside which an operator works, and a program that is logged in there.
async fn app_with_a_program() -> (TestApp, Pair) {
    let app = with_ann(TestApp::launch(rocket())).await;
    let pair = log_in_program(&app).await;
    (app, pair)
}

async fn is_good(app: &TestApp, token: &str) -> bool {
    get(app, "/me", token).await.status == Status::Ok
}

#[rocket::async_test]
async fn an_operator_sees_programs_and_logs_them_out() {
    let (app, one) = app_with_a_program().await;
    let other = log_in_program(&app).await;
    let place = Place::beside(app.database());
    let listed = place.run(&format!("tokens list {ANN} --json")).succeeded();
    let listed: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["device"], "Unknown device", "as /tokens has it");
    let table = place.run(&format!("tokens list {ANN}")).succeeded();
    assert!(table.contains("REFRESHED") && !table.contains("v4."), "{table}");
    let id = listed[0]["id"].as_str().unwrap();
    assert!(place.run(&format!("tokens revoke --family {id}")).succeeded().contains("logged out"));
    assert_ne!(is_good(&app, &one.access).await, is_good(&app, &other.access).await);
    place.run(&format!("tokens revoke --family {id}")).refused(&[id, "tokens list EMAIL"]);
    place.run("tokens revoke").misspelt("--user");
    place.run("tokens revoke --family nope").misspelt("is not an id; see `rocket-security tokens");
    for command in ["sessions end", "personal-tokens revoke"] {
        place.run(&format!("{command} {ANN}")).misspelt("Give the id, or --all");
        place.run(&format!("{command} {ANN} nope")).misspelt("is not an id; see `rocket-security");
    }
    place.run(&format!("tokens revoke --family {id} --user {ANN}")).misspelt("cannot be used");
}

#[rocket::async_test]
async fn an_operator_ends_whatever_an_account_is_logged_in_with() {
    let (app, program) = app_with_a_program().await;
    let browser = app.log_in_as(ANN).await;
    let ann = app.user(ANN).await;
    let loose = issuer(&app).access(&ann).issue().unwrap();
    assert!(is_good(&app, &loose).await);
    let place = Place::beside(app.database());
    let told = place.run(&format!("tokens revoke --user {ANN}")).succeeded();
    assert!(told.contains("is ended") && told.contains("personal ones too"), "{told}");
    for token in [&program.access, &loose] {
        assert!(!is_good(&app, token).await);
    }
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    assert!(place.run(&format!("tokens list {ANN} --json")).succeeded().is_empty());
    assert!(is_good(&app, &log_in_program(&app).await.access).await, "the password is what it was");
    place.run("tokens revoke --user bob@example.org").refused(&["bob@example.org"]);
}

#[rocket::async_test]
async fn an_operator_denies_one_token() {
    let (app, program) = app_with_a_program().await;
    let token = read::<Access>(&app, &program.access);
    let place = Place::beside(app.database());
    let revoke = format!("tokens revoke --jti {}", token.id().unwrap());
    let told = place.run(&revoke).succeeded();
    assert!(told.contains("Denied: ") && told.contains("cannot be known"), "{told}");
    assert!(place.run(&revoke).succeeded().contains("already"));
    assert!(!is_good(&app, &program.access).await);
    let next = pair_in(&refresh(&app, &program.refresh).await);
    assert!(is_good(&app, &next.access).await);
    for no_id in ["a".repeat(65), "\u{1f980}".to_owned(), "nope".to_owned(), "1".to_owned()] {
        let revoke = format!("tokens revoke --jti {no_id}");
        place.run(&revoke).refused(&["is no id of a token of ours", "UUID", "--issuer"]);
    }
    place.run_with(&["tokens", "revoke", "--jti", ""], b"").refused(&["is no id"]);
    place.run(&format!("{revoke} --keep 1s")).misspelt("--keep");
    place
        .run("tokens revoke --jti 1 --issuer https://nobody.example")
        .refused(&["https://nobody.example is no `iss` of security.tokens.trusted"]);
    place.run("tokens revoke --token --issuer https://partner.example").misspelt("--jti");
    place.run("tokens revoke --token --jti 1").misspelt("cannot be used");
}

#[rocket::async_test]
async fn what_an_operator_denies_by_its_id_is_denied_as_long_as_any_token_may_last() {
    let app = TestApp::launch(rocket()).await;
    let ann = app.user(ANN).await;
    let place = Place::beside(app.database());
    let id = random_uuid().unwrap();
    let lifetime = Duration::from_secs(300 * 365 * 86_400);
    let token = issuer(&app).access(&ann).id(id).lifetime(lifetime).issue().unwrap();
    assert!(is_good(&app, &token).await);
    let as_typed = id.to_string().to_uppercase();
    place.run(&format!("tokens revoke --jti {as_typed}")).succeeded();
    assert!(is_denied(&app, &id.to_string()).await, "by what the token itself says");
    assert!(!is_good(&app, &token).await);
    app.clock().advance(TimeDelta::days(290 * 365));
    app.sweep().await;
    assert!(!is_good(&app, &token).await);
    assert!(is_denied(&app, &id.to_string()).await);
}

/// Asserts that a token is refused on the command line as a request with it is.
async fn assert_good_no_more(app: &TestApp, place: &Place, token: &str, why: &str) {
    assert!(!is_good(app, token).await);
    place.run_with_input("tokens verify", token).refused(&["(credentials_refused)", why]);
    let done = place.run_with_input("tokens verify --keys-only", token);
    assert!(done.stderr.contains("may have been revoked"), "{done:?}");
    assert!(done.succeeded().contains("\"subject\""));
}

#[rocket::async_test]
async fn a_token_that_is_good_no_more_is_refused_with_the_reason() {
    let (app, place) = app_with_an_operator(rocket()).await;
    app.user(ANN).await;
    let Pair { access: token, refresh } = log_in_program(&app).await;
    place.run_with_input("tokens verify", &token).succeeded();
    place.run_with_input("tokens verify --kind refresh", &refresh).succeeded();
    let ann = app.user(ANN).await;
    let session = begin_session(&app, &ann, 0).await;
    let of_session = issuer(&app).access(&ann).session(session.id).issue().unwrap();
    let loose = issuer(&app).access(&ann).issue().unwrap();
    place.run_with_input("tokens verify", &of_session).succeeded();
    place.run(&format!("sessions end {ANN} {}", session.id)).succeeded();
    assert_good_no_more(&app, &place, &of_session, "its session has ended").await;

    let next = pair_in(&program::refresh(&app, &refresh).await);
    let verify = "tokens verify --kind refresh";
    place.run_with_input(verify, &refresh).refused(&["another has taken its place"]);
    place.run_with_input(verify, &next.refresh).succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    place.run(&format!("tokens revoke --family {}", told["family"].as_str().unwrap())).succeeded();
    assert_good_no_more(&app, &place, &token, "its program is logged out").await;

    place.run_with_input("tokens verify", &loose).succeeded();
    place.run_with_input("tokens revoke --token", &loose).succeeded();
    assert_good_no_more(&app, &place, &loose, "it is denied").await;
    let loose = issuer(&app).access(&ann).issue().unwrap();
    place.run(&format!("tokens revoke --user {ANN}")).succeeded();
    assert_good_no_more(&app, &place, &loose, "everything revoked").await;
    place.run(&format!("users deactivate {ANN}")).succeeded();
    assert_good_no_more(&app, &place, &loose, "its account is not open").await;
}

#[rocket::async_test]
async fn an_operator_logs_a_program_out_by_its_refresh_token() {
    let (app, place) = app_with_an_operator(rocket()).await;
    app.user(ANN).await;
    let Pair { access, refresh } = log_in_program(&app).await;
    for command in ["tokens verify", "tokens revoke --token"] {
        place.run_with_input(command, &refresh).refused(&["--kind refresh"]);
    }
    assert!(is_good(&app, &access).await);
    let revoke = || place.run_with_input("tokens revoke --token --kind refresh", &refresh);
    assert!(revoke().succeeded().contains("logged out."));
    assert!(revoke().succeeded().contains("already"));
    assert!(!is_good(&app, &access).await, "its access token ended with it");
    let next = program::refresh(&app, &refresh).await;
    assert_eq!(next.status, Status::BadRequest);
    place.run("tokens revoke --kind refresh --jti 1").misspelt("--kind");
}

/// Lets its bearer fetch one file.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::Never);
}

#[get("/file")]
fn file(token: Paseto<NoClaims, Download>) -> String {
    token.subject().unwrap_or_default().to_owned()
}

#[rocket::async_test]
async fn an_operator_denies_a_token_of_an_applications_own_kind() {
    let (app, place) = app_with_an_operator(rocket().mount("/", routes![file])).await;
    let token = issuer(&app).of::<Download>("report.pdf").lifetime(Lifetime::Never);
    let token = token.issue().unwrap();
    let fetched = async || {
        let request = app.client().get("/file").header(bearer(&token));
        app.browser().send(request).await.status
    };
    assert_eq!(fetched().await, Status::Ok);
    for command in ["tokens verify", "tokens verify --kind upload", "tokens revoke --token"] {
        place.run_with_input(command, &token).refused(&["(token_forged)", "--kind"]);
    }
    let verify = "tokens verify --kind download";
    let told = place.run_with_input(verify, &token).succeeded();
    assert!(told.contains("report.pdf"), "{told}");
    let told = place.run_with_input("tokens revoke --token --kind download", &token).succeeded();
    assert!(told.contains("is denied"), "{told}");
    assert_eq!(fetched().await, Status::Unauthorized);
    place.run_with_input(verify, &token).refused(&["it is denied"]);
    let access = place.run_with_input(verify, "v4.local.AAAA");
    access.refused(&["(token_forged)", "download"]);
}

#[test]
fn whom_a_token_is_from_and_for_is_told_beside_what_is_wanted() {
    let place = Place::debug();
    let theirs = key(TokenPurpose::Public);
    let ours = key(TokenPurpose::Public);
    let trusted = format!(
        "keys = \"{ours}\"\ntrusted = [{{ iss = \"{PARTNER}\", key = \"{}\" }}]",
        public_half(&theirs)
    );
    place.configure_tokens(&trusted);
    let token = |key: &str, iss: &str, aud: &str| {
        let mut claims = good_claims_at(Clock::default().now(), iss);
        claims["aud"] = json!(aud);
        forge(key, &claims, "", ASSERTION)
    };
    let verify = |token: &str| place.run_with_input("tokens verify --keys-only", token);
    let local = "http://127.0.0.1:8000";
    verify(&token(&ours, "https://old.example", local)).refused(&[
        "(token_issuer_wrong)",
        "\"https://old.example\"; ours is \"http://127.0.0.1:8000\" (security.tokens.issuer",
    ]);
    verify(&token(&theirs, "https://old.example", local)).refused(&[
        "(token_issuer_wrong)",
        "\"https://old.example\"; its key is that of \"https://partner.example\"",
    ]);
    verify(&token(&ours, local, "https://b.example")).refused(&[
        "(token_audience_wrong)",
        "[\"https://b.example\"]; ours is [\"http://127.0.0.1:8000\"] (security.tokens.audience",
    ]);
    verify(&token(&ours, local, local)).succeeded();
}

async fn is_denied(app: &TestApp, name: &str) -> bool {
    let count = format!("SELECT COUNT(*) FROM security_denylist WHERE jti = '{name}'");
    sql::number(app.database(), &count).await == 1
}

#[rocket::async_test]
async fn an_operator_denies_the_token_that_they_pipe_in() {
    let app = with_ann(TestApp::launch(rocket())).await;
    let place = Place::beside(app.database());
    let token = place.run(&format!("tokens issue {ANN}")).succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    let revoke = || place.run_with_input("tokens revoke --token", &token).succeeded();
    assert!(revoke().contains("is denied"));
    assert!(revoke().contains("already"));
    assert!(is_denied(&app, told["id"].as_str().unwrap()).await);
    for (typed, reason) in [
        ("v4.local.AAAA\n", "(token_forged)"),
        ("", "(token_malformed)"),
        ("rspat_0\n", "personal-tokens revoke"),
    ] {
        place.run_with_input("tokens revoke --token", typed).refused(&[reason]);
    }
}

/// Whoever shows a token, of ours or of a trusted issuer.
#[get("/shown")]
fn shown(token: Paseto) -> String {
    token.issuer().to_owned()
}

#[rocket::async_test]
async fn an_operator_denies_tokens_of_a_trusted_issuer_one_by_one() {
    let (foreign, other) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let also = "https://also.example";
    let entry =
        |iss: &str, key: &str| json!({"iss": iss, "key": public_half(key), "allow": ["no-jti"]});
    let trusted = json!([entry(PARTNER, &foreign), entry(also, &other)]);
    let settings = json!({"tokens": {"trusted": trusted, "audience": ISSUER}});
    let app = TestApp::launch_with(rocket().mount("/", routes![shown]), settings).await;
    let place = Place::beside(app.database());
    let entry = |iss: &str, key: &str| {
        let key = public_half(key);
        format!("{{ iss = \"{iss}\", key = \"{key}\", allow = [\"no-jti\"] }}")
    };
    let trusted = format!("[{}, {}]", entry(PARTNER, &foreign), entry(also, &other));
    place.configure_tokens(&format!("audience = \"{ISSUER}\"\ntrusted = {trusted}"));
    let token = |iss: &str, key: &str, jti: Option<&str>| {
        let mut claims = good_claims_at(app.clock().now(), iss);
        match jti {
            Some(jti) => claims["jti"] = json!(jti),
            None => drop(claims.as_object_mut().unwrap().remove("jti")),
        }
        forge(key, &claims, "", ASSERTION)
    };
    let tokens = [
        token(PARTNER, &foreign, Some("1")),
        token(PARTNER, &foreign, Some("2")),
        token(PARTNER, &foreign, Some("3")),
        token(PARTNER, &foreign, None),
        token(also, &other, Some("1")),
    ];
    let shown = async || {
        let mut good = Vec::new();
        for token in &tokens {
            let request = app.client().get("/shown").header(bearer(token));
            good.push(app.browser().send(request).await.status == Status::Ok);
        }
        good
    };
    assert_eq!(shown().await, [true; 5]);

    let revoke = format!("tokens revoke --jti 1 --issuer {PARTNER}");
    assert!(place.run(&revoke).succeeded().contains("Denied: "));
    assert!(place.run(&revoke).succeeded().contains("already"));
    assert_eq!(shown().await, [false, true, true, true, true]);
    let told = place.run_with_input("tokens revoke --token", &tokens[1]).succeeded();
    assert!(told.contains("is denied"), "{told}");
    assert_eq!(shown().await, [false, false, true, true, true]);

    place.run_with_input("tokens revoke --token", &tokens[3]).refused(&["has no id, `jti`"]);
    assert_eq!(shown().await, [false, false, true, true, true]);
    place.run_with_input("tokens verify", &tokens[1]).refused(&["it is denied"]);
    place.run_with_input("tokens verify", &tokens[2]).succeeded();
    for (token, expected) in [(&tokens[1], true), (&tokens[2], false)] {
        let told = place.run_with_input("tokens verify --keys-only", token).succeeded();
        let told: Value = serde_json::from_str(&told).unwrap();
        let denied_as = told["denied_as"].as_str().unwrap();
        assert!(denied_as.len() == 64 && denied_as != told["id"], "{told}");
        assert_eq!(is_denied(&app, denied_as).await, expected);
        place.run(&format!("tokens revoke --jti {denied_as}")).refused(&["is no id"]);
    }
    let told = place.run_with_input("tokens verify", &tokens[3]).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["denied_as"].is_null(), "{told}");
}

#[test]
fn who_issues_a_token_is_written_down_before_they_have_it() {
    let place = Place::debug();
    place.configure(&format!("{CHEAP_HASH}[default.security.audit]\n"));
    place.run_with_input("users create ann@example.org --confirmed", &format!("{PASSWORD}\n"));
    let token = place.run("tokens issue ann@example.org").succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    let tail = || place.run("audit tail -n 1 --json").succeeded();
    let newest = tail();
    let row: Value = serde_json::from_str(&newest).unwrap();
    assert_eq!(row["event"], "token_issued");
    assert_eq!(row["user"], told["subject"]);
    assert_eq!(row["payload"]["token"], told["id"]);
    assert_eq!(row["payload"]["origin"]["authn_via"], "command_line");
    assert!(!newest.contains(token.trim()), "{newest}");
    place.run("tokens issue ann@example.org --lifetime 0s").refused(&["over before it begins"]);
    assert_eq!(tail(), newest, "what was not issued is not written down");
}
