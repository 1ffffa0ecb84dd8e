//! Browsers that are remembered.

use rocket::http::Status;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use serde_json::json;

use crate::support::REMEMBER;

/// Gives a browser in which the user of that address is logged in and remembered.
pub(crate) async fn remembered<'a>(app: &'a TestApp, email: &str) -> Browser<'a> {
    app.user(email).await;
    let browser = app.browser();
    let body = json!({"email": email, "password": PASSWORD, "remember": true});
    let answer = browser.post_json("/login", body).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert!(browser.cookie(REMEMBER).is_some());
    browser
}
