//! Forms, uploads and JSON of the application's own, of anybody.

use rocket::form::Form;
use rocket::fs::TempFile;
use rocket::http::{ContentType, Header, Status};
use rocket::serde::json::Json;
use rocket::{Build, FromForm, Rocket, get, post, routes};
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{AuthUser, Csrf, Page, PageContext, Rejection};
use serde_json::{Value, json};

use crate::support::templates::with_templates;
use crate::support::{ANN, rocket, with_ann};

#[derive(FromForm)]
struct Message {
    text: String,
}

#[derive(FromForm)]
struct Upload<'r> {
    title: String,
    file: TempFile<'r>,
}

#[get("/contact")]
fn contact(csrf: Csrf<'_>) -> Result<String, Rejection> {
    csrf.token()
}

#[get("/quiet")]
fn quiet(_csrf: Csrf<'_>) -> &'static str {
    "nothing to send"
}

#[post("/contact", data = "<message>")]
fn send(_csrf: Csrf<'_>, message: Form<Message>) -> String {
    format!("sent {}", message.text)
}

#[post("/contact.json", data = "<message>")]
fn send_json(_csrf: Csrf<'_>, message: Json<Value>) -> String {
    format!("sent {}", message["text"])
}

#[post("/upload", data = "<upload>")]
fn upload(_csrf: Csrf<'_>, upload: Form<Upload<'_>>) -> String {
    format!("got {} of {} bytes", upload.title, upload.file.len())
}

#[post("/own-upload", data = "<upload>")]
fn own_upload(user: AuthUser, upload: Form<Upload<'_>>) -> String {
    format!("{} sent {}", user.email, upload.title)
}

#[get("/page")]
fn page() -> Page {
    Page::new("contact.html")
}

#[get("/context")]
fn context(context: PageContext) -> String {
    context.csrf_token
}

fn application() -> Rocket<Build> {
    let own = routes![contact, quiet, send, send_json, upload, own_upload, page, context];
    rocket().mount("/", own)
}

async fn app() -> TestApp {
    TestApp::launch(application()).await
}

async fn send_as_json(browser: &Browser<'_>, app: &TestApp, token: Option<&str>) -> Answer {
    let request = app.client().post("/contact.json").header(ContentType::JSON);
    let mut request = request.header(Header::new("Origin", "http://127.0.0.1:8000"));
    if let Some(token) = token {
        request.add_header(Header::new("X-XSRF-Token", token.to_owned()));
    }
    browser.send(request.body(r#"{"text": "ahoy"}"#)).await
}

#[rocket::async_test]
async fn a_guests_form_is_carried_out_with_their_token_and_not_without() {
    let app = app().await;
    let guest = app.browser();
    let token = guest.get("/contact").await.body;
    let fields = [("csrf_token", token.as_str()), ("text", "ahoy")];
    assert_eq!(guest.post_form_as_is("/contact", &fields).await.body, "sent ahoy");
    assert_eq!(send_as_json(&guest, &app, Some(&token)).await.body, "sent \"ahoy\"");

    let answer = guest.post_form_as_is("/contact", &[("text", "ahoy")]).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(!answer.body.contains("sent"), "{}", answer.body);
    let answer = send_as_json(&guest, &app, None).await;
    assert_eq!((answer.status, answer.reasons()), (Status::BadRequest, vec!["csrf_failed".into()]));
    let answer = app.browser().post_form_as_is("/contact", &fields).await;
    assert_eq!(answer.status, Status::BadRequest, "the token alone is nobody's");
}

#[rocket::async_test]
async fn whoever_is_logged_in_sends_it_with_the_token_of_their_session() {
    let app = with_ann(app()).await;
    let ann = app.browser();
    let before = ann.get("/contact").await.body;
    ann.log_in(ANN, PASSWORD).await;
    let token = ann.get("/contact").await.body;
    assert_ne!(token, before);
    assert_eq!(token, ann.csrf_token().await);
    let fields = [("csrf_token", token.as_str()), ("text", "ahoy")];
    assert_eq!(ann.post_form_as_is("/contact", &fields).await.body, "sent ahoy");

    let old = [("csrf_token", before.as_str()), ("text", "ahoy")];
    assert_eq!(ann.post_form_as_is("/contact", &old).await.status, Status::BadRequest);
    assert_eq!(send_as_json(&ann, &app, Some(&before)).await.reasons(), ["csrf_failed"]);
    ann.log_out().await;
    assert_eq!(send_as_json(&ann, &app, Some(&token)).await.reasons(), ["csrf_failed"]);
    assert_eq!(ann.post_form_as_is("/contact", &fields).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn the_token_of_somebody_else_is_worth_nothing() {
    let app = app().await;
    let (victim, attacker) = (app.browser(), app.log_in_as(ANN).await);
    victim.get("/contact").await;
    for token in [attacker.csrf_token().await, app.browser().get("/contact").await.body] {
        let fields = [("csrf_token", token.as_str()), ("text", "ahoy")];
        let answer = victim.post_form_as_is("/contact", &fields).await;
        assert_eq!(answer.status, Status::BadRequest);
        assert_eq!(send_as_json(&victim, &app, Some(&token)).await.reasons(), ["csrf_failed"]);
    }
}

#[rocket::async_test]
async fn another_site_is_refused_even_with_the_token() {
    let app = app().await;
    for (name, value) in
        [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")]
    {
        let guest = app.browser().header(name, value);
        let token = guest.get("/contact").await.body;
        let fields = [("csrf_token", token.as_str()), ("text", "ahoy")];
        let answer = guest.post_form_as_is("/contact", &fields).await;
        assert_eq!(answer.status, Status::BadRequest, "{name}: {value}");
        assert!(answer.body.contains("another site"), "{}", answer.body);
    }
}

#[rocket::async_test]
async fn a_program_without_cookies_needs_no_token() {
    let app = app().await;
    let body = br#"{"text": "ahoy"}"#;
    let answer = app.browser().post_raw("/contact.json", "application/json", body).await;
    assert_eq!(answer.body, "sent \"ahoy\"");
    let answer = app.browser().post_raw("/contact.json", "text/plain", body).await;
    assert_eq!(answer.status, Status::BadRequest, "a form of another site sends that");
}

#[rocket::async_test]
async fn a_cookie_comes_with_a_token_and_with_nothing_else() {
    let app = app().await;
    let guest = app.browser();
    for path in ["/", "/quiet", "/nowhere"] {
        assert_eq!(guest.get(path).await.header("Set-Cookie"), None, "{path}");
    }
    for path in ["/contact", "/context"] {
        let answer = app.browser().get(path).await;
        let cookies: Vec<&str> = answer.headers("Set-Cookie").collect();
        assert!(cookies.len() == 1 && cookies[0].starts_with("security_guest="), "{cookies:?}");
        assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("Vary"), Some("Cookie"), "{path}");
    }
    let guest = app.browser();
    let token = guest.get("/contact").await.body;
    let again = guest.get("/contact").await;
    assert_eq!((again.headers("Set-Cookie").count(), again.body), (0, token));
}

#[rocket::async_test]
async fn a_session_that_is_over_is_a_guests() {
    let app = app().await;
    let guest = app.browser();
    guest.set_cookie("security_session", "v4.local.tampered");
    assert_eq!(guest.get("/quiet").await.status, Status::Ok);
    assert_eq!(guest.cookie("security_session").as_deref(), Some("v4.local.tampered"));
    assert_eq!(send_as_json(&guest, &app, Some("x")).await.reasons(), ["csrf_failed"]);
}

/// A form with a file, as a browser sends it.
fn multipart(fields: &[(&str, &str)], size: usize) -> (String, Vec<u8>) {
    let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend(std::iter::repeat_n(0xff, size));
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[rocket::async_test]
async fn an_upload_brings_its_token_as_the_first_field() {
    let app = app().await;
    let guest = app.browser();
    let token = guest.get("/contact").await.body;
    for size in [0, 300, 100_000] {
        let (kind, body) = multipart(&[("csrf_token", &token), ("title", "caf\u{e9}")], size);
        let answer = guest.post_raw("/upload", &kind, &body).await;
        assert_eq!(answer.body, format!("got caf\u{e9} of {size} bytes"));
    }
    let ann = app.log_in_as(ANN).await;
    let token = ann.csrf_token().await;
    let (kind, body) = multipart(&[("csrf_token", &token), ("title", "a")], 9_000);
    assert_eq!(ann.post_raw("/own-upload", &kind, &body).await.body, "ann@example.org sent a");
}

#[rocket::async_test]
async fn an_upload_without_it_is_refused() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, foreign) = (ann.csrf_token().await, app.browser().get("/contact").await.body);
    let long = "x".repeat(600);
    for fields in [
        &[("title", "a")][..],
        &[("csrf_token", ""), ("title", "a")],
        &[("csrf_token", &foreign), ("title", "a")],
        &[("title", "a"), ("csrf_token", &token)],
        &[("title", &long), ("csrf_token", &token)],
        &[("csrf_token", &long), ("csrf_token", &token), ("title", "a")],
    ] {
        let (kind, body) = multipart(fields, 10);
        for path in ["/upload", "/own-upload"] {
            let answer = ann.post_raw(path, &kind, &body).await;
            assert_eq!(answer.status, Status::BadRequest, "{path} {fields:?}");
            assert!(!answer.body.contains("got") && !answer.body.contains("sent"), "{fields:?}");
        }
    }
    let (kind, body) = multipart(&[("csrf_token", &token), ("title", "a")], 10);
    let evil = app.log_in_as(ANN).await.header("Origin", "https://evil.example");
    assert_eq!(evil.post_raw("/upload", &kind, &body).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn an_upload_may_bring_it_as_a_header_too() {
    let app = app().await;
    let guest = app.browser();
    let token = Header::new("X-XSRF-Token", guest.get("/contact").await.body);
    let (kind, body) = multipart(&[("title", "a")], 10);
    let kind = Header::new("Content-Type", kind);
    let request = app.client().post("/upload").header(kind).header(token).body(body);
    assert_eq!(guest.send(request).await.body, "got a of 10 bytes");
}

#[rocket::async_test]
async fn a_page_writes_the_field_by_a_function() {
    let (rocket, _folder) = with_templates(
        application(),
        &[("contact.html", "<form>{{ csrf_field(token=csrf_token) }}</form>")],
    );
    let app = TestApp::launch(rocket).await;
    let guest = app.browser();
    let page = guest.get("/page").await.body;
    let token = guest.csrf_token().await;
    assert_eq!(
        page,
        format!("<form><input type=\"hidden\" name=\"csrf_token\" value=\"{token}\"></form>")
    );
    let fields = [("csrf_token", token.as_str()), ("text", "ahoy")];
    assert_eq!(guest.post_form_as_is("/contact", &fields).await.body, "sent ahoy");
}

#[rocket::async_test]
async fn a_field_without_a_token_is_no_page() {
    for text in ["{{ csrf_field() }}", "{{ csrf_field(token=\"\") }}", "{{ csrf_field(token=1) }}"]
    {
        let (rocket, _folder) = with_templates(application(), &[("contact.html", text)]);
        let app = TestApp::launch(rocket).await;
        assert_eq!(app.browser().get("/page").await.status, Status::InternalServerError, "{text}");
    }
}

#[rocket::async_test]
async fn another_tera_has_the_function_and_escapes_what_it_is_given() {
    let app = app().await;
    let site: &rocket_security::web::Site = app.client().rocket().state().unwrap();
    let mut tera = tera::Tera::default();
    rocket_security::web::page::extend(&mut tera, site).unwrap();
    tera.add_raw_template("page.html", "{{ csrf_field(token=csrf_token) }}").unwrap();
    let context = tera::Context::from_value(json!({"csrf_token": "\"><script>"})).unwrap();
    let page = tera.render("page.html", &context).unwrap();
    assert_eq!(
        page,
        "<input type=\"hidden\" name=\"csrf_token\" value=\"&quot;&gt;&lt;script&gt;\">"
    );
}
