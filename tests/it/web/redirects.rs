//! Where people are led to: this site, and the origins that the configuration allows.

use rocket::http::Status;
use rocket::{Request, get, routes};
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::web::Site;
use rocket_security::web::next::Next;
use rocket_security::{AuthUser, Instead, Presentation, Security};
use serde_json::json;

use crate::support::{ANN, app, app_with, rocket_with, with_ann};

async fn app_with_origin() -> TestApp {
    app_with(json!({"redirect_origins": ["https://app.example.org", "http://localhost:5173"]}))
        .await
}

/// What a browser may be fooled by, or a person.
const ELSEWHERE: &[&str] = &[
    "https://evil.example/",
    "//app.example.org/",
    "\\\\app.example.org/",
    "/\\app.example.org/",
    "http://app.example.org/",
    "https://app.example.org:8443/",
    "https://app.example.org./",
    "https://x.app.example.org/",
    "https://example.org/",
    "https://app.example.org@evil.example/",
    "https://ann:pass@app.example.org/",
    "https://app.example.org\\@evil.example/",
    "https:evil.example",
    "https:app.example.org",
    "https:\\\\app.example.org",
    "\thttps://app.example.org/",
    "https://app.example.org\t/",
    "https://evil.example/#https://app.example.org/",
    "https://app.example.org.evil.example/",
    "https://xn--pp-uia.example.org/",
    "blob:https://app.example.org/x",
    "javascript://app.example.org/%0aalert(1)",
];

#[rocket::async_test]
async fn a_login_leads_to_a_page_at_an_allowed_origin() {
    let app = with_ann(app_with_origin()).await;
    for (next, location) in [
        ("https://app.example.org/inbox?tab=1", "https://app.example.org/inbox?tab=1"),
        ("https://APP.example.org:443", "https://app.example.org/"),
        ("https://app.example.org/a/../b#c", "https://app.example.org/b"),
        ("http://localhost:5173/", "http://localhost:5173/"),
        ("/me", "/me"),
    ] {
        let fields = [("email", ANN), ("password", PASSWORD), ("next", next)];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, location), "{next}");
    }
}

#[rocket::async_test]
async fn anywhere_else_it_leads_home() {
    let app = with_ann(app_with_origin()).await;
    for next in ELSEWHERE {
        let fields = [("email", ANN), ("password", PASSWORD), ("next", next)];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"), "{next:?}");
    }
}

#[rocket::async_test]
async fn without_a_list_nothing_leads_away() {
    let app = with_ann(app()).await;
    for next in ["https://app.example.org/", "http://127.0.0.1:8000/", "http://localhost:5173/"] {
        let fields = [("email", ANN), ("password", PASSWORD), ("next", next)];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!(answer.location(), "/", "{next:?}");
    }
}

#[rocket::async_test]
async fn the_way_is_kept_from_page_to_page() {
    let app = app_with_origin().await;
    let next = "https%3A%2F%2Fapp.example.org%2Finbox%3Fa%3Db%26c";
    let page = app.browser().get(&format!("/login?next={next}")).await;
    assert!(page.body.contains("value=\"https:&#x2F;&#x2F;app.example.org&#x2F;inbox?a=b&amp;c\""));
    let evil = app.browser().get("/login?next=https%3A%2F%2Fevil.example%2F").await;
    assert!(!evil.body.contains("evil.example"), "{}", evil.body);

    let fields = [("email", ANN), ("password", PASSWORD), ("password_confirm", PASSWORD)];
    let answer = app.browser().post_form(&format!("/register?next={next}"), &fields).await;
    assert_eq!(answer.location(), format!("/login?next={next}"));

    let ann = app.log_in_as("bob@example.org").await;
    let answer = ann.post_form(&format!("/verify?next={next}"), &[("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "https://app.example.org/inbox?a=b&c");
    let answer = ann.post_form("/verify?next=https:evil.example", &[("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "/");
}

#[rocket::async_test]
async fn the_policy_of_our_pages_lets_their_forms_be_answered_from_there() {
    let app = app_with_origin().await;
    let page = app.browser().get("/login").await;
    let policy = page.header("Content-Security-Policy").unwrap();
    let expected = "form-action 'self' https://app.example.org http://localhost:5173;";
    assert!(policy.contains(expected), "{policy}");
    let page = crate::support::app().await.browser().get("/login").await;
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.contains("form-action 'self';"), "{policy}");
}

#[rocket::async_test]
async fn settings_lead_there_too() {
    let app = with_ann(app_with(json!({
        "redirect_origins": ["https://app.example.org"],
        "login": {"post_login_view": "https://app.example.org/inbox"},
        "logout": {"post_logout_view": "https://app.example.org"},
        "reset": {"post_reset_view": "https://app.example.org/?done"},
    })))
    .await;
    let ann = app.browser();
    let answer = ann.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "https://app.example.org/inbox");
    assert_eq!(ann.get("/login").await.location(), "https://app.example.org/inbox");
    assert_eq!(ann.post_form("/logout", &[]).await.location(), "https://app.example.org/");
}

#[get("/secret")]
fn secret(_user: AuthUser) -> &'static str {
    "secret"
}

/// Has an application of its own that logs people in.
struct Elsewhere;

impl Presentation for Elsewhere {
    fn unauthenticated(&self, request: &Request<'_>) -> Instead {
        let site: &Site = request.rocket().state().unwrap();
        match site.next("https://app.example.org/login") {
            Some(page) => {
                let back = Next::parse(request.uri().path().as_str()).unwrap();
                Instead::redirect(page.with_next(&back))
            }
            None => Instead::ours(),
        }
    }
}

#[rocket::async_test]
async fn an_application_leads_there_by_its_own_answers() {
    let rocket =
        || rocket_with(Security::default().presentation(Elsewhere)).mount("/", routes![secret]);
    let settings = json!({"redirect_origins": ["https://app.example.org"]});
    let app = TestApp::launch_with(rocket(), settings).await;
    let answer = app.browser().get("/secret").await;
    assert_eq!(answer.location(), "https://app.example.org/login?next=%2Fsecret");
    let app = TestApp::launch(rocket()).await;
    assert_eq!(app.browser().get("/secret").await.location(), "/login?next=%2Fsecret");
}
