//! Several instances, clocks, and a store that is away.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::Security;
use rocket_security::config::TokenPurpose;
use rocket_security::testing::TestApp;
use rocket_security::token::Access;
use serde_json::{Value, json};

use crate::support::bearer::{bearer, deny};
use crate::support::launching::try_launch_on;
use crate::support::program::{LOGIN, credentials, log_in_program, pair_in, post, refresh};
use crate::support::tokens::key;
use crate::support::{ANN, sql, with_ann};
use crate::token::refresh_tokens::{app_with, assert_refused, is_accepted, rocket, status_of};

#[rocket::async_test]
async fn a_store_that_does_not_answer_is_503_and_takes_nothing_away() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let ann = app.browser();
    ann.post_json(LOGIN, credentials()).await;
    let program = log_in_program(&app).await;
    let kept = ann.cookie("security_refresh").unwrap();
    let rename = |from, to| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("refresh", "elsewhere")).await;
    for answer in [
        ann.post_json("/refresh-token", json!({})).await,
        refresh(&app, &program.refresh).await,
        post(&app, "/token", credentials()).await,
    ] {
        assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
        assert!(answer.header("Retry-After").is_some());
        assert_eq!(answer.headers("Set-Cookie").filter(|it| it.contains("refresh")).count(), 0);
    }
    assert_eq!(status_of(&app, &program.access).await, Status::ServiceUnavailable);
    sql::execute(app.database(), &rename("elsewhere", "refresh")).await;
    assert_eq!(ann.cookie("security_refresh").unwrap(), kept);
    assert_eq!(ann.post_json("/refresh-token", json!({})).await.status, Status::Ok);
    pair_in(&refresh(&app, &program.refresh).await);
}

#[rocket::async_test]
async fn another_instance_refuses_what_was_revoked_with_the_very_next_request() {
    let settings = json!({"keys": key(TokenPurpose::Local)});
    let app = with_ann(TestApp::launch_with(rocket(Security::default()), settings.clone())).await;
    let second = rocket(Security::default());
    let second = try_launch_on(app.database(), second, settings).await.unwrap();
    let status_of =
        async |token: &str| second.get("/me").header(bearer(token)).dispatch().await.status();
    let pair = log_in_program(&app).await;
    assert_eq!(status_of(&pair.access).await, Status::Ok);
    post(&app, "/logout", json!({"refresh_token": pair.refresh})).await;
    assert_eq!(status_of(&pair.access).await, Status::Unauthorized);
    let pair = log_in_program(&app).await;
    assert_eq!(status_of(&pair.access).await, Status::Ok);
    for expected in [true, false] {
        assert_eq!(deny::<Access>(&app, &pair.access).await, expected);
    }
    assert_eq!(status_of(&pair.access).await, Status::Unauthorized);
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert_eq!(status_of(&next.access).await, Status::Ok, "one token alone was denied");
}

#[rocket::async_test]
async fn a_token_that_only_another_instance_knows_yet_is_neither_thrown_away_nor_taken_for_over() {
    let (old, new) = (key(TokenPurpose::Local), key(TokenPurpose::Local));
    let settings = json!({"keys": old, "tokens": {"refresh_in": "cookie"}});
    let app = with_ann(TestApp::launch_with(rocket(Security::default()), settings)).await;
    let second = rocket(Security::default());
    let settings = json!({"keys": [new, old]});
    let second = try_launch_on(app.database(), second, settings).await.unwrap();
    let ask = async |path: &'static str, body: Value| {
        let request = second.post(path).header(rocket::http::ContentType::JSON);
        let answer = request.body(body.to_string()).dispatch().await;
        answer.into_json::<Value>().await.unwrap()["response"]["user"].clone()
    };
    let user = ask("/token", credentials()).await;
    let token = user["refresh_token"].as_str().unwrap();
    let sent = json!({"refresh_token": token});
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_refused(&post(&app, path, sent.clone()).await, "token_key_unknown");
        let ann = app.browser();
        ann.set_cookie("security_refresh", token);
        assert_refused(&ann.post_json(path, json!({})).await, "token_key_unknown");
        assert_eq!(ann.cookie("security_refresh").as_deref(), Some(token), "{path}");
    }
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_json("/logout", sent.clone()).await;
    assert_refused(&answer, "token_key_unknown");
    assert!(answer.header("Clear-Site-Data").is_some());
    assert_eq!(ann.get("/me").await.status, Status::SeeOther, "the session is over all the same");
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_form("/logout", &[("refresh_token", token)]).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    assert!(answer.header("Clear-Site-Data").is_some());
    let home = ann.get("/login").await;
    assert!(home.body.contains("be logged out"), "{}", home.body);
    let next = ask("/refresh-token", sent).await;
    assert!(next["refresh_token"].is_string(), "it was good all the time: {next}");
}

#[rocket::async_test]
async fn a_token_from_before_the_clock_was_set_back_stays() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(-TimeDelta::hours(1));
    let ann = app.browser();
    ann.set_cookie("security_refresh", &pair.refresh);
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_refused(&ann.post_json(path, json!({})).await, "token_not_yet_valid");
        assert_eq!(ann.cookie("security_refresh").as_ref(), Some(&pair.refresh), "{path}");
    }
    app.clock().advance(TimeDelta::hours(1));
    assert!(is_accepted(&app, &pair.access).await);
    assert_eq!(ann.post_json("/refresh-token/end", json!({})).await.status, Status::Ok);
    assert_eq!(ann.cookie("security_refresh"), None);
    assert!(!is_accepted(&app, &pair.access).await);
}
