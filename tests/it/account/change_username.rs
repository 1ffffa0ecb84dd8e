//! Choosing another username.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::user::{Identity, Username};
use rocket_security::{Event, Security};
use serde_json::json;

use crate::support::sink::Sink;
use crate::support::usernames::{app_with_usernames, named_user};
use crate::support::{ANN, SESSION, rocket_with};

async fn app() -> TestApp {
    app_with_usernames(json!({})).await
}

async fn holder(app: &TestApp, name: &str) -> Option<String> {
    let identity = Identity::Username(Username::parse(name).unwrap());
    let found = app.store().find_credentials(&identity).await.unwrap();
    found.map(|found| found.user.email.to_string())
}

#[rocket::async_test]
async fn a_form_changes_the_name_and_the_browser_stays_logged_in() {
    let app = app().await;
    named_user(&app, ANN, "annlee").await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let page = ann.get("/change-username").await;
    assert!(page.status == Status::Ok && page.body.contains("<b>annlee</b>"), "{}", page.body);
    let answer = ann.post_form("/change-username", &[("username", "Ann.Lee")]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(ann.get("/me").await.body, ANN);
    assert_eq!(elsewhere.get_json("/me").await.status, Status::Unauthorized, "older sessions end");
    assert_eq!(holder(&app, "annlee").await, None);
    assert_eq!(holder(&app, "ann.lee").await.as_deref(), Some(ANN));

    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "Your username was changed");
    assert!(mail.text.contains("from annlee to Ann.Lee") && mail.link.is_none(), "{}", mail.text);
    assert!(mail.html.contains("<b>Ann.Lee</b>"));
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("from the IP address 127.0.0.1"), "{part}");
        assert!(part.contains(" UTC"), "{part}");
    }
    let login = json!({"username": "ann.lee", "password": PASSWORD});
    assert_eq!(app.browser().post_json("/login", login).await.status, Status::Ok);
    let login = json!({"username": "annlee", "password": PASSWORD});
    assert_eq!(app.browser().post_json("/login", login).await.reasons(), ["invalid_credentials"]);
}

#[rocket::async_test]
async fn json_tells_the_current_name_and_changes_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert!(ann.get_json("/change-username").await.response("current_username").is_null());
    let path = "/change-username?include_auth_token";
    let answer = ann.post_json(path, json!({"username": "annlee"})).await;
    assert!(answer.response("user")["authentication_token"].is_string(), "{}", answer.body);
    assert_eq!(
        (answer.status, &answer.response("user")["username"]),
        (Status::Ok, &json!("annlee"))
    );
    let shown = ann.get_json("/change-username").await.response("current_username");
    assert_eq!(shown, "annlee");
    assert!(app.newest_mail_to(ANN).await.text.contains("is now annlee"));
}

#[rocket::async_test]
async fn the_own_name_may_be_spelled_otherwise_and_given_back_and_forth() {
    let app = app().await;
    named_user(&app, ANN, "annlee").await;
    let ann = app.log_in_as(ANN).await;
    let change =
        async |name: &str| ann.post_json("/change-username", json!({"username": name})).await;
    assert_eq!(change("annlee").await.reasons(), ["invalid_input", "username_unchanged"]);
    for name in ["AnnLee", "annlee", "another", "annlee", "another"] {
        assert_eq!(change(name).await.status, Status::Ok, "{name}");
    }
    let bob = app.log_in_as("bob@example.org").await;
    let answer = bob.post_json("/change-username", json!({"username": "annlee"})).await;
    assert_eq!(answer.status, Status::Ok, "what is given up is free");
}

#[rocket::async_test]
async fn a_name_that_is_taken_reserved_or_none_changes_nothing() {
    let app = app().await;
    named_user(&app, ANN, "alice").await;
    named_user(&app, "bob@example.org", "bobby").await;
    let bob = app.log_in_as("bob@example.org").await;
    for (name, reason) in [
        ("ALICE", "username_taken"),
        ("aIice", "username_taken"),
        ("admin", "username_reserved"),
        ("b", "username_invalid"),
        ("bob by", "username_invalid"),
        ("", "username_invalid"),
    ] {
        let answer = bob.post_json("/change-username", json!({"username": name})).await;
        assert_eq!(answer.reasons(), ["invalid_input", reason], "{name}");
    }
    assert!(!bob.get("/change-username").await.body.contains("leave this empty"));
    let page = bob.post_form("/change-username", &[("username", "alice")]).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("id=\"error-username\"") && page.body.contains("value=\"alice\""));
    assert_eq!(bob.get_json("/me").await.status, Status::Ok);
    assert_eq!(holder(&app, "bobby").await.as_deref(), Some("bob@example.org"));
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn an_empty_name_removes_it_where_accounts_need_none() {
    let app = app_with_usernames(json!({"register": {"username_required": false}})).await;
    named_user(&app, ANN, "annlee").await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    assert!(ann.get("/change-username").await.body.contains("leave this empty"));
    let answer = ann.post_json("/change-username", json!({"username": ""})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert!(answer.response("user").get("username").is_none(), "{}", answer.body);
    assert_eq!(holder(&app, "annlee").await, None);
    assert_eq!(elsewhere.get_json("/me").await.status, Status::Unauthorized, "older sessions end");
    let mail = app.newest_mail_to(ANN).await;
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("was removed. It was ") && part.contains("annlee"), "{part}");
    }
    let answer = ann.post_json("/change-username", json!({"username": ""})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "username_unchanged"]);
    let bob = app.log_in_as("bob@example.org").await;
    let answer = bob.post_form("/change-username", &[("username", "annlee")]).await;
    assert_eq!(answer.status, Status::SeeOther, "what was removed is free");
    let answer = bob.post_form("/change-username", &[("username", " ")]).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(holder(&app, "annlee").await, None);
}

#[rocket::async_test]
async fn a_name_that_is_not_sent_removes_nothing() {
    let app = app_with_usernames(json!({"register": {"username_required": false}})).await;
    let ann = app.log_in_as(ANN).await;
    let name = json!({"username": "annlee"});
    assert_eq!(ann.post_json("/change-username", name).await.status, Status::Ok);
    for body in [json!({}), json!({"username": null})] {
        let answer = ann.post_json("/change-username", body).await;
        assert_eq!(answer.reasons(), ["invalid_input", "username_invalid"], "{}", answer.body);
    }
    assert_eq!(ann.post_form("/change-username", &[]).await.status, Status::BadRequest);
    let user = ann.get_json("/login").await.response("user");
    assert_eq!(user["username"], "annlee");
}

#[rocket::async_test]
async fn it_takes_somebody_who_proved_lately_who_they_are_and_a_token() {
    let app = app().await;
    let body = json!({"username": "annlee"});
    let stranger = app.browser();
    let answer = stranger.post_json("/change-username", body.clone()).await;
    assert_eq!(answer.reasons(), ["unauthenticated"]);
    assert_eq!(stranger.get("/change-username").await.location(), "/login?next=%2Fchange-username");
    let ann = app.log_in_as(ANN).await;
    let forged = ann.post_form_as_is("/change-username", &[("username", "annlee")]).await;
    assert_eq!(forged.status, Status::BadRequest);
    app.clock().advance(TimeDelta::minutes(11));
    let answer = ann.post_json("/change-username", body).await;
    assert_eq!(answer.reasons(), ["reauth_required"]);
    assert_eq!(ann.get_json("/change-username").await.reasons(), ["reauth_required"]);
    let forged = ann.post_form_as_is("/change-username", &[("username", "annlee")]).await;
    assert_eq!(forged.status, Status::BadRequest, "no way to /verify for what another site sent");
    assert_eq!(ann.cookie("security_form"), None);
    assert_eq!(holder(&app, "annlee").await, None);
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn of_16_who_want_one_name_at_once_one_gets_it() {
    let app = app().await;
    let mut browsers = Vec::new();
    for number in 0..16 {
        browsers.push(app.log_in_as(&format!("user{number}@example.org")).await);
    }
    let tries = browsers.iter().enumerate().map(|(number, browser)| async move {
        let name = ["alice", "a1ice"][number % 2];
        browser.post_json("/change-username", json!({"username": name})).await
    });
    let answers = rocket::futures::future::join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    let lost = answers.iter().filter(|answer| answer.reasons().contains(&"username_taken".into()));
    assert_eq!((won, lost.count()), (1, 15));
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn one_who_changes_it_twice_at_once_has_one_of_the_names() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    // Each sends the session of before, whatever the others get.
    let change = async |number: u32| {
        let browser = app.browser();
        browser.set_cookie(SESSION, &ann.cookie(SESSION).unwrap());
        let body = json!({"username": format!("annlee{number}")});
        browser.post_json("/change-username", body).await.status
    };
    let answers = rocket::futures::future::join_all((0..8).map(change)).await;
    assert_eq!(answers.iter().filter(|status| **status == Status::Ok).count(), 1, "{answers:?}");
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn it_leads_where_it_is_configured_to_and_is_told() {
    let sink = Sink::default();
    let security = sink.listen(Security::default().enable(ChangeUsername::default()));
    let settings = json!({
        "identity": ["email", "username"],
        "change_username": {"post_change_username_view": "/me"},
    });
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_form("/change-username", &[("username", "annlee")]).await;
    assert_eq!(answer.location(), "/me");
    ann.post_form("/change-username", &[("username", "annlee2")]).await;
    app.told().await;
    let events = sink.events();
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::UsernameChanged { old_username, .. } => Some(old_username.as_ref()),
            _ => None,
        })
        .map(|old| old.map(|old| old.expose().as_str()))
        .collect();
    assert_eq!(told, [None, Some("annlee")]);
    assert!(!format!("{events:?}").contains("annlee"));
}
