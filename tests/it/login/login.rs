//! Logging in.

use rocket::http::Status;
use rocket_security::Security;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{PASSWORD, TestApp};
use serde_json::json;

use crate::support::links::register;
use crate::support::users::{change_user, credentials_of, new_user};
use crate::support::{ANN, app, rocket, rocket_with, with_ann};

#[rocket::async_test]
async fn a_form_with_the_right_password_leads_home_and_opens_pages() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let answer = browser.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(browser.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn json_with_the_right_password_gets_the_user_and_a_csrf_token() {
    let app = app().await;
    let user = app.user(ANN).await;
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    let json = answer.json();
    assert_eq!(json["meta"]["code"], 200);
    assert_eq!(json["response"]["user"]["id"], user.id.to_string());
    assert_eq!(json["response"]["tf_required"], false);
    assert!(json["response"]["csrf_token"].is_string());
}

#[rocket::async_test]
async fn the_csrf_token_of_the_answer_is_good_for_the_next_request() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let token = browser.log_in(ANN, PASSWORD).await.json()["response"]["csrf_token"].clone();
    assert_eq!(browser.csrf_token().await, token.as_str().unwrap());
}

#[rocket::async_test]
async fn the_address_counts_without_case() {
    let app = with_ann(app()).await;
    assert_eq!(app.browser().log_in("ANN@Example.ORG", PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_wrong_password_shows_the_form_again_with_the_address_and_without_the_password() {
    let app = with_ann(app()).await;
    let fields = [("email", ANN), ("password", "not my password")];
    let answer = app.browser().post_form("/login", &fields).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(answer.body.contains(&format!("value=\"{ANN}\"")), "{}", answer.body);
    assert!(!answer.body.contains("not my password"));
    assert!(answer.body.contains("login details are wrong"));
}

#[rocket::async_test]
async fn nobody_learns_from_the_answer_why_a_login_failed() {
    let app = with_ann(app()).await;
    let disabled = app.user("disabled@example.org").await;
    change_user(&app, &disabled, &UserChange::active(false)).await;
    register(&app, "unconfirmed@example.org").await;

    let attempts = [
        (ANN, "a wrong password"),
        ("unknown@example.org", PASSWORD),
        ("disabled@example.org", PASSWORD),
        ("unconfirmed@example.org", PASSWORD),
    ];
    let mut json_answers = Vec::new();
    let mut pages = Vec::new();
    for (email, password) in attempts {
        let answer = app.browser().log_in(email, password).await;
        json_answers.push((answer.status, answer.comparable_headers(), answer.body));
        let fields = [("email", email), ("password", password)];
        let browser = app.browser();
        let token = browser.csrf_token().await;
        let page = browser.post_form("/login", &fields).await;
        let body = page.body.replace(email, "EMAIL").replace(&token, "TOKEN");
        let headers =
            page.comparable_headers().into_iter().filter(|(name, _)| name != "content-length");
        pages.push((page.status, headers.collect::<Vec<_>>(), body));
    }
    assert_eq!(json_answers[0].0, Status::BadRequest);
    for (json, page) in json_answers.iter().zip(&pages) {
        assert_eq!(json, &json_answers[0]);
        assert_eq!(page, &pages[0]);
    }
}

#[rocket::async_test]
async fn every_login_costs_one_hash_and_every_registration_two() {
    let app = with_ann(app()).await;
    let flow: &rocket_security::flow::Flow = app.client().rocket().state().unwrap();
    for (email, password) in
        [(ANN, PASSWORD), (ANN, "a wrong password"), ("nobody@example.org", PASSWORD)]
    {
        let before = flow.hasher().hashes();
        app.browser().log_in(email, password).await;
        assert_eq!(flow.hasher().hashes() - before, 1, "{email}");
    }
    for email in [ANN, "new@example.org", "new@example.org"] {
        let before = flow.hasher().hashes();
        app.browser().post_json("/register", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(flow.hasher().hashes() - before, 2, "{email}");
    }
}

#[rocket::async_test]
async fn an_account_with_a_hash_of_another_kind_costs_one_hash_too() {
    let app = app().await;
    let mut user = new_user(ANN, app.clock().now());
    user.password_hash = Some(PasswordHash::from_stored("$2b$12$abcdefghijklmnopqrstuu".into()));
    user.confirmed_at = Some(app.clock().now());
    app.store().create_user(&user, &Together::nothing()).await.unwrap().unwrap();
    let flow: &rocket_security::flow::Flow = app.client().rocket().state().unwrap();
    let before = flow.hasher().hashes();
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.reasons(), ["invalid_credentials"]);
    assert_eq!(flow.hasher().hashes() - before, 1);
}

#[rocket::async_test]
async fn next_leads_to_a_page_of_this_site_and_nowhere_else() {
    let app = with_ann(app()).await;
    for (next, location) in [
        ("/me?tab=1", "/me?tab=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let fields = [("email", ANN), ("password", PASSWORD), ("next", next)];
        let answer = app.browser().post_form("/login", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, location), "{next}");
    }
}

#[rocket::async_test]
async fn next_of_the_query_is_kept_by_the_page_and_yields_to_the_forms() {
    let app = with_ann(app()).await;
    let page = app.browser().get("/login?next=%2Fdrafts%3Fa%3D1").await;
    assert!(page.body.contains("name=\"next\" value=\"&#x2F;drafts?a=1\""), "{}", page.body);
    let page = app.browser().get("/login?next=%2F%2Fevil.example").await;
    assert!(!page.body.contains("evil.example"));

    let fields = [("email", ANN), ("password", PASSWORD)];
    let answer = app.browser().post_form("/login?next=%2Fme", &fields).await;
    assert_eq!(answer.location(), "/me");
    let fields = [("email", ANN), ("password", PASSWORD), ("next", "/drafts")];
    let answer = app.browser().post_form("/login?next=%2Fme", &fields).await;
    assert_eq!(answer.location(), "/drafts");
}

#[rocket::async_test]
async fn who_am_i_is_answered_over_json() {
    let app = app().await;
    let guest = app.browser().get_json("/login").await.json();
    assert_eq!(guest["response"]["identity_attributes"], json!(["email"]));
    assert!(guest["response"].get("user").is_none());
    let ann = app.log_in_as(ANN).await.get_json("/login").await.json();
    assert_eq!(ann["response"]["user"]["email"], ANN);
}

#[rocket::async_test]
async fn whoever_is_in_already_is_sent_home_or_told() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let page = ann.get("/login").await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/"));
    let form = ann.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((form.status, form.location()), (Status::SeeOther, "/"));
    let json = ann.log_in(ANN, PASSWORD).await;
    assert_eq!(
        (json.status, json.reasons()),
        (Status::BadRequest, vec!["already_authenticated".into()])
    );
}

#[rocket::async_test]
async fn missing_fields_are_all_named_at_once() {
    let app = app().await;
    let answer = app.browser().post_json("/login", json!({})).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(answer.reasons(), ["invalid_input", "email_invalid", "password_invalid"]);
    let errors = &answer.json()["response"]["field_errors"];
    assert!(errors["email"][0].is_string() && errors["password"][0].is_string(), "{errors}");
}

#[rocket::async_test]
async fn remember_is_accepted_as_the_contract_says() {
    let app = with_ann(app()).await;
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true, "next": "/me"});
    assert_eq!(app.browser().post_json("/login", body).await.status, Status::Ok);
    let fields = [("email", ANN), ("password", PASSWORD), ("remember", "y")];
    assert_eq!(app.browser().post_form("/login", &fields).await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_password_is_taken_exactly_as_typed() {
    let app = with_ann(app()).await;
    for wrong in [format!(" {PASSWORD}"), format!("{PASSWORD} "), PASSWORD.to_uppercase()] {
        let answer = app.browser().log_in(ANN, &wrong).await;
        assert_eq!(answer.status, Status::BadRequest, "{wrong:?}");
    }
}

#[rocket::async_test]
async fn a_hash_of_older_parameters_is_replaced_at_login() {
    let app = with_ann(app()).await;
    let before = credentials_of(&app, ANN).await;
    let app = app.restart_with(rocket(), json!({"password": {"memory": 16}})).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    let after = credentials_of(&app, ANN).await;
    assert_ne!(before.password_hash, after.password_hash);
    assert!(after.password_hash.unwrap().as_str().contains("m=16,"));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(before.user.epoch, after.user.epoch);
}

#[rocket::async_test]
async fn the_view_after_login_is_configurable() {
    let settings = json!({"login": {"post_login_view": "/me"}});
    let app = with_ann(TestApp::launch_with(rocket_with(Security::default()), settings)).await;
    let fields = [("email", ANN), ("password", PASSWORD)];
    assert_eq!(app.browser().post_form("/login", &fields).await.location(), "/me");
}

#[rocket::async_test]
async fn a_full_hash_queue_is_503_before_anything_is_counted() {
    let settings = json!({"password": {"threads": 1, "queue": 0}, "throttle": {"scale": 1}});
    let app = with_ann(crate::support::app_with(settings)).await;
    let flow: &rocket_security::flow::Flow = app.client().rocket().state().unwrap();
    let slot = flow.hasher().reserve().unwrap();
    for _ in 0..10 {
        let answer = app.browser().log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::ServiceUnavailable);
        assert_eq!(answer.reasons(), ["saturated"]);
        assert_eq!(answer.header("Retry-After"), Some("1"));
    }
    drop(slot);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}
