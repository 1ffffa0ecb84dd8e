//! What no form of ours would send: refused with a 4xx, never a 5xx.

use rocket::http::Status;
use rocket_security::testing::{Answer, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::house::every_route::{everything, launch};
use crate::support::links::reset_link;
use crate::support::{ANN, app, with_ann};

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
    assert_refused_at(&ROUTES, app, kind, body, reason).await;
}

async fn assert_refused_at(paths: &[&str], app: &TestApp, kind: &str, body: &[u8], reason: &str) {
    for path in paths {
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
async fn unknown_members_of_json_are_refused_by_name() {
    let app = app().await;
    for body in [r#"{"active": true}"#, r#"{"active": null}"#] {
        assert_refused(&app, JSON, body.as_bytes(), "unexpected_value").await;
    }
    let answer = post(&app, "/login", JSON, br#"{"submit": "Log in"}"#).await;
    let said =
        "There is no member \u{201c}submit\u{201d}. Expected: email, password, remember, next.";
    assert_eq!(answer.response("field_errors")["submit"][0], said);
}

#[rocket::async_test]
async fn unknown_fields_of_forms_are_ignored() {
    let app = with_ann(app()).await;
    for unknown in ["submit", "roles", "email[]", "username", "identity"] {
        let fields = [("email", ANN), ("password", PASSWORD), (unknown, "x")];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!(answer.status, Status::SeeOther, "{unknown}: {}", answer.body);
    }
    let fields = [
        ("email", "new@example.org"),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
        ("username", "newcomer"),
        ("submit", "Register"),
    ];
    let answer = app.browser().post_form("/register", &fields).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn null_is_the_absence_of_an_optional_member() {
    let app = with_ann(launch(everything())).await;
    let names = json!({"username": null, "identity": null, "remember": null, "next": null});
    let with = |more: Value| {
        let mut body = more;
        body.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
        body
    };
    let body = with(json!({"email": ANN, "password": PASSWORD}));
    assert_eq!(app.browser().post_json("/login", body).await.status, Status::Ok);
    let body = json!({"email": ANN, "username": null, "identity": null, "password": PASSWORD});
    assert_eq!(app.browser().post_json("/token", body).await.status, Status::Ok);
    let ann = app.log_in_as(ANN).await;
    for (path, body) in [
        ("/verify", json!({"password": PASSWORD, "next": null})),
        (
            "/personal-tokens",
            json!({"name": "x", "scopes": ["reports:read"], "expires_in_days": null}),
        ),
        (
            "/change",
            json!({
                "password": PASSWORD,
                "new_password": "another horse battery staple",
                "new_password_confirm": null,
            }),
        ),
        ("/logout", json!({"refresh_token": null})),
    ] {
        let answer = ann.post_json(path, body).await;
        assert_eq!(answer.status, Status::Ok, "{path}: {}", answer.body);
    }
    // Where there are no usernames, a client that always names its members is served, too.
    let app = self::app().await;
    let body = json!({"email": "new@example.org", "username": null, "password": PASSWORD,
        "password_confirm": null, "next": null});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

#[rocket::async_test]
async fn null_is_no_password() {
    let app = app().await;
    for path in ["/login", "/register", "/token"] {
        let body = json!({"email": ANN, "password": null});
        let answer = app.browser().post_json(path, body).await;
        assert_eq!(answer.status, Status::BadRequest, "{path}");
        let said = &answer.response("field_errors")["password"];
        assert_eq!(
            *said,
            json!(["This isn't a valid value for this field: null was sent."]),
            "{path}: {}",
            answer.body
        );
    }
}

#[rocket::async_test]
async fn a_form_repeats_the_password_where_json_may_leave_that_out() {
    let app = app().await;
    let fields = [("email", ANN), ("password", PASSWORD)];
    let page = app.browser().post_form("/register", &fields).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("id=\"error-password_confirm\""), "{}", page.body);
    assert!(app.mail().await.is_empty());

    let ann = app.log_in_as(ANN).await;
    let new = "another horse battery staple";
    let fields = [("password", PASSWORD), ("new_password", new)];
    let page = ann.post_form("/change", &fields).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("id=\"error-new_password_confirm\""), "{}", page.body);

    let link = reset_link(&app, ANN).await;
    for _ in 0..2 {
        let asks = app.browser().header("Accept", "application/json");
        let answer = asks.post_form(&link, &[("password", new)]).await;
        assert_eq!(answer.reasons(), ["invalid_input", "password_mismatch"]);
        assert!(answer.response("field_errors")["password_confirm"].is_array());
    }
    let fields = [("password", new), ("password_confirm", new)];
    let answer = app.browser().post_form(&link, &fields).await;
    assert_eq!(answer.status, Status::SeeOther, "a failed attempt does not use the link up");
}

#[rocket::async_test]
async fn no_parsers_words_reach_a_reader() {
    let app = app().await;
    let bodies = [
        "{",
        "{}x",
        "[1]",
        "nul",
        "{\"email\": }",
        "{\"email\": 1}",
        "{\"email\": \"a\", \"email\": 1}",
        "{\"x\": 1}",
        "{\"remember\": 1e999}",
        "{\"remember\": \"x\"}",
        "{\"remember\": [1]}",
        "{\"password\": 1}",
        "{\"password\": {\"a\": 1}}",
        "{\"next\": 1}",
        "{\"email\": \"\\ud800\"}",
    ];
    const WORDS: [&str; 9] = [
        "invalid type",
        "expected ",
        "unknown field",
        "missing field",
        "EOF",
        "trailing",
        "did not match any variant",
        "out of range",
        "`",
    ];
    for path in ROUTES {
        for body in bodies {
            let answer = app.browser().post_raw(path, JSON, body.as_bytes()).await;
            let errors = answer.response("errors").to_string();
            for words in WORDS {
                assert!(!errors.contains(words), "{path} {body}: {errors}");
            }
        }
    }
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
    assert_refused_at(&["/login", "/register"], &app, FORM, b"password=%00", "unexpected_value")
        .await;
    assert_refused(&app, FORM, b"password=%ff", "malformed").await;
    assert_refused(&app, FORM, b"email=\xff\xfe", "malformed").await;
}

#[rocket::async_test]
async fn oversized_fields_and_bodies_are_refused() {
    let app = app().await;
    let long = "x".repeat(5_000);
    let form = format!("email={long}");
    assert_refused_at(&ROUTES[..3], &app, FORM, form.as_bytes(), "too_long").await;
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
