//! Pages that cannot be shown, and forms that forgot their token: what a developer reads in the debug
//! profile, and what the public reads in release.

use rocket::figment::Figment;
use rocket::http::{ContentType, Header, Status};
use rocket::local::asynchronous::{Client, LocalRequest};
use rocket::{Build, Rocket, catch, catchers, get, post, routes};
use rocket_security::testing::{Browser, TestApp};
use rocket_security::{Csrf, Page, Security};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::ANN;
use crate::support::launching::try_launch;
use crate::support::templates::with_templates;

const KEY: &str = "k4.local.qmMwdTgzhPlqS8Hc-JQMSg9YFBqFv1_w_LbT4HMZ3gs";

const BROKEN: &str = "<h1>\n{{ usr.name }}\n</h1>";
const SENTENCE: &str = "the template &quot;broken.html&quot; uses the unknown variable \
                        &quot;usr.name&quot; (line 2)";

const MISSING: &str = "The anti-forgery token is missing.";
const OTHER: &str = "is not that of this browser";
const OVER: &str = "has expired or was ended";
const NO_SESSION: &str = "no session cookie";

#[get("/broken")]
fn broken() -> Page {
    Page::new("broken.html").with("secret", "s3cr3t")
}

#[get("/gone")]
fn gone() -> Page {
    Page::new("gone.html")
}

#[get("/contact")]
fn contact() -> Page {
    Page::new("contact.html")
}

#[post("/contact")]
fn send(_csrf: Csrf<'_>) -> &'static str {
    "sent"
}

#[catch(500)]
fn own_catcher() -> Page {
    Page::new("own.html").status(Status::InternalServerError)
}

#[catch(500)]
fn broken_catcher() -> Page {
    Page::new("broken.html").status(Status::InternalServerError)
}

/// An application whose page names a variable that nobody puts there, and whose form forgot its token.
fn application() -> (Rocket<Build>, TempDir) {
    let routes = routes![broken, gone, contact, send];
    let templates = [
        ("broken.html", BROKEN),
        ("contact.html", "<form method=\"post\"><button>Send</button></form>"),
        ("own.html", "Our own words."),
    ];
    with_templates(rocket::build().attach(Security::fairing()).mount("/", routes), &templates)
}

async fn in_release(folder: &TempDir, rocket: Rocket<Build>) -> Client {
    let database = format!("sqlite:{}", folder.path().join("security.sqlite").display());
    let figment = Figment::from(rocket.figment())
        .select("release")
        .merge(("log_level", "off"))
        .merge(("databases.security.url", database))
        .merge((
            "security",
            json!({
                "base_url": "https://example.org",
                "keys": KEY,
                "roles": "create",
                "trusted_proxies": [],
                "mail": {"url": "smtps://user:password@mail.example.org"},
            }),
        ));
    Client::untracked(rocket.configure(figment)).await.unwrap()
}

async fn answer(request: LocalRequest<'_>) -> (Status, String) {
    let answer = request.dispatch().await;
    (answer.status(), answer.into_string().await.unwrap())
}

#[rocket::async_test]
async fn an_unknown_variable_is_told_with_template_and_line_in_the_debug_profile() {
    let (rocket, _folder) = application();
    let app = TestApp::launch(rocket).await;
    for browser in [app.browser(), app.log_in_as(ANN).await] {
        let answer = browser.get("/broken").await;
        assert_eq!(answer.status, Status::InternalServerError);
        assert!(answer.body.contains(SENTENCE), "{}", answer.body);
        assert!(!answer.body.contains("s3cr3t"), "{}", answer.body);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    }
    let answer = app.browser().get("/gone").await;
    assert!(answer.body.contains("there is no template &quot;gone.html&quot;"), "{}", answer.body);
}

#[rocket::async_test]
async fn release_tells_nothing_of_it() {
    let (rocket, folder) = application();
    let client = in_release(&folder, rocket).await;
    let (status, body) = answer(client.get("/broken")).await;
    assert_eq!(status, Status::InternalServerError);
    assert!(body.contains("Something went wrong"), "{body}");
    assert!(!body.contains("usr") && !body.contains("broken.html"), "{body}");
}

#[rocket::async_test]
async fn in_release_the_applications_catcher_answers_and_may_be_a_page() {
    let (rocket, folder) = application();
    let rocket = rocket.register("/", catchers![own_catcher]);
    let client = in_release(&folder, rocket).await;
    let told = (Status::InternalServerError, "Our own words.".to_owned());
    assert_eq!(answer(client.get("/broken")).await, told);

    let (rocket, folder) = application();
    let rocket = rocket
        .register("/", catchers![broken_catcher])
        .register("/elsewhere", catchers![own_catcher]);
    let client = in_release(&folder, rocket).await;
    let (status, body) = answer(client.get("/broken")).await;
    assert_eq!(status, Status::InternalServerError);
    assert!(body.contains("Something went wrong"), "{body}");
}

#[rocket::async_test]
async fn a_template_that_cannot_be_parsed_stops_the_launch() {
    let (rocket, folder) = application();
    std::fs::write(folder.path().join("contact.html"), "<p>\n{% if %}</p>").unwrap();
    let fault = try_launch(rocket, json!({})).await.unwrap_err();
    assert!(fault.contains("FailedFairings"), "{fault}");
}

/// Sends the form and JSON with this token, and returns what the page says, and the JSON.
async fn refused(app: &TestApp, browser: &Browser<'_>, token: Option<&str>) -> (String, Value) {
    let fields: Vec<(&str, &str)> = token.map(|token| ("csrf_token", token)).into_iter().collect();
    let page = browser.post_form_as_is("/contact", &fields).await;
    let mut request = app.client().post("/contact").header(ContentType::JSON);
    request.add_header(Header::new("Origin", "http://127.0.0.1:8000"));
    if let Some(token) = token {
        request.add_header(Header::new("X-XSRF-Token", token.to_owned()));
    }
    let json = browser.send(request.body("{}")).await;
    for answer in [&page, &json] {
        assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
    }
    assert_eq!(json.reasons(), ["csrf_failed"]);
    (page.body, json.response("advice"))
}

#[rocket::async_test]
async fn a_forged_request_is_explained_in_the_debug_profile() {
    let (rocket, _folder) = application();
    let app = TestApp::launch(rocket).await;
    let (guest, ann) = (app.browser(), app.log_in_as(ANN).await);
    let (of_guest, of_ann) = (guest.csrf_token().await, ann.csrf_token().await);
    for (browser, token, wanted) in [
        (&guest, None, MISSING),
        (&ann, None, MISSING),
        (&guest, Some(of_ann.as_str()), OTHER),
        (&ann, Some(of_guest.as_str()), OTHER),
        (&app.browser(), Some(of_guest.as_str()), NO_SESSION),
    ] {
        let (page, advice) = refused(&app, browser, token).await;
        assert!(page.contains(wanted), "{wanted}: {page}");
        assert!(advice.as_str().unwrap().contains(wanted), "{wanted}: {advice}");
    }
    let (page, _) = refused(&app, &guest, None).await;
    assert!(page.contains("{{ csrf_field(token=csrf_token) }}"), "{page}");

    let stale = ann.cookie("security_session").unwrap();
    app.clock().advance(chrono::TimeDelta::hours(25));
    let fields = [("csrf_token", of_ann.as_str())];
    let page = ann.post_form_as_is("/contact", &fields).await;
    assert!(page.body.contains(OVER), "{}", page.body);
    ann.set_cookie("security_session", &stale);
    assert!(refused(&app, &ann, None).await.0.contains(MISSING));
}

#[rocket::async_test]
async fn release_keeps_to_the_general_sentence() {
    let (rocket, folder) = application();
    let client = in_release(&folder, rocket).await;
    for token in ["", "csrf_token=abc"] {
        let form = client.post("/contact").header(ContentType::Form).body(token);
        let (status, page) = answer(form).await;
        assert_eq!(status, Status::BadRequest);
        assert!(page.contains("open for too long") && !page.contains("csrf_field"), "{page}");
    }
    let origin = Header::new("Origin", "https://example.org");
    let json = client.post("/contact").header(ContentType::JSON).header(origin).body("{}");
    let (status, json) = answer(json).await;
    assert_eq!(status, Status::BadRequest);
    assert!(json.contains("csrf_failed") && !json.contains("advice"), "{json}");
}

#[rocket::async_test]
async fn a_program_that_sends_a_form_is_told_the_cure_first() {
    let app = TestApp::launch(rocket::build().attach(Security::fairing())).await;
    let form = [("email", ANN), ("password", "whatever it may be")];
    let answer = app.browser().post_form_as_is("/token", &form).await;
    assert_eq!((answer.status, answer.reasons()), (Status::BadRequest, vec!["csrf_failed".into()]));
    let told = answer.response("errors");
    assert!(told[0].as_str().unwrap().starts_with("This page is out of date."), "{told}");
}
