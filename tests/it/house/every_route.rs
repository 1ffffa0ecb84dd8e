//! Every POST route of ours, sent by a visitor whose session or token is not good: found among the routes of
//! the application, so that a new one is held to it, too.

use std::collections::BTreeSet;

use rocket::http::{Method, Status};
use rocket_security::Security;
use rocket_security::features::audit::Audit;
use rocket_security::features::basic::Basic;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::features::tickets::Tickets;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::web::Site;
use serde_json::{Value, json};

use crate::support::{ANN, ReadReports, WriteReports, with_ann};

/// Enables every feature.
pub(crate) fn everything() -> Security {
    Security::default()
        .enable(Audit::default())
        .enable(Basic::default())
        .enable(ChangeUsername::default())
        .enable(CloseAccount::default())
        .enable(PersonalTokens::default().scopes::<(ReadReports, WriteReports)>())
        .enable(RecoverUsername::default())
        .enable(Tickets::default())
}

/// Launches an application that has our routes and no others, with usernames.
pub(crate) async fn launch(security: Security) -> TestApp {
    launch_with(security, json!({"reset": {"log_in": true}})).await
}

pub(crate) async fn launch_with(security: Security, mut settings: Value) -> TestApp {
    settings["identity"] = json!(["email", "username"]);
    TestApp::launch_with(rocket::build().attach(security), settings).await
}

/// Returns the paths of the routes of a method, a token in place of each segment that varies.
pub(crate) fn paths(app: &TestApp, method: Method) -> BTreeSet<String> {
    let routes = app.client().rocket().routes().filter(|route| route.method == method);
    routes.map(|route| route.uri.path().replace("<token>", &"A".repeat(43))).collect()
}

#[rocket::async_test]
async fn everything_is_enabled() {
    let app = launch(everything()).await;
    let features: BTreeSet<&str> =
        app.client().rocket().state::<Site>().unwrap().features().collect();
    let modules = include_str!("../../../src/features/mod.rs").lines();
    let modules = modules.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(features, modules.collect());
}

/// What is sent as the anti-forgery token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    Good,
    Stale,
    Missing,
}

async fn post(browser: &Browser<'_>, path: &str, sent: Sent, is_json: bool) -> Answer {
    let token = match sent {
        Sent::Good => browser.csrf_token().await,
        Sent::Stale => "c3RhbGUtdG9rZW4tb2YtYS1zZXNzaW9uLXRoYXQtaXMtb3Zlcg".to_owned(),
        Sent::Missing => String::new(),
    };
    let token: Vec<(&str, &str)> = match sent {
        Sent::Missing => Vec::new(),
        _ => vec![("csrf_token", token.as_str())],
    };
    if is_json {
        let body: serde_json::Map<_, _> =
            token.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        return browser
            .post_raw(path, "application/json", json!(body).to_string().as_bytes())
            .await;
    }
    browser.post_form_as_is(path, &token).await
}

/// Returns the cookies of a browser whose session was ended elsewhere.
async fn ended(app: &TestApp) -> String {
    let (here, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let answer = elsewhere.post_json("/sessions/end-others", json!({})).await;
    assert_eq!(answer.status, Status::Ok);
    here.cookie("security_session").unwrap()
}

#[rocket::async_test]
async fn without_a_session_every_post_leads_to_the_login_or_is_refused_and_never_fails() {
    let app = launch(everything()).await;
    let paths = paths(&app, Method::Post);
    assert!(paths.len() > 20, "{paths:?}");
    let ended = ended(&app).await;
    let mut protected = BTreeSet::new();
    for path in &paths {
        let answer = post(&app.browser(), path, Sent::Good, true).await;
        let is_for_programs = path.starts_with("/refresh-token");
        if answer.status == Status::Unauthorized && !is_for_programs {
            protected.insert(path.as_str());
        }
        for is_ended in [false, true] {
            for sent in [Sent::Good, Sent::Stale, Sent::Missing] {
                for is_json in [false, true] {
                    let browser = app.browser();
                    if is_ended {
                        browser.set_cookie("security_session", &ended);
                    }
                    let answer = post(&browser, path, sent, is_json).await;
                    let case = format!("{path} ended: {is_ended} {sent:?} JSON: {is_json}");
                    let said = format!("{case}: {} {}", answer.status, answer.body);
                    assert!(answer.status.code < 500, "{said}");
                    if !protected.contains(path.as_str()) {
                        continue;
                    }
                    if is_json {
                        assert_eq!(answer.status, Status::Unauthorized, "{said}");
                        assert_eq!(answer.reasons(), ["unauthenticated"], "{said}");
                    } else {
                        assert_eq!(answer.status, Status::SeeOther, "{said}");
                        let leads_back = answer.location().starts_with("/login?next=%2F");
                        let has_no_page = path == "/ws-ticket" && answer.location() == "/login";
                        assert!(leads_back || has_no_page, "{} {said}", answer.location());
                        let login = browser.get(answer.location()).await;
                        assert_eq!(login.status, Status::Ok, "{case}");
                        assert!(login.body.contains("Please log in first."), "{case}");
                    }
                }
            }
        }
    }
    let expected = ["/change", "/change-email", "/change-username", "/close-account", "/verify"];
    assert!(expected.iter().all(|path| protected.contains(path)), "{protected:?}");
}

#[rocket::async_test]
async fn with_a_session_no_empty_post_fails() {
    let app = launch(everything()).await;
    for path in paths(&app, Method::Post) {
        for sent in [Sent::Good, Sent::Stale, Sent::Missing] {
            for is_json in [false, true] {
                let answer = post(&app.log_in_as(ANN).await, &path, sent, is_json).await;
                assert!(answer.status.code < 500, "{path} {sent:?}: {}", answer.body);
            }
        }
    }
}

#[rocket::async_test]
async fn a_form_that_was_sent_without_a_session_is_found_again_after_the_login() {
    let app = with_ann(launch(everything())).await;
    for path in ["/change", "/change-email", "/close-account", "/verify", "/personal-tokens"] {
        let browser = app.browser();
        let answer = post(&browser, path, Sent::Stale, false).await;
        let login = answer.location();
        assert_eq!(login, format!("/login?next={}", path.replace('/', "%2F")));
        browser.get(login).await;
        let answer = browser.post_form(login, &[("identity", ANN), ("password", PASSWORD)]).await;
        assert_eq!(answer.location(), path);
        assert_eq!(browser.get(path).await.status, Status::Ok, "{path}");
    }
}

#[rocket::async_test]
async fn the_login_page_says_once_why_it_is_shown() {
    let app = launch(everything()).await;
    let why = "Please log in to see this page.";
    let browser = app.browser();
    let login = browser.get("/change").await.location().to_owned();
    assert!(browser.get(&login).await.body.contains(why));
    assert!(!browser.get(&login).await.body.contains(why), "it is said once");
    assert!(!app.browser().get("/login").await.body.contains(why), "nobody was led here");
    app.user(ANN).await;
    browser.log_in(ANN, PASSWORD).await;
    assert!(!browser.get("/change").await.body.contains(why));
}
