//! What no form of ours would send: refused with a 4xx, never a 5xx.

use rocket_security::testing::Answer;
use rocket_security::testing::TestApp;

use crate::support::app;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const ROUTES: [&str; 6] =
    ["/login", "/register", "/confirm", "/confirm/link", "/confirm/some-token", "/logout"];

async fn post(app: &TestApp, path: &str, kind: &str, body: &[u8]) -> Answer {
    let browser = app.browser().header("Accept", "application/json");
    if kind == FORM {
        let token = browser.csrf_token().await;
        let body = [b"csrf_token=", token.as_bytes(), b"&", body].concat();
        return browser.post_raw(path, kind, &body).await;
    }
    browser.post_raw(path, kind, body).await
}

/// Asserts that every route refuses a body for the reason given, and for no other.
async fn assert_refused(app: &TestApp, kind: &str, body: &[u8], reason: &str) {
    for path in ROUTES {
        let answer = post(app, path, kind, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let is_refused = answer.status.class().is_client_error();
        assert!(is_refused, "{path} {shown}: {} {}", answer.status, answer.body);
        let reasons = answer.reasons();
        assert_eq!(reasons.last().map(String::as_str), Some(reason), "{path} {shown}: {reasons:?}");
    }
}

#[rocket::async_test]
async fn json_that_is_no_object_is_refused() {
    let app = app().await;
    for body in [&br#"["ann@example.org", "password"]"#[..], b"null", b"1", b"\"x\"", b"{", b"{}x"]
    {
        assert_refused(&app, JSON, body, "malformed").await;
    }
    assert_refused(&app, JSON, "[".repeat(20_000).as_bytes(), "malformed").await;
}

#[rocket::async_test]
async fn unknown_fields_are_refused() {
    let app = app().await;
    assert_refused(&app, JSON, br#"{"active": true}"#, "unexpected_value").await;
    assert_refused(&app, FORM, b"roles=admin", "unexpected_value").await;
    assert_refused(&app, FORM, b"email%5B%5D=a%40b.example", "unexpected_value").await;
    assert_refused(&app, FORM, b"_method=delete", "unexpected_value").await;
}

#[rocket::async_test]
async fn fields_that_stand_twice_are_refused() {
    let app = app().await;
    assert_refused(&app, JSON, br#"{"email": "a", "email": "b"}"#, "malformed").await;
    assert_refused(&app, FORM, b"email=a&email=b", "duplicate_field").await;
    let many: Vec<String> = (0..257).map(|number| format!("f{number}=1")).collect();
    assert_refused(&app, FORM, many.join("&").as_bytes(), "too_many_fields").await;
}

#[rocket::async_test]
async fn values_of_another_type_are_refused() {
    let app = app().await;
    for (path, field) in [
        ("/login", "email"),
        ("/login", "password"),
        ("/register", "password"),
        ("/confirm", "email"),
        ("/confirm/link", "token"),
        ("/logout", "refresh_token"),
    ] {
        for value in ["1", "true", "[]", "{}"] {
            let body = format!("{{\"{field}\": {value}}}");
            let answer = post(&app, path, JSON, body.as_bytes()).await;
            assert_eq!(answer.reasons(), ["invalid_input", "unexpected_value"], "{path} {body}");
            assert!(answer.response("field_errors").get(field).is_some(), "{path} {body}");
        }
    }
    for (value, flag) in [("1e999", "malformed"), ("\"perhaps\"", "unexpected_value")] {
        let body = format!("{{\"remember\": {value}}}");
        assert_eq!(post(&app, "/login", JSON, body.as_bytes()).await.reasons()[1], flag);
    }
}

#[rocket::async_test]
async fn what_was_sent_in_place_of_a_secret_is_not_quoted() {
    let app = app().await;
    for (path, field) in [
        ("/login", "password"),
        ("/register", "password"),
        ("/confirm/link", "token"),
        ("/logout", "refresh_token"),
        ("/refresh-token", "refresh_token"),
        ("/token", "password"),
    ] {
        for (value, kind) in [("4711.5", "a number"), ("[4711]", "a list"), ("true", "true or")] {
            let body = format!("{{\"{field}\": {value}}}");
            let answer = post(&app, path, JSON, body.as_bytes()).await;
            let said = answer.response("field_errors")[field][0].to_string();
            assert!(said.contains(kind), "{path} {body}: {said}");
            assert!(!answer.body.contains("4711"), "{path} {body}: {}", answer.body);
        }
        let answer = post(&app, path, JSON, b"\"v4.local.4711\"").await;
        assert_eq!(answer.reasons(), ["invalid_input", "malformed"], "{path}");
        assert!(!answer.body.contains("4711"), "{path}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn nul_and_invalid_utf_8_are_refused() {
    let app = app().await;
    assert_refused(&app, JSON, b"{\"email\": \"a\\u0000@b.example\"}", "unexpected_value").await;
    assert_refused(&app, JSON, b"{\"email\": \"\xff\"}", "malformed").await;
    assert_refused(&app, FORM, b"password=%00", "unexpected_value").await;
    assert_refused(&app, FORM, b"password=%ff", "malformed").await;
    assert_refused(&app, FORM, b"email=\xff\xfe", "malformed").await;
}

#[rocket::async_test]
async fn oversized_fields_and_bodies_are_refused() {
    let app = app().await;
    let long = "x".repeat(5_000);
    assert_refused(&app, FORM, format!("email={long}").as_bytes(), "too_long").await;
    assert_refused(&app, JSON, format!("{{\"email\": \"{long}\"}}").as_bytes(), "too_long").await;
    for length in [40_000, 2_000_000] {
        let long = "x".repeat(length);
        assert_refused(&app, FORM, format!("password={long}").as_bytes(), "too_large").await;
        let body = format!("{{\"password\": \"{long}\"}}");
        assert_refused(&app, JSON, body.as_bytes(), "too_large").await;
    }
}

#[rocket::async_test]
async fn strange_paths_are_no_other_routes() {
    let app = app().await;
    for path in ["/login/", "//login", "/login/x", "/me/x.css", "/LOGIN", "/login%2F"] {
        let answer = app.browser().post_raw(path, JSON, b"{}").await;
        assert!(answer.status.class().is_client_error(), "{path}: {}", answer.status);
    }
}
