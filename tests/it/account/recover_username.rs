//! Being told one's username by mail.

use rocket::http::Status;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::testing::TestApp;
use rocket_security::{Event, Security};
use serde_json::json;

use crate::support::seen::seen;
use crate::support::sink::Sink;
use crate::support::usernames::{app_with_usernames, named_user};
use crate::support::users::change_user;
use crate::support::{ANN, rocket_with};

#[rocket::async_test]
async fn the_holder_of_the_address_is_mailed_their_name() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "Ann.Lee").await;
    let browser = app.browser();
    assert!(browser.get("/recover-username").await.body.contains("Email me my username"));
    let answer = browser.post_form("/recover-username", &[("email", "Ann@example.org")]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login"));
    assert!(browser.get("/login").await.body.contains("send its username there"));
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!((mail.subject.as_str(), mail.link.as_deref()), ("Your username", None));
    assert!(mail.text.contains("Your username is: Ann.Lee"), "{}", mail.text);
    assert!(mail.html.contains("<b>Ann.Lee</b>"));
}

#[rocket::async_test]
async fn the_answer_is_the_same_for_any_address_and_nobody_else_gets_mail() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "annlee").await;
    app.user("nameless@example.org").await;
    let disabled = named_user(&app, "disabled@example.org", "disabled").await;
    change_user(&app, &disabled, &UserChange::active(false)).await;
    let mut answers = Vec::new();
    for email in [ANN, "nameless@example.org", "disabled@example.org", "nobody@example.org"] {
        let answer = app.browser().post_json("/recover-username", json!({"email": email})).await;
        answers.push(seen(&answer));
    }
    assert_eq!(answers[0].0, Status::Ok);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    let mails = app.mail().await;
    let to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, [ANN, "nameless@example.org"]);
    assert!(mails[1].text.contains("has no username"), "{}", mails[1].text);
}

#[rocket::async_test]
async fn an_address_gets_five_mails_an_hour_and_what_is_no_address_none() {
    let app = app_with_usernames(json!({"throttle": {"scale": 1}})).await;
    named_user(&app, ANN, "annlee").await;
    for _ in 0..8 {
        let answer = app.browser().post_json("/recover-username", json!({"email": ANN})).await;
        assert_eq!(answer.status, Status::Ok);
        app.mail().await;
    }
    assert_eq!(app.mail().await.len(), 5);
    let wrong = app.browser().post_json("/recover-username", json!({"email": "annlee"})).await;
    assert_eq!(wrong.reasons(), ["invalid_input", "email_invalid"]);
    let page = app.browser().post_form("/recover-username", &[("email", "annlee")]).await;
    assert!(page.body.contains("id=\"error-email\"") && page.body.contains("value=\"annlee\""));
}

#[rocket::async_test]
async fn a_network_has_a_limit() {
    let app = app_with_usernames(json!({"throttle": {"scale": 1}})).await;
    for number in 0..101 {
        let body = json!({"email": format!("user{number}@example.org")});
        let answer = app.browser().post_json("/recover-username", body).await;
        assert_eq!(answer.status == Status::TooManyRequests, number == 100, "{number}");
    }
}

#[rocket::async_test]
async fn whoever_is_logged_in_knows_it_and_a_forged_request_is_refused() {
    let app = app_with_usernames(json!({})).await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/recover-username").await.location(), "/");
    let answer = ann.post_json("/recover-username", json!({"email": ANN})).await;
    assert_eq!(answer.reasons(), ["already_authenticated"]);
    let forged = app.browser().post_form_as_is("/recover-username", &[("email", ANN)]).await;
    assert_eq!(forged.status, Status::BadRequest);
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn that_the_mail_went_out_is_told_of_those_who_got_it() {
    let sink = Sink::default();
    let security = sink.listen(Security::default().enable(RecoverUsername::default()));
    let settings = json!({"identity": ["email", "username"]});
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    let ann = named_user(&app, ANN, "annlee").await;
    for email in [ANN, "nobody@example.org"] {
        app.browser().post_json("/recover-username", json!({"email": email})).await;
    }
    app.mail().await;
    app.told().await;
    let events = sink.events();
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::UsernameRecoveryEmailSent { user, .. } => Some(*user),
            _ => None,
        })
        .collect();
    assert_eq!(told, [ann.id]);
}
