//! Proving that it is still you.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{get, post, routes};
use rocket_security::features::verify::Verify;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::web::page::Page;
use rocket_security::{AuthUser, Fresh, Security};
use serde_json::json;

use crate::support::launching::launches;
use crate::support::{ANN, app, app_with, payout, rocket};

#[rocket::async_test]
async fn the_window_belongs_to_the_route() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(4));
    assert_eq!(ann.get("/payout").await.body, "the payout");
    app.clock().advance(TimeDelta::minutes(1));
    assert_eq!(ann.get("/statement").await.body, "the statement");
    let stale = ann.get("/payout").await;
    assert_eq!((stale.status, stale.location()), (Status::SeeOther, "/verify?next=%2Fpayout"));
    // Passing a lax guard opens no strict one, and no use makes anybody fresher.
    for _ in 0..3 {
        assert_eq!(ann.get("/statement").await.status, Status::Ok);
        assert_eq!(ann.get("/payout").await.status, Status::SeeOther);
    }
}

#[rocket::async_test]
async fn a_program_is_told_that_it_is_not_fresh() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(5));
    let stale = ann.get_json("/payout").await;
    assert_eq!(stale.status, Status::Unauthorized);
    assert_eq!(stale.response("reauth_required"), json!(true));
    assert_eq!(stale.reasons(), ["reauth_required"]);
    assert!(stale.header("WWW-Authenticate").is_some());
    assert_eq!(ann.get("/me").await.body, ANN, "the session is as alive as before");

    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    assert_eq!(answer.response("user")["email"], ANN);
    assert_eq!(ann.get_json("/payout").await.body, "the payout");
}

#[rocket::async_test]
async fn a_person_is_led_to_the_form_and_back() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let before = ann.cookie("security_session").unwrap();
    app.clock().advance(TimeDelta::minutes(30));
    let stale = ann.get("/payout?amount=7").await;
    assert_eq!(stale.location(), "/verify?next=%2Fpayout%3Famount%3D7");
    let page = ann.get(stale.location()).await;
    assert!(page.body.contains("payout?amount=7\""), "{}", page.body);
    let fields = [("next", "/payout?amount=7"), ("password", "not mine at all, really")];
    let wrong = ann.post_form("/verify", &fields).await;
    assert_eq!(wrong.status, Status::BadRequest);
    assert!(wrong.body.contains("This password is incorrect."));
    assert!(wrong.body.contains("payout?amount=7\""), "it still knows the way");
    let fields = [("next", "/payout?amount=7"), ("password", PASSWORD)];
    let answer = ann.post_form("/verify", &fields).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/payout?amount=7"));
    assert_eq!(ann.get("/payout?amount=7").await.body, "the payout");

    assert_ne!(ann.cookie("security_session").unwrap(), before);
    let thief = app.browser();
    thief.set_cookie("security_session", &before);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized, "the old id is dead");
}

#[rocket::async_test]
async fn a_way_back_leads_nowhere_else() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let fields = [("next", "//evil.example"), ("password", PASSWORD)];
    assert_eq!(ann.post_form("/verify", &fields).await.location(), "/");
}

#[rocket::async_test]
async fn a_form_that_was_interrupted_is_shown_again_with_what_was_typed() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/change-email").await.status, Status::Ok);
    app.clock().advance(TimeDelta::minutes(10));
    let stale = ann.post_form("/change-email", &[("email", "ann@example.net")]).await;
    assert_eq!(
        (stale.status, stale.location()),
        (Status::SeeOther, "/verify?next=%2Fchange-email")
    );
    let fields = [("next", "/change-email"), ("password", PASSWORD)];
    assert_eq!(ann.post_form("/verify", &fields).await.location(), "/change-email");
    let page = ann.get("/change-email").await;
    assert!(page.body.contains("value=\"ann@example.net\""), "{}", page.body);
    assert!(!ann.get("/change-email").await.body.contains("value=\"ann@example.net\""), "once");
}

#[rocket::async_test]
async fn an_interrupted_form_is_shown_to_nobody_else() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(10));
    ann.post_form("/change-email", &[("email", "ann@example.net")]).await;
    let kept = ann.cookie("security_form").unwrap();
    let bob = app.log_in_as("bob@example.org").await;
    bob.set_cookie("security_form", &kept);
    let page = bob.get("/change-email").await;
    assert!(page.status == Status::Ok && !page.body.contains("ann@example.net"), "{}", page.body);
    let again = bob.get("/change-email").await;
    assert!(!again.body.contains("ann@example.net"), "{}", again.body);
}

#[rocket::async_test]
async fn no_secret_is_kept_of_an_interrupted_form() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(10));
    let stale = ann.post_form("/close-account", &[("password", PASSWORD)]).await;
    assert_ne!(stale.status, Status::Ok);
    assert_eq!(ann.cookie("security_form"), None);
}

#[rocket::async_test]
async fn a_post_without_a_page_of_its_path_leads_back_to_the_one_it_has() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(5));
    let stale = ann.post_form("/payout", &[]).await;
    assert_eq!(stale.location(), "/verify?next=%2Fpayout");
}

#[rocket::async_test]
async fn guests_are_welcome_where_the_guard_is_in_maybe_and_the_stale_are_not() {
    let app = app().await;
    assert_eq!(app.browser().get("/maybe-fresh").await.body, "a guest");
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/maybe-fresh").await.body, "fresh");
    app.clock().advance(TimeDelta::minutes(5));
    assert_eq!(ann.get_json("/maybe-fresh").await.reasons(), ["reauth_required"]);
}

#[rocket::async_test]
async fn nobody_logged_in_goes_to_the_login_page() {
    let app = app().await;
    assert_eq!(app.browser().get("/payout").await.location(), "/login?next=%2Fpayout");
    assert_eq!(app.browser().get("/verify").await.location(), "/login?next=%2Fverify");
    let answer = app.browser().post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn guessing_is_limited_like_a_login() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..5 {
        let body = json!({"password": "a guess of a thief"});
        assert_eq!(
            ann.post_json("/verify", body).await.reasons(),
            ["invalid_input", "invalid_password"]
        );
    }
    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::TooManyRequests);
}

#[rocket::async_test]
async fn freshness_of_our_own_pages_is_configurable() {
    let app = app_with(json!({"freshness": "1h"})).await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(ann.get("/change-email").await.status, Status::Ok);
    app.clock().advance(TimeDelta::minutes(1));
    assert_ne!(ann.get("/change-email").await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_guard_without_the_feature_or_the_fairing_stops_the_launch() {
    let rocket = |security: Security| rocket::build().attach(security).mount("/", routes![payout]);
    assert!(launches(rocket(Security::default()), json!({})).await);
    assert!(!launches(rocket(Security::default().disable::<Verify>()), json!({})).await);
    assert!(!launches(rocket::build().mount("/", routes![payout]), json!({})).await);
}

#[get("/payee")]
fn payee(_user: AuthUser) -> Page {
    Page::new("security/change_email.html").with("current_email", "the payee so far")
}

#[post("/payee")]
fn set_payee(_fresh: Fresh<5>) -> &'static str {
    "the payee is set"
}

/// The guard refuses a form that no handler has read.
#[rocket::async_test]
async fn a_form_of_an_applications_own_is_shown_again_with_what_was_typed_but_no_secrets() {
    let app = TestApp::launch(rocket().mount("/", routes![payee, set_payee])).await;
    let ann = app.log_in_as(ANN).await;
    let stale = async |fields: &[(&str, &str)]| {
        app.clock().advance(TimeDelta::minutes(5));
        let answer = ann.post_form("/payee", fields).await;
        assert_eq!(answer.location(), "/verify?next=%2Fpayee");
        let verify = [("password", PASSWORD), ("next", "/payee")];
        assert_eq!(ann.post_form("/verify", &verify).await.location(), "/payee");
        ann.get("/payee").await.body
    };
    let typed = [("email", "grocer@example.org"), ("card_pin", "4711-4711"), ("password", "hush")];
    let page = stale(&typed).await;
    assert!(page.contains("grocer@example.org"), "{page}");
    assert!(!page.contains("4711-4711") && !page.contains("hush"), "{page}");
    assert!(!ann.get("/payee").await.body.contains("grocer@example.org"), "shown once");

    let long = "x".repeat(600);
    let page = stale(&[("email", "baker@example.org"), ("note", &long)]).await;
    assert!(!page.contains("baker@example.org"), "a form beyond what can be looked at is not kept");

    app.clock().advance(TimeDelta::minutes(5));
    ann.post_form("/payee", &typed).await;
    ann.log_out().await;
    app.user("bob@example.org").await;
    ann.log_in("bob@example.org", PASSWORD).await;
    assert!(!ann.get("/payee").await.body.contains("grocer@example.org"), "nobody else's");
}
