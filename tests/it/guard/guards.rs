//! What a handler's signature demands.

use rocket::http::{Method, Status};
use rocket::{get, routes};
use rocket_security::datastore::Together;
use rocket_security::testing::{Browser, TestApp};
use rocket_security::web::visit::Visit;
use rocket_security::{
    AnonymousOnly, AuthUser, AuthVia, BasicUser, Fresh, Maybe, PageContext, PermissionsAccepted,
    PermissionsRequired, Public, RolesAccepted, RolesRequired, Security, Session, TokenIssuer, via,
};
use serde_json::json;

use crate::support::launching::try_launch;
use crate::support::users::permit;
use crate::support::{ANN, Admin, EditPosts, SESSION, app};

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
    assert!(app.roles().revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    assert_eq!(browser.get("/admin").await.status, Status::Forbidden);
}

async fn statuses_by_permission(browser: &Browser<'_>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in ["/edit", "/edit-and-delete", "/edit-or-delete"] {
        statuses.push(browser.get_json(path).await.status.code);
    }
    statuses
}

#[rocket::async_test]
async fn a_permission_is_had_by_a_role_from_the_next_request_on_and_lost_with_it() {
    let app = app().await;
    permit(&app, "editor", "posts.read").await;
    let ann = app.grant(ANN, "editor").await;
    let browser = app.log_in_as(ANN).await;
    assert_eq!(statuses_by_permission(&app.browser()).await, [401, 401, 200]);
    assert_eq!(statuses_by_permission(&browser).await, [403, 403, 403]);
    permit(&app, "editor", "posts.edit").await;
    assert_eq!(statuses_by_permission(&browser).await, [200, 403, 200]);
    permit(&app, "editor", "posts.delete").await;
    assert_eq!(statuses_by_permission(&browser).await, [200, 200, 200]);

    let (editor, edit) = ("editor".parse().unwrap(), "posts.edit".parse().unwrap());
    let revoked = app.roles().revoke_permission(&editor, &edit, &Together::nothing()).await;
    assert!(revoked.unwrap());
    assert_eq!(statuses_by_permission(&browser).await, [403, 403, 200]);
    assert!(app.roles().revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert_eq!(statuses_by_permission(&browser).await, [403, 403, 403]);
}

#[rocket::async_test]
async fn a_role_has_what_it_includes_in_every_guard_from_the_next_request_on() {
    let app = app().await;
    permit(&app, "editor", "posts.edit").await;
    app.grant(ANN, "chief").await;
    let (chief, editor) = ("chief".parse().unwrap(), "editor".parse().unwrap());
    let (browser, nothing) = (app.log_in_as(ANN).await, Together::nothing());
    assert_eq!(browser.get("/drafts").await.status, Status::Forbidden);
    assert_eq!(statuses_by_permission(&browser).await, [403, 403, 403]);

    app.roles().include_role(&chief, &editor, &nothing).await.unwrap().unwrap();
    assert_eq!(browser.get("/drafts").await.status, Status::Ok);
    assert_eq!(statuses_by_permission(&browser).await, [200, 403, 200]);
    assert_eq!(browser.get("/admin").await.status, Status::Forbidden);

    assert!(app.roles().exclude_role(&chief, &editor, &nothing).await.unwrap());
    assert_eq!(browser.get("/drafts").await.status, Status::Forbidden);
    assert_eq!(statuses_by_permission(&browser).await, [403, 403, 403]);
}

#[rocket::async_test]
async fn permission_names_compare_byte_for_byte() {
    let app = app().await;
    permit(&app, "editor", "Posts.edit").await;
    app.grant(ANN, "editor").await;
    assert_eq!(app.log_in_as(ANN).await.get("/edit").await.status, Status::Forbidden);
}

#[rocket::async_test]
async fn a_session_that_ended_is_no_guest_where_a_permission_is_asked_for() {
    let app = app().await;
    let browser = app.log_in_as(ANN).await;
    let ended = browser.cookie(SESSION).unwrap();
    browser.log_out().await;
    browser.set_cookie(SESSION, &ended);
    assert_eq!(browser.get_json("/edit-or-delete").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_lacking_permission_is_told_like_a_lacking_role() {
    let security = Security::default();
    let mut events = security.events();
    let app = TestApp::launch(crate::support::rocket_with(security)).await;
    let user = app.user(ANN).await.id;
    let answer = app.log_in_as(ANN).await.get_json("/edit").await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["forbidden".into()]));
    app.told().await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push((event.name(), event.user()));
    }
    assert_eq!(told.last(), Some(&("user_unauthorized", Some(user))), "{told:?}");
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
async fn an_answer_that_goes_by_who_asks_says_so_to_caches() {
    let app = app().await;
    for (browser, path) in [(app.log_in_as(ANN).await, "/me"), (app.browser(), "/")] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("Vary")), (Status::Ok, Some("Cookie")), "{path}");
    }
    assert_eq!(app.browser().get("/nowhere").await.header("Vary"), None, "nobody asked");
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
    assert!(answer.body.contains("<h1>No permission</h1>"), "{}", answer.body);
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
async fn a_guest_is_a_guest_and_so_is_the_owner_of_a_strangers_cookie() {
    let app = app().await;
    assert_eq!(app.browser().get("/").await.body, "a guest");
    let visitor = app.browser();
    visitor.csrf_token().await;
    assert_eq!(visitor.get("/").await.body, "a guest", "an anonymous id is a guest's");
    for forged in ["x", "v4.local.AAAA", ""] {
        let browser = app.browser();
        browser.set_cookie(SESSION, forged);
        let answer = browser.get_json("/").await;
        assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "a guest"), "{forged:?}");
        assert_eq!(browser.cookie(SESSION).as_deref(), Some(forged), "it is not ours to remove");
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
#[get("/permitted")]
fn permitted(_user: PermissionsRequired<EditPosts>) {}
#[get("/any-permitted")]
fn any_permitted(_user: Maybe<PermissionsAccepted<EditPosts>>) {}
#[get("/maybe")]
fn maybe(_user: Maybe<AuthUser>) {}
#[get("/csrf")]
fn csrf(_csrf: rocket_security::Csrf<'_>) {}
#[get("/tokens")]
fn issues(_tokens: &TokenIssuer) {}
#[get("/public")]
fn public(_everybody: Public) {}
#[get("/anonymous")]
fn anonymous(_guest: AnonymousOnly) {}
#[get("/fresh")]
fn fresh(_user: Fresh<5>) {}
#[get("/session")]
fn session(_session: Session<'_>) {}
#[get("/basic")]
fn basic(_user: BasicUser) {}
#[get("/via")]
fn via_any(_user: AuthVia<(via::SessionCookie, via::BearerToken)>) {}

#[rocket::async_test]
async fn a_guard_without_the_fairing_stops_the_launch() {
    for route in [
        routes![user],
        routes![required],
        routes![accepted],
        routes![permitted],
        routes![any_permitted],
        routes![maybe],
        routes![anonymous],
        routes![public],
        routes![fresh],
        routes![session],
        routes![basic],
        routes![via_any],
        routes![context],
        routes![visit],
        routes![csrf],
        routes![issues],
    ] {
        let rocket = rocket::build().mount("/", route);
        let fault = try_launch(rocket, json!({})).await.unwrap_err();
        assert!(fault.contains("SentinelAborts"), "{fault}");
    }
}
