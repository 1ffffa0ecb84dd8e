//! Registrations, and the links that users get by mail.

use rocket::http::Status;
use rocket_security::testing::{Browser, PASSWORD, TestApp, link_in};
use serde_json::json;

/// Registers an address with the password of everybody that the kit makes.
pub(crate) async fn register(app: &TestApp, email: &str) {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

/// Registers an address, and returns the link that confirms it.
pub(crate) async fn confirmation_link(app: &TestApp, email: &str) -> String {
    register(app, email).await;
    link_to(app, email).await
}

/// Asks for another password, and returns the link that sets it.
pub(crate) async fn reset_link(app: &TestApp, email: &str) -> String {
    let answer = app.browser().post_json("/reset", json!({"email": email})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    link_to(app, email).await
}

/// Asks for another address, and returns the link that proves it.
pub(crate) async fn change_email_link(app: &TestApp, user: &Browser<'_>, to: &str) -> String {
    let answer = user.post_json("/change-email", json!({"email": to})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    link_to(app, to).await
}

/// Moves a user to another address, by the link that proves it.
pub(crate) async fn change_email(app: &TestApp, user: &Browser<'_>, to: &str) {
    let link = change_email_link(app, user, to).await;
    let answer = user.post_json(&link, json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

/// Returns the link of the newest mail to an address.
pub(crate) async fn link_to(app: &TestApp, email: &str) -> String {
    link_in(&app.newest_mail_to(email).await)
}
