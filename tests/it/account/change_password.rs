//! Changing one's password.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::PASSWORD;
use serde_json::{Value, json};

use crate::support::links::reset_link;
use crate::support::users::change_user;
use crate::support::{ANN, CHOSEN, app, app_with, with_ann};

fn change() -> Value {
    json!({"password": PASSWORD, "new_password": CHOSEN, "new_password_confirm": CHOSEN})
}

#[rocket::async_test]
async fn everybody_else_is_out_and_the_caller_goes_on_with_a_new_session() {
    let app = app().await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let link = reset_link(&app, ANN).await;
    let (cookie, csrf_token) = (ann.cookie("security_session"), ann.csrf_token().await);

    let answer = ann.post_json("/change", change()).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(answer.response("user")["email"], ANN);
    assert_ne!(answer.response("csrf_token"), json!(csrf_token));
    assert_ne!(ann.cookie("security_session"), cookie);
    assert_eq!(ann.get("/me").await.body, ANN);

    assert_eq!(elsewhere.get("/me").await.status, Status::SeeOther);
    let thief = app.browser();
    thief.set_cookie("security_session", &cookie.unwrap());
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
    let answer = app.browser().post_json(&link, json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);

    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    let notice = app.newest_mail_to(ANN).await;
    assert_eq!((notice.subject.as_str(), notice.link), ("Your password was changed", None));
}

#[rocket::async_test]
async fn by_page_errors_stand_beside_their_fields_and_no_password_comes_back() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert!(ann.get("/change").await.body.contains("Current password"));
    let fields = [
        ("password", "not mine at all, really"),
        ("new_password", CHOSEN),
        ("new_password_confirm", CHOSEN),
    ];
    let page = ann.post_form("/change", &fields).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("This password is incorrect."), "{}", page.body);
    assert!(!page.body.contains(CHOSEN));
    let fields =
        [("password", PASSWORD), ("new_password", CHOSEN), ("new_password_confirm", CHOSEN)];
    let answer = ann.post_form("/change", &fields).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(ann.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn the_current_password_is_asked_for_in_both_dialects_however_fresh_one_is() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"new_password": CHOSEN, "new_password_confirm": CHOSEN});
    let answer = ann.post_json("/change", body).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(!answer.json()["response"]["field_errors"]["password"].is_null(), "{}", answer.body);
    let fields = [("new_password", CHOSEN), ("new_password_confirm", CHOSEN)];
    assert_eq!(ann.post_form("/change", &fields).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(app.mail().await.len(), 0);
}

#[rocket::async_test]
async fn a_new_password_is_held_to_the_rules_of_a_registration() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for (new_password, confirm, reason) in [
        ("short", "short", "password_too_short"),
        ("ann@example.org", "ann@example.org", "password_blocklisted"),
        (CHOSEN, "a ferry leaves at eight", "password_mismatch"),
        (PASSWORD, PASSWORD, "password_unchanged"),
    ] {
        let body = json!({
            "password": PASSWORD, "new_password": new_password, "new_password_confirm": confirm
        });
        let answer = ann.post_json("/change", body).await;
        assert!(answer.reasons().contains(&reason.to_owned()), "{reason}: {}", answer.body);
    }
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn guessing_the_current_password_is_limited_like_a_login() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    let ann = app.log_in_as(ANN).await;
    let guess = async || {
        let body = json!({"password": "a guess of a thief", "new_password": CHOSEN});
        ann.post_json("/change", body).await.status
    };
    for _ in 0..5 {
        assert_eq!(guess().await, Status::BadRequest);
    }
    assert_eq!(guess().await, Status::TooManyRequests);
    assert_eq!(ann.post_json("/change", change()).await.status, Status::TooManyRequests);
}

#[rocket::async_test]
async fn of_16_changes_at_once_one_wins() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (cookie, csrf_token) = (ann.cookie("security_session").unwrap(), ann.csrf_token().await);
    let change = async |number: usize| {
        let browser = app.browser();
        browser.set_cookie("security_session", &cookie);
        let new = format!("{CHOSEN}, number {number}");
        let fields = [
            ("csrf_token", csrf_token.as_str()),
            ("password", PASSWORD),
            ("new_password", &new),
            ("new_password_confirm", &new),
        ];
        let answer = browser.post_form_as_is("/change", &fields).await;
        (answer.location() == "/", new)
    };
    let answers = rocket::futures::future::join_all((0..16).map(change)).await;
    let won: Vec<_> = answers.into_iter().filter(|(is_done, _)| *is_done).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(app.browser().log_in(ANN, &won[0].1).await.status, Status::Ok);
    assert_eq!(app.mail().await.len(), 1, "its owner is told once");
}

#[rocket::async_test]
async fn whoever_has_no_password_sets_a_first_one_while_fresh() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    let mut change = UserChange::default();
    change.password_hash = Some(None);
    // The session would end with the change: this is how somebody gets in by another way.
    let digest = "UPDATE security_users SET password_hash = NULL";
    crate::support::sql::execute(app.database(), digest).await;
    drop((user, change));
    let shown = ann.get_json("/change").await;
    assert_eq!(shown.response("active_password"), json!(false));
    let body = json!({"new_password": CHOSEN, "new_password_confirm": CHOSEN});
    app.clock().advance(TimeDelta::minutes(10));
    let stale = ann.post_json("/change", body.clone()).await;
    assert_eq!(
        (stale.status, stale.reasons()),
        (Status::Unauthorized, vec!["reauth_required".into()])
    );
    assert_eq!(ann.get("/change").await.location(), "/verify?next=%2Fchange");
    app.clock().advance(TimeDelta::minutes(-5));
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

#[rocket::async_test]
async fn nobody_changes_nothing() {
    let app = with_ann(app()).await;
    let answer = app.browser().post_json("/change", change()).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["unauthenticated".into()])
    );
    assert_eq!(app.browser().get("/change").await.location(), "/login?next=%2Fchange");
    let ann = app.log_in_as(ANN).await;
    let fields = [("password", PASSWORD), ("new_password", CHOSEN)];
    let answer = ann.post_form_as_is("/change", &fields).await;
    assert_eq!(answer.status, Status::BadRequest, "without the anti-forgery token");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn whose_account_is_switched_off_changes_nothing() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    change_user(&app, &user, &UserChange::active(false)).await;
    let answer = ann.post_json("/change", change()).await;
    assert_ne!(answer.status, Status::Ok);
}
