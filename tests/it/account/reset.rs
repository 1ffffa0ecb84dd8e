//! Choosing a new password by way of one's mailbox.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{PASSWORD, link_in};
use serde_json::json;

use crate::support::launching::launches;
use crate::support::links::{register, reset_link};
use crate::support::seen::seen;
use crate::support::users::change_user;
use crate::support::{ANN, CHOSEN, app, app_with, rocket, with_ann};

#[rocket::async_test]
async fn a_link_leads_to_a_form_and_the_form_to_a_new_password_by_page() {
    let app = with_ann(app()).await;
    let elsewhere = app.log_in_as(ANN).await;
    let browser = app.browser();
    let answer = browser.post_form("/reset", &[("email", ANN)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert!(browser.get("/login").await.body.contains("a link to choose a new password"));
    let mail = app.newest_mail_to(ANN).await;
    assert!(mail.text.contains("1 hour"), "{}", mail.text);

    let answer = browser.get(&link_in(&mail)).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/reset/link"));
    let page = browser.get("/reset/link").await;
    assert!(page.body.contains("Choose a new password") && page.body.contains(ANN));
    let fields = [("password", CHOSEN), ("password_confirm", "another one altogether")];
    let page = browser.post_form("/reset/link", &fields).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("The passwords don&#x27;t match."), "{}", page.body);
    let fields = [("password", CHOSEN), ("password_confirm", CHOSEN)];
    let answer = browser.post_form("/reset/link", &fields).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert_eq!(browser.get("/me").await.status, Status::SeeOther, "it logs nobody in");

    assert_eq!(elsewhere.get("/me").await.status, Status::SeeOther, "every session has ended");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    let notice = app.newest_mail_to(ANN).await;
    assert_eq!(notice.subject, "Your password was changed");
    assert!(notice.text.contains("127.0.0.1"), "{}", notice.text);
}

#[rocket::async_test]
async fn a_program_posts_to_the_links_own_address() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    assert_eq!(app.browser().get_json(&link).await.status, Status::Ok);
    let short = app.browser().post_json(&link, json!({"password": "short"})).await;
    assert_eq!(short.reasons(), ["invalid_input", "password_too_short"]);
    let answer = app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!(answer.status, Status::Ok);
    assert_eq!(answer.json()["response"], json!({}), "no csrf_token, as the contract says");
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_used_link_is_refused() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    let answer = app.browser().post_json(&link, json!({"password": "yet another one, sir"})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    let browser = app.browser();
    browser.get(&link).await;
    let page = browser.get("/reset/link").await;
    assert!(page.body.contains("Not you? <a href=\"/reset\">"), "{}", page.body);
    app.clock().advance(TimeDelta::minutes(10));
    let page = browser.get("/reset/link").await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("action=\"/reset\""), "it offers another one: {}", page.body);
}

#[rocket::async_test]
async fn of_32_uses_of_a_link_at_once_one_wins() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let press = async |number: usize| {
        let password = format!("{CHOSEN}, number {number}");
        let answer = app.browser().post_json(&link, json!({"password": password})).await;
        (answer.status, password)
    };
    let answers = rocket::futures::future::join_all((0..32).map(press)).await;
    let won: Vec<_> = answers.iter().filter(|(status, _)| *status == Status::Ok).collect();
    assert_eq!(won.len(), 1);
    for (_, password) in &answers {
        let is_it = *password == won[0].1;
        let status = app.browser().log_in(ANN, password).await.status;
        assert_eq!(status == Status::Ok, is_it);
    }
}

#[rocket::async_test]
async fn an_expired_link_is_refused() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    app.clock().advance(TimeDelta::minutes(60));
    // Refused once, it stays dead when the clock steps back.
    for back in [TimeDelta::zero(), TimeDelta::minutes(30)] {
        app.clock().advance(-back);
        let answer = app.browser().post_json(&link, json!({"password": CHOSEN})).await;
        assert_eq!(answer.reasons(), ["invalid_link"]);
    }
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_newer_link_kills_the_older() {
    let app = with_ann(app()).await;
    let older = reset_link(&app, ANN).await;
    app.clock().advance(TimeDelta::seconds(1));
    let newer = reset_link(&app, ANN).await;
    let answer = app.browser().post_json(&older, json!({"password": CHOSEN})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    let answer = app.browser().post_json(&newer, json!({"password": CHOSEN})).await;
    assert_eq!(answer.status, Status::Ok);
}

#[rocket::async_test]
async fn any_change_of_the_account_kills_a_link() {
    let app = with_ann(app()).await;
    let ann = app.log_in_as(ANN).await;
    let link = reset_link(&app, ANN).await;
    let body = json!({"password": PASSWORD, "new_password": CHOSEN});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    let answer = app.browser().post_json(&link, json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn a_link_serves_no_other_purpose() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let token = link.strip_prefix("/reset/").unwrap();
    for path in ["confirm", "invite", "change-email-undo", "close-account"] {
        let path = format!("/{path}/{token}");
        let answer = app.browser().post_json(&path, json!({})).await;
        assert_ne!(answer.status, Status::Ok, "{path}");
    }
    let answer = app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!(answer.status, Status::Ok);
}

#[rocket::async_test]
async fn it_proves_the_mailbox() {
    let app = app().await;
    register(&app, ANN).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    let link = reset_link(&app, ANN).await;
    app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

#[rocket::async_test]
async fn an_account_that_is_switched_off_or_closed_gets_no_link() {
    for change in [UserChange::active(false), UserChange::closing(chrono::DateTime::UNIX_EPOCH)] {
        let app = app().await;
        let ann = app.user(ANN).await;
        change_user(&app, &ann, &change).await;
        let answer = app.browser().post_json("/reset", json!({"email": ANN})).await;
        assert_eq!(answer.status, Status::Ok);
        assert!(app.mail().await.is_empty());
    }
}

#[rocket::async_test]
async fn nobody_gets_no_mail_and_the_same_answer() {
    let app = with_ann(app()).await;
    let ask =
        async |email: &str| seen(&app.browser().post_json("/reset", json!({"email": email})).await);
    assert_eq!(ask("nobody@example.org").await, ask(ANN).await);
    let mails = app.mail().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to.as_str(), ANN);
}

#[rocket::async_test]
async fn asking_is_limited_and_the_asker_is_not_told() {
    let app = with_ann(app_with(json!({"throttle": {"scale": 1}}))).await;
    for _ in 0..8 {
        let answer = app.browser().post_json("/reset", json!({"email": ANN})).await;
        assert_eq!(answer.status, Status::Ok);
        app.mail().await;
        app.clock().advance(TimeDelta::seconds(1));
    }
    assert_eq!(app.mail().await.len(), 5);
}

#[rocket::async_test]
async fn it_ends_the_wait_of_whoever_guessed_too_often() {
    let app = with_ann(app_with(json!({"throttle": {"scale": 1}}))).await;
    for _ in 0..5 {
        app.browser().log_in(ANN, "a wrong guess of hers").await;
    }
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(answer.status, Status::TooManyRequests);
    let link = reset_link(&app, ANN).await;
    app.browser().post_json(&link, json!({"password": CHOSEN})).await;
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_link_that_was_left_behind_is_gone_once_somebody_logs_out() {
    let app = with_ann(app()).await;
    app.user("bob@example.org").await;
    let link = reset_link(&app, ANN).await;
    let shared = app.browser();
    shared.get(&link).await;
    assert_eq!(shared.get("/reset/link").await.status, Status::Ok);
    shared.log_in("bob@example.org", PASSWORD).await;
    shared.log_out().await;
    assert_eq!(shared.get("/reset/link").await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn a_form_that_fails_shows_its_own_link_again_and_no_other() {
    let app = with_ann(app()).await;
    app.user("bob@example.org").await;
    let anns = reset_link(&app, ANN).await;
    let bobs = reset_link(&app, "bob@example.org").await;
    let browser = app.browser();
    browser.get(&anns).await;
    browser.get(&bobs).await;
    let token = anns.strip_prefix("/reset/").unwrap();
    let fields = [("csrf_token", "stale"), ("token", token), ("password", CHOSEN)];
    let page = browser.post_form_as_is("/reset/link", &fields).await;
    assert!(page.body.contains(token) && !page.body.contains("bob@example.org"), "{}", page.body);
}

#[rocket::async_test]
async fn mail_goes_to_the_address_as_its_owner_spells_it() {
    let app = with_ann(app()).await;
    app.browser().post_json("/reset", json!({"email": "ANN@Example.org"})).await;
    assert_eq!(app.mail().await[0].to.as_str(), ANN);
}

#[rocket::async_test]
async fn it_logs_in_only_where_that_is_configured() {
    let app = with_ann(app_with(json!({"reset": {"log_in": true}}))).await;
    let link = reset_link(&app, ANN).await;
    let browser = app.browser();
    let path = format!("{link}?include_auth_token");
    let answer = browser.post_json(&path, json!({"password": CHOSEN})).await;
    assert_eq!(answer.response("user")["email"], ANN, "{}", answer.body);
    assert!(answer.response("user")["authentication_token"].is_string(), "{}", answer.body);
    assert_eq!(browser.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn a_press_without_the_csrf_token_does_not_use_the_link_up() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let browser = app.browser();
    browser.get(&link).await;
    let fields = [("password", CHOSEN), ("password_confirm", CHOSEN)];
    let answer = browser.post_form_as_is("/reset/link", &fields).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    let answer = browser.post_form("/reset/link", &fields).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_link_longer_than_a_day_stops_the_launch() {
    assert!(!launches(rocket(), json!({"reset": {"within": "25h"}})).await);
}
