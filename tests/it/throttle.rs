//! The limits on attempts.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use serde_json::json;

use crate::support::app_with;

const ANN: &str = "ann@example.org";

async fn app() -> TestApp {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    app.user(ANN).await;
    app
}

async fn fail(app: &TestApp, email: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(app.browser().log_in(email, "a wrong password").await.status.code);
    }
    statuses
}

#[rocket::async_test]
async fn after_five_failures_one_has_to_wait_even_with_the_right_password() {
    let app = app().await;
    assert_eq!(fail(&app, ANN, 6).await, [400, 400, 400, 400, 400, 429]);
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::TooManyRequests, vec!["throttled".into()])
    );
    assert_eq!(answer.header("Retry-After"), Some("30"));
    app.clock().advance(TimeDelta::seconds(30));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_wait_doubles_and_ends_at_an_hour() {
    let app = app().await;
    fail(&app, ANN, 5).await;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let answer = app.browser().log_in(ANN, "a wrong password").await;
        let wait: i64 = answer.header("Retry-After").unwrap().parse().unwrap();
        waits.push(wait);
        app.clock().advance(TimeDelta::seconds(wait));
        fail(&app, ANN, 1).await;
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
}

#[rocket::async_test]
async fn a_success_forgets_the_failures() {
    let app = app().await;
    fail(&app, ANN, 4).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(fail(&app, ANN, 5).await, [400; 5]);
}

#[rocket::async_test]
async fn failures_elsewhere_do_not_lock_the_owner_out() {
    let app = app().await;
    fail(&app, ANN, 6).await;
    let home = app.browser().at([203, 0, 113, 7].into());
    assert_eq!(home.log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(fail(&app, ANN, 1).await, [429], "nor does the owner's success help a guesser");
}

#[rocket::async_test]
async fn unknown_addresses_are_throttled_alike() {
    let app = app().await;
    assert_eq!(fail(&app, "nobody@example.org", 6).await, [400, 400, 400, 400, 400, 429]);
}

#[rocket::async_test]
async fn spelling_the_address_otherwise_is_the_same_account() {
    let app = app().await;
    fail(&app, ANN, 3).await;
    fail(&app, "ANN@EXAMPLE.ORG", 2).await;
    assert_eq!(fail(&app, "Ann@example.org", 1).await, [429]);
}

#[rocket::async_test]
async fn of_32_guesses_at_once_five_are_looked_at() {
    let app = app().await;
    let guess = async || app.browser().log_in(ANN, "a wrong password").await.status.code;
    let statuses = rocket::futures::future::join_all((0..32).map(|_| guess())).await;
    let looked_at = statuses.iter().filter(|status| **status == 400).count();
    let turned_away = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((looked_at, turned_away), (5, 27));
}

#[rocket::async_test]
async fn ipv6_is_counted_by_subscriber() {
    let app = app().await;
    for host in 1..=5 {
        let address = format!("2001:db8:0:1::{host}").parse().unwrap();
        let answer = app.browser().at(address).log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    let same = app.browser().at("2001:db8:0:1:ffff::1".parse().unwrap());
    assert_eq!(same.log_in(ANN, PASSWORD).await.status, Status::TooManyRequests);
    let other = app.browser().at("2001:db8:0:2::1".parse().unwrap());
    assert_eq!(other.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_forwarded_address_is_not_believed() {
    let app = app().await;
    for forged in ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"] {
        let browser = app.browser().header("X-Forwarded-For", forged).header("X-Real-IP", forged);
        browser.log_in(ANN, "a wrong password").await;
    }
    assert_eq!(fail(&app, ANN, 1).await, [429]);
}

#[rocket::async_test]
async fn a_network_has_a_limit_on_every_route_for_strangers() {
    let app = app().await;
    for (path, body) in [
        ("/login", json!({"email": "x@example.org", "password": "x"})),
        ("/register", json!({"email": "x@example.org", "password": "x"})),
        ("/confirm", json!({"email": "x@example.org"})),
        ("/confirm/some-token", json!({})),
    ] {
        let mut last = Status::Ok;
        for number in 0..101 {
            let body = body.to_string().replace("x@", &format!("x{number}@"));
            last = app.browser().post_raw(path, "application/json", body.as_bytes()).await.status;
            assert_eq!(last == Status::TooManyRequests, number == 100, "{path} {number}");
        }
        assert_eq!(last, Status::TooManyRequests, "{path}");
    }
    app.clock().advance(TimeDelta::minutes(10));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn limits_can_be_switched_off() {
    let app = app_with(json!({"throttle": {"enabled": false}})).await;
    app.user(ANN).await;
    assert_eq!(fail(&app, ANN, 20).await, [400; 20]);
}
