//! Making an account.

use rocket::http::Status;
use rocket_security::Security;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::confirm::Confirm;
use rocket_security::features::reset::Reset;
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use serde_json::json;

use crate::support::links::link_to;
use crate::support::seen::seen;
use crate::support::users::{change_user, credentials_of};
use crate::support::{ANN, app, app_with, rocket_with, with_ann};

#[rocket::async_test]
async fn a_form_leads_to_the_login_page_which_says_to_check_the_mail() {
    let app = app().await;
    let browser = app.browser();
    let fields = [("email", ANN), ("password", PASSWORD), ("password_confirm", PASSWORD)];
    let answer = browser.post_form("/register", &fields).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert!(browser.get("/login").await.body.contains("We sent you an email"));
    assert!(!browser.get("/login").await.body.contains("We sent you an email"), "it is said once");
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn json_gets_the_same_account() {
    let app = app().await;
    let answer =
        app.browser().post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(app.browser().post_json(&link_in(&mail), json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn everything_wrong_is_said_at_once_beside_its_field() {
    let app = app().await;
    let fields = [("email", "ann@"), ("password", "short"), ("password_confirm", "shirt")];
    let answer = app.browser().post_form("/register", &fields).await;
    assert_eq!(answer.status, Status::BadRequest);
    for field in ["email", "password", "password_confirm"] {
        assert!(answer.body.contains(&format!("id=\"error-{field}\"")), "{}", answer.body);
    }
    assert!(!answer.body.contains("short") && !answer.body.contains("shirt"));
    assert_eq!(answer.body.matches("autofocus").count(), 1);

    let body = json!({"email": "ann@", "password": "short", "password_confirm": "shirt"});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(
        answer.reasons(),
        ["invalid_input", "email_invalid", "password_too_short", "password_mismatch"]
    );
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn a_password_that_is_tried_first_is_refused() {
    let app = app().await;
    for password in ["passwordpassword", "111111111111111111", "ann@example.org"] {
        let body = json!({"email": ANN, "password": password});
        let answer = app.browser().post_json("/register", body).await;
        assert_eq!(answer.reasons(), ["invalid_input", "password_blocklisted"], "{password}");
    }
}

#[rocket::async_test]
async fn a_taken_address_is_answered_like_a_free_one_and_its_owner_is_told() {
    let app = with_ann(app()).await;
    let register = async |email: &str| {
        app.browser().post_json("/register", json!({"email": email, "password": PASSWORD})).await
    };
    let (free, taken) = (register("free@example.org").await, register(ANN).await);
    assert_eq!(seen(&free), seen(&taken));

    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "You already have an account");
    assert_eq!(mail.link, None);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_owner_of_an_account_without_a_password_is_told_where_to_choose_one() {
    let without_reset = Security::default().disable::<Reset>();
    for (security, is_told) in [(Security::default(), true), (without_reset, false)] {
        let app = TestApp::launch(rocket_with(security)).await;
        let mut change = UserChange::default();
        change.password_hash = Some(None);
        change_user(&app, &app.user(ANN).await, &change).await;
        let bob = app.log_in_as("bob@example.org").await;
        app.browser()
            .post_json("/register", json!({"email": "Ann@example.org", "password": PASSWORD}))
            .await;
        let welcome = app.newest_mail_to(ANN).await;
        bob.post_json("/change-email", json!({"email": ANN})).await;
        let existing = app.newest_mail_to(ANN).await;
        for (mail, subject) in [
            (welcome, "You already have an account"),
            (existing, "Someone tried to use your email address"),
        ] {
            assert_eq!(mail.subject, subject);
            for part in [&mail.text, &unescaped(&mail.html)] {
                assert_eq!(part.contains("127.0.0.1:8000/reset"), is_told, "{part}");
                assert_eq!(
                    part.to_lowercase().contains("contact harbour library"),
                    !is_told,
                    "{part}"
                );
                assert!(!part.to_lowercase().contains("if this was you, log in"), "{part}");
            }
        }
    }
}

fn unescaped(html: &str) -> String {
    html.replace("&#x2F;", "/")
}

#[rocket::async_test]
async fn of_32_registrations_of_one_address_at_once_one_makes_the_account() {
    let app = app().await;
    let register = async || {
        app.browser().post_json("/register", json!({"email": ANN, "password": PASSWORD})).await
    };
    let answers = rocket::futures::future::join_all((0..32).map(|_| register())).await;
    // Who waited too long for the others is told to try again.
    let statuses: Vec<Status> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&Status::Ok), "{statuses:?}");
    let told = [Status::Ok, Status::ServiceUnavailable];
    assert!(statuses.iter().all(|status| told.contains(status)), "{statuses:?}");
    let users = app.store().list_users(None, 100).await.unwrap();
    assert_eq!(users.len(), 1);
}

/// Two people register one address: whoever reads its mail chooses the password, by the newest link.
async fn assert_the_reader_of_the_mail_wins(first: &str, second: &str) {
    let app = app().await;
    for password in [first, second] {
        let body = json!({"email": ANN, "password": password});
        app.browser().post_json("/register", body).await;
        app.mail().await;
        app.clock().advance(chrono::TimeDelta::minutes(5));
    }
    let links: Vec<String> = app.mail().await.iter().map(link_in).collect();
    let [older, link] = links.as_slice() else {
        panic!("each registration has its mail: {links:?}");
    };
    assert_eq!(app.browser().post_json(older, json!({})).await.reasons(), ["invalid_link"]);
    let answer = app.browser().post_json(link, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_invalid"], "the link is still good");
    let chosen = "whoever reads the mail decides";
    let answer = app.browser().post_json(link, json!({"password": chosen})).await;
    assert_eq!(answer.status, Status::Ok);
    for late in &links {
        let answer = app.browser().post_json(late, json!({"password": chosen})).await;
        assert_eq!(answer.reasons(), ["invalid_link"]);
    }
    for password in [first, second] {
        assert_eq!(app.browser().log_in(ANN, password).await.status, Status::BadRequest);
    }
    assert_eq!(app.browser().log_in(ANN, chosen).await.status, Status::Ok);
}

/// Asking for too much mail keeps nobody's password in place.
#[rocket::async_test]
async fn a_stranger_who_uses_up_the_mail_does_not_get_in_either() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    let stranger = "the stranger waits for his chance";
    for password in [stranger, stranger, stranger, stranger, stranger, PASSWORD] {
        let body = json!({"email": ANN, "password": password});
        let answer = app.browser().post_json("/register", body).await;
        assert_eq!(answer.status, Status::Ok);
        app.mail().await;
        app.clock().advance(chrono::TimeDelta::seconds(1));
    }
    let link = link_to(&app, ANN).await;
    let answer = app.browser().post_json(&link, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_invalid"]);
    let body = json!({"password": "whoever reads the mail decides"});
    assert_eq!(app.browser().post_json(&link, body).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, stranger).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn a_stranger_who_registers_too_does_not_get_into_the_owners_account() {
    let stranger = "the stranger waits for his chance";
    assert_the_reader_of_the_mail_wins(stranger, PASSWORD).await;
    assert_the_reader_of_the_mail_wins(PASSWORD, stranger).await;
}

#[rocket::async_test]
async fn registering_twice_with_one_password_leaves_it_in_place() {
    let app = app().await;
    for _ in 0..2 {
        app.browser().post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    }
    app.browser().post_json("/confirm", json!({"email": ANN})).await;
    let link = link_to(&app, ANN).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn an_address_gets_five_mails_an_hour_whoever_asks() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    for _ in 0..8 {
        let body = json!({"email": ANN, "password": PASSWORD});
        assert_eq!(app.browser().post_json("/register", body).await.status, Status::Ok);
        // A link that is not sent yet gives way to the next.
        app.mail().await;
    }
    assert_eq!(app.mail().await.len(), 5);
}

#[rocket::async_test]
async fn whoever_is_logged_in_is_sent_home_or_told() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/register").await.location(), "/");
    let body = json!({"email": "bob@example.org", "password": PASSWORD});
    assert_eq!(ann.post_json("/register", body).await.reasons(), ["already_authenticated"]);
}

#[rocket::async_test]
async fn next_is_led_through_the_login_page() {
    let app = app().await;
    let fields = [("password", PASSWORD), ("password_confirm", PASSWORD)];
    let fields = |more: [(&'static str, &'static str); 2]| [&fields[..], &more[..]].concat();
    let answer = app.browser();
    let answer =
        answer.post_form("/register", &fields([("email", ANN), ("next", "/drafts")])).await;
    assert_eq!(answer.location(), "/login?next=%2Fdrafts");
    let fields = fields([("email", "bob@example.org"), ("next", "//evil.example")]);
    assert_eq!(app.browser().post_form("/register", &fields).await.location(), "/login");
}

#[rocket::async_test]
async fn the_address_keeps_its_spelling() {
    let app = app().await;
    let body = json!({"email": "Ann.Lee@Example.org", "password": PASSWORD});
    app.browser().post_json("/register", body).await;
    let found = credentials_of(&app, "ann.lee@example.org").await;
    assert_eq!(found.user.email.as_str(), "Ann.Lee@Example.org");
    assert_eq!(app.mail().await[0].to.as_str(), "Ann.Lee@Example.org");
}

#[rocket::async_test]
async fn where_addresses_are_not_confirmed_one_can_log_in_at_once() {
    let app = TestApp::launch(rocket_with(Security::default().disable::<Confirm>())).await;
    app.browser().post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    assert_eq!(app.newest_mail_to(ANN).await.subject, "Welcome");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(app.browser().get("/confirm").await.body, "public", "its routes are gone");
}
