//! What an application changes in what we show.

use rocket::http::Status;
use rocket::serde::json::Json;
use rocket::{Build, Request, Rocket, State, async_trait, get, routes};
use rocket_security::flow::Flow;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::user::User;
use rocket_security::web::next::Next;
use rocket_security::web::visit::Visit;
use rocket_security::{
    AuthUser, Error, Instead, Maybe, Page, PageContext, Presentation, Rejection, Result,
    RolesRequired, Security,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::links::{confirmation_link, register};
use crate::support::templates::with_templates;
use crate::support::{ANN, Admin, rocket_with};

/// Shows everything otherwise.
struct Mine;

#[async_trait]
impl Presentation for Mine {
    fn page(&self, page: Page, request: &Request<'_>) -> Page {
        let shown = format!("{} at {}", page.template(), request.uri().path());
        page.with("motto", shown)
    }

    async fn user(&self, user: &User) -> Result<Value> {
        if user.email.as_str().starts_with("lost") {
            return Err(Error::store("the profile is lost"));
        }
        let name = user.email.as_str().split('@').next().unwrap_or_default().to_owned();
        Ok(json!({ "name": name }))
    }

    fn unauthenticated(&self, _request: &Request<'_>) -> Instead {
        Instead::redirect(Next::parse("/join").unwrap()).with("join_at", "/join")
    }

    fn forbidden(&self, _request: &Request<'_>) -> Instead {
        Instead::page(Page::new("sorry.html").with("why", "members only")).with("plan", "pro")
    }

    fn not_fresh(&self, _request: &Request<'_>) -> Instead {
        Instead::page(Page::new("sorry.html").with("why", "it has been a while")).with("pin", true)
    }
}

/// Hides what is there.
struct Hidden;

impl Presentation for Hidden {
    fn forbidden(&self, _request: &Request<'_>) -> Instead {
        Instead::page(Page::new("sorry.html").with("why", "nothing"))
            .status(Status::NotFound)
            .with("errors", ["Nothing here."])
            .with("reasons", ["not_found"])
    }
}

#[get("/mine")]
fn mine(_user: Maybe<AuthUser>) -> Page {
    Page::new("mine.html")
}

#[get("/payload")]
fn payload(user: AuthUser) -> Json<Value> {
    Json(user.payload())
}

#[get("/context")]
fn context(context: PageContext) -> String {
    json!(context).to_string()
}

#[get("/vault")]
async fn vault(visit: Visit<'_>, flow: &State<Flow>) -> Result<&'static str, Rejection> {
    flow.require_fresh(&visit).await?;
    Ok("gold")
}

#[get("/board")]
fn board(_admin: RolesRequired<Admin>) -> &'static str {
    "the board"
}

const TEMPLATES: &[(&str, &str)] = &[
    ("mine.html", "{{ motto }}: {{ current_user | json_encode() | safe }}"),
    ("sorry.html", "Sorry, {{ why }}. {{ motto | default(value=\"\") }}"),
    (
        "security/login.html",
        "{% extends \"security/base.html\" %}{% block main %}{{ motto }}{% endblock %}",
    ),
    ("security/email/welcome_existing.txt", "Ahoy {{ email }}, you are aboard."),
    ("security/email/welcome_existing.html", "<p>Ahoy {{ email }}!</p>"),
];

fn rocket(security: Security) -> (Rocket<Build>, TempDir) {
    let routes = routes![mine, payload, context, vault, board];
    with_templates(rocket::build().attach(security).mount("/", routes), TEMPLATES)
}

async fn app(presentation: impl Presentation) -> (TestApp, TempDir) {
    let (rocket, folder) = rocket(Security::default().presentation(presentation));
    (TestApp::launch(rocket).await, folder)
}

#[rocket::async_test]
async fn a_page_of_ours_and_one_of_the_applications_get_more_to_show() {
    let (app, _folder) = app(Mine).await;
    let page = app.browser().get("/login").await;
    assert!(page.body.contains("security&#x2F;login.html at &#x2F;login"), "{}", page.body);
    assert!(page.header("Content-Security-Policy").is_some(), "it is still ours");
    let page = app.browser().get("/mine").await;
    assert!(page.body.starts_with("mine.html at &#x2F;mine: null"), "{}", page.body);
}

#[rocket::async_test]
async fn the_user_is_shown_as_the_application_says_everywhere() {
    let (app, _folder) = app(Mine).await;
    app.user(ANN).await;
    let ann = app.browser();
    let shown = json!({"name": "ann"});
    assert_eq!(ann.log_in(ANN, PASSWORD).await.response("user"), shown);
    assert_eq!(ann.get_json("/login").await.response("user"), shown);
    assert_eq!(ann.get_json("/payload").await.json(), shown);
    let context: Value = serde_json::from_str(&ann.get("/context").await.body).unwrap();
    assert_eq!(context["current_user"], shown);
    let page = ann.get("/mine").await;
    assert!(page.body.ends_with(": {\"name\":\"ann\"}"), "{}", page.body);
    let page = ann.get("/logout").await;
    assert!(page.status == Status::Ok && !page.body.contains(ANN), "{}", page.body);
}

#[rocket::async_test]
async fn a_link_that_logs_in_answers_with_that_user_too() {
    let (rocket, _folder) = rocket(Security::default().presentation(Mine));
    let app = TestApp::launch_with(rocket, json!({"confirm": {"log_in": true}})).await;
    let link = confirmation_link(&app, ANN).await;
    let answer = app.browser().post_json(&link, json!({})).await;
    assert_eq!(answer.response("user"), json!({"name": "ann"}));
}

#[rocket::async_test]
async fn when_the_application_cannot_tell_the_answer_is_503_and_shows_no_user() {
    let (app, _folder) = app(Mine).await;
    app.user("lost@example.org").await;
    let lost = app.browser();
    let answer = lost.log_in("lost@example.org", PASSWORD).await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert!(!answer.body.contains("lost"), "{}", answer.body);
    for path in ["/payload", "/mine", "/context", "/logout"] {
        let answer = lost.get(path).await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{path}");
        assert!(answer.header("Retry-After").is_some(), "{path}");
        assert!(!answer.body.contains("lost"), "{path}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn nobody_logged_in_is_answered_as_the_application_says() {
    let (app, _folder) = app(Mine).await;
    for path in ["/payload", "/vault", "/board"] {
        let page = app.browser().get(path).await;
        assert_eq!((page.status, page.location()), (Status::SeeOther, "/join"), "{path}");
        let answer = app.browser().get_json(path).await;
        assert_eq!(
            (answer.status, answer.reasons()),
            (Status::Unauthorized, words("unauthenticated"))
        );
        assert_eq!(answer.response("join_at"), "/join");
        assert!(answer.header("WWW-Authenticate").is_some());
    }
}

#[rocket::async_test]
async fn whoever_lacks_a_role_is_answered_as_the_application_says() {
    let (app, _folder) = app(Mine).await;
    let ann = app.log_in_as(ANN).await;
    let page = ann.get("/board").await;
    assert_eq!(page.status, Status::Forbidden);
    assert!(page.body.starts_with("Sorry, members only. sorry.html"), "{}", page.body);
    let answer = ann.get_json("/board").await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, words("forbidden")));
    assert_eq!(answer.response("plan"), "pro");
}

#[rocket::async_test]
async fn what_is_there_can_be_hidden() {
    let (app, _folder) = app(Hidden).await;
    let ann = app.log_in_as(ANN).await;
    let page = ann.get("/board").await;
    assert_eq!((page.status, page.body.trim()), (Status::NotFound, "Sorry, nothing."));
    let answer = ann.get_json("/board").await;
    assert_eq!((answer.status, answer.reasons()), (Status::NotFound, words("not_found")));
    assert_eq!(answer.json()["meta"]["code"], 404);
    assert!(!answer.body.contains("may not"), "{}", answer.body);
}

#[rocket::async_test]
async fn whoever_is_not_fresh_is_answered_as_the_application_says() {
    let (app, _folder) = app(Mine).await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/vault").await.body, "gold");
    app.clock().advance(chrono::TimeDelta::minutes(11));
    let page = ann.get("/vault").await;
    assert_eq!(page.status, Status::Unauthorized);
    assert!(page.body.starts_with("Sorry, it has been a while."), "{}", page.body);
    let answer = ann.get_json("/vault").await;
    assert_eq!((answer.status, answer.reasons()), (Status::Unauthorized, words("reauth_required")));
    assert_eq!(answer.response("reauth_required"), true);
    assert_eq!(answer.response("pin"), true);
}

#[rocket::async_test]
async fn one_mail_is_replaced_by_files_of_its_name_and_the_others_stay() {
    let (app, _folder) = app(Mine).await;
    app.user(ANN).await;
    register(&app, ANN).await;
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.text, "Ahoy ann@example.org, you are aboard.");
    assert_eq!(mail.html, "<p>Ahoy ann@example.org!</p>");
    register(&app, "bob@example.org").await;
    let mail = app.newest_mail_to("bob@example.org").await;
    assert!(mail.text.contains("/confirm/") && !mail.text.contains("Ahoy"), "{}", mail.text);
}

#[rocket::async_test]
async fn without_a_presentation_everything_is_as_it_comes() {
    let app = TestApp::launch(rocket_with(Security::default())).await;
    assert_eq!(app.browser().get("/me").await.location(), "/login?next=%2Fme");
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get_json("/login").await.response("user")["email"], ANN);
    assert!(ann.get("/admin").await.body.contains("You don&#x27;t have permission to do this."));
}

fn words(word: &str) -> Vec<String> {
    vec![word.to_owned()]
}
