//! The button of a mailed link that is pressed twice, and one that is pressed beside another user's session.

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use serde_json::json;

use crate::account::invite;
use crate::house::every_route::{everything, launch_with};
use crate::support::links::{change_email_link, link_to, reset_link};

const NEW: &str = "another horse battery staple";
const CHOSEN: &[(&str, &str)] = &[("password", NEW), ("password_confirm", NEW)];
const DEAD: &str = "This link no longer works";

/// A link, what is sent with its button, what a second press is told, and which account the first one names.
struct Link {
    path: String,
    page: &'static str,
    fields: &'static [(&'static str, &'static str)],
    done: &'static str,
    account: &'static str,
}

async fn app() -> TestApp {
    launch_with(everything(), json!({})).await
}

/// Returns a link of each kind, but for those that an application mails itself or that want a login.
async fn links(app: &TestApp) -> Vec<Link> {
    let fields = [
        ("email", "new@example.org"),
        ("username", "newcomer"),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
    ];
    app.browser().post_form("/register", &fields).await;
    app.user("ann@example.org").await;
    app.browser().post_json("/reset", json!({"email": "ann@example.org"})).await;
    let carol = app.log_in_as("carol@example.org").await;
    change_address(app, &carol).await;
    let dave = app.log_in_as("dave@example.org").await;
    dave.post_json("/close-account", json!({"password": PASSWORD})).await;
    let link = async |account, page, fields, done| Link {
        path: link_to(app, account).await,
        page,
        fields,
        done,
        account,
    };
    vec![
        link("new@example.org", "/confirm/link", &[], "Your email address is confirmed").await,
        link("ann@example.org", "/reset/link", CHOSEN, "The password has been changed.").await,
        link(
            "carol@example.org",
            "/change-email-undo/link",
            &[],
            "Your account has its old address again.",
        )
        .await,
        link("dave@example.org", "/close-account/link", &[], "Your account was reopened").await,
    ]
}

/// Moves carol to another address, whose link she presses twice.
async fn change_address(app: &TestApp, carol: &Browser<'_>) {
    let link = change_email_link(app, carol, "carol@example.net").await;
    carol.get(&link).await;
    let first = carol.post_form("/change-email/link", &[]).await;
    assert_eq!(first.status, Status::SeeOther, "{}", first.body);
    let again = carol.post_form("/change-email/link", &[]).await;
    assert!(again.body.contains("Your email address has been changed."), "{}", again.body);
}

#[rocket::async_test]
async fn a_second_press_is_told_what_the_first_one_did() {
    let app = app().await;
    for Link { path, page, fields, done, account } in links(&app).await {
        let browser = app.browser();
        browser.get(&path).await;
        let first = browser.post_form(page, fields).await;
        assert_eq!(first.status, Status::SeeOther, "{page}: {}", first.body);
        let next = browser.get(first.location()).await;
        assert!(next.body.contains(account), "{page} names the account: {}", next.body);

        let told = format!("This link was just used. {done}");
        let again = browser.post_form(page, fields).await;
        assert_eq!(again.status, Status::BadRequest, "{page}");
        assert!(again.body.contains(&told) && !again.body.contains(DEAD), "{}", again.body);
        assert!(!again.body.contains("<title>Error"), "it worked: {}", again.body);
        assert!(browser.get(page).await.body.contains(&told), "{page}, when it is looked at");
        let program = app.browser().post_json(&path, json!({})).await;
        assert_eq!(program.reasons(), ["invalid_link"], "{page}");
        assert!(program.response("errors")[0].as_str().unwrap().starts_with(&told), "{page}");

        app.clock().advance(TimeDelta::minutes(11));
        assert!(browser.post_form(page, fields).await.body.contains(DEAD), "{page}, later");
    }
}

/// The first press replaces the session that the form belongs to.
#[rocket::async_test]
async fn a_double_click_is_told_so_too_where_the_first_press_changes_the_session() {
    let app = app().await;
    let carol = app.log_in_as("carol@example.org").await;
    carol.get(&change_email_link(&app, &carol, "carol@example.net").await).await;
    let token = carol.csrf_token().await;
    let again = app.browser();
    for name in ["security_session", "security_link"] {
        again.set_cookie(name, &carol.cookie(name).unwrap());
    }
    let fields = [("csrf_token", token.as_str())];
    for browser in [&carol, &again, &carol] {
        let answer = browser.post_form_as_is("/change-email/link", &fields).await;
        let is_told = answer.body.contains("This link was just used. Your email address has");
        assert!(answer.status == Status::SeeOther || is_told, "{}", answer.body);
    }
}

#[rocket::async_test]
async fn so_is_one_to_an_invitation() {
    let app = TestApp::launch(invite::application()).await;
    invite::send(&app).await;
    let link = link_to(&app, "ann@example.org").await;
    let browser = app.browser();
    browser.get(&link).await;
    assert_eq!(browser.post_form("/invite/link", CHOSEN).await.status, Status::SeeOther);
    let again = browser.post_form("/invite/link", CHOSEN).await;
    assert!(again.body.contains("Your account is ready"), "{}", again.body);
}

#[rocket::async_test]
async fn of_presses_at_once_one_works_and_the_others_are_told_what_it_did() {
    let app = app().await;
    for Link { path, page, fields, .. } in links(&app).await {
        let presses: Vec<_> = (0..4).map(|_| app.browser()).collect();
        let answers = join_all(presses.iter().map(|browser| async {
            browser.get(&path).await;
            browser.post_form(page, fields).await
        }))
        .await;
        let done = answers.iter().filter(|answer| answer.status == Status::SeeOther).count();
        assert_eq!(done, 1, "{page}");
        let again = presses[0].get(page).await;
        assert!(again.body.contains("This link was just used"), "{}", again.body);
    }
}

#[rocket::async_test]
async fn a_link_that_never_worked_was_not_used_just_now() {
    let app = app().await;
    app.user("ann@example.org").await;
    let mut older = String::new();
    for _ in 0..2 {
        let replaced = std::mem::take(&mut older);
        app.clock().advance(TimeDelta::seconds(1));
        older = reset_link(&app, "ann@example.org").await;
        if replaced.is_empty() {
            continue;
        }
        for path in [replaced.as_str(), &format!("/reset/{}", "A".repeat(43))] {
            let browser = app.browser();
            browser.get(path).await;
            let page = browser.get("/reset/link").await;
            assert!(page.body.contains(DEAD), "{path}: {}", page.body);
        }
    }
}

#[rocket::async_test]
async fn the_page_of_another_user_names_the_account_of_the_link() {
    let app = app().await;
    let bob = app.log_in_as("bob@example.org").await;
    for Link { path, page, fields, account, .. } in links(&app).await {
        bob.get(&path).await;
        let answer = bob.post_form(page, fields).await;
        assert_eq!(answer.status, Status::SeeOther, "{page}: {}", answer.body);
        let kept = bob.get("/sessions").await.body;
        assert!(kept.contains(account), "{page} names the account: {kept}");
        assert_eq!(bob.get_json("/login").await.response("user")["email"], "bob@example.org");
    }
}
