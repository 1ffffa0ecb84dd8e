//! A password that is disabled by too many wrong ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket_security::Security;
use rocket_security::features::basic::Basic;
use rocket_security::features::login::Login;
use rocket_security::features::reset::Reset;
use rocket_security::testing::{PASSWORD, TestApp};
use serde_json::json;

use crate::support::links::link_to;
use crate::support::sink::{Sink, told};
use crate::support::{ANN, rocket_with, with_ann};

const SUBJECT: &str = "Your password is disabled";

async fn app_of(security: Security) -> TestApp {
    let settings = json!({"throttle": {"scale": 1}});
    with_ann(TestApp::launch_with(rocket_with(security), settings)).await
}

async fn app() -> TestApp {
    app_of(Security::default()).await
}

/// Tries a password from a network that nobody came from yet, at a time when no other limit holds.
async fn try_from_elsewhere(app: &TestApp, number: u8, password: &str) -> u16 {
    let browser = app.browser().at([10, 9, number, 1].into());
    browser.log_in(ANN, password).await.status.code
}

async fn fail_elsewhere(app: &TestApp, numbers: std::ops::Range<u8>) {
    for number in numbers {
        assert_eq!(try_from_elsewhere(app, number, "a wrong password").await, 400, "{number}");
    }
}

async fn notices(app: &TestApp) -> usize {
    app.mail().await.iter().filter(|mail| mail.subject == SUBJECT).count()
}

#[rocket::async_test]
async fn a_hundred_wrong_passwords_of_strangers_disable_a_password_for_strangers_alone() {
    let sink = Sink::default();
    let app = app_of(sink.listen(Security::default())).await;
    app.log_in_as(ANN).await;
    fail_elsewhere(&app, 0..99).await;
    assert_eq!(notices(&app).await, 0);
    fail_elsewhere(&app, 99..100).await;
    assert_eq!(notices(&app).await, 1);
    let elsewhere = app.browser().at([10, 9, 100, 1].into());
    let right = elsewhere.log_in(ANN, PASSWORD).await;
    let wrong = elsewhere.log_in(ANN, "a wrong password").await;
    assert_eq!((right.status, right.reasons()), (wrong.status, wrong.reasons()));
    assert_eq!(
        (right.status, right.reasons()),
        (Status::BadRequest, vec!["invalid_credentials".into()])
    );
    let events = told(&app, &sink, "password_disabled").await;
    assert_eq!((notices(&app).await, events.len()), (1, 1), "it is told once");
    let home = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(home.status, Status::Ok, "its owner is not locked out at home");
    assert_eq!(try_from_elsewhere(&app, 101, PASSWORD).await, 400, "nor does that help strangers");
}

#[rocket::async_test]
async fn the_owner_is_told_although_the_feature_login_is_disabled() {
    let security = Security::default().disable::<Login>().enable(Basic::default());
    let settings = json!({"throttle": {"scale": 1}, "mechanisms": ["basic"]});
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    app.user(ANN).await;
    for number in 0..100 {
        let wrong = format!("Basic {}", STANDARD.encode(format!("{ANN}:a wrong password")));
        let request = app.client().get("/me").header(Header::new("Authorization", wrong));
        let browser = app.browser().at([10, 9, number, 1].into());
        assert_eq!(browser.send(request).await.status, Status::Unauthorized);
    }
    assert_eq!(notices(&app).await, 1);
}

#[rocket::async_test]
async fn a_reset_enables_the_password_again() {
    let app = app().await;
    fail_elsewhere(&app, 0..100).await;
    app.clock().advance(TimeDelta::days(30));
    app.sweep().await;
    assert_eq!(try_from_elsewhere(&app, 100, PASSWORD).await, 400, "time alone does not");
    let browser = app.browser().at([10, 9, 101, 1].into());
    browser.post_json("/reset", json!({"email": ANN})).await;
    let link = link_to(&app, ANN).await;
    let body = json!({"password": "a ferry leaves at half past"});
    assert_eq!(browser.post_json(&link, body).await.status, Status::Ok);
    assert_eq!(try_from_elsewhere(&app, 102, "a ferry leaves at half past").await, 200);
}

#[rocket::async_test]
async fn a_success_begins_a_new_count() {
    let app = app().await;
    fail_elsewhere(&app, 0..99).await;
    assert_eq!(try_from_elsewhere(&app, 99, PASSWORD).await, 200);
    fail_elsewhere(&app, 100..199).await;
    assert_eq!(try_from_elsewhere(&app, 199, PASSWORD).await, 200);
    assert_eq!(notices(&app).await, 0);
}

#[rocket::async_test]
async fn a_network_of_the_user_has_a_count_of_its_own() {
    let app = app().await;
    app.log_in_as(ANN).await;
    for _ in 0..100 {
        app.clock().advance(TimeDelta::hours(1));
        let answer = app.browser().log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    app.clock().advance(TimeDelta::hours(1));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(notices(&app).await, 1);
    assert_eq!(try_from_elsewhere(&app, 0, PASSWORD).await, 200);
}

#[rocket::async_test]
async fn a_browser_that_is_logged_in_has_a_count_of_its_own_wherever_it_is() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await.at([10, 8, 0, 1].into());
    fail_elsewhere(&app, 0..100).await;
    assert_eq!(try_from_elsewhere(&app, 100, PASSWORD).await, 400);
    let verified = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(verified.status, Status::Ok, "{}", verified.body);
}

#[rocket::async_test]
async fn without_a_way_to_a_new_password_none_is_disabled() {
    let app = app_of(Security::default().disable::<Reset>()).await;
    fail_elsewhere(&app, 0..110).await;
    assert_eq!(try_from_elsewhere(&app, 110, PASSWORD).await, 200);
}
