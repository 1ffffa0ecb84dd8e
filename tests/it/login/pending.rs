//! A login that lacks a proof: how it is held, finished and ended, and what its proofs are worth.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{State, async_trait, get, post, routes};
use rocket_security::datastore::user::UserChange;
use rocket_security::feature::{LoginAttempt, Required, Verdict};
use rocket_security::features::confirm::Confirm;
use rocket_security::flow::Flow;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::user::{Method, Proof};
use rocket_security::web::reply::HandlerResult as Reply;
use rocket_security::web::visit::Visit;
use rocket_security::{Event, Hooks, Result, Security};
use serde_json::json;

use crate::support::links::{link_to, register};
use crate::support::sql::count;
use crate::support::users::change_user;
use crate::support::{ANN, REMEMBER, rocket_with, with_ann};

use crate::login::codes::{
    CODE, Codes, PENDING, app, assert_over, half_in, is_in, launch, rocket, send,
};

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

#[post("/hold")]
async fn hold(visit: Visit<'_>, flow: &State<Flow>) -> Reply {
    flow.hold(&visit, &flow.pending(&visit).await?).await?;
    Ok(rocket_security::web::reply::Reply::data())
}

#[rocket::async_test]
async fn a_login_that_the_browser_holds_already_may_be_held_again() {
    let rocket = rocket(Security::default().enable(Codes {})).mount("/", routes![hold]);
    let app = with_ann(TestApp::launch(rocket)).await;
    let ann = app.browser();
    half_in(&ann).await;
    assert_eq!(ann.post_json("/hold", json!({})).await.status, Status::Ok);
    assert_eq!(send(&ann, CODE).await.status, Status::Ok);
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

/// Fault: each return with the code began another thirty days, so that the password was never asked for again.
#[rocket::async_test]
async fn a_browser_is_remembered_no_longer_because_its_user_proves_more() {
    let app = app().await;
    let ann = app.browser();
    ann.post_json("/login", json!({"email": ANN, "password": PASSWORD, "remember": true})).await;
    send(&ann, CODE).await;
    for _ in 0..2 {
        app.clock().advance(TimeDelta::days(14));
        ann.restart();
        assert_eq!(ann.get("/login").await.location(), "/code");
        assert_eq!(send(&ann, CODE).await.status, Status::Ok);
        assert!(is_in(&ann).await);
    }
    app.clock().advance(TimeDelta::days(3));
    ann.restart();
    assert_eq!(ann.get("/login").await.status, Status::Ok, "the password is asked for");
    assert_over(&ann).await;
}

/// Fault: a login that began with a remembered browser went on although the browser was forgotten.
#[rocket::async_test]
async fn a_pending_login_of_a_remembered_browser_ends_when_the_browser_is_forgotten() {
    let app = app().await;
    let (laptop, phone) = (app.browser(), app.browser());
    laptop.post_json("/login", json!({"email": ANN, "password": PASSWORD, "remember": true})).await;
    send(&laptop, CODE).await;
    laptop.restart();
    assert_eq!(laptop.get("/login").await.location(), "/code");

    half_in(&phone).await;
    send(&phone, CODE).await;
    assert_eq!(phone.post_json("/sessions/end-others", json!({})).await.status, Status::Ok);
    assert_over(&laptop).await;
    assert!(!is_in(&laptop).await);
}

/// Ends the session in another browser, as it were, and then adds a proof to it.
#[post("/late")]
async fn late(visit: Visit<'_>, flow: &State<Flow>) -> Reply {
    let active = flow.require_user(&visit).await?;
    flow.end_session(&visit, &active.record).await?;
    let proof = Proof::new(Method::Password, visit.origin().at);
    flow.step_up(&visit, active, proof).await?;
    Ok(flow.stepped_up(&visit, &active.user, None).await?)
}

/// Fault: a session that was ended while its user proved more came back to life.
#[rocket::async_test]
async fn a_session_that_has_ended_is_not_stepped_up() {
    let security = Security::default();
    let app = with_ann(TestApp::launch(rocket_with(security).mount("/", routes![late]))).await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.post_json("/late", json!({})).await.status, Status::Unauthorized);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(count(app.database(), "security_sessions").await, 0);
}

/// Fault: a session that was stepped up counted twice for a moment, and the oldest of another device ended.
#[rocket::async_test]
async fn a_session_that_is_stepped_up_ends_no_other() {
    let settings = json!({"session": {"max_per_user": 2}});
    let app = with_ann(TestApp::launch_with(rocket_with(Security::default()), settings)).await;
    let (phone, laptop) = (app.log_in_as(ANN).await, app.browser());
    app.clock().advance(TimeDelta::minutes(1));
    laptop.log_in(ANN, PASSWORD).await;
    for _ in 0..2 {
        let answer = laptop.post_json("/verify", json!({"password": PASSWORD})).await;
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
        laptop.log_in(ANN, PASSWORD).await;
    }
    assert_eq!(phone.get_json("/me").await.status, Status::Ok);
    assert_eq!(laptop.get_json("/me").await.status, Status::Ok);
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
    app.clock().advance(TimeDelta::seconds(590));
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
