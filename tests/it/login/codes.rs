//! A factor for the tests: a code that is asked for beside the password.

use rocket::http::Status;
use rocket::serde::{Deserialize, Serialize};
use rocket::{Build, Rocket, Route, State, async_trait, get, post, routes};
use rocket_security::feature::{Factor, Installation, LoginAttempt, Required, Verdict};
use rocket_security::flow::Flow;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::user::{Method, User};
use rocket_security::web::reply::{HandlerResult as Reply, Reply as Page};
use rocket_security::web::submission::{Form, Submission};
use rocket_security::web::visit::Visit;
use rocket_security::{Assured, AuthUser, Feature, Fresh, Hooks, Result, Security, Text, Two};
use serde_json::{Value, json};

use crate::support::{ANN, rocket_with, with_ann};

pub(super) const PENDING: &str = "security_pending";
pub(super) const CODE: &str = "1234 5678";

/// Wants a code of every user whose name does not begin with "one".
#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "rocket::serde")]
pub(super) struct Codes {}

pub(super) fn code() -> Method {
    Method::custom("printed_code")
}

impl<D> Feature<D> for Codes {
    const NAME: &'static str = "codes";

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("code", "/code".to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![enter, page]
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.hooks(self.clone());
        at.factor(self.clone());
        Ok(())
    }
}

#[async_trait]
impl Hooks for Codes {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        let is_done = attempt.proofs.has(&code()) || attempt.user.email.as_str().starts_with("one");
        let required = Required::proof("code", "printed_code");
        Ok(if is_done { Verdict::Allow } else { Verdict::Require(required) })
    }
}

#[async_trait]
impl Factor for Codes {
    fn method(&self) -> Method {
        code()
    }

    fn page(&self) -> &'static str {
        "code"
    }

    fn label(&self) -> Text {
        Text::new("code.label", "Use a code")
    }

    async fn is_set_up(&self, user: &User) -> Result<bool> {
        Ok(user.email.as_str() != "one@example.org")
    }
}

#[derive(Default, Deserialize)]
#[serde(crate = "rocket::serde", default, deny_unknown_fields)]
pub(super) struct CodeForm {
    code: String,
    next: Option<String>,
}

impl Form for CodeForm {
    const SECRET: &'static [&'static str] = &["code"];
}

#[get("/code")]
async fn page(visit: Visit<'_>, flow: &State<Flow>) -> Reply {
    let proving = flow.proving(&visit).await?;
    Ok(Page::data().with("email", proving.user().email.to_string()))
}

#[post("/code", data = "<submitted>")]
async fn enter(visit: Visit<'_>, flow: &State<Flow>, submitted: Submission<CodeForm>) -> Reply {
    let next = submitted.next(&visit, None);
    let form = submitted.read()?;
    let proving = flow.proving(&visit).await?;
    let attempt = flow.attempt(&visit, &proving, code()).await?;
    if form.code != CODE {
        return Err(flow.refuse(&visit, &proving, attempt, "code").await?.into());
    }
    Ok(flow.accept(&visit, proving, attempt, next).await?)
}

#[get("/payroll")]
fn payroll(user: Assured<Two>) -> String {
    format!("{} {}", user.email, user.level().acr())
}

#[get("/how")]
fn how(user: AuthUser) -> String {
    let proofs = user.proofs().map(|proofs| proofs.amr().join(" ")).unwrap_or_default();
    format!("{}: {proofs}", user.authn_via())
}

#[get("/safe")]
fn safe(_user: Fresh<5>) -> &'static str {
    "the safe"
}

pub(super) fn rocket(security: Security) -> Rocket<Build> {
    rocket_with(security).mount("/", routes![payroll, how, safe])
}

pub(super) async fn app() -> TestApp {
    launch(json!({})).await
}

pub(super) async fn launch(settings: Value) -> TestApp {
    with_ann(TestApp::launch_with(rocket(Security::default().enable(Codes {})), settings)).await
}

/// Logs in as far as the password leads.
pub(super) async fn half_in(browser: &Browser<'_>) {
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert_eq!(answer.response("tf_required"), true, "{}", answer.body);
    assert!(browser.cookie(PENDING).is_some());
}

pub(super) async fn send(browser: &Browser<'_>, code: &str) -> Answer {
    browser.post_json("/code", json!({"code": code})).await
}

pub(super) async fn is_in(browser: &Browser<'_>) -> bool {
    browser.get_json("/me").await.status == Status::Ok
}

pub(super) async fn assert_over(browser: &Browser<'_>) {
    let answer = send(browser, CODE).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), ["unauthenticated"]);
    assert!(!is_in(browser).await);
}
