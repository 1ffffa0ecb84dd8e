//! Nobody learns who has an account.

use std::future::pending;

use rocket::async_trait;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::confirm::Confirm;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::mail::{Mailer, Message};
use rocket_security::testing::TestApp;
use rocket_security::testing::enumeration::assert_that_nobody_learns_who_has_an_account;
use rocket_security::{Error, Result, Security};
use serde_json::json;

use crate::support::{app, app_with, rocket_with};

#[rocket::async_test]
async fn every_form_is_answered_alike_for_every_kind_of_address() {
    assert_that_nobody_learns_who_has_an_account(&app().await, json!({})).await;
}

#[rocket::async_test]
async fn nor_is_it_otherwise_where_users_go_by_usernames() {
    let security =
        Security::default().enable(RecoverUsername::default()).enable(ChangeUsername::default());
    let names = json!({
        "identity": ["email", "username"]
    });
    let app = TestApp::launch_with(rocket_with(security), names).await;
    assert_that_nobody_learns_who_has_an_account(&app, json!({})).await;
}

#[rocket::async_test]
async fn limits_change_nothing_about_that() {
    for throttle in [json!({"enabled": false}), json!({"scale": 1})] {
        let app = app_with(json!({"throttle": throttle})).await;
        assert_that_nobody_learns_who_has_an_account(&app, json!({})).await;
    }
}

struct Refusing;

#[async_trait]
impl Mailer for Refusing {
    async fn send(&self, _message: &Message) -> Result<()> {
        Err(Error::mail("550 not here"))
    }
}

struct Hanging;

#[async_trait]
impl Mailer for Hanging {
    async fn send(&self, _message: &Message) -> Result<()> {
        pending().await
    }
}

#[rocket::async_test]
async fn a_mail_server_that_refuses_or_hangs_changes_nothing_about_that() {
    for security in [Security::default().mailer(Refusing), Security::default().mailer(Hanging)] {
        let app = TestApp::launch(rocket_with(security)).await;
        assert_that_nobody_learns_who_has_an_account(&app, json!({})).await;
    }
}

/// The table finds what it is made for: without `confirm`, a login with the right password of an
/// account that was never confirmed gets in.
#[rocket::async_test]
#[should_panic(
    expected = "login by page (request 1) tells an address that is known from one that is unconfirmed"
)]
async fn an_application_that_tells_is_found_out() {
    let app = TestApp::launch(rocket_with(Security::default().disable::<Confirm>())).await;
    assert_that_nobody_learns_who_has_an_account(&app, json!({})).await;
}
