//! A login that lacks a proof: how it is held, finished and ended, and what its proofs are worth.

use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket::serde::{Deserialize, Serialize};
use rocket::{Build, Rocket, Route, State, async_trait, get, post, routes};
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::feature::{Factor, Installation, LoginAttempt, Required, Verdict};
use rocket_security::features::confirm::Confirm;
use rocket_security::flow::Flow;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::token::{Access, NoClaims};
use rocket_security::user::{Identity, Method, Proof, Proofs, User};
use rocket_security::web::reply::{Answer as Reply, Reply as Page};
use rocket_security::web::submission::{Form, Submission};
use rocket_security::web::visit::Visit;
use rocket_security::{
    Assured, AuthUser, AuthVia, Email, Event, Feature, Fresh, Hooks, Rejection, Result, Security,
    Text, Tokens, Two, Verifier, via,
};
use serde_json::{Map, Value, json};

use crate::support::launching::{launches, try_launch};
use crate::support::links::{link_to, register};
use crate::support::sql::count;
use crate::support::users::{change_user, new_user};
use crate::support::{ANN, REMEMBER, rocket_with, with_ann};

const PENDING: &str = "security_pending";
const CODE: &str = "1234 5678";

/// Wants a code of every user whose name does not begin with "one".
#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "rocket::serde")]
struct Codes {}

fn code() -> Method {
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
struct CodeForm {
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

fn rocket(security: Security) -> Rocket<Build> {
    rocket_with(security).mount("/", routes![payroll, how, safe])
}

async fn app() -> TestApp {
    launch(json!({})).await
}

async fn launch(settings: Value) -> TestApp {
    with_ann(TestApp::launch_with(rocket(Security::default().enable(Codes {})), settings)).await
}

/// Logs in as far as the password leads.
async fn half_in(browser: &Browser<'_>) {
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert_eq!(answer.response("tf_required"), true, "{}", answer.body);
    assert!(browser.cookie(PENDING).is_some());
}

async fn send(browser: &Browser<'_>, code: &str) -> Answer {
    browser.post_json("/code", json!({"code": code})).await
}

async fn is_in(browser: &Browser<'_>) -> bool {
    browser.get_json("/me").await.status == Status::Ok
}

async fn assert_over(browser: &Browser<'_>) {
    let answer = send(browser, CODE).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), ["unauthenticated"]);
    assert!(!is_in(browser).await);
}

#[rocket::async_test]
async fn a_password_and_a_code_open_a_session_in_json_and_in_forms() {
    let app = app().await;
    let program = app.browser();
    let answer = program.log_in(ANN, PASSWORD).await;
    let response = answer.json()["response"].clone();
    assert_eq!(response["tf_required"], true);
    assert_eq!(
        (&response["tf_state"], &response["tf_method"]),
        (&json!("ready"), &json!("printed_code"))
    );
    assert!(response.get("user").is_none() && !is_in(&program).await);
    let answer = send(&program, CODE).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, json!(false)));
    assert_eq!(answer.response("user")["email"], ANN);
    assert!(is_in(&program).await && program.cookie(PENDING).is_none());

    let person = app.browser();
    let page = person.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/code"));
    assert!(!is_in(&person).await);
    let page = person.post_form("/code", &[("code", CODE)]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/"));
    assert!(is_in(&person).await);
}

#[rocket::async_test]
async fn what_the_login_asked_for_is_kept_until_it_is_finished() {
    let app = app().await;
    let ann = app.browser();
    let fields =
        [("email", ANN), ("password", PASSWORD), ("remember", "true"), ("next", "/drafts?page=2")];
    ann.post_form("/login", &fields).await;
    assert_eq!(ann.cookie(REMEMBER), None, "nobody is remembered before they are in");
    let page = ann.post_form("/code", &[("code", CODE)]).await;
    assert_eq!(page.location(), "/drafts?page=2");
    assert!(ann.cookie(REMEMBER).is_some());
}

#[rocket::async_test]
async fn guests_store_nothing_while_a_proof_is_missing() {
    let app = app().await;
    let tables =
        ["security_sessions", "security_one_time_tokens", "security_refresh", "security_remember"];
    half_in(&app.browser()).await;
    for table in tables {
        assert_eq!(count(app.database(), table).await, 0, "{table}");
    }
}

/// Two more proofs, in two steps.
struct TwoSteps;

#[async_trait]
impl Hooks for TwoSteps {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        let required = Required::proof("code", "printed_code");
        let is_done = attempt.proofs.has(&Method::custom("second"));
        Ok(if is_done { Verdict::Allow } else { Verdict::Require(required) })
    }
}

#[post("/step/<name>")]
async fn step(visit: Visit<'_>, flow: &State<Flow>, name: &str) -> Reply {
    let proving = flow.proving(&visit).await?;
    let attempt = flow.attempt(&visit, &proving, Method::custom(name)).await?;
    Ok(flow.accept(&visit, proving, attempt, None).await?)
}

#[rocket::async_test]
async fn of_copies_of_a_login_that_lacks_two_proofs_one_goes_on() {
    let security = Security::default().enable(Codes {}).hooks(TwoSteps);
    let rocket = rocket(security).mount("/", routes![step]);
    let app = with_ann(TestApp::launch(rocket)).await;
    let ann = app.browser();
    half_in(&ann).await;
    let copies: Vec<_> = (0..3).map(|_| ann.copy()).collect();
    let mut statuses = Vec::new();
    for copy in &copies {
        statuses.push(copy.post_json("/step/printed_code", json!({})).await.status);
    }
    let none = Status::Unauthorized;
    assert_eq!(statuses, [Status::Ok, none, none]);
}

/// Fault: a right password stayed charged, so that the fifth login blocked the account.
#[rocket::async_test]
async fn right_passwords_that_lack_a_proof_do_not_count_as_failures() {
    let app = launch(json!({"throttle": {"scale": 1}})).await;
    for _ in 0..12 {
        half_in(&app.browser()).await;
    }
    // A program is told that the password is wrong, and counted like one that sends a wrong one.
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let body = json!({"email": ANN, "password": PASSWORD});
        statuses.push(app.browser().post_json("/token", body).await.status.code);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429, 429]);
}

/// Fault: the first answer of a hook won, so that the right password of an unconfirmed account was answered
/// otherwise than a wrong one.
#[rocket::async_test]
async fn a_refusal_is_stronger_than_a_missing_proof_in_whatever_order() {
    let first =
        Security::default().enable(Codes {}).disable::<Confirm>().enable(Confirm::default());
    let last = Security::default().enable(Codes {});
    for security in [first, last] {
        let app = TestApp::launch(rocket(security)).await;
        register(&app, "two@example.org").await;
        let right = app.browser().log_in("two@example.org", PASSWORD).await;
        let wrong = app.browser().log_in("two@example.org", "a wrong password").await;
        assert_eq!((right.status, right.body), (wrong.status, wrong.body));
    }
}

/// Fault: a browser that was remembered before a proof was wanted was declined for ever.
#[rocket::async_test]
async fn a_remembered_browser_comes_back_once_its_user_has_proved_more() {
    let app = app().await;
    let ann = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    ann.post_json("/login", body).await;
    send(&ann, CODE).await;
    let kept = ann.cookie(REMEMBER).unwrap();
    for _ in 0..2 {
        ann.restart();
        assert_eq!(ann.get("/").await.body, "a guest");
        assert!(!is_in(&ann).await);
        let page = ann.get("/login?next=/drafts").await;
        assert_eq!((page.status, page.location()), (Status::SeeOther, "/code?next=%2Fdrafts"));
        // After ten minutes, too.
        app.clock().advance(TimeDelta::minutes(11));
    }
    assert_eq!(ann.get("/").await.body, "a guest");
    let page = ann.post_form("/code", &[("code", CODE), ("next", "/drafts")]).await;
    assert_eq!(page.location(), "/drafts");
    assert_eq!(ann.get("/how").await.body, "remember: printed_code");
    assert_ne!(ann.cookie(REMEMBER).unwrap(), kept, "remembered anew");
    assert_eq!(count(app.database(), "security_remember").await, 1);
}

#[rocket::async_test]
async fn a_pending_login_ends_with_a_logout_another_login_time_and_any_change() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    let copy = ann.copy();
    assert_eq!(ann.log_out().await.status, Status::Ok);
    assert_over(&ann).await;
    assert_over(&copy).await;

    half_in(&ann).await;
    let copy = ann.copy();
    app.user("one@example.org").await;
    assert_eq!(ann.log_in("one@example.org", PASSWORD).await.response("tf_required"), false);
    assert_over(&copy).await;

    let ann = app.browser();
    half_in(&ann).await;
    let copy = ann.copy();
    half_in(&ann).await;
    assert_over(&copy).await;
    app.clock().advance(TimeDelta::seconds(599));
    assert_eq!(send(&ann, CODE).await.status, Status::Ok);
    half_in(&app.browser()).await;

    let late = app.browser();
    half_in(&late).await;
    app.clock().advance(TimeDelta::seconds(600));
    assert_over(&late).await;
    app.clock().advance(TimeDelta::seconds(-120));
    assert_over(&late).await;
    app.clock().advance(TimeDelta::seconds(120));

    let changed = app.browser();
    half_in(&changed).await;
    let user = app.user(ANN).await;
    change_user(&app, &user, &UserChange::must_change()).await;
    assert_over(&changed).await;
}

#[rocket::async_test]
async fn a_pending_login_is_of_one_browser_and_finished_once() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    let thief = app.browser();
    thief.get("/login").await;
    thief.set_cookie(PENDING, &ann.cookie(PENDING).unwrap());
    assert_over(&thief).await;
    let copy = ann.copy();
    assert_eq!(send(&ann, CODE).await.status, Status::Ok);
    assert_over(&copy).await;

    let bob = app.browser();
    half_in(&bob).await;
    let copies: Vec<_> = (0..8).map(|_| bob.copy()).collect();
    let answers = rocket::futures::future::join_all(copies.iter().map(|it| send(it, CODE))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == Status::Ok).count(), 1);
}

#[rocket::async_test]
async fn wrong_codes_are_counted_for_the_account_and_told() {
    let security = Security::default().enable(Codes {});
    let mut events = security.events();
    let settings = json!({"throttle": {"scale": 1}});
    let app = TestApp::launch_with(rocket(security), settings).await;
    let ann = app.user(ANN).await;
    let mut statuses = Vec::new();
    for number in 0..6 {
        let browser = app.browser().at(format!("198.51.100.{number}").parse().unwrap());
        half_in(&browser).await;
        statuses.push(send(&browser, "0000 0000").await.status.code);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429]);
    let browser = app.browser();
    half_in(&browser).await;
    assert_eq!(send(&browser, CODE).await.status, Status::TooManyRequests);
    app.clock().advance(TimeDelta::seconds(31));
    assert_eq!(send(&browser, CODE).await.status, Status::Ok);
    app.told().await;
    let mut failed = 0;
    while let Ok(event) = events.try_recv() {
        if let Event::UserFailedAuthn { user, authn_via, reason, .. } = &*event {
            assert_eq!(
                (*user, authn_via.as_str(), *reason),
                (Some(ann.id), "printed_code", "wrong_proof")
            );
            failed += 1;
        }
    }
    assert_eq!(failed, 5);
}

#[rocket::async_test]
async fn no_way_in_passes_the_code_by() {
    let app = launch(json!({"reset": {"log_in": true}, "confirm": {"log_in": true}})).await;
    let browser = app.browser();
    browser.post_json("/reset", json!({"email": ANN})).await;
    let link = link_to(&app, ANN).await;
    let answer = browser.post_json(&link, json!({"password": "a ferry leaves at seven"})).await;
    assert_eq!(answer.response("tf_required"), true, "{}", answer.body);
    assert!(!is_in(&browser).await);
    assert_eq!(send(&browser, CODE).await.status, Status::Ok);
    assert_eq!(browser.get("/how").await.body, "reset: otp printed_code");
    assert_eq!(
        browser.get_json("/payroll").await.status,
        Status::Unauthorized,
        "mail is no factor"
    );

    let browser = app.browser();
    let body = json!({"email": "two@example.org", "password": PASSWORD});
    browser.post_json("/register", body).await;
    let link = link_to(&app, "two@example.org").await;
    let page = browser.post_form(&link, &[]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/code"), "{}", page.body);
    assert!(!is_in(&browser).await);
}

#[rocket::async_test]
async fn a_code_makes_a_session_worth_two_factors() {
    let app = app().await;
    app.user("one@example.org").await;
    let one = app.browser();
    one.log_in("one@example.org", PASSWORD).await;
    let answer = one.get_json("/payroll").await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["second_factor_required".into()])
    );
    assert_eq!(
        (answer.response("reauth_required"), answer.response("acr_values")),
        (json!(true), json!("aal2"))
    );
    let page = one.get("/payroll").await;
    assert_eq!(
        (page.status, page.location()),
        (Status::SeeOther, "/verify?next=%2Fpayroll&acr_values=aal2")
    );
    let answer = send(&one, CODE).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(one.get("/payroll").await.body, "one@example.org aal2");
    assert_eq!(one.get("/how").await.body, "password: pwd printed_code mfa");
}

#[rocket::async_test]
async fn a_proof_in_a_session_makes_it_fresh_and_leads_back() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    send(&ann, CODE).await;
    app.clock().advance(TimeDelta::minutes(6));
    assert_eq!(ann.get_json("/safe").await.status, Status::Unauthorized);
    let before = ann.cookie("security_session");
    let page = ann.post_form("/code", &[("code", CODE), ("next", "/safe")]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/safe"));
    assert_ne!(ann.cookie("security_session"), before, "another id");
    assert_eq!(ann.get("/safe").await.body, "the safe");
}

#[get("/issue/assured")]
fn by_assured(user: Assured<Two>, tokens: &Tokens) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/fresh")]
fn by_fresh(user: Fresh<5>, tokens: &Tokens) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/via")]
fn by_via(user: AuthVia<via::Session>, tokens: &Tokens) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/program")]
async fn by_program(user: AuthUser, tokens: &Tokens) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).issue().await?.access.expose().clone())
}

#[get("/issue/beyond")]
async fn by_program_beyond(user: AuthUser, tokens: &Tokens) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).beyond_login().issue().await?.access.expose().clone())
}

#[rocket::async_test]
async fn tokens_say_what_was_proved_whichever_guard_the_user_came_by() {
    let rocket = rocket(Security::default().enable(Codes {}))
        .mount("/", routes![by_assured, by_fresh, by_via, by_program, by_program_beyond]);
    let app = with_ann(TestApp::launch(rocket)).await;
    let ann = app.browser();
    half_in(&ann).await;
    send(&ann, CODE).await;
    for route in ["assured", "fresh", "via", "program", "beyond"] {
        let token = ann.get(&format!("/issue/{route}")).await.body;
        let verifier = app.client().rocket().state::<Verifier>().unwrap();
        let token = verifier.verify::<NoClaims, Access>(&token).unwrap();
        assert_eq!(token.amr(), ["pwd", "printed_code", "mfa"], "{route}");
        assert_eq!(token.acr(), Some("aal2"), "{route}");
    }
}

/// Says in every token how many proofs there were.
struct Counting;

#[async_trait]
impl Hooks for Counting {
    async fn token_claims(&self, _user: &User, proofs: &Proofs) -> Result<Map<String, Value>> {
        Ok(Map::from_iter([("proofs".to_owned(), proofs.iter().count().into())]))
    }
}

#[rocket::async_test]
async fn a_hook_adds_claims_to_the_tokens_of_every_login_and_of_refreshing() {
    let security = Security::default().enable(Codes {}).hooks(Counting);
    let app = TestApp::launch(rocket(security)).await;
    app.user("one@example.org").await;
    let body = json!({"email": "one@example.org", "password": PASSWORD});
    let program = app.browser().post_json("/token", body.clone()).await.response("user");
    let person = app.browser().post_json("/login?include_auth_token", body).await.response("user");
    let refresh = json!({"refresh_token": program["refresh_token"]});
    let next = app.browser().post_json("/refresh-token", refresh).await.response("user");
    let verifier = app.client().rocket().state::<Verifier>().unwrap();
    for user in [program, person, next] {
        let access = user["authentication_token"].as_str().unwrap();
        let token = verifier.verify::<Value, rocket_security::token::Access>(access).unwrap();
        assert_eq!(token.claims, json!({"proofs": 1}));
    }
}

/// Lets in by a smart card, which stands for whatever an application has beside passwords.
#[post("/card/<email>")]
async fn card(visit: Visit<'_>, flow: &State<Flow>, email: &str) -> Reply {
    let identity = Identity::Email(Email::parse(email).unwrap());
    let user = flow.store().find_credentials(&identity).await?.unwrap().user;
    let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
    let entry = flow.enter(&visit, user, proof).await?;
    Ok(flow.finish(&visit, entry).await?)
}

/// Fault: a user without a password was fresh for ten minutes after the login and never again.
#[rocket::async_test]
async fn a_user_without_a_password_becomes_fresh_again_by_another_factor() {
    let security = Security::default().enable(Codes {});
    let app = TestApp::launch(rocket(security).mount("/", routes![card])).await;
    let now = app.clock().now();
    let mut user = new_user("one.card@example.org", now);
    user.confirmed_at = Some(now);
    app.store().create_user(&user, &Together::nothing()).await.unwrap().unwrap();
    let one = app.browser();
    let answer = one.post_json("/card/one.card@example.org", json!({})).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, json!(false)));
    assert_eq!(one.get("/how").await.body, "smart_card: smart_card");
    assert_eq!(one.get("/safe").await.body, "the safe");
    app.clock().advance(TimeDelta::minutes(6));
    assert_eq!(one.get("/safe").await.location(), "/verify?next=%2Fsafe");
    let page = one.get("/verify?next=%2Fsafe").await;
    assert!(page.body.contains("code?next=%2Fsafe") && page.body.contains("Use a code"));
    assert!(!page.body.contains("name=\"password\""), "there is none to type");
    let factors = one.get_json("/verify").await.response("factors");
    assert_eq!(factors, json!([{"method": "printed_code", "label": "Use a code", "url": "/code"}]));
    let answer = one.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "invalid_password"]);
    assert_eq!(send(&one, CODE).await.status, Status::Ok);
    assert_eq!(one.get("/safe").await.body, "the safe");
}

#[rocket::async_test]
async fn two_factors_are_asked_for_only_where_there_can_be_two() {
    assert!(launches(rocket(Security::default().enable(Codes {})), json!({})).await);
    let stopped = try_launch(rocket(Security::default()), json!({})).await.unwrap_err();
    assert!(stopped.contains("SentinelAborts"), "{stopped}");
}

#[rocket::async_test]
async fn tokens_say_what_was_proved() {
    let app = app().await;
    app.user("one@example.org").await;
    let body = json!({"email": "one@example.org", "password": PASSWORD});
    let one = app.browser().post_json("/token", body).await.response("user");
    let ann = app.browser();
    half_in(&ann).await;
    let answer = ann.post_json("/code?include_auth_token", json!({"code": CODE})).await;
    let two = answer.response("user");
    let verifier = app.client().rocket().state::<Verifier>().unwrap();
    for (user, amr, acr) in
        [(one, vec!["pwd"], "aal1"), (two, vec!["pwd", "printed_code", "mfa"], "aal2")]
    {
        let access = user["authentication_token"].as_str().unwrap().to_owned();
        let token = verifier.verify::<Value, rocket_security::token::Access>(&access).unwrap();
        assert_eq!(
            (token.amr(), token.acr()),
            (&*amr.iter().map(ToString::to_string).collect::<Vec<_>>(), Some(acr))
        );
        assert_eq!(token.claims, json!({}));
        let header = Header::new("Authorization", format!("Bearer {access}"));
        let answer = app.browser().send(app.client().get("/payroll").header(header)).await;
        if acr == "aal2" {
            assert_eq!(answer.status, Status::Ok, "{}", answer.body);
            continue;
        }
        let challenge = answer.header("WWW-Authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
        // Refreshing proves nothing.
        let refresh = json!({"refresh_token": user["refresh_token"]});
        let next = app.browser().post_json("/refresh-token", refresh).await.response("user");
        let next = next["authentication_token"].as_str().unwrap().to_owned();
        let token = verifier.verify::<Value, rocket_security::token::Access>(&next).unwrap();
        assert_eq!(token.acr(), Some("aal1"));
    }
}

#[get("/with-script")]
fn with_script() -> rocket_security::Page {
    rocket_security::Page::new("security/verify.html").scripted()
}

/// Fault: the policy of our pages allowed no script at all, so that no passkey could be used on them.
#[rocket::async_test]
async fn a_page_that_says_so_may_run_scripts_of_this_site() {
    let security = Security::default();
    let app = TestApp::launch(rocket_with(security).mount("/", routes![with_script])).await;
    let policy = async |path| {
        let answer = app.browser().get(path).await;
        answer.header("Content-Security-Policy").unwrap().to_owned()
    };
    let scripted = policy("/with-script").await;
    assert!(scripted.contains("script-src 'self'; connect-src 'self'"), "{scripted}");
    for policy in [scripted, policy("/login").await] {
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(
            !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    assert!(!policy("/login").await.contains("script"));
}

/// What is proved by a page that no hook wants is refused where nobody is asked for anything.
#[rocket::async_test]
async fn without_a_login_there_is_nothing_to_prove() {
    let app = app().await;
    let guest = app.browser();
    assert_over(&guest).await;
    assert_eq!(guest.get("/code").await.status, Status::SeeOther);
}
