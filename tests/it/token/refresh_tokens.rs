//! Programs that are logged in: what begins, renews and ends that.

mod denial;
mod ends;
mod instances;
mod login;
mod rotation;

use rocket::http::Status;
use rocket::{Build, Rocket, get, routes};
use rocket_security::datastore::RefreshStore;
use rocket_security::datastore::refresh::FamilyRecord;
use rocket_security::testing::{Answer, Browser, TestApp};
use rocket_security::{Fresh, Security};
use serde_json::{Value, json};

use crate::support::program::{LOGIN, Pair, credentials, get, pair_in};
use crate::support::store::store_on;
use crate::support::{ANN, me, with_ann};

#[get("/fresh")]
fn fresh(_user: Fresh<5>) -> &'static str {
    "fresh"
}

fn rocket(security: Security) -> Rocket<Build> {
    rocket::build().attach(security).mount("/", routes![me, fresh, denial::checked])
}

async fn app_with(tokens: Value) -> TestApp {
    with_ann(TestApp::launch_with(rocket(Security::default()), json!({"tokens": tokens}))).await
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

async fn log_in(browser: &Browser<'_>) -> Pair {
    pair_in(&browser.post_json(LOGIN, credentials()).await)
}

async fn status_of(app: &TestApp, token: &str) -> Status {
    get(app, "/me", token).await.status
}

async fn is_accepted(app: &TestApp, token: &str) -> bool {
    match status_of(app, token).await {
        Status::Ok => true,
        Status::Unauthorized => false,
        other => panic!("{other}"),
    }
}

/// Asserts that a refresh token was refused with the reason, in codes and in words.
fn assert_refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
    assert_eq!(answer.reasons(), [reason]);
    let errors = answer.response("errors");
    assert_eq!(answer.response("field_errors"), json!({"": errors}));
    assert_ne!(errors[0], "The refresh token isn't valid.", "no reason in words");
    assert_eq!(answer.headers("WWW-Authenticate").count(), 0, "nothing to log in to");
}

async fn families(app: &TestApp) -> Vec<FamilyRecord> {
    let ann = app.user(ANN).await;
    store_on(app.database()).await.list_families(ann.id).await.unwrap()
}
