//! What no form of ours would send: refused with a 4xx, never a 5xx.

use rocket_security::testing::Answer;
use rocket_security::testing::TestApp;

use crate::support::app;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const ROUTES: [&str; 6] =
    ["/login", "/register", "/confirm", "/confirm/link", "/confirm/some-token", "/logout"];

async fn post(app: &TestApp, path: &str, kind: &str, body: &[u8]) -> Answer {
    let browser = app.browser();
    if kind == FORM {
        let token = browser.csrf_token().await;
        let body = [b"csrf_token=", token.as_bytes(), b"&", body].concat();
        return browser.post_raw(path, kind, &body).await;
    }
    browser.post_raw(path, kind, body).await
}

async fn assert_refused(app: &TestApp, kind: &str, body: &[u8]) {
    for path in ROUTES {
        let answer = post(app, path, kind, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let is_refused = answer.status.class().is_client_error();
        assert!(is_refused, "{path} {shown}: {} {}", answer.status, answer.body);
    }
}

#[rocket::async_test]
async fn json_that_is_no_object_is_refused() {
    let app = app().await;
    for body in [&br#"["ann@example.org", "password"]"#[..], b"null", b"1", b"\"x\"", b"{", b"{}x"]
    {
        assert_refused(&app, JSON, body).await;
    }
    assert_refused(&app, JSON, "[".repeat(20_000).as_bytes()).await;
}

#[rocket::async_test]
async fn unknown_fields_are_refused() {
    let app = app().await;
    assert_refused(&app, JSON, br#"{"email": "a@b.example", "password": "x", "active": true}"#)
        .await;
    assert_refused(&app, FORM, b"email=a%40b.example&password=x&roles=admin").await;
    assert_refused(&app, FORM, b"email%5B%5D=a%40b.example").await;
    assert_refused(&app, FORM, b"_method=delete&email=a%40b.example").await;
}

#[rocket::async_test]
async fn fields_that_stand_twice_are_refused() {
    let app = app().await;
    assert_refused(&app, JSON, br#"{"email": "a@b.example", "email": "c@d.example"}"#).await;
    assert_refused(&app, FORM, b"email=a%40b.example&email=c%40d.example").await;
}

#[rocket::async_test]
async fn values_of_another_type_are_refused() {
    let app = app().await;
    for value in ["1", "null", "true", "[]", "{}", "1e999"] {
        let body = format!("{{\"email\": {value}, \"password\": {value}, \"token\": {value}}}");
        assert_refused(&app, JSON, body.as_bytes()).await;
    }
}

#[rocket::async_test]
async fn nul_and_invalid_utf_8_are_refused() {
    let app = app().await;
    assert_refused(
        &app,
        JSON,
        b"{\"email\": \"a\\u0000@b.example\", \"token\": \"\\u0000\", \"password\": \"x\"}",
    )
    .await;
    assert_refused(&app, JSON, b"{\"email\": \"\xff\"}").await;
    assert_refused(&app, FORM, b"email=a%00%40b.example&password=%00").await;
    assert_refused(&app, FORM, b"email=%ff%fe&password=%ff").await;
    assert_refused(&app, FORM, b"email=\xff\xfe").await;
}

#[rocket::async_test]
async fn oversized_fields_and_bodies_are_refused() {
    let app = app().await;
    let long = "x".repeat(5_000);
    assert_refused(&app, FORM, format!("email={long}&token={long}").as_bytes()).await;
    let body = format!("{{\"email\": \"{long}\", \"token\": \"{long}\"}}");
    assert_refused(&app, JSON, body.as_bytes()).await;
    for length in [40_000, 2_000_000] {
        let long = "x".repeat(length);
        assert_refused(&app, FORM, format!("password={long}").as_bytes()).await;
        assert_refused(&app, JSON, format!("{{\"password\": \"{long}\"}}").as_bytes()).await;
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
