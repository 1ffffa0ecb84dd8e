//! Programs that are logged in: what begins, renews and ends that.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::Build;
use rocket::Rocket;
use rocket::State;
use rocket::async_trait;
use rocket::futures::future::join_all;
use rocket::get;
use rocket::http::Header;
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket::routes;
use rocket_security::AuthUser;
use rocket_security::Event;
use rocket_security::Fresh;
use rocket_security::Hooks;
use rocket_security::Rejection;
use rocket_security::Result;
use rocket_security::Security;
use rocket_security::TokenKind;
use rocket_security::Tokens;
use rocket_security::User;
use rocket_security::Verifier;
use rocket_security::clock::Clock;
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::Denylist;
use rocket_security::datastore::RefreshStore;
use rocket_security::datastore::SqlxDatastore;
use rocket_security::datastore::Together;
use rocket_security::datastore::refresh::FamilyRecord;
use rocket_security::datastore::user::UserChange;
use rocket_security::event::Origin;
use rocket_security::feature::LoginAttempt;
use rocket_security::feature::Verdict;
use rocket_security::flow::Flow;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::Answer;
use rocket_security::testing::Browser;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use rocket_security::token::Access;
use rocket_security::token::NoClaims;
use rocket_security::token::Refresh;
use rocket_security::token::Verified;
use rocket_security::web::Web;
use serde_json::Value;
use serde_json::json;

use crate::support::bearer::bearer;
use crate::support::bearer::issuer;
use crate::support::sql;
use crate::support::tokens::ASSERTION;
use crate::support::tokens::ISSUER;
use crate::support::tokens::forge;
use crate::support::tokens::key;
use crate::support::tokens::public_half;

const ANN: &str = "ann@example.org";
const LOGIN: &str = "/login?include_auth_token";

#[get("/me")]
fn me(user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/fresh")]
fn fresh(_user: Fresh<5>) -> &'static str {
    "fresh"
}

/// Lets its bearer fetch one file.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
}

/// What a guard that needs the token alone asks.
#[get("/checked/<kind>/<token>")]
async fn checked(
    kind: &str,
    token: &str,
    flow: &State<Flow>,
    web: &State<Web>,
    verifier: &State<Verifier>,
) -> Result<&'static str, Rejection> {
    if kind == "access" {
        let token = verifier.verify::<NoClaims, Access>(token).map_err(Rejection::TokenRefused)?;
        flow.check_token(web, &token).await?;
    } else {
        let token = verifier.verify::<Value, Download>(token).map_err(Rejection::TokenRefused)?;
        flow.check_token(web, &token).await?;
    }
    Ok("good")
}

fn rocket(security: Security) -> Rocket<Build> {
    rocket::build().attach(security).mount("/", routes![me, fresh, checked])
}

async fn app_with(tokens: Value) -> TestApp {
    let app = TestApp::launch_with(rocket(Security::default()), json!({"tokens": tokens})).await;
    app.user(ANN).await;
    app
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

/// An application, and what it tells of.
async fn app_that_tells() -> (TestApp, Arc<Mutex<Vec<Event>>>) {
    let told: Arc<Mutex<Vec<Event>>> = Arc::default();
    let ear = Arc::clone(&told);
    let security =
        Security::default().on_event(move |event| ear.lock().unwrap().push(event.clone()));
    let app = TestApp::launch(rocket(security)).await;
    app.user(ANN).await;
    (app, told)
}

async fn told(app: &TestApp, told: &Mutex<Vec<Event>>, name: &str) -> Vec<Value> {
    app.told().await;
    let told = told.lock().unwrap();
    told.iter().filter(|event| event.name() == name).map(|event| json!(event)).collect()
}

fn credentials() -> Value {
    json!({"email": ANN, "password": PASSWORD})
}

/// An access and a refresh token.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    access: String,
    refresh: String,
}

fn pair_in(answer: &Answer) -> Pair {
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let user = answer.response("user");
    let text = |name: &str| user[name].as_str().unwrap_or_else(|| panic!("{user}")).to_owned();
    Pair { access: text("authentication_token"), refresh: text("refresh_token") }
}

async fn log_in(browser: &Browser<'_>) -> Pair {
    pair_in(&browser.post_json(LOGIN, credentials()).await)
}

/// Sends JSON as a program without cookies does.
async fn post(app: &TestApp, path: &str, body: Value) -> Answer {
    let body = body.to_string();
    app.browser().post_raw(path, "application/json", body.as_bytes()).await
}

async fn log_in_program(app: &TestApp) -> Pair {
    pair_in(&post(app, "/token", credentials()).await)
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    post(app, "/refresh-token", json!({"refresh_token": token})).await
}

async fn status_of(app: &TestApp, token: &str) -> Status {
    let accept = Header::new("Accept", "application/json");
    let request = app.client().get("/me").header(accept).header(bearer(token));
    app.browser().send(request).await.status
}

async fn is_accepted(app: &TestApp, token: &str) -> bool {
    match status_of(app, token).await {
        Status::Ok => true,
        Status::Unauthorized => false,
        other => panic!("{other}"),
    }
}

fn assert_refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), [reason]);
    let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
    let [challenge] = challenges.as_slice() else { panic!("{challenges:?}") };
    assert!(challenge.starts_with("Bearer realm=\"login\", error=\"invalid_token\""));
}

fn read(app: &TestApp, token: &str) -> Verified<NoClaims, Refresh> {
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    verifier.verify(token).unwrap()
}

async fn families(app: &TestApp) -> Vec<FamilyRecord> {
    let ann = app.user(ANN).await;
    let figment = app.database().figment(rocket::Config::figment());
    SqlxDatastore::connect(&figment).await.unwrap().list_families(ann.id).await.unwrap()
}

#[rocket::async_test]
async fn a_login_and_a_program_get_two_tokens_that_are_of_use() {
    let app = app().await;
    let ann = app.browser();
    for pair in [log_in(&ann).await, log_in_program(&app).await] {
        assert!(is_accepted(&app, &pair.access).await);
        assert!(!is_accepted(&app, &pair.refresh).await, "a refresh token is no access token");
        assert_eq!(refresh(&app, &pair.access).await.status, Status::Unauthorized);
        let answer = refresh(&app, &pair.refresh).await;
        assert_eq!(answer.response("token_type"), "Bearer");
        assert_eq!(answer.response("expires_in"), 900);
        assert_eq!(answer.response("user")["email"], ANN);
        assert_eq!(answer.response("csrf_token"), Value::Null);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.headers("Set-Cookie").count(), 0);
        let next = pair_in(&answer);
        assert!(is_accepted(&app, &next.access).await);
        assert_ne!(next, pair);
        let (old, new) = (read(&app, &pair.refresh), read(&app, &next.refresh));
        assert_eq!((old.family(), old.session()), (new.family(), new.session()));
        assert!(old.family().is_some() && old.id() != new.id());
    }
    let begun = families(&app).await;
    assert_eq!(begun.iter().filter(|family| family.session_id.is_some()).count(), 1);
}

#[rocket::async_test]
async fn a_program_may_send_forms_and_is_answered_in_json() {
    let app = app().await;
    let ann = app.browser();
    let fields = [("email", ANN), ("password", PASSWORD)];
    let pair = pair_in(&ann.post_form("/token", &fields).await);
    let next = ann.post_form("/refresh-token", &[("refresh_token", &pair.refresh)]).await;
    let next = pair_in(&next);
    assert!(is_accepted(&app, &next.access).await);
    let again = ann.post_form("/refresh-token", &[("refresh_token", &pair.refresh)]).await;
    assert_refused(&again, "refresh_token_reused");
    let forged = ann.post_form_as_is("/token", &fields).await;
    assert_eq!((forged.status, forged.reasons()), (Status::BadRequest, vec!["csrf_failed".into()]));
    let wrong = [("email", ANN), ("password", "a wrong password")];
    let wrong = app.browser().post_form("/token", &wrong).await;
    assert_eq!(wrong.reasons(), ["invalid_credentials"]);
    assert!(wrong.location().is_empty() || wrong.header("Location").is_none());
}

#[rocket::async_test]
async fn a_refresh_token_in_the_body_of_a_form_needs_no_other_token_without_a_cookie() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let pair = log_in_program(&app).await;
    let send = async |browser: &Browser<'_>, path: &str, token: &str| {
        browser.post_form_as_is(path, &[("refresh_token", token)]).await
    };
    let pair = pair_in(&send(&app.browser(), "/refresh-token", &pair.refresh).await);
    let forged = app.browser().header("Origin", "https://evil.example");
    let answer = send(&forged, "/refresh-token", &pair.refresh).await;
    assert_eq!(answer.reasons(), ["cross_site"]);
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_eq!(send(&app.browser(), path, "").await.reasons(), ["csrf_failed"], "{path}");
        // What a browser has beside it is not for whoever sends it there.
        for cookie in ["security_session", "security_refresh"] {
            let ann = app.browser();
            ann.set_cookie(cookie, "x");
            let answer = send(&ann, path, &pair.refresh).await;
            assert_eq!(answer.reasons(), ["csrf_failed"], "{path} {cookie}");
        }
    }
    let answer = send(&app.browser(), "/refresh-token/end", &pair.refresh).await;
    assert_eq!((answer.status, answer.headers("Set-Cookie").count()), (Status::Ok, 0));
    assert!(!is_accepted(&app, &pair.access).await);
}

#[rocket::async_test]
async fn whatever_is_no_refresh_token_of_ours_is_refused_with_the_reason() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    let ann = app.user(ANN).await;
    let other_kind = issuer(&app).of::<Download>(&ann).issue().unwrap();
    let (head, tail) = pair.refresh.split_at(60);
    let changed = format!("{head}{}", tail.replace('a', "b"));
    for (token, reason) in [
        (other_kind.as_str(), "token_forged"),
        (&pair.access, "token_forged"),
        (&changed, "token_forged"),
        ("v4.local.AAAA", "token_forged"),
        ("forged", "token_malformed"),
        ("\u{e9}\u{1f980}", "token_malformed"),
    ] {
        assert_refused(&refresh(&app, token).await, reason);
    }
    for body in [json!({}), json!({"refresh_token": ""})] {
        let answer = post(&app, "/refresh-token", body).await;
        assert_eq!(answer.status, Status::Unauthorized);
        assert_eq!(answer.reasons(), ["unauthenticated"]);
        assert!(answer.body.contains("send it as `refresh_token`"), "{}", answer.body);
        let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
        assert_eq!(challenges, ["Bearer realm=\"login\""]);
    }
    for body in [json!({"refresh_token": 1}), json!({"refresh_token": null}), json!({"x": 1})] {
        assert_eq!(post(&app, "/refresh-token", body).await.status, Status::BadRequest);
    }
    let long = json!({"refresh_token": "a".repeat(5_000)});
    assert_eq!(post(&app, "/refresh-token", long).await.status, Status::BadRequest);
    assert_eq!(app.browser().get("/refresh-token").await.status, Status::NotFound);
    assert!(is_accepted(&app, &pair.access).await, "none of it did any harm");
    pair_in(&refresh(&app, &pair.refresh).await);
}

#[rocket::async_test]
async fn a_token_that_is_used_again_ends_its_family_and_the_owner_is_told() {
    let (app, events) = app_that_tells().await;
    let (first, bystander) = (log_in_program(&app).await, log_in_program(&app).await);
    let second = pair_in(&refresh(&app, &first.refresh).await);
    let thief = app.browser().at("203.0.113.9".parse().unwrap());
    let body = json!({"refresh_token": first.refresh}).to_string();
    let stolen = thief.post_raw("/refresh-token", "application/json", body.as_bytes()).await;
    assert_refused(&stolen, "refresh_token_reused");
    for access in [&first.access, &second.access] {
        assert!(!is_accepted(&app, access).await);
    }
    for token in [&second.refresh, &first.refresh] {
        assert_refused(&refresh(&app, token).await, "refresh_token_ended");
    }
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "A program of yours is logged out");
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("203.0.113.9") && part.contains("/reset"), "{part}");
        assert!(!part.contains("v4."), "{part}");
    }
    assert_eq!(app.mail().await.len(), 1);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 1);
    assert_eq!(told(&app, &events, "refresh_tracker_revoked").await.len(), 0);
    assert_eq!(told(&app, &events, "refresh_tracker_created").await.len(), 2);
    assert_eq!(told(&app, &events, "user_authenticated").await.len(), 2);
    assert!(is_accepted(&app, &bystander.access).await);
    pair_in(&refresh(&app, &bystander.refresh).await);
}

#[rocket::async_test]
async fn of_32_who_refresh_at_once_one_wins_and_the_family_is_dead() {
    let (app, events) = app_that_tells().await;
    let pair = log_in_program(&app).await;
    let answers = join_all((0..32).map(|_| refresh(&app, &pair.refresh))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == Status::Ok);
    assert_eq!((won.len(), lost.len()), (1, 31));
    for answer in lost {
        let reasons = answer.reasons();
        let [reason] = reasons.as_slice() else { panic!("{reasons:?}") };
        assert!(["refresh_token_reused", "refresh_token_ended"].contains(&reason.as_str()));
    }
    let next = pair_in(won[0]);
    assert!(!is_accepted(&app, &next.access).await);
    assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
    assert_eq!(families(&app).await, []);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn with_grace_all_32_get_the_same_successor_and_the_family_lives() {
    let app = app_with(json!({"refresh_grace": "10s"})).await;
    let pair = log_in_program(&app).await;
    let answers = join_all((0..32).map(|_| refresh(&app, &pair.refresh))).await;
    let next: Vec<Pair> = answers.iter().map(pair_in).collect();
    let mut ids: Vec<_> =
        next.iter().map(|next| read(&app, &next.refresh).id().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for pair in &next {
        assert!(is_accepted(&app, &pair.access).await);
    }
    // A moment later it is a copy.
    app.clock().advance(TimeDelta::seconds(11));
    let third = pair_in(&refresh(&app, &next[5].refresh).await);
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_reused");
    assert!(!is_accepted(&app, &third.access).await);
}

#[rocket::async_test]
async fn of_40_logins_at_once_20_programs_remain() {
    let settings = json!({"throttle": {"scale": 100}, "password": {"queue": 100}});
    let app = TestApp::launch_with(rocket(Security::default()), settings).await;
    app.user(ANN).await;
    // A machine that has much else to do may let some wait for the database too long: whoever is told so
    // may be logged in all the same, and has no token of it.
    let lost = AtomicUsize::new(0);
    let log_in = async || loop {
        let answer = post(&app, "/token", credentials()).await;
        if answer.status != Status::ServiceUnavailable {
            return pair_in(&answer);
        }
        lost.fetch_add(1, Ordering::Relaxed);
    };
    let pairs = join_all((0..40).map(|_| log_in())).await;
    assert_eq!(families(&app).await.len(), 20);
    let mut good = 0;
    for pair in &pairs {
        good += usize::from(is_accepted(&app, &pair.access).await);
    }
    let lost = lost.into_inner();
    assert!(good <= 20 && good + lost >= 20, "{good} of 40 are good, and {lost} were lost");
}

#[rocket::async_test]
async fn a_program_is_logged_in_for_30_days_and_for_7_without_refreshing() {
    let app = app().await;
    let mut pair = log_in_program(&app).await;
    for _ in 0..4 {
        app.clock().advance(TimeDelta::days(7) - TimeDelta::minutes(1));
        app.sweep().await;
        pair = pair_in(&refresh(&app, &pair.refresh).await);
    }
    let last = read(&app, &pair.refresh).expires_at().unwrap() - app.clock().now();
    assert!(last < TimeDelta::days(3), "{last}");
    app.clock().advance(TimeDelta::days(2) + TimeDelta::minutes(10));
    let reasons = refresh(&app, &pair.refresh).await.reasons();
    assert!(["refresh_token_ended", "token_expired"].contains(&reasons[0].as_str()));
    let idle = log_in_program(&app).await;
    app.clock().advance(TimeDelta::days(7));
    assert_refused(&refresh(&app, &idle.refresh).await, "refresh_token_ended");
    app.clock().advance(TimeDelta::minutes(1));
    assert_refused(&refresh(&app, &idle.refresh).await, "token_expired");
    assert_eq!(families(&app).await.len(), 2);
    app.sweep().await;
    assert_eq!(families(&app).await, []);
}

#[rocket::async_test]
async fn where_an_assurance_level_is_set_a_program_is_logged_in_no_longer_than_a_session() {
    use rocket_security::features::remember::Remember;
    let security = Security::default().disable::<Remember>();
    let app = TestApp::launch_with(rocket(security), json!({"session": {"aal": 2}})).await;
    app.user(ANN).await;
    let idle = log_in_program(&app).await;
    app.clock().advance(TimeDelta::minutes(61));
    assert_eq!(refresh(&app, &idle.refresh).await.status, Status::Unauthorized);
    let ann = app.browser();
    let mut pair = log_in(&ann).await;
    let begun = app.clock().now();
    while app.clock().now() - begun < TimeDelta::hours(23) {
        app.clock().advance(TimeDelta::minutes(50));
        pair = pair_in(&refresh(&app, &pair.refresh).await);
    }
    app.clock().advance(TimeDelta::minutes(50));
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::Unauthorized);
    assert_eq!(status_of(&app, &pair.access).await, Status::Unauthorized);
    // One that the application ties to a session, too, however late.
    log_in(&app.browser()).await;
    let end = app.clock().now() + TimeDelta::hours(24);
    let session = families(&app).await[0].session_id.unwrap();
    let (user, tokens) = (app.user(ANN).await, issuer(&app));
    app.clock().advance(TimeDelta::minutes(24 * 60 - 10));
    let pair = tokens.refresh(&user).session(session).issue().await.unwrap();
    assert!(pair.refresh_expires_at <= end, "{}", pair.refresh_expires_at);
    app.clock().advance(TimeDelta::minutes(10));
    assert!(tokens.refresh(&user).session(session).issue().await.is_err());
}

#[rocket::async_test]
async fn what_ends_a_session_ends_its_programs_at_once_and_its_age_does_not() {
    let app = app().await;
    let (one, two, three) = (app.browser(), app.browser(), app.browser());
    let (of_one, of_two, of_three) = (log_in(&one).await, log_in(&two).await, log_in(&three).await);
    let alone = log_in_program(&app).await;
    one.log_out().await;
    assert!(!is_accepted(&app, &of_one.access).await);
    assert_refused(&refresh(&app, &of_one.refresh).await, "refresh_token_ended");
    for pair in [&of_two, &of_three, &alone] {
        assert!(is_accepted(&app, &pair.access).await);
    }
    app.clock().advance(TimeDelta::minutes(1));
    let password = json!({"password": PASSWORD});
    let verified = pair_in(&three.post_json("/verify?include_auth_token", password).await);
    assert!(!is_accepted(&app, &of_three.access).await);
    assert_refused(&refresh(&app, &of_three.refresh).await, "refresh_token_ended");
    // The session is over, and swept; its program goes on.
    app.clock().advance(TimeDelta::hours(25));
    app.sweep().await;
    assert_eq!(two.get_json("/me").await.status, Status::Unauthorized);
    let next = pair_in(&refresh(&app, &of_two.refresh).await);
    assert!(is_accepted(&app, &next.access).await);
    pair_in(&refresh(&app, &verified.refresh).await);
    // All others, wherever they logged in.
    let four = app.browser();
    let of_four = log_in(&four).await;
    assert_eq!(four.post_json("/sessions/end-others", json!({})).await.status, Status::Ok);
    assert!(is_accepted(&app, &of_four.access).await);
    assert!(!is_accepted(&app, &next.access).await);
    assert_eq!(refresh(&app, &alone.refresh).await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_browser_that_is_remembered_loses_its_programs_when_it_proves_it_again_or_logs_out() {
    let app = app().await;
    let ann = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    let first = pair_in(&ann.post_json(LOGIN, body.clone()).await);
    let password = json!({"password": PASSWORD});
    let second = pair_in(&ann.post_json("/verify?include_auth_token", password).await);
    assert!(!is_accepted(&app, &first.access).await, "proving it again");
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN, "it has come back");
    assert!(is_accepted(&app, &second.access).await, "a browser that comes back ends nothing");
    ann.log_out().await;
    assert!(!is_accepted(&app, &second.access).await, "logging out once it has");
    assert_refused(&refresh(&app, &second.refresh).await, "refresh_token_ended");
    let bob = app.browser();
    let third = pair_in(&bob.post_json(LOGIN, body).await);
    bob.log_out().await;
    assert!(!is_accepted(&app, &third.access).await);
}

/// A browser that is remembered, and a program that logged in with it.
async fn remembered(app: &TestApp) -> (Browser<'_>, Pair) {
    let browser = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    let pair = pair_in(&browser.post_json(LOGIN, body).await);
    (browser, pair)
}

#[rocket::async_test]
async fn whatever_ends_a_browser_that_has_come_back_ends_the_programs_of_its_sessions_before() {
    let app = app().await;
    let (bystander, other) = remembered(&app).await;
    let elsewhere = app.log_in_as(ANN).await;

    // Proving it again.
    let (ann, pair) = remembered(&app).await;
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    assert_eq!(ann.post_json("/verify", json!({"password": PASSWORD})).await.status, Status::Ok);
    assert!(!is_accepted(&app, &pair.access).await);

    // From another browser.
    let (ann, pair) = remembered(&app).await;
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    let sessions = elsewhere.get_json("/sessions").await.response("sessions");
    let session = sessions[0]["id"].as_str().unwrap();
    let end = json!({"session": session});
    assert_eq!(elsewhere.post_json("/sessions/end", end).await.status, Status::Ok);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert!(!is_accepted(&app, &pair.access).await);

    // A copy that is found out.
    let (ann, pair) = remembered(&app).await;
    let copy = ann.cookie("security_remember").unwrap();
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::seconds(11));
    assert!(is_accepted(&app, &pair.access).await);
    let thief = app.browser();
    thief.set_cookie("security_remember", &copy);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
    assert!(!is_accepted(&app, &pair.access).await);
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");

    assert!(is_accepted(&app, &other.access).await, "nobody else's");
    bystander.restart();
    assert_eq!(bystander.post_json("/sessions/end-others", json!({})).await.status, Status::Ok);
    assert!(is_accepted(&app, &other.access).await, "it is this browser's own");
}

#[rocket::async_test]
async fn a_browser_that_comes_back_to_log_out_after_its_session_was_swept_ends_its_programs() {
    let app = app().await;
    for comes_back in [true, false] {
        let (ann, pair) = remembered(&app).await;
        app.clock().advance(TimeDelta::hours(25));
        app.sweep().await;
        let next = pair_in(&refresh(&app, &pair.refresh).await);
        if comes_back {
            assert_eq!(ann.get("/me").await.body, ANN);
        }
        ann.log_out().await;
        assert!(!is_accepted(&app, &next.access).await);
        assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
    }
}

#[rocket::async_test]
async fn whoever_logs_out_when_nobody_used_the_session_ends_its_programs_unless_it_is_swept() {
    let app = app().await;
    for (is_swept, expected) in [(false, false), (true, true)] {
        let ann = app.browser();
        let pair = log_in(&ann).await;
        let csrf_token = ann.csrf_token().await;
        // The page with the button was left open.
        app.clock().advance(TimeDelta::hours(25));
        let pair = pair_in(&refresh(&app, &pair.refresh).await);
        if is_swept {
            app.sweep().await;
        }
        let forged = ann.cookie("security_session").unwrap();
        let thief = app.browser();
        thief.set_cookie("security_session", &forged);
        let refused = thief.post_form_as_is("/logout", &[("csrf_token", "forged")]).await;
        assert_eq!(refused.status, Status::BadRequest);
        assert!(is_accepted(&app, &pair.access).await);
        // Nothing else is done for a session that is over.
        thief.set_cookie("security_session", &forged);
        let fields = [("csrf_token", csrf_token.as_str()), ("email", ANN), ("password", PASSWORD)];
        let refused = thief.post_form_as_is("/login", &fields).await;
        assert_eq!(refused.status, Status::BadRequest);
        let fields = [("csrf_token", csrf_token.as_str())];
        let answer = ann.post_form_as_is("/logout", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
        assert_eq!(ann.cookie("security_session"), None);
        assert_eq!(is_accepted(&app, &pair.access).await, expected);
    }
}

#[rocket::async_test]
async fn a_program_logs_out_by_its_refresh_token_alone_in_the_body_or_in_a_cookie() {
    let (app, events) = app_that_tells().await;
    let (one, other) = (log_in_program(&app).await, log_in_program(&app).await);
    let used = pair_in(&refresh(&app, &one.refresh).await);
    let body = json!({"refresh_token": one.refresh});
    for body in
        [body, json!({"refresh_token": "forged"}), json!({"refresh_token": one.access}), json!({})]
    {
        let answer = post(&app, "/refresh-token/end", body).await;
        assert_eq!(answer.json(), json!({"meta": {"code": 200}, "response": {}}));
    }
    assert!(!is_accepted(&app, &used.access).await);
    assert_refused(&refresh(&app, &used.refresh).await, "refresh_token_ended");
    assert!(is_accepted(&app, &other.access).await);
    assert_eq!(told(&app, &events, "refresh_tracker_revoked").await.len(), 1);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 0);

    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let ann = app.browser();
    let answer = ann.post_json(LOGIN, credentials()).await;
    let access = answer.response("user")["authentication_token"].as_str().unwrap().to_owned();
    let kept = ann.cookie("security_refresh").unwrap();
    let forger = app.browser();
    forger.set_cookie("security_refresh", &kept);
    let forged = forger.post_raw("/refresh-token/end", "application/json", b"{}").await;
    assert_eq!(forged.reasons(), ["csrf_failed"]);
    assert!(is_accepted(&app, &access).await);
    // The session is over, and swept: what is left is the cookie.
    app.clock().advance(TimeDelta::hours(25));
    app.sweep().await;
    let answer = ann.post_json("/refresh-token", json!({})).await;
    let access = answer.response("user")["authentication_token"].as_str().unwrap().to_owned();
    assert!(is_accepted(&app, &access).await);
    for _ in 0..2 {
        let answer = ann.post_json("/refresh-token/end", json!({})).await;
        assert_eq!(answer.json(), json!({"meta": {"code": 200}, "response": {}}));
        assert_eq!(ann.cookie("security_refresh"), None);
        assert!(!is_accepted(&app, &access).await);
    }
}

#[rocket::async_test]
async fn every_change_of_the_account_ends_every_program() {
    let app = app().await;
    let mut ann = app.user(ANN).await;
    for change in [
        UserChange::password(app.hash(PASSWORD).await),
        UserChange::active(false),
        UserChange::closing(app.clock().now() + TimeDelta::days(1)),
        UserChange::must_change(),
    ] {
        let pair = log_in_program(&app).await;
        app.store().update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
        assert!(!is_accepted(&app, &pair.access).await);
        for back in [
            UserChange::active(true),
            UserChange::reopened(),
            UserChange::password(app.hash(PASSWORD).await),
        ] {
            let changed = app.store().update_user(ann.id, &back, &Together::nothing()).await;
            ann = changed.unwrap().unwrap();
        }
        assert!(!is_accepted(&app, &pair.access).await);
        assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    }
    let pair = log_in_program(&app).await;
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    assert!(!is_accepted(&app, &pair.access).await);
}

#[rocket::async_test]
async fn a_program_logs_out_with_its_refresh_token() {
    let (app, events) = app_that_tells().await;
    let (one, other) = (log_in_program(&app).await, log_in_program(&app).await);
    let body = json!({"refresh_token": one.refresh});
    assert_eq!(post(&app, "/logout", body.clone()).await.status, Status::Ok);
    assert!(!is_accepted(&app, &one.access).await);
    assert_refused(&refresh(&app, &one.refresh).await, "refresh_token_ended");
    assert!(is_accepted(&app, &other.access).await);
    for body in [body, json!({"refresh_token": "forged"}), json!({})] {
        assert_eq!(post(&app, "/logout", body).await.status, Status::Ok);
    }
    let revoked = told(&app, &events, "refresh_tracker_revoked").await;
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0]["reason"], "by_user");
}

#[rocket::async_test]
async fn refreshing_makes_nobody_fresh() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    let is_fresh = async |token: &str| {
        let request = app.client().get("/fresh").header(bearer(token));
        app.browser().send(request).await.status == Status::Ok
    };
    assert!(is_fresh(&pair.access).await);
    app.clock().advance(TimeDelta::minutes(4));
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert!(is_fresh(&next.access).await);
    app.clock().advance(TimeDelta::minutes(2));
    let last = pair_in(&refresh(&app, &next.refresh).await);
    assert!(!is_fresh(&last.access).await);
}

/// Wants a second factor.
struct SecondFactor;

#[async_trait]
impl Hooks for SecondFactor {
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Divert { page: "verify" })
    }
}

#[rocket::async_test]
async fn a_program_cannot_log_in_past_a_second_factor_or_a_password_that_is_to_be_changed() {
    let app = TestApp::launch(rocket(Security::default().hooks(SecondFactor))).await;
    app.user(ANN).await;
    let answer = post(&app, "/token", credentials()).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(answer.reasons(), ["invalid_credentials"]);
    assert!(!answer.body.contains("v4."));
    let app = self::app().await;
    let ann = app.user(ANN).await;
    let change = UserChange::must_change();
    app.store().update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    let answer = post(&app, "/token", credentials()).await;
    assert_eq!(answer.reasons(), ["password_change_required"]);
    assert_eq!(families(&app).await, []);
}

#[rocket::async_test]
async fn a_browser_keeps_the_refresh_token_in_a_cookie_for_that_path_alone() {
    let settings = json!({
        "base_url": "https://example.org", "tokens": {"refresh_in": "cookie"},
    });
    let app = TestApp::launch_with(rocket(Security::default()), settings).await;
    app.user(ANN).await;
    let ann = app.browser();
    let answer = ann.post_json(LOGIN, credentials()).await;
    let user = answer.response("user");
    assert!(user["authentication_token"].is_string() && user.get("refresh_token").is_none());
    let line = |answer: &Answer| {
        let mut lines = answer.headers("Set-Cookie");
        lines.find(|line| line.starts_with("__Secure-security_refresh=")).map(str::to_owned)
    };
    let set = line(&answer).unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/refresh-token"] {
        assert!(set.split("; ").any(|part| part == attribute), "{set}");
    }
    let first = ann.cookie("__Secure-security_refresh").unwrap();
    let answer = ann.post_json("/refresh-token", json!({})).await;
    let user = answer.response("user");
    assert!(user["authentication_token"].is_string() && user.get("refresh_token").is_none());
    let second = ann.cookie("__Secure-security_refresh").unwrap();
    assert_ne!(first, second);
    let access = user["authentication_token"].as_str().unwrap().to_owned();
    assert!(is_accepted(&app, &access).await);

    // Whoever can have a browser send it cannot know the anti-forgery token.
    let cookies = app.browser();
    cookies.set_cookie("__Secure-security_refresh", &second);
    let forged = cookies.post_raw("/refresh-token", "application/json", b"{}").await;
    assert_eq!(forged.reasons(), ["csrf_failed"]);
    let both = ann.post_json("/refresh-token", json!({"refresh_token": second})).await;
    assert_eq!(
        (both.status, both.reasons()),
        (Status::BadRequest, vec!["conflicting_credentials".to_owned()])
    );
    assert!(ann.cookie("__Secure-security_refresh").is_some());

    // A program without cookies gets both in the body, and goes on there.
    let program = log_in_program(&app).await;
    pair_in(&refresh(&app, &program.refresh).await);

    let out = ann.log_out().await;
    let taken = line(&out).unwrap();
    assert!(taken.contains("Path=/refresh-token") && taken.contains("Max-Age=0"), "{taken}");
    assert!(!is_accepted(&app, &access).await);
    ann.set_cookie("__Secure-security_refresh", &second);
    let answer = ann.post_json("/refresh-token", json!({})).await;
    assert_refused(&answer, "refresh_token_ended");
    assert!(line(&answer).unwrap().contains("Max-Age=0"));
}

#[rocket::async_test]
async fn a_store_that_does_not_answer_is_503_and_takes_nothing_away() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let ann = app.browser();
    ann.post_json(LOGIN, credentials()).await;
    let program = log_in_program(&app).await;
    let kept = ann.cookie("security_refresh").unwrap();
    let rename = |from, to| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("refresh", "elsewhere")).await;
    for answer in [
        ann.post_json("/refresh-token", json!({})).await,
        refresh(&app, &program.refresh).await,
        post(&app, "/token", credentials()).await,
    ] {
        assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
        assert!(answer.header("Retry-After").is_some());
        assert_eq!(answer.headers("Set-Cookie").filter(|it| it.contains("refresh")).count(), 0);
    }
    assert_eq!(status_of(&app, &program.access).await, Status::ServiceUnavailable);
    sql::execute(app.database(), &rename("elsewhere", "refresh")).await;
    assert_eq!(ann.cookie("security_refresh").unwrap(), kept);
    assert_eq!(ann.post_json("/refresh-token", json!({})).await.status, Status::Ok);
    pair_in(&refresh(&app, &program.refresh).await);
}

#[rocket::async_test]
async fn another_instance_refuses_what_was_revoked_with_the_very_next_request() {
    let settings = json!({"keys": key(TokenPurpose::Local)});
    let app = TestApp::launch_with(rocket(Security::default()), settings.clone()).await;
    app.user(ANN).await;
    let second = rocket(Security::default());
    let figment = TestApp::figment(second.figment(), app.database(), settings);
    let second = Client::untracked(second.configure(figment)).await.unwrap();
    let status_of =
        async |token: &str| second.get("/me").header(bearer(token)).dispatch().await.status();
    let pair = log_in_program(&app).await;
    assert_eq!(status_of(&pair.access).await, Status::Ok);
    post(&app, "/logout", json!({"refresh_token": pair.refresh})).await;
    assert_eq!(status_of(&pair.access).await, Status::Unauthorized);
    let pair = log_in_program(&app).await;
    assert_eq!(status_of(&pair.access).await, Status::Ok);
    let (flow, web) = (app.client().rocket().state::<Flow>().unwrap(), app.clock().now());
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    let token = verifier.verify::<NoClaims, Access>(&pair.access).unwrap();
    for expected in [true, false] {
        let denied = flow.deny_token(Origin::new(web, None), &token).await.unwrap();
        assert_eq!(denied, expected);
    }
    assert_eq!(status_of(&pair.access).await, Status::Unauthorized);
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert_eq!(status_of(&next.access).await, Status::Ok, "one token alone was denied");
}

#[rocket::async_test]
async fn a_token_that_only_another_instance_knows_yet_is_neither_thrown_away_nor_taken_for_over() {
    let (old, new) = (key(TokenPurpose::Local), key(TokenPurpose::Local));
    let settings = json!({"keys": old, "tokens": {"refresh_in": "cookie"}});
    let app = TestApp::launch_with(rocket(Security::default()), settings).await;
    app.user(ANN).await;
    let second = rocket(Security::default());
    let settings = json!({"keys": [new, old]});
    let figment = TestApp::figment(second.figment(), app.database(), settings);
    let second = Client::untracked(second.configure(figment)).await.unwrap();
    let ask = async |path: &'static str, body: Value| {
        let request = second.post(path).header(rocket::http::ContentType::JSON);
        let answer = request.body(body.to_string()).dispatch().await;
        answer.into_json::<Value>().await.unwrap()["response"]["user"].clone()
    };
    let user = ask("/token", credentials()).await;
    let token = user["refresh_token"].as_str().unwrap();
    let sent = json!({"refresh_token": token});
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_refused(&post(&app, path, sent.clone()).await, "token_key_unknown");
        let ann = app.browser();
        ann.set_cookie("security_refresh", token);
        assert_refused(&ann.post_json(path, json!({})).await, "token_key_unknown");
        assert_eq!(ann.cookie("security_refresh").as_deref(), Some(token), "{path}");
    }
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_json("/logout", sent.clone()).await;
    assert_eq!(answer.reasons(), ["token_key_unknown"]);
    assert_eq!(ann.get("/me").await.status, Status::SeeOther, "the session is over all the same");
    let next = ask("/refresh-token", sent).await;
    assert!(next["refresh_token"].is_string(), "it was good all the time: {next}");
}

#[rocket::async_test]
async fn a_token_from_before_the_clock_was_set_back_stays() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(-TimeDelta::hours(1));
    let ann = app.browser();
    ann.set_cookie("security_refresh", &pair.refresh);
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_refused(&ann.post_json(path, json!({})).await, "token_not_yet_valid");
        assert_eq!(ann.cookie("security_refresh").as_ref(), Some(&pair.refresh), "{path}");
    }
    app.clock().advance(TimeDelta::hours(1));
    assert!(is_accepted(&app, &pair.access).await);
    assert_eq!(ann.post_json("/refresh-token/end", json!({})).await.status, Status::Ok);
    assert_eq!(ann.cookie("security_refresh"), None);
    assert!(!is_accepted(&app, &pair.access).await);
}

#[rocket::async_test]
async fn what_gives_no_tokens_begins_and_replaces_nothing() {
    // Longer than any token may be: none can be made.
    let audience = "x".repeat(20_000);
    let settings = json!({"keys": key(TokenPurpose::Local)});
    let app = TestApp::launch_with(rocket(Security::default()), settings.clone()).await;
    app.user(ANN).await;
    let pair = log_in_program(&app).await;
    let begun = families(&app).await;
    let mut settings = settings;
    settings["tokens"] = json!({"audience": [ISSUER, "http://127.0.0.1:8000", audience]});
    let broken = rocket(Security::default());
    let figment = TestApp::figment(broken.figment(), app.database(), settings);
    let broken = Client::untracked(broken.configure(figment)).await.unwrap();
    for (path, body) in [
        ("/token", credentials()),
        (LOGIN, credentials()),
        ("/refresh-token", json!({"refresh_token": pair.refresh})),
    ] {
        let request = broken.post(path).header(rocket::http::ContentType::JSON);
        let status = request.body(body.to_string()).dispatch().await.status();
        assert_eq!(status, Status::ServiceUnavailable, "{path}");
    }
    assert_eq!(families(&app).await, begun);
    pair_in(&refresh(&app, &pair.refresh).await);
}

/// Lets time pass while a request is answered, once there is a clock.
struct Slow(Arc<OnceLock<Clock>>);

#[async_trait]
impl Hooks for Slow {
    async fn session_checked(&self, _user: &User) -> Result<Verdict> {
        if let Some(clock) = self.0.get() {
            clock.advance(TimeDelta::seconds(2));
        }
        Ok(Verdict::Allow)
    }
}

#[rocket::async_test]
async fn who_may_refresh_is_decided_once_however_long_the_answer_takes() {
    let clock = Arc::new(OnceLock::new());
    let security = Security::default().hooks(Slow(Arc::clone(&clock)));
    let settings = json!({"tokens": {"refresh_lifetime": "1m", "refresh_idle": "1m"}});
    let app = TestApp::launch_with(rocket(security), settings).await;
    app.user(ANN).await;
    let pair = log_in_program(&app).await;
    let end = families(&app).await[0].expires_at;
    app.clock().advance(end - app.clock().now() - TimeDelta::milliseconds(1_500));
    assert!(clock.set(app.clock().clone()).is_ok());
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    let (issued, refreshed) = (read(&app, &next.refresh), families(&app).await[0].rotated_at);
    assert_eq!(issued.issued_at().unwrap().timestamp(), refreshed.timestamp());
    assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
}

/// Denies a token while somebody asks for its successor, once there is one.
struct Denying(Arc<OnceLock<(SqlxDatastore, Verified<NoClaims, Refresh>)>>);

#[async_trait]
impl Hooks for Denying {
    async fn session_checked(&self, user: &User) -> Result<Verdict> {
        if let Some((store, token)) = self.0.get() {
            let until = token.denied_until(user.created_at);
            store.deny(token.id().unwrap(), until, &Together::nothing()).await?;
        }
        Ok(Verdict::Allow)
    }
}

#[rocket::async_test]
async fn a_token_that_is_denied_while_it_is_presented_has_no_successor() {
    let denied = Arc::new(OnceLock::new());
    let security = Security::default().hooks(Denying(Arc::clone(&denied)));
    let app = TestApp::launch(rocket(security)).await;
    app.user(ANN).await;
    let (pair, begun) = (log_in_program(&app).await, families(&app).await);
    let figment = app.database().figment(rocket::Config::figment());
    let store = SqlxDatastore::connect(&figment).await.unwrap();
    assert!(denied.set((store, read(&app, &pair.refresh))).is_ok());
    for _ in 0..2 {
        assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    }
    assert_eq!(families(&app).await, begun, "nothing was replaced");
    assert!(app.mail().await.is_empty(), "and it is no theft");
}

async fn is_good(app: &TestApp, kind: &str, token: &str) -> bool {
    let accept = Header::new("Accept", "application/json");
    let request = app.client().get(format!("/checked/{kind}/{token}")).header(accept);
    app.browser().send(request).await.status == Status::Ok
}

#[rocket::async_test]
async fn how_often_it_is_asked_whether_a_token_is_good_can_be_chosen_by_kind() {
    for (setting, at_once, within, later) in [
        ("always", false, false, false),
        ("cached(30s)", true, true, false),
        ("never", true, true, true),
    ] {
        let check = json!({"check": {"access": setting, "download": setting}});
        let app = app_with(check).await;
        let ann = app.user(ANN).await;
        let pair = log_in_program(&app).await;
        let download = issuer(&app).of::<Download>(&ann).issue().unwrap();
        for (kind, token) in [("access", &pair.access), ("download", &download)] {
            assert!(is_good(&app, kind, token).await, "{setting}");
        }
        // By another process, of which this one hears nothing.
        let change = UserChange::active(true);
        app.store().update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
        for (wait, expected) in [(0, at_once), (29, within), (2, later)] {
            app.clock().advance(TimeDelta::seconds(wait));
            for (kind, token) in [("access", &pair.access), ("download", &download)] {
                assert_eq!(is_good(&app, kind, token).await, expected, "{setting} after {wait}");
            }
        }
        assert!(!is_accepted(&app, &pair.access).await, "a guard that needs the user asks anyway");
    }
}

#[rocket::async_test]
async fn a_token_about_something_else_is_good_until_it_is_denied() {
    let app = app().await;
    let (one, other) = (
        issuer(&app).of::<Download>("report.pdf").issue().unwrap(),
        issuer(&app).of::<Download>("report.pdf").issue().unwrap(),
    );
    assert!(is_good(&app, "download", &one).await);
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    let flow: &Flow = app.client().rocket().state().unwrap();
    let token = verifier.verify::<Value, Download>(&one).unwrap();
    let origin = Origin::new(app.clock().now(), None);
    assert!(flow.deny_token(origin, &token).await.unwrap());
    assert!(!is_good(&app, "download", &one).await);
    assert!(is_good(&app, "download", &other).await);
    let denied = "SELECT COUNT(*) FROM security_denylist";
    app.clock().advance(TimeDelta::minutes(15));
    app.sweep().await;
    assert_eq!(sql::number(app.database(), denied).await, 1);
    app.clock().advance(TimeDelta::minutes(11));
    app.sweep().await;
    assert_eq!(sql::number(app.database(), denied).await, 0);
}

#[rocket::async_test]
async fn a_token_without_an_id_cannot_be_denied_and_harms_no_other_of_its_issuer() {
    let foreign = key(TokenPurpose::Public);
    let (iss, public) = ("https://partner.example", public_half(&foreign));
    let trusted = json!([{"iss": iss, "key": public, "allow": ["no-jti"]}]);
    let app = app_with(json!({"trusted": trusted, "audience": ISSUER})).await;
    let now = app.clock().now();
    let [one, other] = ["one", "other"].map(|sub| {
        let claims = json!({
            "iss": iss, "sub": sub, "aud": ISSUER, "typ": "access",
            "exp": (now + TimeDelta::minutes(5)).to_rfc3339(), "nbf": now.to_rfc3339(),
            "iat": now.to_rfc3339(),
        });
        forge(&foreign, &claims, "", ASSERTION)
    });
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    let flow: &Flow = app.client().rocket().state().unwrap();
    let token = verifier.verify::<NoClaims, Access>(&one).unwrap();
    assert_eq!(token.denied_as(), None);
    let refused = flow.deny_token(Origin::new(now, None), &token).await;
    assert_eq!(refused.unwrap_err(), Rejection::TokenRefused(TokenFault::MissingClaim("jti")));
    for token in [&one, &other] {
        assert!(is_good(&app, "access", token).await);
    }
}

#[rocket::async_test]
async fn an_application_logs_programs_in_by_itself() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let tokens: &Tokens = issuer(&app);
    let pair = tokens.refresh(&ann).device("The kitchen's display").issue().await.unwrap();
    let (access, token) = (pair.access.expose(), pair.refresh.expose());
    assert!(is_accepted(&app, access).await);
    let [family] = families(&app).await.try_into().unwrap();
    assert_eq!(family.user_agent.as_deref(), Some("The kitchen's display"));
    assert!(
        pair_in(&refresh(&app, token).await)
            != Pair { access: access.clone(), refresh: token.clone() }
    );
    let gone = rocket_security::crypto::random_uuid().unwrap();
    assert!(tokens.refresh(&ann).session(gone).issue().await.is_err());
    let off = UserChange::active(false);
    app.store().update_user(ann.id, &off, &Together::nothing()).await.unwrap().unwrap();
    assert!(tokens.refresh(&ann).issue().await.is_err());
}

#[rocket::async_test]
async fn a_person_sees_their_programs_and_logs_one_out() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let bob = app.log_in_as("bob@example.org").await;
    let script = app.browser().header("User-Agent", "backup-script/2");
    let body = credentials().to_string();
    let pair = pair_in(&script.post_raw("/token", "application/json", body.as_bytes()).await);
    let other = log_in_program(&app).await;
    let listed = ann.get_json("/tokens").await.response("programs");
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let theirs = listed.iter().find(|it| it["device"] == "backup-script/2").unwrap();
    let page = ann.get("/tokens").await;
    assert!(page.body.contains("<b>backup-script"), "{}", page.body);
    assert!(!page.body.contains("v4."));
    assert_eq!(bob.get_json("/tokens").await.response("programs"), json!([]));
    let end = json!({"program": theirs["id"]});
    let refused = bob.post_json("/tokens/end", end.clone()).await;
    assert_eq!(refused.reasons(), ["invalid_input", "program_unknown"]);
    assert!(is_accepted(&app, &pair.access).await);
    assert_eq!(ann.post_json("/tokens/end", end.clone()).await.status, Status::Ok);
    assert!(!is_accepted(&app, &pair.access).await);
    assert!(is_accepted(&app, &other.access).await);
    let again = ann.post_json("/tokens/end", end).await;
    assert_eq!(again.reasons(), ["invalid_input", "program_unknown"]);
    let rest = ann.get_json("/tokens").await.response("programs");
    let id = rest[0]["id"].as_str().unwrap().to_owned();
    let form = ann.post_form("/tokens/end", &[("program", &id)]).await;
    assert_eq!((form.status, form.location()), (Status::SeeOther, "/tokens"));
    assert!(!is_accepted(&app, &other.access).await);
    assert!(ann.get("/tokens").await.body.contains("No program is logged in"));
    assert_eq!(app.browser().get_json("/tokens").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn an_access_token_lasts_no_longer_than_its_family() {
    let app = app_with(json!({
        "lifetime": "10h", "refresh_idle": "2h", "refresh_lifetime": "3h",
    }))
    .await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::from_std(Duration::from_secs(7_140)).unwrap());
    assert!(is_accepted(&app, &pair.access).await);
    app.clock().advance(TimeDelta::minutes(1));
    assert!(!is_accepted(&app, &pair.access).await, "over to the second");
}
