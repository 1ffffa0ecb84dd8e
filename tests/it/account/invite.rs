//! Inviting people.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{Build, Rocket, State, post, routes};
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::invite::Invite;
use rocket_security::flow::Flow;
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use rocket_security::web::visit::Visit;
use rocket_security::{Email, Rejection, RolesRequired, Security};
use serde_json::json;

use crate::support::links::link_to;
use crate::support::{ANN, Admin, rocket, rocket_with};

#[post("/members/<email>")]
async fn invite(
    _admin: RolesRequired<Admin>,
    visit: Visit<'_>,
    flow: &State<Flow>,
    invite: &State<Invite>,
    email: &str,
) -> Result<&'static str, Rejection> {
    let email = Email::parse(email).map_err(|_| Rejection::Forbidden)?;
    Ok(match invite.send(flow, &email, visit.origin()).await? {
        Some(_) => "invited",
        None => "has an account",
    })
}

pub(crate) fn application() -> Rocket<Build> {
    rocket().mount("/", routes![invite])
}

pub(crate) async fn send(app: &TestApp) -> String {
    app.grant("boss@example.org", "admin").await;
    let boss = app.log_in_as("boss@example.org").await;
    boss.post_form(&format!("/members/{ANN}"), &[]).await.body
}

#[rocket::async_test]
async fn whoever_is_invited_chooses_their_password_and_gets_in() {
    let app = TestApp::launch(application()).await;
    assert_eq!(send(&app).await, "invited");
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "You are invited");
    let link = link_in(&mail);
    let browser = app.browser();
    assert_eq!(browser.get(&link).await.location(), "/invite/link");
    assert!(browser.get("/invite/link").await.body.contains(ANN));
    let fields = [("password", "short"), ("password_confirm", "short")];
    assert_eq!(browser.post_form("/invite/link", &fields).await.status, Status::BadRequest);
    let fields = [("password", PASSWORD), ("password_confirm", PASSWORD)];
    let answer = browser.post_form("/invite/link", &fields).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    let told = app.newest_mail_to(ANN).await;
    assert_eq!(told.subject, "Your invitation was accepted");
    for part in [&told.text, &told.html] {
        assert!(part.contains("from the IP address 127.0.0.1"), "{part}");
        assert!(part.contains(" UTC"), "{part}");
    }
    let mails = app.mail().await.len();
    assert_eq!(browser.log_in(ANN, PASSWORD).await.status, Status::Ok);
    let answer = app.browser().post_json(&link, json!({"password": "another, another one"})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    assert_eq!(app.mail().await.len(), mails, "told once");
}

#[rocket::async_test]
async fn nobody_gets_in_before() {
    let app = TestApp::launch(application()).await;
    send(&app).await;
    for password in ["", PASSWORD] {
        assert_eq!(app.browser().log_in(ANN, password).await.status, Status::BadRequest);
    }
}

#[rocket::async_test]
async fn who_is_invited_again_gets_another_link_and_the_older_is_dead() {
    let app = TestApp::launch(application()).await;
    send(&app).await;
    let older = link_to(&app, ANN).await;
    app.clock().advance(TimeDelta::seconds(1));
    assert_eq!(send(&app).await, "invited");
    let newer = link_to(&app, ANN).await;
    let body = json!({"password": PASSWORD});
    assert_eq!(app.browser().post_json(&older, body.clone()).await.reasons(), ["invalid_link"]);
    assert_eq!(app.browser().post_json(&newer, body).await.status, Status::Ok);
    assert_eq!(send(&app).await, "has an account");
}

#[rocket::async_test]
async fn an_invitation_expires() {
    let app = TestApp::launch(application()).await;
    send(&app).await;
    let link = link_to(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(24));
    let answer = app.browser().post_json(&link, json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn an_account_that_a_stranger_registered_gives_way_to_an_invitation() {
    let security = Security::default().enable(ChangeUsername::default());
    let app = TestApp::launch_with(
        rocket_with(security).mount("/", routes![invite]),
        json!({"identity": ["email", "username"]}),
    )
    .await;
    let squat = json!({"email": ANN, "username": "squatter", "password": "a stranger, a stranger"});
    assert_eq!(app.browser().post_json("/register", squat).await.status, Status::Ok);
    let strangers = link_to(&app, ANN).await;

    assert_eq!(send(&app).await, "invited");
    let link = link_to(&app, ANN).await;
    let body = json!({"password": PASSWORD});
    let answer = app.browser().post_json(&strangers, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    assert_eq!(app.browser().post_json(&link, body).await.status, Status::Ok);
    let user = app.browser().log_in(ANN, PASSWORD).await.response("user");
    assert!(user.get("username").is_none(), "{user}");
    assert_eq!(app.store().list_users(None, 10).await.unwrap().len(), 2);
}
