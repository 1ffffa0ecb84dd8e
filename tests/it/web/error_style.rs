//! The dialects of refusals: every situation in every one of them.

use std::time::Duration;

use chrono::TimeDelta;
use rocket::figment::Figment;
use rocket::http::{Header, Status};
use rocket::{get, routes};
use rocket_security::config::{ErrorStyle, TokenPurpose};
use rocket_security::datastore::user::UserChange;
use rocket_security::features::basic::Basic;
use rocket_security::testing::{Answer, PASSWORD, TestApp};
use rocket_security::{
    AuthVia, BasicUser, Config, Fresh, Instead, Presentation, Rejection, Security, via,
};
use serde_json::{Value, json};

use crate::support::bearer::{bearer, begin_session, issuer};
use crate::support::links::register;
use crate::support::program::{
    basic_with, get_with, get_with_all, log_in_program, refresh, token_of,
};
use crate::support::tokens::{ASSERTION, forge, key};
use crate::support::users::change_user;
use crate::support::{ANN, admin, app_with, with_ann};

const ISS: &str = "http://127.0.0.1:8000";

#[get("/by-token")]
fn by_token(user: AuthVia<via::BearerToken>) -> String {
    user.email.to_string()
}

#[get("/by-basic")]
fn by_basic(user: BasicUser) -> String {
    user.email.to_string()
}

#[get("/fresh")]
fn fresh(_user: Fresh<5>) -> &'static str {
    "fresh"
}

#[get("/down")]
fn down() -> Rejection {
    Rejection::Unavailable
}

async fn app(style: &str, security: Security, own: &str) -> TestApp {
    let routes = routes![by_token, by_basic, admin, fresh, down];
    let rocket = rocket::build().attach(security.enable(Basic::default())).mount("/", routes);
    let settings = json!({
        "error_style": style,
        "tokens": {"keys": own},
        "mechanisms": ["session", "token", "basic"],
    });
    with_ann(TestApp::launch_with(rocket, settings)).await
}

/// What is asked, the status of each style in the order of [`ErrorStyle::ALL`], and the class that
/// flask-praetorian has for it.
type Row = (&'static str, [u16; 4], &'static str);

const TABLE: &[Row] = &[
    ("no token", [401, 401, 401, 401], "MissingToken"),
    ("a forged token", [401, 422, 401, 401], "InvalidTokenHeader"),
    ("an expired token", [401, 422, 401, 401], "ExpiredAccessError"),
    ("a token that lacks a claim", [401, 422, 401, 401], "MissingClaimError"),
    ("a token of another kind", [401, 422, 401, 401], "InvalidTokenHeader"),
    ("a token whose session was ended", [401, 401, 403, 401], "BlacklistedError"),
    ("a token of somebody switched off", [401, 401, 403, 401], "BlacklistedError"),
    ("a refresh token used twice", [400, 401, 403, 400], "BlacklistedError"),
    ("two tokens", [400, 422, 401, 400], "InvalidTokenHeader"),
    ("a wrong password by Basic", [401, 401, 401, 401], "AuthenticationError"),
    ("a login too long ago", [401, 401, 401, 401], "PraetorianError"),
    ("a role that is missing", [403, 403, 403, 403], "MissingRoleError"),
    ("a wrong password", [400, 401, 401, 400], "AuthenticationError"),
    ("a form with faults", [400, 422, 400, 400], "PraetorianError"),
    ("no anti-forgery token", [400, 400, 400, 400], "PraetorianError"),
    ("a used link", [400, 400, 401, 400], "PraetorianError"),
    ("a new password is due", [403, 403, 403, 403], "InvalidUserError"),
    ("no form at all", [415, 415, 415, 415], "PraetorianError"),
    ("a store that is down", [503, 503, 503, 503], "PraetorianError"),
];

async fn ask(app: &TestApp, own: &str, situation: &str) -> Answer {
    let ann = app.user(ANN).await;
    let get = async |path: &str, header: Header<'static>| get_with(app, path, header).await;
    let claims = |typ: &str, minutes: i64| {
        let now = app.clock().now();
        let end = (now + TimeDelta::minutes(minutes)).to_rfc3339();
        let now = (now - TimeDelta::minutes(30)).to_rfc3339();
        json!({
            "iss": ISS, "aud": ISS, "sub": ann.id.to_string(), "exp": end, "nbf": now, "iat": now,
            "jti": "1", "typ": typ, "epoch": ann.epoch,
        })
    };
    let forged = |claims: Value| bearer(&forge(own, &claims, "", ASSERTION));
    match situation {
        "no token" => get("/by-token", Header::new("X-Nothing", "")).await,
        "a forged token" => get("/by-token", bearer("v4.local.AAAA")).await,
        "an expired token" => get("/by-token", forged(claims("access", -5))).await,
        "a token that lacks a claim" => {
            let mut claims = claims("access", 5);
            claims.as_object_mut().unwrap().remove("jti");
            get("/by-token", forged(claims)).await
        }
        "a token of another kind" => get("/by-token", forged(claims("download", 5))).await,
        "a token whose session was ended" => {
            let browser = app.browser();
            let token = token_of(&browser).await;
            browser.log_out().await;
            get("/by-token", bearer(&token)).await
        }
        "a token of somebody switched off" => {
            let bob = app.user("bob@example.org").await;
            let token = issuer(app).access(&bob).issue().unwrap();
            change_user(app, &bob, &UserChange::active(false)).await;
            get("/by-token", bearer(&token)).await
        }
        "a refresh token used twice" => {
            let token = log_in_program(app).await.refresh;
            assert_eq!(refresh(app, &token).await.status, Status::Ok);
            refresh(app, &token).await
        }
        "two tokens" => get_with_all(app, "/by-token", &[bearer("a"), bearer("b")]).await,
        "a wrong password by Basic" => get("/by-basic", basic_with(ANN, "a wrong password")).await,
        "a login too long ago" => {
            let session = begin_session(app, &ann, 6).await;
            let token = issuer(app).access(&ann).session(session.id).issue().unwrap();
            get("/fresh", bearer(&token)).await
        }
        "a role that is missing" => {
            let token = issuer(app).access(&ann).issue().unwrap();
            get("/admin", bearer(&token)).await
        }
        "a wrong password" => app.browser().log_in(ANN, "a wrong password").await,
        "a form with faults" => app.browser().post_json("/register", json!({"email": "ann"})).await,
        "no anti-forgery token" => {
            let browser = app.browser().header("Accept", "application/json");
            browser.post_form_as_is("/login", &[("email", ANN), ("password", PASSWORD)]).await
        }
        "a used link" => {
            let body = json!({"password": "a ferry leaves at seven"});
            app.browser()
                .post_json("/reset/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", body)
                .await
        }
        "a new password is due" => {
            let cyd = app.user("cyd@example.org").await;
            change_user(app, &cyd, &UserChange::must_change()).await;
            app.log_in_as("cyd@example.org").await.get_json("/fresh").await
        }
        "no form at all" => {
            let browser = app.browser().header("Accept", "application/json");
            browser.post_raw("/login", "text/plain", b"a").await
        }
        "a store that is down" => get("/down", Header::new("X-Nothing", "")).await,
        _ => panic!("{situation} is not asked"),
    }
}

/// Asserts that a body is what a style has for a refusal, and nothing more.
fn assert_worded(style: ErrorStyle, answer: &Answer, class: &str, situation: &str) {
    let said = answer.json();
    let code = u64::from(answer.status.code);
    let members: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
    let is_sentence = |value: &Value| value.as_str().is_some_and(|text| text.ends_with('.'));
    match style {
        ErrorStyle::FlaskSecurity => {
            assert_eq!(members, ["meta", "response"]);
            assert_eq!(said["meta"], json!({ "code": code }));
            assert!(!answer.reasons().is_empty());
        }
        ErrorStyle::Fastapi => {
            assert_eq!(members, ["detail"]);
            if situation == "a form with faults" {
                let fault = &said["detail"][0];
                assert_eq!(fault["loc"], json!(["body", "email"]), "{}", answer.body);
                assert_eq!(fault["type"], "email_invalid");
                assert!(is_sentence(&fault["msg"]));
            } else {
                assert!(is_sentence(&said["detail"]), "{}", answer.body);
            }
        }
        ErrorStyle::Praetorian => {
            let is_form = situation == "a form with faults";
            let more: &[&str] = if is_form { &["error", "field_errors"] } else { &["error"] };
            assert_eq!(members, [more, &["message", "status_code"]].concat());
            assert_eq!((&said["error"], &said["status_code"]), (&json!(class), &json!(code)));
            assert!(is_sentence(&said["message"]), "{}", answer.body);
        }
        _ => {
            let required = ["detail", "reasons", "status", "title", "type"];
            assert!(required.iter().all(|name| members.contains(name)), "{members:?}");
            assert_eq!(said["type"], "about:blank");
            assert_eq!(said["status"], code);
            assert_eq!(said["title"], answer.status.reason_lossy());
            assert!(is_sentence(&said["detail"]), "{}", answer.body);
        }
    }
    let kind = match style {
        ErrorStyle::ProblemJson => "application/problem+json",
        _ => "application/json",
    };
    assert_eq!(answer.header("Content-Type"), Some(kind));
}

#[rocket::async_test]
async fn every_situation_has_its_status_and_body_in_every_style() {
    let own = key(TokenPurpose::Local);
    for (at, style) in ErrorStyle::ALL.into_iter().enumerate() {
        let app = app(style.as_str(), Security::default(), &own).await;
        for (situation, statuses, class) in TABLE {
            let answer = ask(&app, &own, situation).await;
            let place = format!("{situation}, {}: {}", style.as_str(), answer.body);
            assert_eq!(answer.status.code, statuses[at], "{place}");
            assert!((400..600).contains(&answer.status.code), "{place}");
            assert_worded(style, &answer, class, situation);
            // A challenge goes with a 401, with a 400 to two tokens (RFC 6750, section 3.1), and with
            // nothing else.
            let is_challenged = answer.headers("WWW-Authenticate").count() > 0;
            let is_twice = situation == &"two tokens" && answer.status == Status::BadRequest;
            assert_eq!(is_challenged, is_twice || answer.status == Status::Unauthorized, "{place}");
            let is_later = answer.header("Retry-After").is_some();
            assert_eq!(is_later, *situation == "a store that is down", "{place}");
            assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{place}");
        }
    }
}

#[rocket::async_test]
async fn in_every_style_a_login_says_nothing_of_why_it_failed() {
    for style in ErrorStyle::ALL {
        let app = app(style.as_str(), Security::default(), &key(TokenPurpose::Local)).await;
        let bob = app.user("bob@example.org").await;
        change_user(&app, &bob, &UserChange::active(false)).await;
        register(&app, "cyd@example.org").await;
        let mut answers = Vec::new();
        for (email, password) in [
            (ANN, "a wrong password"),
            ("nobody@example.org", "a wrong password"),
            ("bob@example.org", PASSWORD),
            ("cyd@example.org", PASSWORD),
        ] {
            let answer = app.browser().log_in(email, password).await;
            answers.push((answer.status, answer.comparable_headers(), answer.body));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        let mut answers = Vec::new();
        for (email, password) in [
            (ANN, "a wrong password"),
            ("nobody@example.org", "a wrong password"),
            ("bob@example.org", PASSWORD),
        ] {
            let answer = get_with(&app, "/by-basic", basic_with(email, password)).await;
            answers.push((answer.status, answer.comparable_headers(), answer.body));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
}

#[rocket::async_test]
async fn successes_and_pages_are_the_same_in_all() {
    for style in ErrorStyle::ALL {
        let app = with_ann(app_with(json!({"error_style": style.as_str()}))).await;
        let page = app.browser().get("/admin").await;
        assert_eq!(
            (page.status, page.location()),
            (Status::SeeOther, "/login?next=%2Fadmin"),
            "{style:?}"
        );
        let fields = [("email", ANN), ("password", "a wrong password")];
        let page = app.browser().post_form("/login", &fields).await;
        assert_eq!(page.status, Status::BadRequest, "{style:?}");
        assert!(page.body.contains("</html>"), "{style:?}");
        let ann = app.browser();
        let answer = ann.log_in(ANN, PASSWORD).await;
        assert_eq!(answer.json()["meta"]["code"], 200, "{style:?}");
        assert_eq!(answer.response("user")["email"], ANN, "{style:?}");
        assert_eq!(ann.get("/admin").await.status, Status::Forbidden, "{style:?}");
    }
}

/// Hides what is there, and says where to ask.
struct Hidden;

impl Presentation for Hidden {
    fn forbidden(&self, _request: &rocket::Request<'_>) -> Instead {
        Instead::ours().status(Status::NotFound).with("ask", "/join")
    }
}

#[rocket::async_test]
async fn what_an_application_answers_itself_counts_more() {
    for style in ErrorStyle::ALL {
        let security = Security::default().presentation(Hidden);
        let app = app(style.as_str(), security, &key(TokenPurpose::Local)).await;
        let answer = app.log_in_as(ANN).await.get_json("/admin").await;
        assert_eq!(answer.status, Status::NotFound, "{style:?}");
        let said = answer.json();
        let ask = if style == ErrorStyle::FlaskSecurity {
            &said["response"]["ask"]
        } else {
            &said["ask"]
        };
        assert_eq!(ask, "/join", "{style:?}: {said}");
    }
}

#[rocket::async_test]
async fn a_program_that_waits_is_told_for_how_long_in_every_style() {
    for style in ErrorStyle::ALL {
        let rocket = rocket::build().attach(Security::default());
        let settings = json!({"error_style": style.as_str(), "throttle": {"scale": 1}});
        let app = with_ann(TestApp::launch_with(rocket, settings)).await;
        for _ in 0..5 {
            app.browser().log_in(ANN, "a wrong password").await;
        }
        let answer = app.browser().log_in(ANN, PASSWORD).await;
        assert_eq!(answer.status, Status::TooManyRequests, "{style:?}");
        assert_eq!(answer.header("Retry-After"), Some("30"), "{style:?}");
        app.clock().advance(TimeDelta::from_std(Duration::from_secs(30)).unwrap());
        assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok, "{style:?}");
    }
}

#[test]
fn a_style_that_is_none_stops_the_launch_and_the_others_are_named() {
    let read = |style: Value| {
        let figment = Figment::from(rocket::Config::debug_default());
        Config::from_figment(&figment.merge(("security.error_style", style)))
    };
    for style in ErrorStyle::ALL {
        assert_eq!(read(json!(style.as_str())).unwrap().error_style, style);
    }
    let default = Config::from_figment(&Figment::from(rocket::Config::debug_default())).unwrap();
    assert_eq!(default.error_style, ErrorStyle::FlaskSecurity);
    for wrong in [json!("seed-flask"), json!("Problem+JSON"), json!(""), json!(7), json!(["x"])] {
        let fault = read(wrong.clone()).unwrap_err().to_string();
        assert!(fault.starts_with("security.error_style: is wrong: "), "{fault}");
        let cure = match wrong.as_str() {
            Some("Problem+JSON") => "Write \"problem+json\"",
            Some(_) => "use one of: flask-security, fastapi, praetorian, problem+json",
            None => "Correct it",
        };
        assert!(fault.contains(cure), "{fault}");
    }
}
