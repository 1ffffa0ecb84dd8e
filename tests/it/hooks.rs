//! An application takes part.

use rocket::async_trait;
use rocket::http::Status;
use rocket_security::Hooks;
use rocket_security::Rejection;
use rocket_security::Result;
use rocket_security::Security;
use rocket_security::feature::LoginAttempt;
use rocket_security::feature::Verdict;
use rocket_security::rejection::FieldErrors;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use rocket_security::user::User;
use serde_json::json;

use crate::support::rocket_with;

const ANN: &str = "ann@example.org";

struct Closed;

#[async_trait]
impl Hooks for Closed {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(match attempt.user.email.as_str() {
            "bob@example.org" => Verdict::Divert { page: "logout" },
            _ => Verdict::Refuse(Rejection::Custom {
                reason: "closed",
                status: Status::Forbidden,
                text: "We are closed on Sundays.".to_owned(),
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
        Ok(FieldErrors::one(field, "no_horses", "No horses, please."))
    }

    async fn session_checked(&self, _user: &User) -> Result<Verdict> {
        Ok(Verdict::Refuse(Rejection::Forbidden))
    }
}

#[rocket::async_test]
async fn a_hook_refuses_a_login_in_its_own_words() {
    let app = TestApp::launch(rocket_with(Security::default().hooks(Closed))).await;
    app.user(ANN).await;
    let browser = app.browser();
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["closed".into()]));
    let page = browser.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert!(page.body.contains("We are closed on Sundays."));
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_hook_that_diverts_begins_no_session() {
    let app = TestApp::launch(rocket_with(Security::default().hooks(Closed))).await;
    app.user("bob@example.org").await;
    let browser = app.browser();
    let answer = browser.log_in("bob@example.org", PASSWORD).await;
    assert_eq!(answer.json()["response"]["tf_required"], true);
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
