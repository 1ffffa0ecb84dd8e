//! Forged requests.

use rocket::http::{ContentType, Header, Status};
use rocket_security::testing::{Answer, PASSWORD, TestApp};

use crate::support::{ANN, app, with_ann};

fn body() -> String {
    format!("{{\"email\": \"{ANN}\", \"password\": \"{PASSWORD}\"}}")
}

async fn log_in_as_program(
    app: &TestApp,
    kind: &'static str,
    more: &[(&'static str, &'static str)],
) -> Answer {
    let mut browser = app.browser();
    for (name, value) in more {
        browser = browser.header(name, value);
    }
    browser.post_raw("/login", kind, body().as_bytes()).await
}

#[rocket::async_test]
async fn a_program_without_cookies_needs_no_token() {
    let app = with_ann(app()).await;
    for (kind, more) in [
        ("application/json", &[][..]),
        // .NET, and others.
        ("application/json; charset=utf-8", &[]),
        ("Application/JSON;charset=UTF-8", &[]),
        // Node.js.
        ("application/json", &[("Sec-Fetch-Mode", "cors")]),
    ] {
        let answer = log_in_as_program(&app, kind, more).await;
        assert_eq!(answer.status, Status::Ok, "{kind} {more:?}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn whatever_a_browser_could_have_sent_needs_one() {
    let app = with_ann(app()).await;
    for (kind, more) in [
        ("application/json", &[("Origin", "http://127.0.0.1:8000")][..]),
        ("application/json", &[("Sec-Fetch-Site", "same-origin")]),
        ("application/json", &[("Sec-Fetch-Dest", "empty")]),
        ("application/json", &[("sec-fetch-user", "?1")]),
        ("application/json", &[("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "same-origin")]),
        ("application/json; charset=utf-8", &[("Origin", "http://127.0.0.1:8000")]),
    ] {
        let answer = log_in_as_program(&app, kind, more).await;
        assert_eq!(answer.status, Status::BadRequest, "{kind} {more:?}");
        assert_eq!(answer.reasons(), ["csrf_failed"], "{kind} {more:?}");
        assert!(answer.body.contains("`X-XSRF-Token`"), "{}", answer.body);
    }
    // Types that are JSON to nobody, or not to everybody on the way.
    for kind in [
        "application/json, text/plain",
        "text/plain, application/json",
        "text/plain; application/json",
        "application/problem+json",
    ] {
        let answer = log_in_as_program(&app, kind, &[]).await;
        assert_eq!(answer.status, Status::UnsupportedMediaType, "{kind}: {}", answer.body);
    }
    let mut twice = app.client().post("/login").header(ContentType::JSON).body(body());
    twice.add_header(Header::new("Content-Type", "text/plain"));
    assert_eq!(app.browser().send(twice).await.reasons(), ["csrf_failed"]);
    for name in ["security_session", "__Host-security_session", "security_link"] {
        let browser = app.browser();
        browser.set_cookie(name, "x");
        let answer = browser.post_raw("/login", "application/json", body().as_bytes()).await;
        assert_eq!(answer.reasons(), ["csrf_failed"], "{name}");
    }
}

#[rocket::async_test]
async fn other_content_types_are_refused_whatever_their_body_says() {
    let app = with_ann(app()).await;
    for kind in ["text/plain", "application/octet-stream", "multipart/form-data; boundary=x"] {
        let answer = log_in_as_program(&app, kind, &[("Accept", "application/json")]).await;
        assert_eq!(answer.status, Status::UnsupportedMediaType, "{kind}");
    }
}

#[rocket::async_test]
async fn an_origin_of_null_is_believed_when_the_browser_says_that_the_page_is_ours() {
    let app = with_ann(app()).await;
    let null = || app.browser().header("Origin", "null");
    let ours = null().header("Sec-Fetch-Site", "same-origin");
    let fields = [("email", ANN), ("password", PASSWORD)];
    let answer = ours.post_form_as_is("/login", &fields).await;
    assert_eq!(answer.status, Status::BadRequest, "the token decides");
    assert_eq!(ours.log_in(ANN, PASSWORD).await.status, Status::Ok);
    for site in ["same-site", "cross-site", "none"] {
        let browser = null().header("Sec-Fetch-Site", site);
        assert_eq!(browser.log_in(ANN, PASSWORD).await.reasons(), ["cross_site"], "{site}");
    }
    let twice = null().header("Sec-Fetch-Site", "same-origin").header("Sec-Fetch-Site", "x");
    assert_eq!(twice.log_in(ANN, PASSWORD).await.reasons(), ["cross_site"]);
    let evil = app.browser().header("Sec-Fetch-Site", "same-origin");
    let evil = evil.header("Origin", "https://evil.example");
    assert_eq!(evil.log_in(ANN, PASSWORD).await.reasons(), ["cross_site"]);
}

#[rocket::async_test]
async fn a_page_of_any_origin_logs_in_at_token_by_json_without_cookies() {
    let app = with_ann(app()).await;
    for origin in ["capacitor://localhost", "tauri://localhost", "https://localhost", "null"] {
        let browser = app.browser().header("Origin", origin).header("Sec-Fetch-Site", "cross-site");
        let answer = browser.post_raw("/token", "application/json", body().as_bytes()).await;
        assert_eq!(answer.status, Status::Ok, "{origin}: {}", answer.body);
        assert_eq!(answer.header("Set-Cookie"), None, "{origin}");
        let token = answer.response("user")["refresh_token"].as_str().map(str::to_owned).unwrap();
        let refresh = serde_json::json!({"refresh_token": token}).to_string();
        let answer =
            browser.post_raw("/refresh-token", "application/json", refresh.as_bytes()).await;
        assert_eq!(answer.status, Status::Ok, "{origin}: {}", answer.body);
        // A form, a cookie of ours, and what browsers add by themselves are refused.
        let answer = browser.post_form_as_is("/token", &[("email", ANN), ("password", PASSWORD)]);
        assert_eq!(answer.await.reasons(), ["cross_site"], "{origin}");
        let answer = browser.post_raw("/login", "application/json", body().as_bytes()).await;
        assert_eq!(answer.reasons(), ["cross_site"], "{origin}");
        browser.set_cookie("security_session", "x");
        let answer = browser.post_raw("/token", "application/json", body().as_bytes()).await;
        assert_eq!(answer.reasons(), ["cross_site"], "{origin}");
    }
    let browser = app.browser().header("Origin", "https://evil.example");
    let browser = browser.header("Authorization", "Basic YW5uOng=");
    let answer = browser.post_raw("/token", "application/json", body().as_bytes()).await;
    assert_eq!(answer.reasons(), ["cross_site"]);
}

#[rocket::async_test]
async fn a_script_without_a_session_gets_401_as_json_instead_of_the_login_page() {
    let app = app().await;
    let any = |name, value| app.browser().header(name, value);
    for browser in [
        any("Sec-Fetch-Dest", "empty"),
        any("Sec-Fetch-Dest", "empty").header("Accept", "*/*"),
        any("Sec-Fetch-Dest", "empty").header("Accept", "text/vnd.turbo-stream.html, text/html"),
        any("X-Requested-With", "XMLHttpRequest"),
    ] {
        let answer = browser.get("/me").await;
        assert_eq!(answer.status, Status::Unauthorized);
        assert_eq!(answer.reasons(), ["unauthenticated"]);
        assert_eq!(answer.header("WWW-Authenticate"), Some("Session realm=\"login\""));
        assert_eq!(answer.header("Set-Cookie"), None);
        // What does not lead elsewhere is a page, as `Accept` has it.
        assert!(browser.get("/login").await.body.contains("<form"));
        let answer = browser.post_form("/login", &[("email", ANN), ("password", "x")]).await;
        assert!(answer.body.contains("<form"), "{}", answer.body);
    }
    // A browser that opens an address is led to the login.
    for (name, value, accept) in [
        ("Sec-Fetch-Dest", "document", "text/html,*/*;q=0.8"),
        ("X-Requested-With", "com.example.browser", "text/html,*/*;q=0.8"),
    ] {
        let answer = any(name, value).header("Accept", accept).get("/me").await;
        assert_eq!(answer.status, Status::SeeOther, "{accept}");
    }
    app.user(ANN).await;
    let ann = any("Sec-Fetch-Dest", "empty");
    ann.log_in(ANN, PASSWORD).await;
    app.clock().advance(chrono::TimeDelta::minutes(30));
    let answer = ann.get("/payout").await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["reauth_required".to_owned()])
    );
}

#[rocket::async_test]
async fn another_site_is_refused_even_with_the_token() {
    let app = with_ann(app()).await;
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:8001"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let browser = app.browser().header(name, value);
        let answer = browser.log_in(ANN, PASSWORD).await;
        assert_eq!(answer.reasons(), ["cross_site"], "{name}: {value}");
    }
    let browser = app.browser().header("Origin", "http://127.0.0.1:8000");
    assert_eq!(browser.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_token_of_another_browser_is_worth_nothing() {
    let app = with_ann(app()).await;
    let (victim, attacker) = (app.browser(), app.browser());
    victim.csrf_token().await;
    let token = attacker.csrf_token().await;
    let fields = [("csrf_token", token.as_str()), ("email", ANN), ("password", PASSWORD)];
    let answer = victim.post_form_as_is("/login", &fields).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(answer.body.contains("not that of this browser"), "{}", answer.body);
}

#[rocket::async_test]
async fn the_token_from_before_the_login_is_worth_nothing_after_it() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let before = browser.csrf_token().await;
    browser.log_in(ANN, PASSWORD).await;
    let answer = browser.post_form_as_is("/logout", &[("csrf_token", &before)]).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(browser.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_token_may_stand_in_either_header_the_form_or_the_json() {
    let app = with_ann(app()).await;
    for name in ["X-XSRF-Token", "X-CSRF-Token"] {
        let browser = app.browser();
        let token = Header::new(name, browser.csrf_token().await);
        let request = app.client().post("/login").header(ContentType::JSON).header(token);
        assert_eq!(browser.send(request.body(body())).await.status, Status::Ok, "{name}");
    }
    let browser = app.browser();
    let token = browser.csrf_token().await;
    let with_token = body().replacen('{', &format!("{{\"csrf_token\": \"{token}\", "), 1);
    let answer = browser.post_raw("/login", "application/json", with_token.as_bytes()).await;
    assert_eq!(answer.status, Status::Ok);

    let browser = app.browser();
    let token = browser.csrf_token().await;
    let fields = [("email", ANN), ("password", PASSWORD), ("csrf_token", &token)];
    let answer = browser.post_form_as_is("/login", &fields).await;
    assert_eq!(answer.status, Status::SeeOther, "in our own forms it may stand anywhere");
}

#[rocket::async_test]
async fn page_and_json_share_one_token() {
    let app = app().await;
    let browser = app.browser();
    let token = browser.csrf_token().await;
    assert!(browser.get("/login").await.body.contains(&token));
    assert!(browser.get("/register").await.body.contains(&token));
}

#[rocket::async_test]
async fn a_form_that_would_be_another_method_is_refused() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for path in ["/thing/1", "/me", "/thing", "/login", "/nowhere"] {
        for body in [
            "_method=delete",
            "_method=get",
            "_method=PUT&x=1",
            "%5Fmethod=delete",
            "_method=delete&x=%ff",
            "_method=get&x=%ff",
            "_method=head&caf%C3%A9=%C3",
            "&_method=get",
            "&&_method=put",
            "_method[]=get",
            "_method.a=get",
            "_method%5Ba%5D=get",
            "_method=delete%ff",
        ] {
            let form = "application/x-www-form-urlencoded";
            let answer = ann.post_raw(path, form, body.as_bytes()).await;
            assert_eq!(answer.status, Status::BadRequest, "{path} {body}");
            assert!(answer.body.contains("method_override"), "{path} {body}: {}", answer.body);
        }
    }
    assert_eq!(ann.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_first_field_is_found_whatever_stands_behind_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let token = ann.csrf_token().await;
    for length in 380..400 {
        let text = "x".repeat(length) + &"\u{e9}\u{65e5}".repeat(100);
        let fields = [("csrf_token", token.as_str()), ("text", &text)];
        assert_eq!(ann.post_form_as_is("/thing", &fields).await.status, Status::Ok, "{length}");
    }
}

#[rocket::async_test]
async fn a_token_cut_by_the_end_of_what_is_peeked_at_is_none() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let token = ann.csrf_token().await;
    let long = "x".repeat(600);
    let answer = ann.post_form_as_is("/thing", &[("csrf_token", &token), ("text", &long)]).await;
    assert_eq!(answer.status, Status::Ok, "a long form is fine when the token comes first");
    let answer = ann.post_form_as_is("/thing", &[("text", &long), ("csrf_token", &token)]).await;
    assert_eq!(answer.status, Status::BadRequest);
}
