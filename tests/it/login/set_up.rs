//! A factor that a login requires its user to set up, and one that is set up in a session.

use std::sync::Arc;

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::serde::{Deserialize, Serialize};
use rocket::{Build, Rocket, Route, State, async_trait, get, post, routes};
use rocket_security::crypto::one_time::keyed_digest;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::credential::{CredentialChange, CredentialRecord};
use rocket_security::datastore::user::UserChange;
use rocket_security::datastore::{CredentialStore, Together};
use rocket_security::feature::{Factor, Installation, LoginAttempt, Required, Verdict};
use rocket_security::flow::Flow;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::user::{CredentialKind, Method};
use rocket_security::web::reply::HandlerResult as Reply;
use rocket_security::web::submission::{Form, Submission};
use rocket_security::web::visit::Visit;
use rocket_security::{Assured, Feature, Hooks, Result, Security, Text, Two, User, UserId};
use serde_json::json;

use crate::support::links::{change_email, link_to};
use crate::support::sink::{Sink, told};
use crate::support::sql::count;
use crate::support::users::change_user;
use crate::support::{ANN, rocket_with, with_ann};

/// Wants a card of every user, and has those who have none set one up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "rocket::serde")]
struct Cards {}

fn card() -> Method {
    Method::custom("card")
}

fn kind() -> CredentialKind {
    CredentialKind::parse("card").unwrap()
}

/// Where cards are kept.
struct Drawer(Arc<dyn CredentialStore>);

impl<D: CredentialStore> Feature<D> for Cards {
    const NAME: &'static str = "cards";

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("card", "/card".to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![set_up]
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.hooks(Drawer(at.store()));
        at.factor(Drawer(at.store()));
        at.manage(Drawer(at.store()));
        Ok(())
    }
}

#[async_trait]
impl Hooks for Drawer {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        if attempt.proofs.has(&card()) || attempt.user.email.as_str() != ANN {
            return Ok(Verdict::Allow);
        }
        let has_one = self.is_set_up(attempt.user).await?;
        let required = Required::proof("card", "card");
        Ok(Verdict::Require(if has_one { required } else { Required::set_up("card") }))
    }
}

#[async_trait]
impl Factor for Drawer {
    fn method(&self) -> Method {
        card()
    }

    fn page(&self) -> &'static str {
        "card"
    }

    fn label(&self) -> Text {
        Text::new("card.label", "Use your card")
    }

    async fn is_set_up(&self, user: &User) -> Result<bool> {
        Ok(!self.0.list_credentials(user.id).await?.is_empty())
    }
}

#[derive(Default, Deserialize)]
#[serde(crate = "rocket::serde", default, deny_unknown_fields)]
struct CardForm {
    /// For whom, if not for the user.
    user: Option<UserId>,
    /// The number of the card, if it has one. No two users have the same card.
    number: Option<String>,
    /// How often the account is changed beside it.
    beside: i64,
}

impl Form for CardForm {
    const SECRET: &'static [&'static str] = &[];
}

#[post("/card", data = "<submitted>")]
async fn set_up(
    visit: Visit<'_>,
    flow: &State<Flow>,
    drawer: &State<Drawer>,
    submitted: Submission<CardForm>,
) -> Reply {
    let form = submitted.read()?;
    let proving = flow.setting_up(&visit).await?;
    let attempt = flow.attempt(&visit, &proving, card()).await?;
    let (user, epoch) = (form.user.unwrap_or(proving.user().id), proving.user().epoch);
    for _ in 0..form.beside {
        let change = UserChange::active(true);
        flow.store().update_user(user, &change, &Together::nothing()).await?;
    }
    let epoch = if form.user.is_some() { 0 } else { epoch + form.beside };
    let mut record = CredentialRecord::new(random_uuid()?, user, kind(), visit.origin().at);
    if let Some(number) = form.number {
        record = record.lookup(keyed_digest(&[0; 32], &[number.as_bytes()]));
    }
    let change = CredentialChange::unless_changed_since(epoch).adding(record);
    let act = async |with: &Together| drawer.0.change_credentials(user, &change, with).await;
    Ok(flow.set_up(&visit, proving, attempt, act, None).await?)
}

/// Counts an attempt before it asks whether the user may set up a factor.
#[post("/card/hasty")]
async fn hasty(visit: Visit<'_>, flow: &State<Flow>, drawer: &State<Drawer>) -> Reply {
    let proving = flow.proving(&visit).await?;
    let attempt = flow.attempt(&visit, &proving, card()).await?;
    let user = proving.user().id;
    let change = CredentialChange::unless_changed_since(proving.user().epoch);
    let act = async |with: &Together| drawer.0.change_credentials(user, &change, with).await;
    Ok(flow.set_up(&visit, proving, attempt, act, None).await?)
}

#[get("/payroll")]
fn payroll(user: Assured<Two>) -> String {
    user.email.to_string()
}

fn rocket() -> Rocket<Build> {
    rocket_with(Security::default().enable(Cards {})).mount("/", routes![payroll, hasty])
}

async fn app() -> TestApp {
    with_ann(TestApp::launch(rocket())).await
}

async fn half_in(browser: &Browser<'_>) -> Answer {
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert_eq!(answer.response("tf_required"), true, "{}", answer.body);
    answer
}

async fn may_see_the_payroll(browser: &Browser<'_>) -> bool {
    browser.get_json("/payroll").await.status == Status::Ok
}

#[rocket::async_test]
async fn a_login_that_requires_a_factor_is_finished_by_setting_it_up() {
    let app = app().await;
    let (ann, other) = (app.browser(), app.browser());
    assert_eq!(half_in(&ann).await.response("tf_state"), "setup_from_login");
    half_in(&other).await;

    let answer = ann.post_json("/card", json!({})).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, json!(false)));
    assert!(may_see_the_payroll(&ann).await);

    // Every other pending login has ended with the change, and the next one asks for the card.
    let answer = other.post_json("/card", json!({})).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert!(!may_see_the_payroll(&other).await);
    assert_eq!(half_in(&app.browser()).await.response("tf_state"), "ready");
}

#[rocket::async_test]
async fn a_form_leads_from_the_login_over_the_page_of_the_factor_and_home() {
    let app = app().await;
    let ann = app.browser();
    let page = ann.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/card"));
    let page = ann.post_form("/card", &[]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/"));
    assert!(may_see_the_payroll(&ann).await);
}

#[rocket::async_test]
async fn a_session_goes_on_with_the_factor_that_its_user_sets_up_and_others_end() {
    let app = app().await;
    let bob = app.log_in_as("bob@example.org").await;
    let elsewhere = app.browser();
    elsewhere.log_in("bob@example.org", PASSWORD).await;
    assert!(!may_see_the_payroll(&bob).await);

    let answer = bob.post_json("/card", json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert!(may_see_the_payroll(&bob).await);
    assert_eq!(elsewhere.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_login_that_requires_a_factor_that_is_there_adds_no_other() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    ann.post_json("/card", json!({})).await;

    let thief = app.browser();
    assert_eq!(half_in(&thief).await.response("tf_state"), "ready");
    let answer = thief.post_json("/card", json!({})).await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["forbidden".into()]));
    assert_eq!(count(app.database(), "security_credentials").await, 1);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
    assert!(may_see_the_payroll(&ann).await, "nothing has changed for the owner");
}

/// Fault: a set-up that was refused forgot the attempts to guess, so that a thief who knew the password had as
/// many as they liked.
#[rocket::async_test]
async fn a_set_up_that_is_refused_forgets_no_attempt() {
    let app = TestApp::launch_with(rocket(), json!({"throttle": {"scale": 1}}));
    let app = with_ann(app).await;
    let ann = app.browser();
    half_in(&ann).await;
    ann.post_json("/card", json!({})).await;
    let thief = app.browser();
    half_in(&thief).await;
    for _ in 0..5 {
        assert_eq!(thief.post_json("/card/hasty", json!({})).await.reasons(), ["forbidden"]);
        assert_eq!(thief.post_json("/card", json!({})).await.reasons(), ["forbidden"]);
    }
    assert_eq!(thief.post_json("/card/hasty", json!({})).await.status, Status::TooManyRequests);
}

/// Fault: a fresh session was enough, so that the password alone added a factor beside the owner's.
#[rocket::async_test]
async fn a_session_of_a_password_adds_no_factor_to_one_that_is_there() {
    let app = app().await;
    let bob = app.log_in_as("bob@example.org").await;
    assert_eq!(bob.post_json("/card", json!({})).await.status, Status::Ok);
    assert_eq!(bob.post_json("/card", json!({})).await.status, Status::Ok, "the card is proved");

    let thief = app.browser();
    assert_eq!(thief.log_in("bob@example.org", PASSWORD).await.status, Status::Ok);
    for path in ["/card", "/card/hasty"] {
        let answer = thief.post_json(path, json!({})).await;
        assert_eq!(
            (answer.status, answer.reasons()),
            (Status::Unauthorized, vec!["second_factor_required".into()])
        );
    }
    assert!(!may_see_the_payroll(&thief).await);
    assert_eq!(count(app.database(), "security_credentials").await, 2);
    assert!(may_see_the_payroll(&bob).await, "nothing has changed for the owner");
}

/// Fault: a factor was set up without a trace.
#[rocket::async_test]
async fn the_owner_is_told_of_a_factor_that_is_set_up() {
    let sink = Sink::default();
    let security = sink.listen(Security::default().enable(Cards {}));
    let app = with_ann(TestApp::launch(rocket_with(security))).await;
    let ann = app.browser();
    half_in(&ann).await;
    let before = app.mail().await.len();
    ann.post_json("/card", json!({})).await;
    let events = told(&app, &sink, "tf_profile_changed").await;
    assert_eq!(events.len(), 1);
    assert_eq!(app.newest_mail_to(ANN).await.subject, "A second factor was set up");
    assert_eq!(app.mail().await.len(), before + 1);
}

/// Fault: a credential that another user has was answered as if no one were logged in.
#[rocket::async_test]
async fn a_credential_of_another_user_is_refused_and_the_session_goes_on() {
    let app = app().await;
    let (bob, carol) =
        (app.log_in_as("bob@example.org").await, app.log_in_as("carol@example.org").await);
    let card = json!({"number": "7"});
    assert_eq!(bob.post_json("/card", card.clone()).await.status, Status::Ok);
    let answer = carol.post_json("/card", card).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::BadRequest, vec!["invalid_input".into(), "credential_taken".into()])
    );
    assert_eq!(count(app.database(), "security_credentials").await, 1);
    assert_eq!(carol.get_json("/me").await.status, Status::Ok);
    assert!(!may_see_the_payroll(&carol).await);
}

/// Fault: an owner who took the account back found the thief's factor before them.
#[rocket::async_test]
async fn an_account_that_is_taken_back_has_no_factor_of_the_thief() {
    let app = app().await;
    let thief = app.log_in_as("bob@example.org").await;
    change_email(&app, &thief, "thief@example.net").await;
    let way_back = link_to(&app, "bob@example.org").await;
    assert_eq!(thief.post_json("/card", json!({})).await.status, Status::Ok);
    assert_eq!(count(app.database(), "security_credentials").await, 1);

    let owner = app.browser();
    assert_eq!(owner.post_json(&way_back, json!({})).await.status, Status::Ok);
    assert_eq!(count(app.database(), "security_credentials").await, 0);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
}

/// Has every user who has a card set up a badge as well.
#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "rocket::serde")]
struct Badges {}

impl<D: CredentialStore> Feature<D> for Badges {
    const NAME: &'static str = "badges";

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.hooks(Badge(Drawer(at.store())));
        Ok(())
    }
}

struct Badge(Drawer);

#[async_trait]
impl Hooks for Badge {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(match self.0.is_set_up(attempt.user).await? {
            true => Verdict::Require(Required::set_up("badge")),
            false => Verdict::Allow,
        })
    }
}

#[rocket::async_test]
async fn a_factor_that_is_there_is_proved_before_another_is_set_up_in_whatever_order_they_are_enabled()
 {
    for security in [
        Security::default().enable(Cards {}).enable(Badges {}),
        Security::default().enable(Badges {}).enable(Cards {}),
    ] {
        let app = with_ann(TestApp::launch(rocket_with(security))).await;
        let ann = app.browser();
        half_in(&ann).await;
        ann.post_json("/card", json!({})).await;

        let thief = app.browser();
        assert_eq!(half_in(&thief).await.response("tf_state"), "ready");
        let answer = thief.post_json("/card", json!({})).await;
        assert_eq!(answer.reasons(), ["forbidden"]);
        assert_eq!(count(app.database(), "security_credentials").await, 1);
    }
}

#[rocket::async_test]
async fn a_session_that_is_not_fresh_adds_no_factor() {
    let app = TestApp::launch_with(rocket(), json!({"throttle": {"scale": 1}})).await;
    let bob = app.log_in_as("bob@example.org").await;
    app.clock().advance(TimeDelta::minutes(11));
    for _ in 0..6 {
        bob.post_json("/card", json!({})).await;
    }
    let answer = bob.post_json("/card", json!({})).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["reauth_required".into()])
    );
    assert_eq!(count(app.database(), "security_credentials").await, 0);
    assert_eq!(bob.get_json("/me").await.status, Status::Ok, "the session goes on");

    bob.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(bob.post_json("/card", json!({})).await.status, Status::Ok);
    assert!(may_see_the_payroll(&bob).await);
}

#[rocket::async_test]
async fn a_login_does_not_go_on_after_any_other_change_of_the_account() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    let user = app.user(ANN).await;
    change_user(&app, &user, &UserChange::active(true)).await;
    let answer = ann.post_json("/card", json!({})).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);

    // Nor after one that comes between the look and the step.
    half_in(&ann).await;
    let answer = ann.post_json("/card", json!({"beside": 1})).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert!(!may_see_the_payroll(&ann).await);
}

#[rocket::async_test]
async fn a_login_does_not_go_on_after_a_change_of_another_account() {
    let app = app().await;
    let carol = app.user("carol@example.org").await;
    let ann = app.browser();
    half_in(&ann).await;
    let answer = ann.post_json("/card", json!({"user": carol.id})).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
}
