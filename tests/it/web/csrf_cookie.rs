//! The anti-forgery token in a cookie, for applications that run in the browser.

use chrono::TimeDelta;
use rocket::http::{ContentType, Header, Status};
use rocket::{get, routes};
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::support::program::credentials;
use crate::support::{ANN, app as app_without, app_with, rocket, with_ann};

const COOKIE: &str = "XSRF-TOKEN";

async fn app() -> TestApp {
    app_with(json!({"csrf": {"cookie": COOKIE}})).await
}

/// Sends JSON as a single-page application does: the cookie's value as the header, if there is one.
async fn post(app: &TestApp, browser: &Browser<'_>, path: &'static str, body: Value) -> Answer {
    let token = browser.cookie(COOKIE);
    post_with(app, browser, path, body, token.as_deref()).await
}

async fn post_with(
    app: &TestApp,
    browser: &Browser<'_>,
    path: &'static str,
    body: Value,
    token: Option<&str>,
) -> Answer {
    let request = app.client().post(path).header(ContentType::JSON);
    let mut request = request.header(Header::new("Sec-Fetch-Site", "same-origin"));
    if let Some(token) = token {
        request.add_header(Header::new("x-xsrf-token", token.to_owned()));
    }
    browser.send(request.body(body.to_string())).await
}

/// Gives the lines that set or remove the cookie.
fn lines(answer: &Answer) -> Vec<&str> {
    answer.headers("Set-Cookie").filter(|line| line.starts_with("XSRF-TOKEN=")).collect()
}

#[rocket::async_test]
async fn a_single_page_application_logs_in_acts_and_logs_out_by_the_cookie_alone() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let start = browser.get_json("/login").await;
    assert_eq!(start.response("csrf_token"), json!(browser.cookie(COOKIE).unwrap()));

    let answer = post(&app, &browser, "/login", credentials()).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(answer.response("csrf_token"), json!(browser.cookie(COOKIE).unwrap()));
    assert_eq!(post(&app, &browser, "/thing", json!({})).await.body, "made {}");

    assert_eq!(post(&app, &browser, "/logout", json!({})).await.status, Status::Ok);
    assert_eq!(browser.cookie(COOKIE), None);
    browser.get_json("/login").await;
    assert_eq!(post(&app, &browser, "/login", credentials()).await.status, Status::Ok);
}

#[rocket::async_test]
async fn script_reads_it_and_no_other_site_sends_it() {
    let app = app().await;
    let answer = app.browser().get_json("/login").await;
    let line = lines(&answer)[0].to_owned();
    assert!(line.contains("; SameSite=Strict; Path=/") || line.contains("; Path=/"), "{line}");
    assert!(line.contains("SameSite=Strict"), "{line}");
    assert!(!line.contains("HttpOnly") && !line.contains("Secure"), "{line}");
    assert!(!line.contains("Max-Age") && !line.contains("Domain"), "{line}");

    let settings = json!({"base_url": "https://example.org", "csrf": {"cookie": COOKIE}});
    let app = app_with(settings).await;
    let answer = app.browser().get_json("/login").await;
    let line = lines(&answer)[0].to_owned();
    assert!(line.contains("Secure") && !line.contains("HttpOnly"), "{line}");
    assert!(line.starts_with("XSRF-TOKEN="), "the name is as it was given: {line}");
}

#[rocket::async_test]
async fn it_is_there_only_where_it_was_asked_for() {
    let app = app_without().await;
    let browser = app.browser();
    assert_eq!(lines(&browser.get_json("/login").await), Vec::<&str>::new());
    browser.set_cookie(COOKIE, "another application's");
    assert_eq!(lines(&browser.get_json("/login").await), Vec::<&str>::new());
}

#[rocket::async_test]
async fn the_cookie_proves_nothing_by_itself() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let answer = post_with(&app, &ann, "/thing", json!({}), None).await;
    assert_eq!((answer.status, answer.reasons()), (Status::BadRequest, vec!["csrf_failed".into()]));
    let answer = ann.post_form_as_is("/thing", &[("text", "a")]).await;
    assert_eq!(answer.status, Status::BadRequest);

    // Whoever can plant both a cookie and a header has still to know the session's own token.
    ann.set_cookie(COOKIE, "planted");
    let answer = post_with(&app, &ann, "/thing", json!({}), Some("planted")).await;
    assert_eq!(answer.reasons(), ["csrf_failed"]);
    assert_ne!(ann.cookie(COOKIE).as_deref(), Some("planted"), "it is put right");

    let guest = app.browser();
    guest.set_cookie(COOKIE, "planted");
    let answer = post_with(&app, &guest, "/login", credentials(), Some("planted")).await;
    assert_eq!(answer.reasons(), ["csrf_failed"]);
    assert_eq!(lines(&answer).len(), 0, "nobody has a token without an id");
}

#[rocket::async_test]
async fn a_planted_cookie_makes_a_browser_no_program() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    browser.set_cookie(COOKIE, "planted");
    let body = credentials().to_string();
    let answer = browser.post_raw("/login", "application/json", body.as_bytes()).await;
    assert_eq!(answer.reasons(), ["csrf_failed"]);
}

#[rocket::async_test]
async fn the_token_of_another_session_is_worth_nothing() {
    let app = app().await;
    let (ann, eve) = (app.log_in_as(ANN).await, app.log_in_as("eve@example.org").await);
    let foreign = eve.cookie(COOKIE).unwrap();
    let answer = post_with(&app, &ann, "/thing", json!({}), Some(&foreign)).await;
    assert_eq!(answer.reasons(), ["csrf_failed"]);
    let elsewhere = app.log_in_as(ANN).await.cookie(COOKIE).unwrap();
    let answer = post_with(&app, &ann, "/thing", json!({}), Some(&elsewhere)).await;
    assert_eq!(answer.reasons(), ["csrf_failed"], "of the same user, too");
}

#[rocket::async_test]
async fn another_site_is_refused_even_with_the_header() {
    let app = app().await;
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let ann = app.log_in_as(ANN).await.header(name, value);
        let answer = post(&app, &ann, "/thing", json!({})).await;
        assert_eq!(answer.status, Status::BadRequest, "{name}");
        assert_eq!(answer.reasons(), ["cross_site"], "{name}");
    }
}

#[rocket::async_test]
async fn it_is_kept_in_step_with_the_session() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    browser.get_json("/login").await;
    let guest = browser.cookie(COOKIE).unwrap();
    post(&app, &browser, "/login", credentials()).await;
    let first = browser.cookie(COOKIE).unwrap();
    assert_ne!(first, guest);
    let answer = post_with(&app, &browser, "/thing", json!({}), Some(&guest)).await;
    assert_eq!(answer.reasons(), ["csrf_failed"], "the guest's is dead");

    let verified = post(&app, &browser, "/verify", json!({"password": PASSWORD})).await;
    assert_eq!(verified.status, Status::Ok, "{}", verified.body);
    let second = browser.cookie(COOKIE).unwrap();
    assert_ne!(second, first);
    let change = json!({"password": PASSWORD, "new_password": "a ferry leaves at seven"});
    assert_eq!(post(&app, &browser, "/change", change).await.status, Status::Ok);
    let third = browser.cookie(COOKIE).unwrap();
    for dead in [&first, &second] {
        let answer = post_with(&app, &browser, "/thing", json!({}), Some(dead)).await;
        assert_eq!(answer.reasons(), ["csrf_failed"]);
    }

    post(&app, &browser, "/logout", json!({})).await;
    assert_eq!(browser.cookie(COOKIE), None);
    browser.get_json("/login").await;
    let answer = post_with(&app, &browser, "/login", credentials(), Some(&third)).await;
    assert_eq!(answer.reasons(), ["csrf_failed"], "the session's is dead after the logout");
}

#[rocket::async_test]
async fn it_goes_with_a_session_that_is_over() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    // Another tab may have logged in meanwhile. The next answer brings the guest's own.
    let stale = ann.cookie(COOKIE);
    let token = ann.csrf_token().await;
    assert_ne!(ann.cookie(COOKIE), stale);
    assert_eq!(ann.cookie(COOKIE), Some(token));
    let answer =
        post_with(&app, &ann, "/login", credentials(), ann.cookie(COOKIE).as_deref()).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

#[rocket::async_test]
async fn where_the_session_is_over_the_answer_that_tells_a_token_brings_it_at_once() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::hours(2));
    let token = ann.csrf_token().await;
    assert_eq!(ann.cookie(COOKIE), Some(token));
}

#[rocket::async_test]
async fn it_is_sent_only_when_it_differs_from_what_the_browser_has() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for path in ["/me", "/login", "/"] {
        assert_eq!(lines(&ann.get_json(path).await), Vec::<&str>::new(), "{path}");
    }
    ann.set_cookie(COOKIE, "stale");
    let answer = ann.get("/me").await;
    assert_eq!(lines(&answer).len(), 1);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"), "no cache keeps the cookie");
    assert_eq!(lines(&ann.get("/me").await), Vec::<&str>::new());
}

#[get("/file")]
fn file() -> &'static str {
    "the same for all"
}

#[rocket::async_test]
async fn a_visitor_who_needs_no_token_gets_no_cookie() {
    let settings = json!({"csrf": {"cookie": COOKIE}});
    let app = TestApp::launch_with(rocket().mount("/", routes![file]), settings).await;
    let guest = app.browser();
    for path in ["/", "/file", "/welcome", "/security/style.css"] {
        assert_eq!(guest.get(path).await.header("Set-Cookie"), None, "{path}");
    }
    let page = guest.get("/login").await;
    assert_eq!(lines(&page).len(), 1, "a page with a form comes with both");
    assert!(page.body.contains(&guest.cookie(COOKIE).unwrap()));

    // An answer for which nobody looks at the session leaves the browser alone.
    let ann = app.log_in_as(ANN).await;
    ann.set_cookie(COOKIE, "stale");
    let answer = ann.get("/file").await;
    assert_eq!((answer.header("Set-Cookie"), answer.header("Cache-Control")), (None, None));
}

#[rocket::async_test]
async fn a_script_of_another_origin_of_the_site_may_act_where_it_is_named() {
    let app = with_ann(app_with(json!({
        "base_url": "https://api.example.org",
        "redirect_origins": ["https://www.example.org"],
        "csrf": {"cookie": COOKIE, "origins": ["https://app.example.org"]},
    })))
    .await;
    let app_origin = app.browser().header("Origin", "https://app.example.org");
    app_origin.get_json("/login").await;
    let log_in = async |browser: &Browser<'_>, site: &'static str, token: Option<&str>| {
        let request = app.client().post("/login").header(ContentType::JSON);
        let mut request = request.header(Header::new("Sec-Fetch-Site", site));
        if let Some(token) = token {
            request.add_header(Header::new("X-XSRF-Token", token.to_owned()));
        }
        browser.send(request.body(credentials().to_string())).await
    };
    let token = app_origin.cookie(COOKIE).unwrap();
    let answer = log_in(&app_origin, "same-site", None).await;
    assert_eq!(answer.reasons(), ["csrf_failed"], "it needs the token all the same");
    let answer = log_in(&app_origin, "cross-site", Some(&token)).await;
    assert_eq!(answer.reasons(), ["cross_site"]);
    assert_eq!(log_in(&app_origin, "same-site", Some(&token)).await.status, Status::Ok);

    for origin in [
        "https://www.example.org",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://x.app.example.org",
    ] {
        let browser = app.browser().header("Origin", origin);
        browser.get_json("/login").await;
        let token = browser.cookie(COOKIE).unwrap();
        let answer = log_in(&browser, "same-site", Some(&token)).await;
        assert_eq!(answer.reasons(), ["cross_site"], "{origin}");
    }
}
