//! What listeners are told.

use std::sync::Arc;
use std::sync::Mutex;

use rocket_security::Event;
use rocket_security::Security;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use rocket_security::testing::link_in;
use serde_json::json;

use crate::support::rocket_with;

const ANN: &str = "ann@example.org";

async fn app_with_listener() -> (TestApp, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let security = Security::default()
        .on_event(|_| panic!("a listener that panics"))
        .on_event(move |event| sink.lock().unwrap().push(event.clone()));
    (TestApp::launch(rocket_with(security)).await, events)
}

fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split(' ').next().unwrap().to_owned()
}

#[rocket::async_test]
async fn a_life_from_registration_to_logout_is_told_in_order() {
    let (app, events) = app_with_listener().await;
    let browser = app.browser();
    browser.post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    let link = link_in(&app.newest_mail_to(ANN).await);
    browser.log_in(ANN, PASSWORD).await;
    browser.post_json(&link, json!({})).await;
    browser.get("/me").await;
    browser.log_in(ANN, PASSWORD).await;
    browser.post_form_as_is("/logout", &[]).await;
    browser.log_out().await;
    app.browser().post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    let mut names: Vec<String> = events.lock().unwrap().iter().map(name).collect();
    // The worker tells of mail in its own time.
    let before = names.len();
    names.retain(|name| name != "ConfirmInstructionsSent");
    assert_eq!(before - names.len(), 1);
    assert_eq!(
        names,
        [
            "UserRegistered",
            "UserFailedAuthn",
            "UserConfirmed",
            "UserUnauthenticated",
            "UserAuthenticated",
            "CsrfFailed",
            "UserLoggedOut",
            "UserNotRegistered",
        ]
    );
}

#[rocket::async_test]
async fn no_event_holds_a_secret() {
    let (app, events) = app_with_listener().await;
    let browser = app.browser();
    browser.post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    let link = link_in(&app.newest_mail_to(ANN).await);
    browser.post_json(&link, json!({})).await;
    browser.log_in(ANN, "a wrong password").await;
    browser.log_in(ANN, PASSWORD).await;
    let text = format!("{:?}", events.lock().unwrap());
    let token = link.rsplit('/').next().unwrap();
    let cookie = browser.cookie("security_session").unwrap();
    for secret in [PASSWORD, "a wrong password", token, &cookie, ANN] {
        assert!(!text.contains(secret), "{text}");
    }
}
