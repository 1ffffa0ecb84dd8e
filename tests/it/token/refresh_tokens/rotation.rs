//! A refresh token is good once.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use rocket::async_trait;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::clock::Clock;
use rocket_security::testing::{Answer, Browser, TestApp};
use rocket_security::token::Refresh;
use rocket_security::{Hooks, Rejection, Result, Security, User};
use serde_json::json;

use crate::support::bearer::{bearer, issuer, read};
use crate::support::program::{LOGIN, Pair, credentials, log_in_program, pair_in, post, refresh};
use crate::support::sink::{app_that_tells, told};
use crate::support::tokens::Download;
use crate::support::{ANN, with_ann};
use crate::token::refresh_tokens::{app, app_with, assert_refused, families, is_accepted, rocket};

#[rocket::async_test]
async fn a_refresh_token_in_the_body_of_a_form_needs_no_other_token_without_a_cookie() {
    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let pair = log_in_program(&app).await;
    let send = async |browser: &Browser<'_>, path: &str, token: &str| {
        browser.post_form_as_is(path, &[("refresh_token", token)]).await
    };
    let pair = pair_in(&send(&app.browser(), "/refresh-token", &pair.refresh).await);
    let forged = app.browser().header("Origin", "https://evil.example");
    let answer = send(&forged, "/refresh-token", &pair.refresh).await;
    assert_eq!(answer.reasons(), ["cross_site"]);
    for path in ["/refresh-token", "/refresh-token/end"] {
        assert_eq!(send(&app.browser(), path, "").await.reasons(), ["csrf_failed"], "{path}");
        // What a browser has beside it is not for whoever sends it there.
        for cookie in ["security_session", "security_refresh"] {
            let ann = app.browser();
            ann.set_cookie(cookie, "x");
            let answer = send(&ann, path, &pair.refresh).await;
            assert_eq!(answer.reasons(), ["csrf_failed"], "{path} {cookie}");
        }
    }
    let answer = send(&app.browser(), "/refresh-token/end", &pair.refresh).await;
    assert_eq!((answer.status, answer.headers("Set-Cookie").count()), (Status::Ok, 0));
    assert!(!is_accepted(&app, &pair.access).await);
}

#[rocket::async_test]
async fn whatever_is_no_refresh_token_of_ours_is_refused_with_the_reason() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    let ann = app.user(ANN).await;
    let other_kind = issuer(&app).of::<Download>(&ann).issue().unwrap();
    let (head, tail) = pair.refresh.split_at(60);
    let changed = format!("{head}{}", tail.replace('a', "b"));
    for (token, reason) in [
        (other_kind.as_str(), "token_forged"),
        (&pair.access, "token_forged"),
        (&changed, "token_forged"),
        ("v4.local.AAAA", "token_forged"),
        ("forged", "token_malformed"),
        ("\u{e9}\u{1f980}", "token_malformed"),
    ] {
        assert_refused(&refresh(&app, token).await, reason);
    }
    for body in [json!({}), json!({"refresh_token": ""})] {
        let answer = post(&app, "/refresh-token", body).await;
        assert_refused(&answer, "refresh_token_missing");
        assert!(answer.body.contains("send it as `refresh_token`"), "{}", answer.body);
    }
    for body in [json!({"refresh_token": 1}), json!({"refresh_token": null}), json!({"x": 1})] {
        assert_eq!(post(&app, "/refresh-token", body).await.status, Status::BadRequest);
    }
    let long = json!({"refresh_token": "a".repeat(5_000)});
    assert_eq!(post(&app, "/refresh-token", long).await.status, Status::BadRequest);
    assert_eq!(app.browser().get("/refresh-token").await.status, Status::NotFound);
    assert!(is_accepted(&app, &pair.access).await, "none of it did any harm");
    pair_in(&refresh(&app, &pair.refresh).await);
}

#[rocket::async_test]
async fn a_token_that_is_used_again_ends_its_family_and_the_owner_is_told() {
    let (app, events) = app_that_tells(rocket).await;
    app.user(ANN).await;
    let (first, bystander) = (log_in_program(&app).await, log_in_program(&app).await);
    let second = pair_in(&refresh(&app, &first.refresh).await);
    let thief = app.browser().at("203.0.113.9".parse().unwrap());
    let body = json!({"refresh_token": first.refresh}).to_string();
    let stolen = thief.post_raw("/refresh-token", "application/json", body.as_bytes()).await;
    assert_refused(&stolen, "refresh_token_reused");
    for access in [&first.access, &second.access] {
        assert!(!is_accepted(&app, access).await);
    }
    for token in [&second.refresh, &first.refresh] {
        assert_refused(&refresh(&app, token).await, "refresh_token_ended");
    }
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "One of your programs was logged out");
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("203.0.113.9") && part.contains("/reset"), "{part}");
        assert!(!part.contains("v4."), "{part}");
    }
    assert_eq!(app.mail().await.len(), 1);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 1);
    assert_eq!(told(&app, &events, "refresh_tracker_revoked").await.len(), 0);
    assert_eq!(told(&app, &events, "refresh_tracker_created").await.len(), 2);
    assert_eq!(told(&app, &events, "user_authenticated").await.len(), 2);
    assert!(is_accepted(&app, &bystander.access).await);
    pair_in(&refresh(&app, &bystander.refresh).await);
}

#[rocket::async_test]
async fn of_32_who_refresh_at_once_one_wins_and_the_family_is_dead() {
    let (app, events) = app_that_tells(rocket).await;
    app.user(ANN).await;
    let pair = log_in_program(&app).await;
    let answers = join_all((0..32).map(|_| refresh(&app, &pair.refresh))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == Status::Ok);
    assert_eq!((won.len(), lost.len()), (1, 31));
    for answer in lost {
        let reasons = answer.reasons();
        let [reason] = reasons.as_slice() else { panic!("{reasons:?}") };
        assert!(["refresh_token_reused", "refresh_token_ended"].contains(&reason.as_str()));
    }
    let next = pair_in(won[0]);
    assert!(!is_accepted(&app, &next.access).await);
    assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
    assert_eq!(families(&app).await, []);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn with_grace_all_32_get_the_same_successor_and_the_family_lives() {
    let app = app_with(json!({"refresh_grace": "10s"})).await;
    let pair = log_in_program(&app).await;
    let answers = join_all((0..32).map(|_| refresh(&app, &pair.refresh))).await;
    let next: Vec<Pair> = answers.iter().map(pair_in).collect();
    let mut ids: Vec<_> = next
        .iter()
        .map(|next| read::<Refresh>(&app, &next.refresh).id().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for pair in &next {
        assert!(is_accepted(&app, &pair.access).await);
    }
    // A moment later it is a copy.
    app.clock().advance(TimeDelta::seconds(11));
    let third = pair_in(&refresh(&app, &next[5].refresh).await);
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_reused");
    assert!(!is_accepted(&app, &third.access).await);
}

#[rocket::async_test]
async fn refreshing_makes_nobody_fresh() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    let is_fresh = async |token: &str| {
        let request = app.client().get("/fresh").header(bearer(token));
        app.browser().send(request).await.status == Status::Ok
    };
    assert!(is_fresh(&pair.access).await);
    app.clock().advance(TimeDelta::minutes(4));
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert!(is_fresh(&next.access).await);
    app.clock().advance(TimeDelta::minutes(2));
    let last = pair_in(&refresh(&app, &next.refresh).await);
    assert!(!is_fresh(&last.access).await);
}

#[rocket::async_test]
async fn a_browser_keeps_the_refresh_token_in_a_cookie_for_that_path_alone() {
    let settings = json!({
        "base_url": "https://example.org", "tokens": {"refresh_in": "cookie"},
    });
    let app = with_ann(TestApp::launch_with(rocket(Security::default()), settings)).await;
    let ann = app.browser();
    let answer = ann.post_json(LOGIN, credentials()).await;
    let user = answer.response("user");
    assert!(user["authentication_token"].is_string() && user.get("refresh_token").is_none());
    let line = |answer: &Answer| {
        let mut lines = answer.headers("Set-Cookie");
        lines.find(|line| line.starts_with("__Secure-security_refresh=")).map(str::to_owned)
    };
    let set = line(&answer).unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/refresh-token"] {
        assert!(set.split("; ").any(|part| part == attribute), "{set}");
    }
    let first = ann.cookie("__Secure-security_refresh").unwrap();
    let answer = ann.post_json("/refresh-token", json!({})).await;
    let user = answer.response("user");
    assert!(user["authentication_token"].is_string() && user.get("refresh_token").is_none());
    let second = ann.cookie("__Secure-security_refresh").unwrap();
    assert_ne!(first, second);
    let access = user["authentication_token"].as_str().unwrap().to_owned();
    assert!(is_accepted(&app, &access).await);

    // Whoever can have a browser send it cannot know the anti-forgery token.
    let cookies = app.browser();
    cookies.set_cookie("__Secure-security_refresh", &second);
    let forged = cookies.post_raw("/refresh-token", "application/json", b"{}").await;
    assert_eq!(forged.reasons(), ["csrf_failed"]);
    let both = ann.post_json("/refresh-token", json!({"refresh_token": second})).await;
    assert_eq!(
        (both.status, both.reasons()),
        (Status::BadRequest, vec!["conflicting_credentials".to_owned()])
    );
    assert!(ann.cookie("__Secure-security_refresh").is_some());

    // A program without cookies gets both in the body, and goes on there.
    let program = log_in_program(&app).await;
    pair_in(&refresh(&app, &program.refresh).await);

    let out = ann.log_out().await;
    let taken = line(&out).unwrap();
    assert!(taken.contains("Path=/refresh-token") && taken.contains("Max-Age=0"), "{taken}");
    assert!(!is_accepted(&app, &access).await);
    ann.set_cookie("__Secure-security_refresh", &second);
    let answer = ann.post_json("/refresh-token", json!({})).await;
    assert_refused(&answer, "refresh_token_ended");
    assert_eq!(line(&answer), None, "another tab may have a newer one");
}

/// Lets time pass while a request is answered, once there is a clock.
struct Slow(Arc<OnceLock<Clock>>);

#[async_trait]
impl Hooks for Slow {
    async fn session_checked(&self, _user: &User) -> Result<Option<Rejection>> {
        if let Some(clock) = self.0.get() {
            clock.advance(TimeDelta::seconds(2));
        }
        Ok(None)
    }
}

#[rocket::async_test]
async fn who_may_refresh_is_decided_once_however_long_the_answer_takes() {
    let clock = Arc::new(OnceLock::new());
    let security = Security::default().hooks(Slow(Arc::clone(&clock)));
    let settings = json!({"tokens": {"refresh_lifetime": "1m", "refresh_idle": "1m"}});
    let app = with_ann(TestApp::launch_with(rocket(security), settings)).await;
    let pair = log_in_program(&app).await;
    let end = families(&app).await[0].expires_at;
    app.clock().advance(end - app.clock().now() - TimeDelta::milliseconds(1_500));
    assert!(clock.set(app.clock().clone()).is_ok());
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    let (issued, refreshed) =
        (read::<Refresh>(&app, &next.refresh), families(&app).await[0].rotated_at);
    assert_eq!(issued.issued_at().unwrap().timestamp(), refreshed.timestamp());
    assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
}
