//! What ends a program's login.

use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket_security::Security;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::token::Refresh;
use serde_json::json;

use crate::support::bearer::{bearer, issuer, read};
use crate::support::program::{LOGIN, Pair, credentials, log_in_program, pair_in, post, refresh};
use crate::support::sink::{app_that_tells, told};
use crate::support::users::change_user;
use crate::support::{ANN, with_ann};
use crate::token::refresh_tokens::{
    app, app_with, assert_refused, families, is_accepted, log_in, rocket, status_of,
};

#[rocket::async_test]
async fn a_program_is_logged_in_for_30_days_and_for_7_without_refreshing() {
    let app = app().await;
    let mut pair = log_in_program(&app).await;
    for _ in 0..4 {
        app.clock().advance(TimeDelta::days(7) - TimeDelta::minutes(1));
        app.sweep().await;
        pair = pair_in(&refresh(&app, &pair.refresh).await);
    }
    let last = read::<Refresh>(&app, &pair.refresh).expires_at().unwrap() - app.clock().now();
    assert!(last < TimeDelta::days(3), "{last}");
    app.clock().advance(TimeDelta::days(2) + TimeDelta::minutes(10));
    let reasons = refresh(&app, &pair.refresh).await.reasons();
    assert!(["refresh_token_ended", "token_expired"].contains(&reasons[0].as_str()));
    let idle = log_in_program(&app).await;
    app.clock().advance(TimeDelta::days(7));
    assert_refused(&refresh(&app, &idle.refresh).await, "refresh_token_ended");
    app.clock().advance(TimeDelta::minutes(1));
    assert_refused(&refresh(&app, &idle.refresh).await, "token_expired");
    assert_eq!(families(&app).await, []);
}

#[rocket::async_test]
async fn a_login_that_was_refused_for_its_age_stays_dead_when_the_clock_steps_back() {
    for late in [TimeDelta::zero(), TimeDelta::minutes(2)] {
        let app = app().await;
        let idle = log_in_program(&app).await;
        app.clock().advance(TimeDelta::days(7) + late);
        assert_eq!(refresh(&app, &idle.refresh).await.status, Status::BadRequest);
        app.clock().advance(-TimeDelta::days(1));
        assert_refused(&refresh(&app, &idle.refresh).await, "refresh_token_ended");
    }
}

/// Logs out by an access token alone, as a program does.
async fn log_out_by(app: &TestApp, token: &str, kind: Option<&str>) -> Answer {
    let mut request = app.client().post("/logout").header(bearer(token));
    request.add_header(Header::new("Accept", "application/json"));
    if let Some(kind) = kind {
        request.add_header(Header::new("Content-Type", kind.to_owned()));
    }
    app.browser().send(request).await
}

#[rocket::async_test]
async fn a_logout_with_an_access_token_alone_ends_the_login_of_its_program() {
    let (app, events) = app_that_tells(rocket).await;
    app.user(ANN).await;
    let bystander = log_in_program(&app).await;
    let kinds = [None, Some("application/json"), Some("application/x-www-form-urlencoded")];
    for kind in kinds {
        let pair = log_in_program(&app).await;
        let answer = log_out_by(&app, &pair.access, kind).await;
        assert_eq!(answer.status, Status::Ok, "{kind:?}: {}", answer.body);
        assert!(!is_accepted(&app, &pair.access).await);
        assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
        assert_eq!(log_out_by(&app, &pair.access, kind).await.status, Status::Ok, "once more");
    }
    assert_eq!(told(&app, &events, "refresh_tracker_revoked").await.len(), kinds.len());
    // With a session, and without: the program's login ends, the browser's goes on.
    let ann = app.browser();
    let pair = log_in(&ann).await;
    let session = families(&app).await.iter().find_map(|family| family.session_id).unwrap();
    assert_eq!(log_out_by(&app, &pair.access, None).await.status, Status::Ok);
    assert!(!is_accepted(&app, &pair.access).await);
    assert_eq!(ann.get("/me").await.body, ANN);
    // A token of the session itself ends that, and one of neither is denied.
    let (user, tokens) = (app.user(ANN).await, issuer(&app));
    let of_session = tokens.access(&user).session(session).issue().unwrap();
    assert!(is_accepted(&app, &of_session).await);
    assert_eq!(log_out_by(&app, &of_session, None).await.status, Status::Ok);
    assert!(!is_accepted(&app, &of_session).await);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    let loose = tokens.access(&user).issue().unwrap();
    assert!(is_accepted(&app, &loose).await);
    assert_eq!(log_out_by(&app, &loose, None).await.status, Status::Ok);
    assert!(!is_accepted(&app, &loose).await);
    assert_eq!(told(&app, &events, "token_denied").await.len(), 1);
    assert!(is_accepted(&app, &bystander.access).await);
}

#[rocket::async_test]
async fn a_logout_with_a_bad_access_token_or_one_of_another_user_ends_nothing() {
    let app = app().await;
    let pair = log_in_program(&app).await;
    for token in ["forged", &pair.refresh] {
        let answer = log_out_by(&app, token, None).await;
        assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
        assert_eq!(answer.headers("WWW-Authenticate").count(), 1);
    }
    let header = Box::leak(format!("Bearer {}", pair.access).into_boxed_str());
    let bob = app.log_in_as("bob@example.org").await.header("Authorization", header);
    let answer = bob.post_json("/logout", json!({})).await;
    assert_eq!(answer.reasons(), ["conflicting_credentials"], "{}", answer.body);
    // Another site cannot have a browser do so.
    let request = app.client().post("/logout").header(bearer(&pair.access));
    let answer =
        app.browser().send(request.header(Header::new("Sec-Fetch-Site", "cross-site"))).await;
    assert_eq!(answer.status, Status::BadRequest);
    app.clock().advance(TimeDelta::minutes(16));
    assert_eq!(log_out_by(&app, &pair.access, None).await.reasons(), ["token_expired"]);
    pair_in(&refresh(&app, &pair.refresh).await);
}

#[rocket::async_test]
async fn where_an_assurance_level_is_set_a_program_is_logged_in_no_longer_than_a_session() {
    use rocket_security::features::remember::Remember;
    let security = Security::default().disable::<Remember>();
    let app =
        with_ann(TestApp::launch_with(rocket(security), json!({"session": {"aal": 2}}))).await;
    let idle = log_in_program(&app).await;
    app.clock().advance(TimeDelta::minutes(61));
    assert_eq!(refresh(&app, &idle.refresh).await.status, Status::BadRequest);
    let ann = app.browser();
    let mut pair = log_in(&ann).await;
    let begun = app.clock().now();
    while app.clock().now() - begun < TimeDelta::hours(23) {
        app.clock().advance(TimeDelta::minutes(50));
        pair = pair_in(&refresh(&app, &pair.refresh).await);
    }
    app.clock().advance(TimeDelta::minutes(50));
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
    assert_eq!(status_of(&app, &pair.access).await, Status::Unauthorized);
    // One that the application ties to a session, too, however late.
    log_in(&app.browser()).await;
    let end = app.clock().now() + TimeDelta::hours(24);
    let session = families(&app).await[0].session_id.unwrap();
    let (user, tokens) = (app.user(ANN).await, issuer(&app));
    app.clock().advance(TimeDelta::minutes(24 * 60 - 10));
    let pair = tokens.refresh(&user).session(session).issue().await.unwrap();
    assert!(pair.refresh_expires_at <= end, "{}", pair.refresh_expires_at);
    app.clock().advance(TimeDelta::minutes(10));
    assert!(tokens.refresh(&user).session(session).issue().await.is_err());
}

#[rocket::async_test]
async fn what_ends_a_session_ends_its_programs_at_once_and_its_age_does_not() {
    let app = app().await;
    let (one, two, three) = (app.browser(), app.browser(), app.browser());
    let (of_one, of_two, of_three) = (log_in(&one).await, log_in(&two).await, log_in(&three).await);
    let alone = log_in_program(&app).await;
    one.log_out().await;
    assert!(!is_accepted(&app, &of_one.access).await);
    assert_refused(&refresh(&app, &of_one.refresh).await, "refresh_token_ended");
    for pair in [&of_two, &of_three, &alone] {
        assert!(is_accepted(&app, &pair.access).await);
    }
    app.clock().advance(TimeDelta::minutes(1));
    let password = json!({"password": PASSWORD});
    let verified = pair_in(&three.post_json("/verify?include_auth_token", password).await);
    assert!(!is_accepted(&app, &of_three.access).await);
    assert_refused(&refresh(&app, &of_three.refresh).await, "refresh_token_ended");
    // The session is over, and swept; its program goes on.
    app.clock().advance(TimeDelta::hours(25));
    app.sweep().await;
    assert_eq!(two.get_json("/me").await.status, Status::Unauthorized);
    let next = pair_in(&refresh(&app, &of_two.refresh).await);
    assert!(is_accepted(&app, &next.access).await);
    pair_in(&refresh(&app, &verified.refresh).await);
    // All others, wherever they logged in.
    let four = app.browser();
    let of_four = log_in(&four).await;
    assert_eq!(four.post_json("/sessions/end-others", json!({})).await.status, Status::Ok);
    assert!(is_accepted(&app, &of_four.access).await);
    assert!(!is_accepted(&app, &next.access).await);
    assert_eq!(refresh(&app, &alone.refresh).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn a_browser_that_is_remembered_loses_its_programs_when_it_proves_it_again_or_logs_out() {
    let app = app().await;
    let ann = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    let first = pair_in(&ann.post_json(LOGIN, body.clone()).await);
    let password = json!({"password": PASSWORD});
    let second = pair_in(&ann.post_json("/verify?include_auth_token", password).await);
    assert!(!is_accepted(&app, &first.access).await, "proving it again");
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN, "it has come back");
    assert!(is_accepted(&app, &second.access).await, "a browser that comes back ends nothing");
    ann.log_out().await;
    assert!(!is_accepted(&app, &second.access).await, "logging out once it has");
    assert_refused(&refresh(&app, &second.refresh).await, "refresh_token_ended");
    let bob = app.browser();
    let third = pair_in(&bob.post_json(LOGIN, body).await);
    bob.log_out().await;
    assert!(!is_accepted(&app, &third.access).await);
}

/// A browser that is remembered, and a program that logged in with it.
async fn remembered(app: &TestApp) -> (Browser<'_>, Pair) {
    let browser = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    let pair = pair_in(&browser.post_json(LOGIN, body).await);
    (browser, pair)
}

#[rocket::async_test]
async fn whatever_ends_a_browser_that_has_come_back_ends_the_programs_of_its_sessions_before() {
    let app = app().await;
    let (bystander, other) = remembered(&app).await;
    let elsewhere = app.log_in_as(ANN).await;

    // Proving it again.
    let (ann, pair) = remembered(&app).await;
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    assert_eq!(ann.post_json("/verify", json!({"password": PASSWORD})).await.status, Status::Ok);
    assert!(!is_accepted(&app, &pair.access).await);

    // From another browser.
    let (ann, pair) = remembered(&app).await;
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    let sessions = elsewhere.get_json("/sessions").await.response("sessions");
    let session = sessions[0]["id"].as_str().unwrap();
    let end = json!({"session": session});
    assert_eq!(elsewhere.post_json("/sessions/end", end).await.status, Status::Ok);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert!(!is_accepted(&app, &pair.access).await);

    // A copy that is found out.
    let (ann, pair) = remembered(&app).await;
    let copy = ann.cookie("security_remember").unwrap();
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::seconds(11));
    assert!(is_accepted(&app, &pair.access).await);
    let thief = app.browser();
    thief.set_cookie("security_remember", &copy);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
    assert!(!is_accepted(&app, &pair.access).await);
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");

    assert!(is_accepted(&app, &other.access).await, "nobody else's");
    bystander.restart();
    assert_eq!(bystander.post_json("/sessions/end-others", json!({})).await.status, Status::Ok);
    assert!(is_accepted(&app, &other.access).await, "it is this browser's own");
}

#[rocket::async_test]
async fn a_browser_that_comes_back_to_log_out_after_its_session_was_swept_ends_its_programs() {
    let app = app().await;
    for comes_back in [true, false] {
        let (ann, pair) = remembered(&app).await;
        app.clock().advance(TimeDelta::hours(25));
        app.sweep().await;
        let next = pair_in(&refresh(&app, &pair.refresh).await);
        if comes_back {
            assert_eq!(ann.get("/me").await.body, ANN);
        }
        ann.log_out().await;
        assert!(!is_accepted(&app, &next.access).await);
        assert_refused(&refresh(&app, &next.refresh).await, "refresh_token_ended");
    }
}

#[rocket::async_test]
async fn whoever_logs_out_when_nobody_used_the_session_ends_its_programs_unless_it_is_swept() {
    let app = app().await;
    for (is_swept, expected) in [(false, false), (true, true)] {
        let ann = app.browser();
        let pair = log_in(&ann).await;
        let csrf_token = ann.csrf_token().await;
        // The page with the button was left open.
        app.clock().advance(TimeDelta::hours(25));
        let pair = pair_in(&refresh(&app, &pair.refresh).await);
        if is_swept {
            app.sweep().await;
        }
        let forged = ann.cookie("security_session").unwrap();
        let thief = app.browser();
        thief.set_cookie("security_session", &forged);
        let refused = thief.post_form_as_is("/logout", &[("csrf_token", "forged")]).await;
        assert_eq!(refused.status, Status::BadRequest);
        assert!(is_accepted(&app, &pair.access).await);
        // Nothing else is done for a session that is over.
        thief.set_cookie("security_session", &forged);
        let fields = [("csrf_token", csrf_token.as_str()), ("email", ANN), ("password", PASSWORD)];
        let refused = thief.post_form_as_is("/login", &fields).await;
        assert_eq!(refused.status, Status::BadRequest);
        let fields = [("csrf_token", csrf_token.as_str())];
        let answer = ann.post_form_as_is("/logout", &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
        assert_eq!(ann.cookie("security_session"), None);
        assert_eq!(is_accepted(&app, &pair.access).await, expected);
    }
}

#[rocket::async_test]
async fn a_program_logs_out_by_its_refresh_token_alone_in_the_body_or_in_a_cookie() {
    let (app, events) = app_that_tells(rocket).await;
    app.user(ANN).await;
    let (one, other) = (log_in_program(&app).await, log_in_program(&app).await);
    let used = pair_in(&refresh(&app, &one.refresh).await);
    let body = json!({"refresh_token": one.refresh});
    for body in
        [body, json!({"refresh_token": "forged"}), json!({"refresh_token": one.access}), json!({})]
    {
        let answer = post(&app, "/refresh-token/end", body).await;
        assert_eq!(answer.json(), json!({"meta": {"code": 200}, "response": {}}));
    }
    assert!(!is_accepted(&app, &used.access).await);
    assert_refused(&refresh(&app, &used.refresh).await, "refresh_token_ended");
    assert!(is_accepted(&app, &other.access).await);
    assert_eq!(told(&app, &events, "refresh_tracker_revoked").await.len(), 1);
    assert_eq!(told(&app, &events, "token_reuse").await.len(), 0);

    let app = app_with(json!({"refresh_in": "cookie"})).await;
    let ann = app.browser();
    let answer = ann.post_json(LOGIN, credentials()).await;
    let access = answer.response("user")["authentication_token"].as_str().unwrap().to_owned();
    let kept = ann.cookie("security_refresh").unwrap();
    let forger = app.browser();
    forger.set_cookie("security_refresh", &kept);
    let forged = forger.post_raw("/refresh-token/end", "application/json", b"{}").await;
    assert_eq!(forged.reasons(), ["csrf_failed"]);
    assert!(is_accepted(&app, &access).await);
    // The session is over, and swept: what is left is the cookie.
    app.clock().advance(TimeDelta::hours(25));
    app.sweep().await;
    let answer = ann.post_json("/refresh-token", json!({})).await;
    let access = answer.response("user")["authentication_token"].as_str().unwrap().to_owned();
    assert!(is_accepted(&app, &access).await);
    for _ in 0..2 {
        let answer = ann.post_json("/refresh-token/end", json!({})).await;
        assert_eq!(answer.json(), json!({"meta": {"code": 200}, "response": {}}));
        assert_eq!(ann.cookie("security_refresh"), None);
        assert!(!is_accepted(&app, &access).await);
    }
}

#[rocket::async_test]
async fn every_change_of_the_account_ends_every_program() {
    let app = app().await;
    let mut ann = app.user(ANN).await;
    for change in [
        UserChange::password(app.hash(PASSWORD).await),
        UserChange::active(false),
        UserChange::closing(app.clock().now() + TimeDelta::days(1)),
        UserChange::must_change(),
    ] {
        let pair = log_in_program(&app).await;
        change_user(&app, &ann, &change).await;
        assert!(!is_accepted(&app, &pair.access).await);
        for back in [
            UserChange::active(true),
            UserChange::reopened(),
            UserChange::password(app.hash(PASSWORD).await),
        ] {
            ann = change_user(&app, &ann, &back).await;
        }
        assert!(!is_accepted(&app, &pair.access).await);
        assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    }
    let pair = log_in_program(&app).await;
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    assert!(!is_accepted(&app, &pair.access).await);
}

#[rocket::async_test]
async fn a_program_logs_out_with_its_refresh_token() {
    let (app, events) = app_that_tells(rocket).await;
    app.user(ANN).await;
    let (one, other) = (log_in_program(&app).await, log_in_program(&app).await);
    let body = json!({"refresh_token": one.refresh});
    assert_eq!(post(&app, "/logout", body.clone()).await.status, Status::Ok);
    assert!(!is_accepted(&app, &one.access).await);
    assert_refused(&refresh(&app, &one.refresh).await, "refresh_token_ended");
    assert!(is_accepted(&app, &other.access).await);
    for body in [body, json!({"refresh_token": "forged"}), json!({})] {
        assert_eq!(post(&app, "/logout", body).await.status, Status::Ok);
    }
    let revoked = told(&app, &events, "refresh_tracker_revoked").await;
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0]["reason"], "by_user");
}

#[rocket::async_test]
async fn a_person_sees_their_programs_and_logs_one_out() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let bob = app.log_in_as("bob@example.org").await;
    let script = app.browser().header("User-Agent", "backup-script/2");
    let body = credentials().to_string();
    let pair = pair_in(&script.post_raw("/token", "application/json", body.as_bytes()).await);
    let other = log_in_program(&app).await;
    let listed = ann.get_json("/tokens").await.response("programs");
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let theirs = listed.iter().find(|it| it["device"] == "backup-script/2").unwrap();
    let page = ann.get("/tokens").await;
    assert!(page.body.contains("<b>backup-script"), "{}", page.body);
    assert!(!page.body.contains("v4."));
    assert_eq!(bob.get_json("/tokens").await.response("programs"), json!([]));
    let end = json!({"program": theirs["id"]});
    let refused = bob.post_json("/tokens/end", end.clone()).await;
    assert_eq!(refused.reasons(), ["invalid_input", "program_unknown"]);
    assert!(is_accepted(&app, &pair.access).await);
    assert_eq!(ann.post_json("/tokens/end", end.clone()).await.status, Status::Ok);
    assert!(!is_accepted(&app, &pair.access).await);
    assert!(is_accepted(&app, &other.access).await);
    let again = ann.post_json("/tokens/end", end).await;
    assert_eq!(again.reasons(), ["invalid_input", "program_unknown"]);
    let rest = ann.get_json("/tokens").await.response("programs");
    let id = rest[0]["id"].as_str().unwrap().to_owned();
    let form = ann.post_form("/tokens/end", &[("program", &id)]).await;
    assert_eq!((form.status, form.location()), (Status::SeeOther, "/tokens"));
    assert!(!is_accepted(&app, &other.access).await);
    assert!(ann.get("/tokens").await.body.contains("No programs are logged in"));
    assert_eq!(app.browser().get_json("/tokens").await.status, Status::Unauthorized);
}
