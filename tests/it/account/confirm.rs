//! Proving an address.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::Security;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::confirm::Confirm;
use rocket_security::testing::{PASSWORD, link_in};
use serde_json::json;

use crate::support::links::{confirmation_link, link_to, register};
use crate::support::seen::seen;
use crate::support::users::{change_user, new_user};
use crate::support::{ANN, app, app_with, rocket, rocket_with};

#[rocket::async_test]
async fn the_link_leaves_the_address_bar_shows_a_button_and_the_button_confirms() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let browser = app.browser();
    let answer = browser.get(&link).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/confirm/link"));
    let page = browser.get("/confirm/link").await;
    let token = link.strip_prefix("/confirm/").unwrap();
    assert!(page.body.contains(&format!("name=\"token\" value=\"{token}\"")), "{}", page.body);
    assert_eq!(page.header("Cache-Control"), Some("no-store"));

    let answer = browser.post_form("/confirm/link", &[("token", token)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert!(browser.get("/login").await.body.contains("is confirmed. You can log in now."));
    assert_eq!(browser.get("/me").await.status, Status::SeeOther, "confirming logs nobody in");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn it_logs_in_only_where_that_is_configured() {
    let app = app_with(json!({"confirm": {"log_in": true}})).await;
    let link = confirmation_link(&app, ANN).await;
    let browser = app.browser();
    let answer = browser.post_json(&format!("{link}?include_auth_token"), json!({})).await;
    assert_eq!(answer.response("user")["email"], ANN);
    assert!(answer.response("user")["authentication_token"].is_string(), "{}", answer.body);
    assert_eq!(browser.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn looking_at_the_link_any_number_of_times_changes_nothing() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    for _ in 0..3 {
        app.browser().get(&link).await;
        app.browser().get_json(&link).await;
        app.client().head(link.clone()).dispatch().await;
    }
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_used_link_is_refused() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    app.browser().post_json(&link, json!({})).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
    assert_eq!(app.browser().get_json(&link).await.reasons(), ["invalid_link"]);
    app.clock().advance(TimeDelta::minutes(10));
    let browser = app.browser();
    browser.get(&link).await;
    let page = browser.get("/confirm/link").await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("action=\"/confirm\""), "it offers another link: {}", page.body);
}

#[rocket::async_test]
async fn an_expired_link_is_refused() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(24));
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn links_that_never_were_are_refused() {
    let app = app().await;
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00", "%ff", "a%2Fb"] {
        let answer = app.browser().post_json(&format!("/confirm/{token}"), json!({})).await;
        assert!(answer.status.class().is_client_error(), "{token}: {}", answer.status);
        let answer = app.browser().get_json(&format!("/confirm/{token}")).await;
        assert!(answer.status.class().is_client_error(), "{token}: {}", answer.status);
    }
}

#[rocket::async_test]
async fn a_link_that_is_none_is_not_kept() {
    let app = app().await;
    let browser = app.browser();
    browser.get(&format!("/confirm/{}", "x".repeat(5_000))).await;
    assert_eq!(browser.cookie("security_link"), None);
    assert_eq!(browser.get("/confirm/link").await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn of_32_presses_at_once_one_confirms() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let press = async || app.browser().post_json(&link, json!({})).await;
    let answers = rocket::futures::future::join_all((0..32).map(|_| press())).await;
    let confirmed = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    let refused = answers.iter().filter(|answer| answer.reasons() == ["invalid_link"]).count();
    assert_eq!((confirmed, refused), (1, 31));
}

#[rocket::async_test]
async fn a_press_without_the_csrf_token_does_not_use_the_link_up() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let token = link.strip_prefix("/confirm/").unwrap();
    let browser = app.browser();
    browser.get(&link).await;
    let answer = browser.post_form_as_is("/confirm/link", &[("token", token)]).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(answer.body.contains(token), "the button is there for another try: {}", answer.body);
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
}

#[rocket::async_test]
async fn another_link_comes_on_demand() {
    let app = app().await;
    register(&app, ANN).await;
    app.mail().await;
    let browser = app.browser();
    let answer = browser.post_form("/confirm", &[("email", ANN)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert_eq!(app.mail().await.len(), 2);
    let link = link_to(&app, ANN).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn asking_for_a_link_tells_nobody_who_has_an_account() {
    let app = app().await;
    register(&app, ANN).await;
    app.user("confirmed@example.org").await;
    let mails = app.mail().await.len();
    let ask = async |email: &str| {
        seen(&app.browser().post_json("/confirm", json!({"email": email})).await)
    };
    let unconfirmed = ask(ANN).await;
    assert_eq!(unconfirmed.0, Status::Ok);
    assert_eq!(ask("confirmed@example.org").await, unconfirmed);
    assert_eq!(ask("nobody@example.org").await, unconfirmed);
    let sent = app.mail().await;
    assert_eq!(sent.len(), mails + 1, "only the unconfirmed one gets mail");
    assert_eq!(sent.last().unwrap().to.as_str(), ANN);
}

#[rocket::async_test]
async fn a_link_dies_with_the_change_of_its_account() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let user = app.store().list_users(None, 1).await.unwrap().remove(0);
    change_user(&app, &user, &UserChange::active(true)).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn the_mail_says_how_long_the_link_lasts() {
    let app = app_with(json!({"confirm": {"within": "2h"}})).await;
    register(&app, ANN).await;
    let mail = app.newest_mail_to(ANN).await;
    assert!(mail.text.contains("2 hours") && mail.html.contains("2 hours"), "{}", mail.text);
    assert!(mail.text.contains(mail.link.as_deref().unwrap()));
}

#[rocket::async_test]
async fn whoever_asks_again_for_a_contested_account_chooses_the_password() {
    let app = app().await;
    register(&app, ANN).await;
    app.mail().await;
    let stranger = json!({"email": ANN, "password": "the stranger waits for his chance"});
    app.browser().post_json("/register", stranger).await;
    app.mail().await;
    app.clock().advance(TimeDelta::minutes(1));
    app.browser().post_json("/confirm", json!({"email": ANN})).await;
    let link = link_to(&app, ANN).await;

    assert_eq!(app.browser().get_json(&link).await.response("password_required"), true);
    let answer = app.browser().post_json(&link, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_invalid"]);
    let answer = app.browser().post_json(&link, json!({"password": "short"})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_too_short"]);

    let browser = app.browser();
    browser.get(&link).await;
    let page = browser.get("/confirm/link").await;
    assert!(page.body.contains("name=\"password_confirm\""), "{}", page.body);
    let token = link.strip_prefix("/confirm/").unwrap();
    let differing = [("token", token), ("password", PASSWORD), ("password_confirm", "another one")];
    let answer = browser.post_form("/confirm/link", &differing).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(answer.body.contains("The passwords don&#x27;t match."), "{}", answer.body);
    let chosen = "the owner has the last word on it";
    let fields = [("token", token), ("password", chosen), ("password_confirm", chosen)];
    assert_eq!(browser.post_form("/confirm/link", &fields).await.status, Status::SeeOther);
    let told = app.newest_mail_to(ANN).await;
    assert_eq!(told.subject, "Your password was set");
    for part in [&told.text, &told.html] {
        assert!(part.contains("from the IP address 127.0.0.1"), "{part}");
    }

    assert_eq!(app.browser().log_in(ANN, chosen).await.status, Status::Ok);
    for old in [PASSWORD, "the stranger waits for his chance"] {
        assert_eq!(app.browser().log_in(ANN, old).await.status, Status::BadRequest);
    }
}

#[rocket::async_test]
async fn an_account_that_nobody_confirms_is_deleted_after_two_days_and_the_address_is_free() {
    let app = app().await;
    register(&app, ANN).await;
    app.mail().await;
    app.clock().advance(TimeDelta::minutes(30 * 60 - 1));
    app.sweep().await;
    let ask = json!({"email": ANN});
    app.browser().post_json("/confirm", ask.clone()).await;
    let mail = app.newest_mail_to(ANN).await;
    assert!(mail.text.contains("The link works once and expires after 18 hours."), "{}", mail.text);
    let link = link_in(&mail);

    app.clock().advance(TimeDelta::hours(18));
    let answer = app.browser().post_json(&link, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
    let mails = app.mail().await.len();
    app.browser().post_json("/confirm", ask).await;
    assert_eq!(app.mail().await.len(), mails, "a link would outlast its account");
    app.clock().advance(TimeDelta::minutes(1));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap(), []);
    assert_eq!(app.mail().await.len(), mails, "a stranger's address gets no farewell");

    let link = confirmation_link(&app, ANN).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    app.clock().advance(TimeDelta::days(30));
    app.sweep().await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn accounts_of_an_operators_making_stay_though_nobody_confirms_them() {
    let app = app().await;
    let user = new_user(ANN, app.clock().now());
    app.store().create_user(&user, &Together::nothing()).await.unwrap().unwrap();
    app.clock().advance(TimeDelta::days(365));
    app.sweep().await;
    assert!(app.store().find_user(user.id).await.unwrap().is_some());
}

#[rocket::async_test]
async fn an_account_that_was_used_while_nobody_had_to_confirm_is_not_deleted_when_they_have_to() {
    let app = app().await;
    register(&app, ANN).await;
    let open = rocket_with(Security::default().disable::<Confirm>());
    let app = app.restart(open).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    let app = app.restart(rocket()).await;
    app.clock().advance(TimeDelta::days(30));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap().len(), 1);
}
