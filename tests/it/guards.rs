//! What a handler's signature demands.

use rocket::get;
use rocket::http::Method;
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket::routes;
use rocket_security::AnonymousOnly;
use rocket_security::AuthUser;
use rocket_security::Maybe;
use rocket_security::PageContext;
use rocket_security::RolesAccepted;
use rocket_security::RolesRequired;
use rocket_security::testing::Browser;
use rocket_security::testing::TestApp;
use rocket_security::web::visit::Visit;
use serde_json::json;

use crate::support::Admin;
use crate::support::app;

const ANN: &str = "ann@example.org";
const SESSION: &str = "security_session";

async fn statuses(browser: &Browser<'_>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in ["/", "/me", "/admin", "/both", "/drafts", "/welcome"] {
        statuses.push(browser.get_json(path).await.status.code);
    }
    statuses
}

#[rocket::async_test]
async fn everybody_gets_where_they_may_and_no_further() {
    let app = app().await;
    assert_eq!(statuses(&app.browser()).await, [200, 401, 401, 401, 401, 200]);
    let user = app.log_in_as(ANN).await;
    assert_eq!(statuses(&user).await, [200, 200, 403, 403, 403, 400]);
    app.grant(ANN, "editor").await;
    assert_eq!(statuses(&user).await, [200, 200, 403, 403, 200, 400]);
    app.grant(ANN, "admin").await;
    assert_eq!(statuses(&user).await, [200, 200, 200, 200, 200, 400]);
}

#[rocket::async_test]
async fn a_role_that_is_taken_away_is_gone_with_the_next_request() {
    let app = app().await;
    let ann = app.grant(ANN, "admin").await;
    let browser = app.log_in_as(ANN).await;
    assert_eq!(browser.get("/admin").await.status, Status::Ok);
    let admin = "admin".parse().unwrap();
    assert!(app.store().revoke_role(ann.id, &admin).await.unwrap());
    assert_eq!(browser.get("/admin").await.status, Status::Forbidden);
}

#[rocket::async_test]
async fn role_names_compare_byte_for_byte() {
    let app = app().await;
    app.grant(ANN, "Admin").await;
    assert_eq!(app.log_in_as(ANN).await.get("/admin").await.status, Status::Forbidden);
}

#[rocket::async_test]
async fn a_page_for_members_leads_a_stranger_to_the_login_page_and_back() {
    let app = app().await;
    let answer = app.browser().get("/drafts?page=2&x=%26").await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(answer.location(), "/login?next=%2Fdrafts%3Fpage%3D2%26x%3D%2526");
}

#[rocket::async_test]
async fn a_program_gets_401_with_a_challenge() {
    let app = app().await;
    let answer = app.browser().get_json("/me").await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert!(answer.header("WWW-Authenticate").is_some());
    assert_eq!(answer.reasons(), ["unauthenticated"]);
    assert_eq!(answer.json()["meta"]["code"], 401);
}

#[rocket::async_test]
async fn a_lacking_role_is_a_403_page() {
    let app = app().await;
    let answer = app.log_in_as(ANN).await.get("/admin").await;
    assert_eq!(answer.status, Status::Forbidden);
    assert!(answer.body.contains("<h1>Not for you</h1>"), "{}", answer.body);
    assert!(answer.header("Content-Security-Policy").unwrap().contains("default-src 'none'"));
}

#[rocket::async_test]
async fn a_guard_that_fails_does_not_fall_through_to_a_catch_all() {
    let app = app().await;
    assert_eq!(app.browser().get("/nowhere").await.body, "public");
    assert_ne!(app.browser().get("/me").await.body, "public");
    assert_ne!(app.log_in_as(ANN).await.get("/admin").await.body, "public");
}

#[rocket::async_test]
async fn a_guest_is_a_guest_but_a_forged_session_is_not() {
    let app = app().await;
    assert_eq!(app.browser().get("/").await.body, "a guest");
    let visitor = app.browser();
    visitor.csrf_token().await;
    assert_eq!(visitor.get("/").await.body, "a guest", "an anonymous id is a guest's");
    for forged in ["x", "v4.local.AAAA", ""] {
        let browser = app.browser();
        browser.set_cookie(SESSION, forged);
        let answer = browser.get_json("/").await;
        assert_eq!(answer.status, Status::Unauthorized, "{forged:?}");
        assert_eq!(browser.cookie(SESSION), None, "the bad cookie is removed");
    }
}

#[rocket::async_test]
async fn a_cookie_of_another_purpose_or_installation_is_forged() {
    let (app, other) = (app().await, app().await);
    let stolen = other.log_in_as(ANN).await.cookie(SESSION).unwrap();
    let browser = app.browser();
    browser.set_cookie(SESSION, &stolen);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);

    let browser = app.browser();
    browser.get(&format!("/confirm/{}", "A".repeat(43))).await;
    let link = browser.cookie("security_link").unwrap();
    browser.set_cookie(SESSION, &link);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn unsafe_requests_need_the_token_and_safe_ones_do_not() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let deleted = ann.json(Method::Delete, "/thing/1", json!({})).await;
    assert_eq!(deleted.body, "deleted 1");
    let forged = ann.send(app.client().delete("/thing/1")).await;
    assert_eq!(forged.status, Status::BadRequest);
    let form = ann.post_form("/thing", &[("name", "a")]).await;
    assert!(form.body.starts_with("made csrf_token="), "{}", form.body);
    let form = ann.post_form_as_is("/thing", &[("name", "a")]).await;
    assert_eq!(form.status, Status::BadRequest);
}

#[get("/option")]
fn option(user: Option<AuthUser>) -> Result<&'static str, Status> {
    user.map(|_| "a member").ok_or(Status::Forbidden)
}

#[rocket::async_test]
async fn a_status_of_the_applications_own_is_not_taken_for_a_refusal_of_ours() {
    let app = TestApp::launch(crate::support::rocket().mount("/", routes![option])).await;
    let answer = app.browser().get_json("/option").await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["forbidden".into()]));
}

#[rocket::async_test]
async fn a_cookie_that_is_merely_old_makes_a_guest() {
    let app = app().await;
    let (visitor, ann) = (app.browser(), app.log_in_as(ANN).await);
    visitor.csrf_token().await;
    app.clock().advance(chrono::TimeDelta::hours(24));
    assert_eq!(visitor.get("/").await.body, "a guest");
    assert_eq!(ann.get("/").await.body, "a guest");
    assert_eq!(ann.cookie(SESSION), None, "and it is removed");
}

#[get("/context")]
fn context(_context: PageContext) {}
#[get("/visit")]
fn visit(_visit: Visit<'_>) {}
#[get("/user")]
fn user(_user: AuthUser) {}
#[get("/required")]
fn required(_user: RolesRequired<Admin>) {}
#[get("/accepted")]
fn accepted(_user: RolesAccepted<Admin>) {}
#[get("/maybe")]
fn maybe(_user: Maybe<AuthUser>) {}
#[get("/anonymous")]
fn anonymous(_guest: AnonymousOnly) {}

#[rocket::async_test]
async fn a_guard_without_the_fairing_stops_the_launch() {
    for route in [
        routes![user],
        routes![required],
        routes![accepted],
        routes![maybe],
        routes![anonymous],
        routes![context],
        routes![visit],
    ] {
        let figment = rocket::Config::figment().merge(("log_level", "off"));
        let rocket = rocket::custom(figment).mount("/", route);
        let fault = Client::untracked(rocket).await.expect_err("the launch is refused");
        let kind = format!("{:?}", fault.kind());
        assert!(kind.contains("SentinelAborts"), "{kind}");
    }
}
