//! Pages, and pages in their place.

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::tokio::io::AsyncReadExt;
use rocket::{Request, catch, catchers, get, response, routes};
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{AuthUser, Maybe, Page, PageContext, Security};
use serde_json::json;

use crate::support::templates::with_templates;
use crate::support::{ANN, app, sql};

#[get("/page")]
fn page(_user: Maybe<AuthUser>) -> Page {
    Page::new("mine.html").with("count", 3)
}

#[get("/plain")]
fn plain() -> Page {
    Page::new("plain.html")
}

#[get("/form")]
fn form() -> Page {
    Page::new("form.html")
}

/// What an application's own compression does with a page: it reads the body when it is sent.
struct Framed(Page);

impl<'r> Responder<'r, 'static> for Framed {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.0.respond_to(request)?;
        let body = response.body_mut().take();
        response.set_streamed_body(b"<<".chain(body).chain(&b">>"[..]));
        Ok(response)
    }
}

#[get("/framed")]
fn framed() -> Framed {
    Framed(Page::new("plain.html"))
}

/// A page that is made and not shown.
#[get("/dropped")]
fn dropped(request: RequestOf<'_>) -> &'static str {
    let _ = Page::new("plain.html").respond_to(request.0);
    "something else"
}

struct RequestOf<'r>(&'r Request<'r>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for RequestOf<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self(request))
    }
}

#[catch(404)]
fn lost() -> Page {
    Page::new("plain.html").status(Status::NotFound)
}

#[get("/context")]
fn context(context: PageContext) -> String {
    json!(context).to_string()
}

async fn app_with_templates(files: &[(&str, &str)]) -> (TestApp, tempfile::TempDir) {
    let rocket = rocket::build()
        .attach(Security::fairing())
        .mount("/", routes![page, plain, form, framed, dropped, context])
        .register("/", catchers![lost]);
    let (rocket, folder) = with_templates(rocket, files);
    (TestApp::launch(rocket).await, folder)
}

#[rocket::async_test]
async fn our_pages_carry_every_protective_header_and_no_script() {
    let app = app().await;
    for path in ["/login", "/register", "/confirm", "/logout"] {
        let answer = app.browser().get(path).await;
        assert_eq!(answer.status, Status::Ok, "{path}");
        assert!(!answer.body.contains("<script") && !answer.body.contains("style="), "{path}");
        assert!(answer.body.contains("<html lang=\"en\""), "{path}");
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            ("Content-Type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
        let csp = answer.header("Content-Security-Policy").unwrap();
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(csp.contains(rule), "{csp}");
        }
        assert!(!csp.contains("unsafe"), "{csp}");
    }
}

#[rocket::async_test]
async fn fields_have_labels_and_names_that_password_managers_know() {
    let app = app().await;
    let login = app.browser().get("/login").await.body;
    assert!(login.contains("<label for=\"field-email\">"));
    assert!(login.contains("autocomplete=\"username\""));
    assert!(login.contains("autocomplete=\"current-password\""));
    let register = app.browser().get("/register").await.body;
    assert_eq!(register.matches("autocomplete=\"new-password\"").count(), 2);
    assert!(register.contains("15 characters"));
    // Where no field asks for it, one that is not sent says whose password it is.
    let ann = app.log_in_as(ANN).await;
    for path in ["/change", "/verify"] {
        let page = ann.get(path).await.body;
        let owner =
            format!("<input type=\"email\" value=\"{ANN}\" autocomplete=\"username\" hidden>");
        assert!(page.contains(&owner), "{path}: {page}");
    }
}

#[rocket::async_test]
async fn what_is_typed_is_shown_as_text() {
    let app = app().await;
    let nasty = "\"><script>alert(1)</script>";
    let answer = app.browser().post_form("/login", &[("email", nasty), ("password", "x")]).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(!answer.body.contains("<script>"), "{}", answer.body);
    assert!(answer.body.contains("&lt;script&gt;"));
}

#[rocket::async_test]
async fn a_page_is_replaced_by_a_file_of_its_name_which_may_extend_the_applications_layout() {
    let (app, _folder) = app_with_templates(&[
        ("layout.html", "<body>My layout {% block main %}{% endblock %}</body>"),
        (
            "security/login.html",
            "{% extends \"layout.html\" %}{% block main %}token={{ csrf_token }}{% endblock %}",
        ),
    ])
    .await;
    let browser = app.browser();
    let answer = browser.get("/login").await;
    assert!(answer.body.starts_with("<body>My layout token="), "{}", answer.body);
    assert!(answer.body.contains(&browser.csrf_token().await));
    assert!(app.browser().get("/register").await.body.contains("<h1>"), "the others stay");
}

#[rocket::async_test]
async fn the_base_of_our_pages_can_be_replaced_alone() {
    let base = "<html lang=\"en\">Mine: {% block main %}{% endblock %}</html>";
    let (app, _folder) = app_with_templates(&[("security/base.html", base)]).await;
    let answer = app.browser().get("/login").await;
    assert!(answer.body.starts_with("<html lang=\"en\">Mine: "), "{}", answer.body);
    assert!(answer.body.contains("name=\"password\""));
}

#[rocket::async_test]
async fn an_applications_page_sees_the_user_the_token_the_urls_and_the_logout_form() {
    let text = "{{ count }} {{ current_user.email | default(value=\"nobody\") }} \
                {{ security_url(name=\"login\") }} {% include \"security/_logout.html\" %}";
    let (app, _folder) = app_with_templates(&[("mine.html", text)]).await;
    assert!(app.browser().get("/page").await.body.starts_with("3 nobody /login "));
    let ann = app.log_in_as(ANN).await;
    let answer = ann.get("/page").await;
    assert!(answer.body.starts_with(&format!("3 {ANN} /login ")), "{}", answer.body);
    assert!(answer.body.contains(&ann.csrf_token().await));
    assert!(answer.body.contains("action=\"/logout\""));
}

#[rocket::async_test]
async fn a_page_without_a_form_sets_no_cookie() {
    let (app, _folder) = app_with_templates(&[("plain.html", "Hello")]).await;
    let answer = app.browser().get("/plain").await;
    assert_eq!((answer.body.as_str(), answer.header("Set-Cookie")), ("Hello", None));
}

#[rocket::async_test]
async fn a_page_with_a_form_on_a_route_without_a_guard_logs_nobody_out() {
    let (app, _folder) = app_with_templates(&[
        ("form.html", "{% include \"security/_logout.html\" %}"),
        ("mine.html", "{{ current_user.email | default(value=\"nobody\") }}"),
    ])
    .await;
    let ann = app.log_in_as(ANN).await;
    let answer = ann.get("/form").await;
    assert!(answer.body.contains(&ann.csrf_token().await), "it is the token of the session");
    assert_eq!(answer.header("Set-Cookie"), None);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(ann.get("/page").await.body, ANN);
}

const WHO: &str = "{{ current_user.email | default(value=\"nobody\") }}";

#[rocket::async_test]
async fn a_page_of_a_route_without_a_guard_shows_who_is_logged_in() {
    let (app, _folder) = app_with_templates(&[("plain.html", WHO)]).await;
    assert_eq!(app.browser().get("/plain").await.body, "nobody");
    assert_eq!(app.browser().get("/plain").await.header("Cache-Control"), None);

    let ann = app.log_in_as(ANN).await;
    let answer = ann.get("/plain").await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(ann.get("/no-such-page").await.body, ANN, "a catcher's page, too");
    assert_eq!(ann.get("/framed").await.body, format!("<<{ANN}>>"));
    assert_eq!(ann.get("/dropped").await.body, "something else");
    let head = app.client().head("/plain").dispatch().await;
    assert_eq!((head.status(), head.into_string().await), (Status::Ok, Some(String::new())));

    ann.log_out().await;
    assert_eq!(ann.get("/plain").await.body, "nobody");
}

#[rocket::async_test]
async fn a_session_that_was_ended_elsewhere_is_a_guests_whose_token_is_good() {
    let form = format!("{WHO} {{{{ csrf_token }}}}");
    let (app, _folder) = app_with_templates(&[("form.html", &form)]).await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.browser());
    elsewhere.set_cookie("security_session", &ann.cookie("security_session").unwrap());
    elsewhere.log_out().await;
    let page = ann.get("/form").await.body;
    let token = page.strip_prefix("nobody ").unwrap();
    let fields = [("csrf_token", token), ("email", ANN), ("password", PASSWORD)];
    assert_eq!(ann.post_form_as_is("/login", &fields).await.status, Status::SeeOther);
    assert!(ann.get("/form").await.body.starts_with(ANN));
}

#[rocket::async_test]
async fn a_store_that_is_down_breaks_no_public_page_and_takes_nothing_away() {
    let (app, _folder) = app_with_templates(&[("plain.html", WHO), ("mine.html", WHO)]).await;
    let ann = app.log_in_as(ANN).await;
    sql::execute(app.database(), "ALTER TABLE security_sessions RENAME TO security_elsewhere")
        .await;
    let answer = ann.get("/plain").await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "nobody"));
    assert_eq!(answer.header("Set-Cookie"), None);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(ann.get("/page").await.status, Status::ServiceUnavailable, "it asks who it is for");
    sql::execute(app.database(), "ALTER TABLE security_elsewhere RENAME TO security_sessions")
        .await;
    assert_eq!(ann.get("/plain").await.body, ANN);
}

#[rocket::async_test]
async fn another_engine_gets_the_same_context_as_a_value() {
    let (app, _folder) = app_with_templates(&[]).await;
    let ann = app.log_in_as(ANN).await;
    let context: serde_json::Value = serde_json::from_str(&ann.get("/context").await.body).unwrap();
    assert_eq!(context["current_user"]["email"], ANN);
    assert_eq!(context["csrf_token"], ann.csrf_token().await);
    assert!(context["features"].as_array().unwrap().contains(&json!("login")));
}

#[rocket::async_test]
async fn another_tera_gets_our_function_and_partial() {
    let app = app().await;
    let site: &rocket_security::web::Site = app.client().rocket().state().unwrap();
    let mut tera = tera::Tera::default();
    rocket_security::web::page::extend(&mut tera, site).unwrap();
    tera.add_raw_template(
        "page.html",
        "{{ security_url(name=\"register\") }} {% include \"security/_logout.html\" %}",
    )
    .unwrap();
    let context = tera::Context::from_value(json!({"csrf_token": "TOKEN"})).unwrap();
    let page = tera.render("page.html", &context).unwrap();
    assert!(page.starts_with("/register "), "{page}");
    assert!(page.contains("action=\"/logout\"") && page.contains("value=\"TOKEN\""), "{page}");
    assert!(tera.render_str("{{ security_url(name=\"x\") }}", &context).is_err());
}

#[rocket::async_test]
async fn the_stylesheet_is_served() {
    let app = app().await;
    let answer = app.browser().get("/security/style.css").await;
    assert_eq!(answer.header("Content-Type"), Some("text/css; charset=utf-8"));
    assert!(answer.body.contains("prefers-color-scheme"));
}
