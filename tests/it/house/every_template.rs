//! Every page with each feature disabled: features and pages are found, so that a new one is held to it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rocket::http::{Method, Status};
use rocket_security::Security;
use rocket_security::features::audit::Audit;
use rocket_security::features::basic::Basic;
use rocket_security::features::change_email::ChangeEmail;
use rocket_security::features::change_password::ChangePassword;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::confirm::Confirm;
use rocket_security::features::invite::Invite;
use rocket_security::features::login::Login;
use rocket_security::features::logout::Logout;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::features::register::Register;
use rocket_security::features::remember::Remember;
use rocket_security::features::reset::Reset;
use rocket_security::features::sessions::Sessions;
use rocket_security::features::tickets::Tickets;
use rocket_security::features::token_keys::TokenKeys;
use rocket_security::features::tokens::Tokens;
use rocket_security::features::track::Track;
use rocket_security::features::verify::Verify;
use rocket_security::testing::{Browser, PASSWORD, TestApp, link_in};
use serde_json::json;

use crate::house::every_route::{everything, launch, launch_with, paths};
use crate::support::files::files_below;
use crate::support::links::link_to;
use crate::support::program::post;
use crate::support::{ANN, ReadReports, WriteReports};

type Without = (&'static str, fn(Security) -> Security);

/// Each feature, and how to disable it with those that need it.
const FEATURES: [Without; 21] = [
    ("audit", |it| it.disable::<Audit>()),
    ("basic", |it| it.disable::<Basic>()),
    ("change_email", |it| it.disable::<ChangeEmail>()),
    ("change_password", |it| it.disable::<ChangePassword>()),
    ("change_username", |it| it.disable::<ChangeUsername>()),
    ("close_account", |it| it.disable::<CloseAccount>()),
    ("confirm", |it| it.disable::<Confirm>()),
    ("invite", |it| it.disable::<Invite>()),
    ("login", |it| it.disable::<Login>()),
    ("logout", |it| it.disable::<Logout>()),
    ("personal_tokens", |it| it.disable::<PersonalTokens<(ReadReports, WriteReports)>>()),
    ("recover_username", |it| it.disable::<RecoverUsername>()),
    ("register", |it| it.disable::<Register>()),
    ("remember", |it| it.disable::<Remember>()),
    ("reset", |it| it.disable::<Reset>()),
    ("sessions", |it| it.disable::<Sessions>()),
    ("tickets", |it| it.disable::<Tickets>()),
    ("token_keys", |it| it.disable::<TokenKeys>()),
    ("tokens", |it| it.disable::<Tokens>().disable::<TokenKeys>()),
    ("track", |it| it.disable::<Track>()),
    ("verify", |it| it.disable::<Verify>()),
];

/// Launches an application with every feature but one.
async fn launch_without(name: &str, without: fn(Security) -> Security) -> TestApp {
    let security = without(everything());
    // Settings of a feature that is not enabled stop the launch.
    if name == "reset" { launch_with(security, json!({})).await } else { launch(security).await }
}

/// Logs in by the login page, or, where there is none, by a mailed link.
async fn log_in<'a>(app: &'a TestApp, without: &str) -> Browser<'a> {
    if without != "login" {
        return app.log_in_as(ANN).await;
    }
    app.user(ANN).await;
    post(app, "/reset", json!({"email": ANN})).await;
    let link = link_to(app, ANN).await;
    let browser = app.browser();
    let body = json!({"password": "another horse battery staple"}).to_string();
    let answer = browser.post_raw(&link, "application/json", body.as_bytes()).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    browser
}

/// Has every feature that mails a link do so, and returns the links.
async fn mailed_links(app: &TestApp) -> Vec<String> {
    let ann = app.log_in_as(ANN).await;
    let new = json!({"email": "new@example.org", "password": PASSWORD});
    app.browser().post_json("/register", new).await;
    app.browser().post_json("/reset", json!({"email": ANN})).await;
    ann.post_json("/change-email", json!({"email": "ann@example.net"})).await;
    // Who closes their account has no other links.
    let bob = app.log_in_as("bob@example.org").await;
    bob.post_json("/close-account", json!({"password": PASSWORD})).await;
    app.mail().await.iter().filter(|mail| mail.link.is_some()).map(link_in).collect()
}

#[rocket::async_test]
async fn every_page_is_shown_whichever_feature_is_disabled() {
    for (name, without) in FEATURES {
        let app = launch_without(name, without).await;
        let user = log_in(&app, name).await;
        for path in paths(&app, Method::Get) {
            for browser in [&app.browser(), &user] {
                let mut answer = browser.get(&path).await;
                if answer.status == Status::SeeOther && answer.location().ends_with("/link") {
                    answer = browser.get(answer.location()).await;
                }
                let said = format!("{path} without {name}: {}", answer.body);
                assert!(answer.status.code < 500, "{said}");
            }
        }
        if name == "login" {
            continue;
        }
        for link in mailed_links(&app).await {
            let page = user.get(&link).await.location().to_owned();
            let answer = user.get(&page).await;
            assert_eq!(answer.status, Status::Ok, "{page} without {name}: {}", answer.body);
        }
    }
}

#[rocket::async_test]
async fn no_template_asks_for_a_page_of_another_feature_without_asking_whether_there_is_one() {
    let owners = owners().await;
    let mut asked = 0;
    for path in files_below(Path::new("templates/security")) {
        let file = path.strip_prefix("templates/security").unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for (url, conditions) in urls_with_conditions(&text) {
            let Some(owner) = owners.get(&url) else {
                continue;
            };
            asked += 1;
            let is_asked =
                conditions.iter().any(|it| it.contains(&format!("\"{owner}\" in features")));
            let is_included = file == "_logout.html" && *owner == "logout";
            assert!(
                is_asked || is_included || belongs(&file, owner),
                "{file} asks for \"{url}\" and not for \"{owner}\" in features"
            );
        }
    }
    assert!(asked > 50, "{asked}");
}

/// Returns which feature each name of `security_url` belongs to.
async fn owners() -> BTreeMap<String, &'static str> {
    let mut names = BTreeSet::new();
    for path in files_below(Path::new("templates/security")) {
        names.extend(
            urls_with_conditions(&fs::read_to_string(path).unwrap()).into_iter().map(|it| it.0),
        );
    }
    let all = launch(everything()).await;
    assert!(names.iter().all(|name| all.path_of(name).is_some()), "{names:?}");
    let mut owners = BTreeMap::new();
    for (feature, without) in FEATURES {
        let app = launch_without(feature, without).await;
        for name in names.iter().filter(|name| app.path_of(name).is_none()) {
            owners.insert(name.clone(), feature);
        }
    }
    owners
}

/// Tells whether a template comes with a feature.
fn belongs(file: &str, feature: &str) -> bool {
    let root = Path::new("src/features");
    let sources = match root.join(format!("{feature}.rs")) {
        file if file.is_file() => vec![file],
        _ => files_below(&root.join(feature)),
    };
    let name = file.trim_start_matches("email/").split('.').next().unwrap();
    let embeds = if file.starts_with("email/") {
        format!("\"{name}\"")
    } else {
        format!("page!(\"{name}\")")
    };
    sources.iter().any(|source| fs::read_to_string(source).unwrap().contains(&embeds))
}

/// Returns each name that a template asks `security_url` for, with the conditions that it stands under.
fn urls_with_conditions(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut conditions, mut found) = (Vec::<String>::new(), Vec::new());
    for part in text.split('{') {
        let tag = part.strip_prefix('%').unwrap_or_default().trim_start_matches('-').trim();
        match tag.split(' ').next().unwrap() {
            "if" => conditions.push(tag.to_owned()),
            "elif" | "else" => {
                conditions.pop();
                conditions.push(tag.to_owned());
            }
            "endif" => drop(conditions.pop()),
            _ => {}
        }
        for named in part.split("security_url(name=\"").skip(1) {
            found.push((named.split('"').next().unwrap().to_owned(), conditions.clone()));
        }
    }
    found
}
