//! Flask-Security 3.0: pages, JSON, mails and a store for whoever has an account.
//!
//! The letters are those of its suite's files, the numbers ours.
//!
//! | case | mark | what |
//! |---|---|---|
//! | D-C1 | same | the login page, and a login that leads home |
//! | D-C2 | stricter | `next` leads on, and nowhere else |
//! | D-C3 | same | an address counts without case |
//! | D-C4 | same | JSON without fields names them |
//! | D-C5 | different on purpose | one answer for whatever is wrong with a login |
//! | D-C6 | same | the form comes back with the address |
//! | D-O1 | different on purpose | a logout is a POST |
//! | D-O2 | same | a logout leads nowhere else |
//! | D-A1 | same | a guarded page, without a session and with one |
//! | D-A2 | different on purpose | a missing role is 403 |
//! | D-A3 | same | all of some roles, any of some roles |
//! | D-J1 | different on purpose | a login by JSON gives a token to whoever asks for one |
//! | D-J2 | same | a wrong password by JSON is 400 |
//! | D-K1 | different on purpose | a token in a header, and in no query or body |
//! | D-K2 | same | a bad token is 401 |
//! | D-H1 | stricter | Basic: whoever is right is in, and everybody else is asked |
//! | D-H2 | same | a realm of one's own |
//! | D-M1 | same | one route for Basic, token and session |
//! | D-M2 | same | a bad password by Basic, and nothing at all: 401 |
//! | D-S1 | same | a user who is deleted is nobody |
//! | D-S2 | same | who is remembered comes back, and junk harms nobody |
//! | D-F1 | different on purpose | views are settings, routes have one address |
//! | D-F2 | same | a feature that is off has no routes |
//! | D-F3 | different on purpose | how passwords are hashed is no free choice |
//! | D-F4 | same | an answer of one's own to whoever is not let in |
//! | D-F5 | same | a username as a second way to say who one is |
//! | D-F6 | stricter | a hash of other parameters is replaced at the login |
//! | D-F7 | different on purpose | mail leaves by a worker, always |
//! | D-R1 | same | a registration: page, mail, event |
//! | D-R2 | different on purpose | a taken address is told to its owner alone |
//! | D-R3 | stricter | JSON: 200, and 400 for what is wrong, never a token |
//! | D-V1 | same | nobody logs in before the address is proved |
//! | D-V2 | same | a bogus link is refused, JSON gets another one |
//! | D-V3 | different on purpose | an unknown address is answered like any other |
//! | D-V4 | different on purpose | a link works once |
//! | D-V5 | different on purpose | an expired link sends no mail |
//! | D-V6 | same | the link of somebody who is gone, or whose address changed, is none |
//! | D-V7 | same | a login without confirmation, where that is wanted |
//! | D-V8 | different on purpose | whoever is logged in stays who they are |
//! | D-P1 | same | a reset: page, mail, event, and the new password works |
//! | D-P2 | different on purpose | an unknown address is answered like any other |
//! | D-P3 | same | a bogus, a mangled and a used link are refused |
//! | D-P4 | different on purpose | an expired link sends no mail |
//! | D-P5 | same | somebody without a password sets one |
//! | D-X1 | stricter | a change: what is refused |
//! | D-X2 | stricter | a change: everybody else is out, and the owner is told |
//! | D-X3 | same | blanks of a password count |
//! | D-T1 | same | two logins: times, addresses, a count |
//! | D-T2 | stricter | a proxy is believed where it is configured |
//! | D-D1 | same | switching a user on and off |
//! | D-D2 | same | users are found by id, address and name, and no letter stands for others |
//! | D-D3 | same | roles are given and taken once |
//! | D-Y1 | different on purpose | hashes are Argon2id and not too cheap |
//! | D-I1 | same | a role is its name |
//! | D-I2 | same | what an application adds reaches every page |
//!
//! Left out: D-L, logging in by a mailed link alone, which we do not have; and of D-I the command line, which
//! `cli` tests.

use chrono::TimeDelta;
use rocket::figment::Figment;
use rocket::http::{Header, Status};
use rocket::{Request, async_trait, get, routes};
use rocket_security::datastore::user::UserChange;
use rocket_security::datastore::{Together, TrackStore};
use rocket_security::features::basic::Basic;
use rocket_security::features::register::Register;
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use rocket_security::user::Identity;
use rocket_security::{
    AuthUser, BasicUser, Config, Email, Instead, Page, Presentation, Role, RoleName, Security,
};
use serde_json::{Value, json};

use crate::conformance::fault_of;
use crate::support::bearer::bearer;
use crate::support::links::{confirmation_link, link_to, register, reset_link};
use crate::support::program::{basic, basic_with, get_with, post, token_of};
use crate::support::remembered::remembered;
use crate::support::seen::seen;
use crate::support::sink::app_that_tells;
use crate::support::store::store_on;
use crate::support::templates::with_templates;
use crate::support::users::{change_user, credentials_of};
use crate::support::{ANN, Admin, BOB, CHOSEN, Editor, app, app_with, rocket_with, with_ann};

async fn switch(app: &TestApp, email: &str, change: UserChange) {
    let user = app.user(email).await;
    change_user(app, &user, &change).await;
}

fn without_password() -> UserChange {
    let mut change = UserChange::active(true);
    change.password_hash = Some(None);
    change
}

/// D-C1, same.
#[rocket::async_test]
async fn a_login_leads_home() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    assert!(browser.get("/login").await.body.contains("name=\"password\""));
    let answer = browser.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(browser.get("/").await.body, ANN);
}

/// D-C2, stricter: `/\host` and what else a browser takes for another site was let through by theirs.
#[rocket::async_test]
async fn next_leads_to_this_site_alone() {
    let app = with_ann(app()).await;
    for (next, location) in [
        ("/me", "/me"),
        ("http://evil.example/me", "/"),
        ("http:///evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        (" //evil.example", "/"),
    ] {
        let fields = [("email", ANN), ("password", PASSWORD), ("next", next)];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, location), "{next}");
    }
}

/// D-C3, same.
#[rocket::async_test]
async fn an_address_counts_without_case() {
    let app = with_ann(app()).await;
    assert_eq!(app.browser().log_in("Ann@Example.org", PASSWORD).await.status, Status::Ok);
}

/// D-C4, same.
#[rocket::async_test]
async fn fields_that_are_missing_are_named() {
    let answer = app().await.browser().post_json("/login", json!({})).await;
    assert_eq!(answer.status, Status::BadRequest);
    let fields = answer.response("field_errors");
    assert!(fields["email"].is_array() && fields["password"].is_array(), "{}", answer.body);
}

/// D-C5, different on purpose: theirs tells an unknown address, a wrong password, an account that is
/// switched off and one without a password apart, and so who has an account.
#[rocket::async_test]
async fn whatever_is_wrong_with_a_login_the_answer_is_one() {
    let app = with_ann(app()).await;
    switch(&app, BOB, UserChange::active(false)).await;
    switch(&app, "cyd@example.org", without_password()).await;
    let mut answers = Vec::new();
    for (email, password) in [
        (ANN, "a wrong password"),
        ("nobody@example.org", PASSWORD),
        (BOB, PASSWORD),
        ("cyd@example.org", PASSWORD),
    ] {
        answers.push(seen(&app.browser().log_in(email, password).await));
    }
    assert_eq!(answers[0].0, Status::BadRequest);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// D-C6, same.
#[rocket::async_test]
async fn a_form_that_failed_keeps_the_address_and_not_the_password() {
    let app = app().await;
    let fields = [("email", ANN), ("password", "a wrong password")];
    let page = app.browser().post_form("/login", &fields).await;
    assert!(page.body.contains(ANN) && !page.body.contains("a wrong password"), "{}", page.body);
}

/// D-O1, different on purpose: a GET changes nothing, or an image on any page could log people out.
#[rocket::async_test]
async fn a_logout_is_a_post() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    ann.get("/logout").await;
    assert_eq!(ann.get("/me").await.status, Status::Ok);
    assert_eq!(ann.post_form("/logout", &[]).await.status, Status::SeeOther);
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

/// D-O2, same.
#[rocket::async_test]
async fn a_logout_leads_to_no_other_site() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_form("/logout?next=http://evil.example", &[]).await;
    assert!(!answer.location().contains("evil"), "{}", answer.location());
}

/// D-A1, same.
#[rocket::async_test]
async fn a_guarded_page_is_for_whoever_is_logged_in() {
    let app = app().await;
    let stranger = app.browser().get("/me").await;
    assert_eq!((stranger.status, stranger.location()), (Status::SeeOther, "/login?next=%2Fme"));
    assert_eq!(app.log_in_as(ANN).await.get("/me").await.body, ANN);
}

/// D-A2, different on purpose: theirs answers 302 to where the browser came from, which a program takes
/// for a success, and an attacker chooses.
#[rocket::async_test]
async fn who_lacks_a_role_gets_403() {
    let app = app().await;
    app.grant(BOB, "admin").await;
    assert_eq!(app.log_in_as(BOB).await.get("/admin").await.status, Status::Ok);
    let ann = app.log_in_as(ANN).await.header("Referer", "http://evil.example/");
    let refused = ann.get("/admin").await;
    assert_eq!((refused.status, refused.location()), (Status::Forbidden, ""));
    let stranger = app.browser().get("/admin").await;
    assert_eq!(stranger.location(), "/login?next=%2Fadmin");
}

/// D-A3, same.
#[rocket::async_test]
async fn all_of_some_roles_and_any_of_them() {
    let app = app().await;
    app.grant(ANN, "editor").await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/drafts").await.status, Status::Ok);
    assert_eq!(ann.get("/both").await.status, Status::Forbidden);
    app.grant(ANN, "admin").await;
    assert_eq!(ann.get("/both").await.status, Status::Ok);
}

/// D-J1, different on purpose: theirs gives everybody a token; we, like their later versions, whoever asks.
#[rocket::async_test]
async fn a_login_by_json_gives_a_token_to_whoever_asks() {
    let app = with_ann(app()).await;
    let plain = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!((plain.status, &plain.json()["meta"]["code"]), (Status::Ok, &json!(200)));
    assert!(plain.response("user")["authentication_token"].is_null());
    assert!(token_of(&app.browser()).await.starts_with("v4."));
}

/// D-J2, same.
#[rocket::async_test]
async fn a_wrong_password_by_json_is_400() {
    let app = with_ann(app()).await;
    let answer = app.browser().log_in(ANN, "a wrong password").await;
    assert_eq!((answer.status.code, &answer.json()["meta"]["code"]), (400, &json!(400)));
}

/// D-K1, different on purpose: addresses are written down everywhere, and a guard reads no body.
#[rocket::async_test]
async fn a_token_is_good_in_a_header_and_in_no_query_or_body() {
    let app = with_ann(app()).await;
    let token = token_of(&app.browser()).await;
    let header = Header::new("Authentication-Token", token.clone());
    assert_eq!(get_with(&app, "/me", header).await.body, ANN);
    let query = app.browser().get_json(&format!("/me?auth_token={token}")).await;
    assert_eq!(query.status, Status::Unauthorized);
    let body = post(&app, "/thing", json!({"auth_token": token})).await;
    assert_eq!(body.status, Status::Unauthorized);
}

/// D-K2, same.
#[rocket::async_test]
async fn a_bad_token_is_401() {
    let app = app().await;
    let answer = get_with(&app, "/me", Header::new("Authentication-Token", "X")).await;
    assert_eq!(answer.status, Status::Unauthorized);
}

#[get("/feed")]
fn feed(user: BasicUser) -> String {
    user.email.to_string()
}

#[get("/any")]
fn any(user: AuthUser) -> &'static str {
    user.mechanism()
}

async fn app_with_basic(settings: Value) -> TestApp {
    let security = Security::default().enable(Basic::default());
    let rocket = rocket::build().attach(security).mount("/", routes![feed, any]);
    with_ann(TestApp::launch_with(rocket, settings)).await
}

/// D-H1, stricter: whoever is not confirmed or switched off is not let in by Basic either.
#[rocket::async_test]
async fn basic_lets_in_whoever_is_right_and_asks_everybody_else() {
    let app = app_with_basic(json!({})).await;
    assert_eq!(get_with(&app, "/feed", basic(ANN)).await.body, ANN);
    switch(&app, BOB, UserChange::active(false)).await;
    for header in [
        Header::new("X-Nothing", ""),
        basic("nobody@example.org"),
        basic_with(ANN, "a wrong password"),
        basic(BOB),
    ] {
        let answer = get_with(&app, "/feed", header).await;
        assert_eq!(answer.status, Status::Unauthorized);
        assert!(answer.header("WWW-Authenticate").unwrap().starts_with("Basic realm=\"login\""));
    }
}

/// D-H2, same; for an application, not for a route.
#[rocket::async_test]
async fn the_realm_is_configured() {
    let app = app_with_basic(json!({"basic": {"realm": "the library"}})).await;
    let answer = app.browser().get("/feed").await;
    let asked = answer.header("WWW-Authenticate").unwrap();
    assert!(asked.starts_with("Basic realm=\"the library\""), "{asked}");
}

/// D-M1, same.
#[rocket::async_test]
async fn one_route_takes_a_session_a_token_and_a_password() {
    let app = app_with_basic(json!({"mechanisms": ["session", "token", "basic"]})).await;
    let ann = app.browser();
    let token = token_of(&ann).await;
    assert_eq!(ann.get("/any").await.body, "session");
    assert_eq!(get_with(&app, "/any", bearer(&token)).await.body, "token");
    assert_eq!(get_with(&app, "/any", basic(ANN)).await.body, "basic");
}

/// D-M2, same.
#[rocket::async_test]
async fn bad_credentials_and_none_are_401_with_a_challenge() {
    let app = app_with_basic(json!({"mechanisms": ["token", "basic", "session"]})).await;
    for header in [basic_with(ANN, "a wrong password"), Header::new("X-Nothing", "")] {
        let answer = get_with(&app, "/any", header).await;
        assert_eq!(answer.status, Status::Unauthorized);
        assert!(answer.headers("WWW-Authenticate").any(|it| it.starts_with("Basic ")));
    }
}

/// D-S1, same; and a user who is switched off is nobody likewise.
#[rocket::async_test]
async fn a_user_who_is_deleted_while_logged_in_is_nobody() {
    let app = app().await;
    let (ann, bob) = (app.log_in_as(ANN).await, app.log_in_as(BOB).await);
    let user = app.user(ANN).await;
    app.store().delete_user(user.id, &Together::nothing()).await.unwrap();
    switch(&app, BOB, UserChange::active(false)).await;
    for browser in [ann, bob] {
        assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    }
}

/// D-S2, same.
#[rocket::async_test]
async fn who_is_remembered_comes_back_and_junk_harms_nobody() {
    let app = app().await;
    let browser = remembered(&app, ANN).await;
    browser.restart();
    assert_eq!(browser.get("/").await.body, ANN);
    let junk = app.browser();
    junk.set_cookie("security_remember", "foo|bar");
    assert_eq!(junk.get("/").await.body, "a guest");
}

/// D-F1, different on purpose: a route has one address, by which links, mails and single-page
/// applications find it; where people are led afterwards is configured.
#[rocket::async_test]
async fn where_people_are_led_is_configured() {
    let app = with_ann(app_with(json!({
        "login": {"post_login_view": "/me"},
        "logout": {"post_logout_view": "/welcome"},
    })))
    .await;
    let browser = app.browser();
    let answer = browser.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "/me");
    assert_eq!(browser.post_form("/logout", &[]).await.location(), "/welcome");
}

/// D-F2, same.
#[rocket::async_test]
async fn a_feature_that_is_off_has_no_routes() {
    let security = Security::default().disable::<Register>();
    let app = TestApp::launch(rocket::build().attach(security)).await;
    assert_eq!(app.browser().get("/register").await.status, Status::NotFound);
    assert_eq!(app.browser().get("/login").await.status, Status::Ok);
}

/// D-F3, different on purpose: there is one scheme, and its cost is configured.
#[test]
fn a_scheme_of_hashes_is_no_setting() {
    for key in ["hash", "schemes", "salt", "single_hash"] {
        let said = fault_of(json!({"password": {key: "plaintext"}}));
        assert!(said.starts_with(&format!("security.password.{key}: is not a setting")), "{said}");
    }
}

/// Answers otherwise.
struct Mine;

#[async_trait]
impl Presentation for Mine {
    fn page(&self, page: Page, _request: &Request<'_>) -> Page {
        page.with("motto", "everywhere")
    }

    fn unauthenticated(&self, _request: &Request<'_>) -> Instead {
        Instead::ours().with("join_at", "/join")
    }

    fn forbidden(&self, _request: &Request<'_>) -> Instead {
        Instead::ours().status(Status::NotFound)
    }
}

/// D-F4, same.
#[rocket::async_test]
async fn an_application_answers_itself_whoever_is_not_let_in() {
    let app = TestApp::launch(rocket_with(Security::default().presentation(Mine))).await;
    assert_eq!(app.browser().get_json("/me").await.response("join_at"), "/join");
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get_json("/admin").await.status, Status::NotFound);
}

/// D-F5, same.
#[rocket::async_test]
async fn a_username_says_who_one_is_where_that_is_configured() {
    let settings = json!({"identity": ["email", "username"], "confirm": {"log_in": true}});
    let app = app_with(settings).await;
    let body = json!({"email": ANN, "username": "annabel", "password": PASSWORD});
    assert_eq!(app.browser().post_json("/register", body).await.status, Status::Ok);
    let link = link_to(&app, ANN).await;
    app.browser().post_json(&link, json!({})).await;
    for body in [
        json!({"username": "Annabel", "password": PASSWORD}),
        json!({"email": ANN, "password": PASSWORD}),
    ] {
        assert_eq!(app.browser().post_json("/login", body).await.status, Status::Ok);
    }
}

/// D-F6, stricter: nothing is kept in plain text or as MD5, so that there is nothing of it to replace.
#[rocket::async_test]
async fn a_hash_of_other_parameters_is_replaced_at_the_login() {
    let app = with_ann(app_with(json!({"password": {"memory": 16, "iterations": 1}}))).await;
    let app = app
        .restart_with(crate::support::rocket(), json!({"password": {"memory": 8, "iterations": 2}}))
        .await;
    let hash = async || {
        let found = credentials_of(&app, ANN).await;
        format!("{:?}", found.password_hash.map(|hash| hash.as_str().to_owned()))
    };
    let before = hash().await;
    app.browser().log_in(ANN, PASSWORD).await;
    assert_ne!(hash().await, before);
}

/// D-F7, different on purpose: there is no hook to send mail by, for it always waits in the outbox, in
/// the transaction of what it tells of, until a worker sends it.
#[rocket::async_test]
async fn mail_never_leaves_within_a_request() {
    let app = with_ann(app()).await;
    app.browser().post_json("/reset", json!({"email": ANN})).await;
    assert_eq!(app.mail().await.len(), 1, "and the worker sends it");
}

/// D-R1, same; no event has the token.
#[rocket::async_test]
async fn a_registration_sends_one_mail_and_tells_of_it() {
    let (app, sink) = app_that_tells(rocket_with).await;
    assert_eq!(app.browser().get("/register").await.status, Status::Ok);
    let fields = [("email", ANN), ("password", PASSWORD), ("password_confirm", PASSWORD)];
    let answer = app.browser().post_form("/register", &fields).await;
    assert_eq!(answer.status, Status::SeeOther);
    let mails = app.mail().await;
    assert_eq!(mails.len(), 1);
    app.told().await;
    let told: Vec<String> = sink.events().iter().map(|event| json!(event).to_string()).collect();
    let token = link_in(&mails[0]).replace("/confirm/", "");
    assert!(told.iter().any(|event| event.contains("user_registered")), "{told:?}");
    assert!(told.iter().all(|event| !event.contains(&token)), "{told:?}");
}

/// D-R2, different on purpose: whoever registers learns nothing; the owner of the address is told by mail.
#[rocket::async_test]
async fn a_taken_address_is_told_to_its_owner_alone() {
    let app = with_ann(app()).await;
    let register = async |email: &str| {
        let body = json!({"email": email, "password": PASSWORD});
        seen(&app.browser().post_json("/register", body).await)
    };
    assert_eq!(register("Ann@Example.org").await, register(BOB).await);
    assert_eq!(app.store().list_users(None, 10).await.unwrap().len(), 2);
    assert!(app.mail().await.iter().any(|mail| mail.to.as_str().eq_ignore_ascii_case(ANN)));
}

/// D-R3, stricter: theirs hands out a token that works before the address is proved.
#[rocket::async_test]
async fn a_registration_by_json_logs_nobody_in() {
    let app = app().await;
    let browser = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD});
    let answer = browser.post_json("/register?include_auth_token", body).await;
    assert_eq!(answer.status, Status::Ok);
    assert!(!answer.body.contains("v4."), "{}", answer.body);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    let body = json!({"email": "ann", "password": "short"});
    assert_eq!(browser.post_json("/register", body).await.status, Status::BadRequest);
}

/// D-V1, same.
#[rocket::async_test]
async fn nobody_logs_in_before_the_address_is_proved() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

/// D-V2, same.
#[rocket::async_test]
async fn a_bogus_link_is_refused_and_another_comes_on_demand() {
    let app = app().await;
    register(&app, ANN).await;
    app.mail().await;
    let bogus = app.browser().post_json("/confirm/bogus", json!({})).await;
    assert_eq!(bogus.reasons(), ["invalid_link"]);
    app.clock().advance(TimeDelta::minutes(1));
    let asked = app.browser().post_json("/confirm", json!({"email": ANN})).await;
    assert_eq!(asked.status, Status::Ok);
    assert_eq!(app.mail().await.len(), 2);
}

/// D-V3, different on purpose: as D-C5.
#[rocket::async_test]
async fn asking_for_a_link_tells_nothing_of_the_address() {
    let app = app().await;
    register(&app, ANN).await;
    app.user(BOB).await;
    let ask = async |email: &str| {
        seen(&app.browser().post_json("/confirm", json!({"email": email})).await)
    };
    let unconfirmed = ask(ANN).await;
    assert_eq!(ask("nobody@example.org").await, unconfirmed);
    assert_eq!(ask(BOB).await, unconfirmed);
}

/// D-V4, different on purpose: theirs logs in whoever has the link, again and again; ours confirms once,
/// and logs nobody in unless that is configured.
#[rocket::async_test]
async fn a_confirmation_link_works_once() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let browser = app.browser();
    assert_eq!(browser.post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
}

/// D-V5, different on purpose: a mail with every visit is a mail pump; another link is asked for.
#[rocket::async_test]
async fn an_expired_link_sends_no_mail() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(24));
    let mails = app.mail().await.len();
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
    assert_eq!(app.mail().await.len(), mails);
}

/// D-V6, same.
#[rocket::async_test]
async fn a_link_of_somebody_who_is_gone_or_has_another_address_is_none() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let user = app.store().list_users(None, 1).await.unwrap().remove(0);
    change_user(&app, &user, &UserChange::email(Email::parse(BOB).unwrap(), app.clock().now()))
        .await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
    app.store().delete_user(user.id, &Together::nothing()).await.unwrap();
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
}

/// D-V7, same: without the feature `confirm`.
#[rocket::async_test]
async fn where_nobody_has_to_confirm_one_logs_in_at_once() {
    let security = Security::default().disable::<rocket_security::features::confirm::Confirm>();
    let app = TestApp::launch(rocket_with(security)).await;
    register(&app, ANN).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

/// D-V8, different on purpose: a link in a mail takes nobody out of their session.
#[rocket::async_test]
async fn another_s_link_leaves_whoever_is_logged_in_who_they_are() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let bob = app.log_in_as(BOB).await;
    bob.post_json(&link, json!({})).await;
    assert_eq!(bob.get("/me").await.body, BOB);
}

/// D-P1, same; and every session is over.
#[rocket::async_test]
async fn a_reset_gives_a_new_password() {
    let app = app().await;
    let before = app.log_in_as(ANN).await;
    assert_eq!(app.browser().get("/reset").await.status, Status::Ok);
    let link = reset_link(&app, ANN).await;
    let answer = app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!((answer.status, answer.response("user")), (Status::Ok, Value::Null));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    assert_eq!(before.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(app.newest_mail_to(ANN).await.link, None, "a notice");
}

/// D-P2, different on purpose: as D-C5.
#[rocket::async_test]
async fn asking_for_a_reset_tells_nothing_of_the_address() {
    let app = with_ann(app()).await;
    let ask =
        async |email: &str| seen(&app.browser().post_json("/reset", json!({"email": email})).await);
    assert_eq!(ask(ANN).await, ask("nobody@example.org").await);
    assert_eq!(app.mail().await.len(), 1);
}

/// D-P3, same.
#[rocket::async_test]
async fn a_bogus_a_mangled_and_a_used_reset_link_are_refused() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let mangled = format!("{}A", &link[..link.len() - 1]);
    let mangled = if mangled == link { format!("{}B", &link[..link.len() - 1]) } else { mangled };
    let body = json!({"password": CHOSEN});
    assert_eq!(app.browser().post_json(&link, body.clone()).await.status, Status::Ok);
    for link in ["/reset/bogus", &mangled, &link] {
        let answer = app.browser().post_json(link, body.clone()).await;
        assert_eq!(answer.reasons(), ["invalid_link"], "{link}");
    }
}

/// D-P4, different on purpose: as D-V5.
#[rocket::async_test]
async fn an_expired_reset_link_sends_no_mail() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(1));
    let answer = app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    assert_eq!(app.mail().await.len(), 1);
}

/// D-P5, same.
#[rocket::async_test]
async fn somebody_without_a_password_sets_one_by_mail() {
    let app = app().await;
    switch(&app, ANN, without_password()).await;
    let link = reset_link(&app, ANN).await;
    assert_eq!(
        app.browser().post_json(&link, json!({"password": CHOSEN})).await.status,
        Status::Ok
    );
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

/// D-X1, stricter: at least 15 characters (theirs: 6).
#[rocket::async_test]
async fn a_change_needs_the_right_password_and_a_good_one() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for (old, new, again) in [
        ("a wrong password", CHOSEN, CHOSEN),
        (PASSWORD, CHOSEN, "another one altogether"),
        (PASSWORD, "", ""),
        (PASSWORD, "a", "a"),
        (PASSWORD, "fourteen signs", "fourteen signs"),
        (PASSWORD, PASSWORD, PASSWORD),
    ] {
        let body = json!({"password": old, "new_password": new, "new_password_confirm": again});
        let answer = ann.post_json("/change", body).await;
        assert_eq!(answer.status, Status::BadRequest, "{old}, {new}, {again}: {}", answer.body);
    }
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

/// D-X2, stricter: theirs leaves other sessions and, from 3.3 on, tokens alive.
#[rocket::async_test]
async fn a_change_puts_everybody_else_out_and_tells_the_owner() {
    let app = app().await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.browser());
    let token = token_of(&elsewhere).await;
    let body = json!({"password": PASSWORD, "new_password": CHOSEN});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, ANN);
    assert_eq!(elsewhere.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.status, Status::Unauthorized);
    assert_eq!(app.mail().await.len(), 1);
}

/// D-X3, same.
#[rocket::async_test]
async fn blanks_of_a_password_count() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let chosen = format!("  {CHOSEN} ");
    let body = json!({"password": PASSWORD, "new_password": chosen});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, &chosen).await.status, Status::Ok);
}

async fn track_of(app: &TestApp) -> rocket_security::datastore::track::TrackedLogins {
    let store = store_on(app.database()).await;
    store.find_track(app.user(ANN).await.id).await.unwrap().unwrap()
}

/// D-T1, same; and nobody has to commit it.
#[rocket::async_test]
async fn two_logins_are_noted_with_times_and_addresses() {
    let app = with_ann(app()).await;
    for last in [1, 2] {
        let browser = app.browser().at([203, 0, 113, last].into());
        assert_eq!(browser.log_in(ANN, PASSWORD).await.status, Status::Ok);
        app.clock().advance(TimeDelta::hours(1));
    }
    let track = track_of(&app).await;
    assert_eq!(track.login_count, 2);
    assert_eq!(track.last_login_ip, Some([203, 0, 113, 1].into()));
    assert_eq!(track.current_login_ip, Some([203, 0, 113, 2].into()));
    assert!(track.last_login_at.unwrap() < track.current_login_at);
}

/// D-T2, stricter: anybody can send the header; a proxy is believed where it is configured.
#[rocket::async_test]
async fn a_proxy_is_believed_where_it_is_configured() {
    for (proxies, seen) in [(json!([]), [127, 0, 0, 1]), (json!(["127.0.0.1/32"]), [88, 1, 2, 3])] {
        let app = with_ann(app_with(json!({"trusted_proxies": proxies}))).await;
        let browser = app.browser().header("X-Forwarded-For", "88.1.2.3");
        browser.log_in(ANN, PASSWORD).await;
        assert_eq!(track_of(&app).await.current_login_ip, Some(seen.into()));
    }
}

/// D-D1, same.
#[rocket::async_test]
async fn a_user_is_switched_off_and_on() {
    let app = with_ann(app()).await;
    for (active, status) in [(false, Status::BadRequest), (true, Status::Ok)] {
        switch(&app, ANN, UserChange::active(active)).await;
        assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, status);
    }
}

/// D-D2, same.
#[rocket::async_test]
async fn a_user_is_found_by_id_and_address_and_no_letter_stands_for_others() {
    let app = app().await;
    let ann = app.user(ANN).await;
    assert_eq!(app.store().find_user(ann.id).await.unwrap().unwrap().email.as_str(), ANN);
    let find = async |email: &str| {
        let identity = Identity::Email(Email::parse(email).unwrap());
        app.store().find_credentials(&identity).await.unwrap()
    };
    assert!(find("Ann@example.org").await.is_some());
    assert!(Email::parse("%@example.org").is_err(), "and no address has one");
    assert!(find("an_@example.org").await.is_none());
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert!(find(ANN).await.is_none());
}

/// D-D3, same but for the answer of giving twice, which is that of giving once.
#[rocket::async_test]
async fn a_role_is_given_once_and_taken_once() {
    let app = app().await;
    let ann = app.grant(ANN, "editor").await;
    let (store, editor) = (app.roles(), RoleName::parse("editor").unwrap());
    assert!(store.grant_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert_eq!(app.user(ANN).await.roles.len(), 1);
    assert!(store.revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert!(!store.revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert!(!store.create_role(&editor, "").await.unwrap());
}

/// D-Y1, different on purpose: there is one scheme; theirs has salts and rounds to get wrong.
#[rocket::async_test]
async fn hashes_are_argon2id_and_not_too_cheap() {
    let app = app().await;
    let (one, two) = (app.hash(PASSWORD).await, app.hash(PASSWORD).await);
    assert!(one.as_str().to_owned().starts_with("$argon2id$"));
    assert_ne!(one.as_str().to_owned(), two.as_str().to_owned(), "each has a salt of its own");
    let figment = Figment::from(rocket::Config::release_default())
        .merge(("security.base_url", "https://app.example"))
        .merge(("security.password.memory", 8))
        .select("release");
    let said = Config::from_figment(&figment).unwrap_err().to_string();
    assert!(said.starts_with("security.password.memory"), "{said}");
}

/// D-I1, same.
#[test]
fn a_role_is_its_name() {
    assert_eq!(RoleName::parse("admin").unwrap(), Admin::NAME.parse().unwrap());
    assert_ne!(RoleName::parse("admin").unwrap(), Editor::NAME.parse().unwrap());
}

/// D-I2, same.
#[rocket::async_test]
async fn what_an_application_adds_reaches_every_page() {
    let base = "{{ motto }}{% block main %}{% endblock main %}";
    let rocket = rocket_with(Security::default().presentation(Mine));
    let (rocket, _folder) = with_templates(rocket, &[("security/base.html", base)]);
    let app = TestApp::launch(rocket).await;
    for page in ["/login", "/register", "/reset", "/confirm"] {
        assert!(app.browser().get(page).await.body.starts_with("everywhere"), "{page}");
    }
}
