//! A password that has to be changed before anything else.

use rocket::http::Status;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{PASSWORD, TestApp};
use serde_json::json;

use crate::support::users::change_user;
use crate::support::{ANN, CHOSEN, app};

async fn app_where_ann_must_change() -> TestApp {
    let app = app().await;
    change_user(&app, &app.user(ANN).await, &UserChange::must_change()).await;
    app
}

#[rocket::async_test]
async fn only_the_change_and_the_logout_can_be_reached() {
    let app = app_where_ann_must_change().await;
    let ann = app.log_in_as(ANN).await;
    for page in ["/me", "/payout", "/change-email", "/verify"] {
        let answer = ann.get(page).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/change"), "{page}");
        let answer = ann.get_json(page).await;
        assert_eq!(answer.status, Status::Forbidden, "{page}");
        assert_eq!(answer.reasons(), ["password_change_required"], "{page}");
    }
    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["password_change_required"]);
    let answer = ann.post_json("/thing", json!({})).await;
    assert_eq!(answer.reasons(), ["password_change_required"]);
    let page = ann.get("/change").await;
    assert!(page.body.contains("choose a new password before you can continue"), "{}", page.body);
    assert_eq!(ann.log_out().await.status, Status::Ok);
}

#[rocket::async_test]
async fn changing_it_ends_that() {
    let app = app_where_ann_must_change().await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"password": PASSWORD, "new_password": PASSWORD});
    assert!(ann.post_json("/change", body).await.reasons().contains(&"password_unchanged".into()));
    assert_eq!(ann.get("/me").await.location(), "/change");
    let body = json!({"password": PASSWORD, "new_password": CHOSEN});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn whoever_is_logged_in_when_it_is_asked_for_is_logged_out() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let user = app.user(ANN).await;
    change_user(&app, &user, &UserChange::must_change()).await;
    assert_eq!(ann.get("/me").await.location(), "/login?next=%2Fme");
}
