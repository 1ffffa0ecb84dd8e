//! The application's own row for a user.

use std::sync::atomic::{AtomicUsize, Ordering};

use rocket::http::Status;
use rocket::{Request, async_trait, get, post, routes};
use rocket_security::testing::TestApp;
use rocket_security::{
    AuthVia, Error, Maybe, Own, OwnRow, Result, RolesRequired, Security, User, via,
};
use serde_json::json;

use crate::support::bearer::token;
use crate::support::launching::try_launch;
use crate::support::{ANN, Admin};

struct Profile {
    nickname: String,
}

/// How often a row was loaded.
#[derive(Default)]
struct Loads(AtomicUsize);

#[async_trait]
impl OwnRow for Profile {
    async fn load(user: &User, request: &Request<'_>) -> Result<Option<Self>> {
        request.rocket().state::<Loads>().unwrap().0.fetch_add(1, Ordering::Relaxed);
        match user.email.as_str().split('@').next() {
            Some("lost") => Err(Error::store("the profile is lost")),
            Some("new") => Ok(None),
            name => Ok(name.map(|name| Self { nickname: name.to_uppercase() })),
        }
    }
}

#[get("/profile")]
fn profile(profile: Own<Profile>) -> String {
    format!("{} is {}", profile.user().email, profile.nickname)
}

#[post("/profile")]
fn change(profile: Own<Profile>) -> String {
    profile.nickname.clone()
}

#[get("/account")]
fn account(profile: Own<Option<Profile>>) -> String {
    profile.as_ref().map_or("no profile".to_owned(), |profile| profile.nickname.clone())
}

#[get("/maybe")]
fn maybe(profile: Maybe<Own<Profile>>) -> String {
    profile.0.map_or("a guest".to_owned(), |profile| profile.nickname.clone())
}

#[get("/admin")]
fn admin(_admin: RolesRequired<Admin>, one: Own<Profile>, two: Maybe<Own<Profile>>) -> String {
    assert_eq!(Some(&one.nickname), two.0.as_ref().map(|two| &two.nickname));
    one.nickname.clone()
}

#[get("/api")]
fn api(_by: AuthVia<via::BearerToken>, profile: Own<Profile>) -> String {
    profile.nickname.clone()
}

async fn app() -> TestApp {
    let security = Security::default();
    let routes = routes![profile, change, account, maybe, admin, api];
    let rocket = rocket::build().attach(security).mount("/", routes).manage(Loads::default());
    TestApp::launch(rocket).await
}

fn loads(app: &TestApp) -> usize {
    app.client().rocket().state::<Loads>().unwrap().0.swap(0, Ordering::Relaxed)
}

#[rocket::async_test]
async fn a_user_comes_with_their_row_and_one_without_is_refused() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/profile").await.body, "ann@example.org is ANN");
    assert_eq!(ann.get("/account").await.body, "ANN");
    assert_eq!(ann.get("/maybe").await.body, "ANN");
    let new = app.log_in_as("new@example.org").await;
    for path in ["/profile", "/maybe"] {
        let answer = new.get_json(path).await;
        assert_eq!(
            (answer.status, answer.reasons()),
            (Status::Forbidden, vec!["own_row_missing".into()])
        );
        assert_eq!(new.get(path).await.status, Status::Forbidden, "a page of its own");
    }
    assert_eq!(new.get("/account").await.body, "no profile");
}

#[rocket::async_test]
async fn nobody_and_whoever_forges_are_answered_as_everywhere_and_nothing_is_loaded() {
    let app = app().await;
    let stranger = app.browser();
    assert_eq!(stranger.get("/profile").await.location(), "/login?next=%2Fprofile");
    assert_eq!(stranger.get_json("/account").await.reasons(), ["unauthenticated"]);
    assert_eq!(stranger.get("/maybe").await.body, "a guest");
    stranger.set_cookie("security_session", "v4.local.AAAA");
    assert_eq!(stranger.get("/maybe").await.body, "a guest");
    assert_eq!(stranger.get_json("/account").await.reasons(), ["unauthenticated"]);
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.send(app.client().post("/profile")).await.status, Status::BadRequest);
    assert_eq!(ann.get_json("/admin").await.reasons(), ["forbidden"]);
    assert_eq!(loads(&app), 0);
    assert_eq!(ann.post_json("/profile", json!({})).await.body, "ANN");
}

#[rocket::async_test]
async fn several_guards_load_it_once() {
    let app = app().await;
    app.grant(ANN, "admin").await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/admin").await.body, "ANN");
    assert_eq!(loads(&app), 1);
    ann.get("/admin").await;
    assert_eq!(loads(&app), 1, "and with the next request again");
}

#[rocket::async_test]
async fn it_is_the_row_of_whom_the_guard_before_it_let_in() {
    let app = app().await;
    let (bob, ann) = (app.user("bob@example.org").await, app.log_in_as(ANN).await);
    let token = token(&app, &bob, 0).await;
    assert_eq!(ann.send(app.client().get("/api").header(token)).await.body, "BOB");
}

#[rocket::async_test]
async fn a_row_that_cannot_be_loaded_is_our_fault() {
    let app = app().await;
    let answer = app.log_in_as("lost@example.org").await.get_json("/profile").await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::ServiceUnavailable, vec!["unavailable".into()])
    );
    assert!(answer.header("Retry-After").is_some());
}

#[rocket::async_test]
async fn it_needs_the_fairing() {
    for routes in [routes![profile], routes![maybe], routes![account]] {
        let rocket = rocket::build().mount("/", routes);
        let fault = try_launch(rocket, json!({})).await.unwrap_err();
        assert!(fault.contains("SentinelAborts"), "{fault}");
    }
}
