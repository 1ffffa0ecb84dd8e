//! How long a session lasts.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::testing::PASSWORD;
use serde_json::json;

use crate::support::app;
use crate::support::app_with;
use crate::support::sql;

const ANN: &str = "ann@example.org";
const SESSION: &str = "security_session";

#[rocket::async_test]
async fn an_idle_session_ends_after_an_hour() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(ann.get("/me").await.status, Status::Ok);
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(ann.get("/me").await.status, Status::Ok, "using it keeps it");
    app.clock().advance(TimeDelta::minutes(60));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
    assert_eq!(ann.cookie(SESSION), None);
}

#[rocket::async_test]
async fn no_use_keeps_a_session_beyond_a_day() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..47 {
        app.clock().advance(TimeDelta::minutes(30));
        assert_eq!(ann.get("/me").await.status, Status::Ok);
    }
    app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn the_limits_are_configurable() {
    let app = app_with(json!({"session": {"idle": "5m", "absolute": "10m"}})).await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(5));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_user_has_twenty_sessions_and_the_oldest_gives_way() {
    let app = app().await;
    let oldest = app.log_in_as(ANN).await;
    for _ in 0..19 {
        app.clock().advance(TimeDelta::seconds(1));
        app.log_in_as(ANN).await;
    }
    assert_eq!(oldest.get("/me").await.status, Status::Ok);
    app.clock().advance(TimeDelta::seconds(1));
    let newest = app.log_in_as(ANN).await;
    assert_eq!(oldest.get("/me").await.status, Status::SeeOther);
    assert_eq!(newest.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_switched_off_user_is_out_with_the_next_request() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    let change = rocket_security::datastore::user::UserChange::active(false);
    let nothing = rocket_security::datastore::Together::nothing();
    app.store().update_user(user.id, &change, &nothing).await.unwrap();
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn a_deleted_user_is_out_with_the_next_request() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    let nothing = rocket_security::datastore::Together::nothing();
    assert!(app.store().delete_user(user.id, &nothing).await.unwrap());
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn what_is_over_is_deleted_and_what_is_not_stays() {
    let app = app().await;
    app.log_in_as(ANN).await;
    app.browser().log_in("bob@example.org", "a wrong password").await;
    app.browser()
        .post_json("/register", json!({"email": "carol@example.org", "password": PASSWORD}))
        .await;
    app.mail().await;
    assert_eq!(app.sweep().await, 0);
    app.clock().advance(TimeDelta::hours(25));
    // The session, the link, the failed login, and three counts of a network or an address.
    assert_eq!(app.sweep().await, 6);
    assert_eq!(app.sweep().await, 0);
}

#[rocket::async_test]
async fn anonymous_visitors_store_nothing() {
    let app = app().await;
    let visitor = app.browser();
    visitor.get("/").await;
    assert_eq!(visitor.cookie(SESSION), None, "a page without a form sets no cookie");
    visitor.get("/login").await;
    assert!(visitor.cookie(SESSION).is_some());
    assert_eq!(sql::number(app.database(), "SELECT COUNT(*) FROM security_sessions").await, 0);
}

#[rocket::async_test]
async fn the_store_holds_neither_ids_nor_passwords() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let cookie = ann.cookie(SESSION).unwrap();
    let mut content = String::new();
    for table in ["users", "sessions", "attempts", "outbox", "one_time_tokens", "track"] {
        content += &sql::dump(app.database(), &format!("security_{table}")).await;
    }
    assert!(content.contains(ANN));
    assert!(!content.contains(&cookie) && !content.contains(PASSWORD));
}

#[rocket::async_test]
async fn over_https_cookies_are_secure_and_bound_to_the_host() {
    let app = app_with(json!({"base_url": "https://example.org"})).await;
    app.user(ANN).await;
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    let cookie = answer.header("Set-Cookie").unwrap();
    assert!(cookie.starts_with("__Host-security_session=v4.local."), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert!(cookie.len() < 1_024);
    assert_eq!(answer.header("Strict-Transport-Security"), Some("max-age=31536000"));
}
