//! Closing one's account.

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::Security;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use serde_json::json;

use crate::support::links::{change_email, link_to, register};
use crate::support::users::change_user;
use crate::support::{ANN, rocket_with, sql};

async fn app() -> TestApp {
    TestApp::launch(rocket_with(Security::default().enable(CloseAccount::default()))).await
}

async fn close(app: &TestApp, ann: &Browser<'_>) -> String {
    let answer = ann.post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    link_to(app, ANN).await
}

#[rocket::async_test]
async fn a_closed_account_opens_for_nobody_and_is_deleted_when_the_grace_is_over() {
    let app = app().await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    assert!(ann.get("/close-account").await.body.contains("14 days"));
    let answer = ann.post_form("/close-account", &[("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(ann.cookie("security_session"), None);
    assert_eq!(elsewhere.get("/me").await.status, Status::SeeOther);
    let refused = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(refused.reasons(), ["invalid_credentials"], "as if there were no such account");

    app.mail().await;
    app.clock().advance(TimeDelta::days(14) - TimeDelta::minutes(1));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap().len(), 1);
    app.clock().advance(TimeDelta::minutes(1));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap(), []);
    let last = app.newest_mail_to(ANN).await;
    assert_eq!((last.subject.as_str(), last.link), ("Your account was deleted", None));
    for name in ["sessions", "one_time_tokens", "track", "users_roles", "outbox"] {
        let table = format!("security_{name}");
        assert_eq!(sql::count(app.database(), &table).await, 0, "{table}");
    }
    // The address is free.
    app.log_in_as(ANN).await;
}

#[rocket::async_test]
async fn its_owner_opens_it_again_by_mail() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let way_back = close(&app, &ann).await;
    app.clock().advance(TimeDelta::days(13));
    let browser = app.browser();
    assert_eq!(browser.get(&way_back).await.location(), "/close-account/link");
    assert!(browser.get("/close-account/link").await.body.contains("Reopen your account"));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(browser.post_form("/close-account/link", &[]).await.location(), "/login");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(app.newest_mail_to(ANN).await.subject, "Your account was reopened");
    app.clock().advance(TimeDelta::days(30));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap().len(), 1);
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn a_link_that_was_not_needed_changes_nothing_of_an_account_that_is_open() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let way_back = close(&app, &ann).await;
    change_user(&app, &app.user(ANN).await, &UserChange::reopened()).await;
    let ann = app.log_in_as(ANN).await;
    let (before, mails) = (app.user(ANN).await, app.mail().await.len());

    assert_eq!(app.browser().get_json(&way_back).await.reasons(), ["invalid_link"]);
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.reasons(), ["invalid_link"]);
    let browser = app.browser();
    browser.get(&way_back).await;
    let page = browser.post_form("/close-account/link", &[]).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("This link no longer works"), "{}", page.body);
    assert_eq!(ann.get("/me").await.status, Status::Ok, "nobody is logged out");
    assert_eq!((app.user(ANN).await, app.mail().await.len()), (before, mails));
}

#[rocket::async_test]
async fn of_8_who_open_it_at_once_one_does() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let way_back = close(&app, &ann).await;
    let mails = app.mail().await.len();
    let browsers: Vec<_> = (0..8).map(|_| app.browser()).collect();
    let presses = browsers.iter().map(|browser| browser.post_json(&way_back, json!({})));
    let answers = join_all(presses).await;
    let opened = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    assert_eq!((opened, app.mail().await.len() - mails), (1, 1));
    assert!(app.user(ANN).await.is_open());
}

#[rocket::async_test]
async fn whoever_opens_it_again_is_told_what_a_thief_may_have_left() {
    let security =
        Security::default().enable(CloseAccount::default()).enable(ChangeUsername::default());
    let names = json!({"identity": ["email", "username"]});
    let app = TestApp::launch_with(rocket_with(security), names).await;
    let thief = app.log_in_as(ANN).await;
    let answer = thief.post_json("/change-username", json!({"username": "thiefsname"})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let way_back = close(&app, &thief).await;
    let owner = app.browser();
    owner.get(&way_back).await;
    let page = owner.get("/close-account/link").await.body;
    for text in ["<b>thiefsname</b>", "someone else may know your password", "href=\"/reset\""] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(owner.post_form("/close-account/link", &[]).await.location(), "/login");
    let told = app.newest_mail_to(ANN).await;
    for part in [told.text, told.html.replace("&#x2F;", "/")] {
        for text in ["thiefsname", "127.0.0.1:8000/change-username", "127.0.0.1:8000/reset"] {
            assert!(part.contains(text), "{text}: {part}");
        }
    }
}

/// Somebody who knows the password moves the account to an address of theirs and closes it; gives
/// the way back of the old address.
async fn steal_and_close(app: &TestApp) -> String {
    const THIEF: &str = "thief@example.net";
    let thief = app.log_in_as(ANN).await;
    change_email(app, &thief, THIEF).await;
    let way_back = link_to(app, ANN).await;
    let answer = thief.post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    app.mail().await;
    way_back
}

async fn app_with_a_short_grace() -> TestApp {
    let security = Security::default().enable(CloseAccount::default());
    let settings = json!({"close_account": {"grace": "1h"}});
    TestApp::launch_with(rocket_with(security), settings).await
}

async fn accounts(app: &TestApp) -> usize {
    app.sweep().await;
    app.store().list_users(None, 10).await.unwrap().len()
}

#[rocket::async_test]
async fn a_thief_does_not_get_it_deleted_while_the_old_address_can_take_it_back() {
    let app = app_with_a_short_grace().await;
    let way_back = steal_and_close(&app).await;
    app.clock().advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    assert_eq!(accounts(&app).await, 1);
    let undone = app.browser().post_json(&way_back, json!({})).await;
    assert_eq!(undone.status, Status::Ok, "{}", undone.body);
    app.clock().advance(TimeDelta::days(30));
    assert_eq!(accounts(&app).await, 1);
    assert!(app.user(ANN).await.is_open());
}

#[rocket::async_test]
async fn when_that_time_is_over_it_is_deleted() {
    let app = app_with_a_short_grace().await;
    steal_and_close(&app).await;
    app.clock().advance(TimeDelta::days(7));
    assert_eq!(accounts(&app).await, 0);
}

#[rocket::async_test]
async fn where_nothing_else_leads_back_a_short_grace_is_all_there_is() {
    let app = app_with_a_short_grace().await;
    let ann = app.log_in_as(ANN).await;
    close(&app, &ann).await;
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(accounts(&app).await, 1);
    app.clock().advance(TimeDelta::minutes(1));
    assert_eq!(accounts(&app).await, 0);
}

#[rocket::async_test]
async fn it_needs_the_password_and_freshness() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let wrong = ann.post_json("/close-account", json!({"password": "not mine, not mine"})).await;
    assert_eq!(wrong.reasons(), ["invalid_input", "invalid_password"]);
    assert_eq!(ann.post_json("/close-account", json!({})).await.status, Status::BadRequest);
    app.clock().advance(TimeDelta::minutes(10));
    let stale = ann.post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(stale.reasons(), ["reauth_required"]);
    let nobody = app.browser().post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(nobody.reasons(), ["unauthenticated"]);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn a_closed_account_cannot_be_opened_by_a_reset_or_another_registration() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    close(&app, &ann).await;
    let mails = app.mail().await.len();
    app.browser().post_json("/reset", json!({"email": ANN})).await;
    assert_eq!(app.mail().await.len(), mails);
    register(&app, ANN).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn no_mail_sends_the_owner_of_a_closed_account_to_log_in() {
    let security =
        Security::default().enable(CloseAccount::default()).enable(RecoverUsername::default());
    let names =
        json!({"identity": ["email", "username"], "register": {"username_required": false}});
    let app = TestApp::launch_with(rocket_with(security), names).await;
    let ann = app.log_in_as(ANN).await;
    let bob = app.log_in_as("bob@example.org").await;
    close(&app, &ann).await;
    let closed = app.user(ANN).await.closes_at.unwrap();
    let until = closed.format("%-d %B %Y, %H:%M UTC").to_string();
    assert!(app.newest_mail_to(ANN).await.text.contains(&until));
    register(&app, ANN).await;
    let welcome = app.newest_mail_to(ANN).await;
    bob.post_json("/change-email", json!({"email": ANN})).await;
    let existing = app.newest_mail_to(ANN).await;
    app.browser().post_json("/recover-username", json!({"email": ANN})).await;
    let recovery = app.newest_mail_to(ANN).await;
    for (mail, subject) in [
        (welcome, "You already have an account"),
        (existing, "Someone tried to use your email address"),
        (recovery, "Your username"),
    ] {
        assert_eq!(mail.subject, subject);
        for part in [&mail.text, &mail.html] {
            assert!(part.contains(&until) && part.contains("closed"), "{part}");
            assert!(
                !part.to_lowercase().contains("then log in") && !part.contains("/login"),
                "{part}"
            );
        }
    }
}

#[rocket::async_test]
async fn an_account_that_a_row_of_the_application_holds_keeps_no_other_from_being_deleted() {
    let app = app().await;
    let kept = app.user("kept@example.org").await;
    let id = match app.database().url().split(':').next().unwrap() {
        "postgres" => "UUID",
        "mysql" => "BINARY(16)",
        _ => "BLOB",
    };
    for statement in [
        format!(
            "CREATE TABLE orders (user_id {id} NOT NULL, FOREIGN KEY (user_id) REFERENCES security_users (id))"
        ),
        "INSERT INTO orders (user_id) SELECT id FROM security_users".to_owned(),
    ] {
        sql::execute(app.database(), &statement).await;
    }
    for email in ["kept@example.org", ANN] {
        let browser = app.log_in_as(email).await;
        let answer = browser.post_json("/close-account", json!({"password": PASSWORD})).await;
        assert_eq!(answer.status, Status::Ok);
        app.clock().advance(TimeDelta::seconds(1));
    }
    app.mail().await;
    app.clock().advance(TimeDelta::days(14));
    app.sweep().await;
    let left = app.store().list_users(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|user| user.id).collect::<Vec<_>>(), [kept.id]);
}

#[rocket::async_test]
async fn of_8_sweeps_at_once_its_owner_is_told_once() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    close(&app, &ann).await;
    app.clock().advance(TimeDelta::days(14));
    rocket::futures::future::join_all((0..8).map(|_| app.sweep())).await;
    let last =
        app.mail().await.into_iter().filter(|mail| mail.subject == "Your account was deleted");
    assert_eq!(last.count(), 1);
}

#[rocket::async_test]
async fn it_is_there_only_where_it_was_enabled() {
    let app = crate::support::app().await;
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::NotFound);
}
