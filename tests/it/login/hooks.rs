//! An application takes part.

use rocket::async_trait;
use rocket::http::Status;
use rocket_security::clock::Timestamp;
use rocket_security::feature::{Announcer, LoginAttempt, Required, Sweeping, Verdict};
use rocket_security::rejection::FieldErrors;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::user::User;
use rocket_security::{Hooks, Rejection, Result, Security, Text};
use serde_json::json;

use crate::support::links::link_to;
use crate::support::{ANN, rocket_with, with_ann};

struct Closed;

#[async_trait]
impl Hooks for Closed {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(match attempt.user.email.as_str() {
            "bob@example.org" => Verdict::Require(Required::proof("logout", "totp")),
            _ => Verdict::Refuse(Rejection::Custom {
                status: Status::Forbidden,
                text: Text::new("closed", "We are closed on Sundays."),
            }),
        })
    }
}

struct NoHorses;

#[async_trait]
impl Hooks for NoHorses {
    async fn check_password(
        &self,
        field: &str,
        _password: &rocket_security::crypto::password::Password,
        _email: &str,
    ) -> Result<FieldErrors> {
        Ok(FieldErrors::one(field, Text::new("no_horses", "No horses, please.")))
    }

    async fn session_checked(&self, _user: &User) -> Result<Option<Rejection>> {
        Ok(Some(Rejection::Forbidden))
    }
}

#[rocket::async_test]
async fn a_hook_refuses_a_login_in_its_own_words() {
    let app = with_ann(TestApp::launch(rocket_with(Security::default().hooks(Closed)))).await;
    let browser = app.browser();
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["closed".into()]));
    let page = browser.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert!(page.body.contains("We are closed on Sundays."));
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_hook_that_requires_a_proof_is_asked_after_a_reset_that_logs_in_too() {
    let rocket = rocket_with(Security::default().hooks(Closed));
    let app = TestApp::launch_with(rocket, json!({"reset": {"log_in": true}})).await;
    app.user("bob@example.org").await;
    let browser = app.browser();
    browser.post_json("/reset", json!({"email": "bob@example.org"})).await;
    let link = link_to(&app, "bob@example.org").await;
    let answer = browser.post_json(&link, json!({"password": "a ferry leaves at seven"})).await;
    assert_eq!(answer.response("tf_required"), true, "{}", answer.body);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_hook_that_requires_a_proof_begins_no_session() {
    let app = TestApp::launch(rocket_with(Security::default().hooks(Closed))).await;
    app.user("bob@example.org").await;
    let browser = app.browser();
    let answer = browser.log_in("bob@example.org", PASSWORD).await;
    assert_eq!(answer.json()["response"]["tf_required"], true);
    assert_eq!(answer.response("tf_state"), "ready");
    assert_eq!(answer.response("tf_method"), "totp");
    assert_eq!(answer.response("tf_primary_method"), "totp");
    assert!(answer.json()["response"].get("user").is_none());
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    let fields = [("email", "bob@example.org"), ("password", PASSWORD)];
    let page = browser.post_form("/login", &fields).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/logout"));
}

#[rocket::async_test]
async fn a_hook_judges_passwords_and_sessions() {
    let app = TestApp::launch(rocket_with(Security::default().hooks(NoHorses))).await;
    let body = json!({"email": "carol@example.org", "password": PASSWORD});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(answer.reasons(), ["invalid_input", "no_horses"]);
    assert_eq!(app.log_in_as(ANN).await.get_json("/me").await.status, Status::Forbidden);
}

struct PanickingSweep;

#[async_trait]
impl Sweeping for PanickingSweep {
    async fn sweep(&self, _now: Timestamp, _announcer: &Announcer) -> Result<u64> {
        panic!("a bug of the application's")
    }
}

struct Sweep;

#[async_trait]
impl Sweeping for Sweep {
    async fn sweep(&self, _now: Timestamp, _announcer: &Announcer) -> Result<u64> {
        Ok(1_000)
    }
}

#[rocket::async_test]
async fn a_sweep_that_panics_keeps_no_other_from_its_work() {
    let security = Security::default().install(|at| {
        at.sweeping(PanickingSweep);
        at.sweeping(Sweep);
        Ok(())
    });
    let app = TestApp::launch(rocket_with(security)).await;
    assert_eq!(app.sweep().await, 1_000);
    assert_eq!(app.sweep().await, 1_000);
}
