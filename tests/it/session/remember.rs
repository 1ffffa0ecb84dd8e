//! Browsers that are remembered.

use std::sync::Mutex;

use chrono::TimeDelta;
use rocket::error::ErrorKind;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket::{async_trait, get, post, routes};
use rocket_security::datastore::user::UserChange;
use rocket_security::datastore::{RememberStore, Together};
use rocket_security::feature::{LoginAttempt, Verdict};
use rocket_security::features::remember::Remember;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{AuthUser, Fresh, Hooks, Rejection, Result, Security, Session};
use serde_json::json;

use crate::support::launching::try_launch_on;
use crate::support::links::{change_email, link_to};
use crate::support::remembered::remembered;
use crate::support::sink::{app_that_tells, told};
use crate::support::store::store_on;
use crate::support::users::change_user;
use crate::support::{ANN, REMEMBER, SESSION, app, app_with, rocket, rocket_with, sql, with_ann};

/// Gives a browser that has that cookie and no other.
fn with_remember_token<'a>(app: &'a TestApp, remember_token: &str) -> Browser<'a> {
    let browser = app.browser();
    browser.set_cookie(REMEMBER, remember_token);
    browser
}

fn remember_token_of(browser: &Browser<'_>) -> String {
    browser.cookie(REMEMBER).expect("the browser is remembered")
}

/// Tells whether a browser is a guest's and stays so, and keeps its cookie: a newer one may be there.
async fn is_forgotten(browser: &Browser<'_>) -> bool {
    let answer = browser.get("/").await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    answer.body == "a guest"
        && remember_line(&answer).is_none()
        && browser.get("/").await.body == "a guest"
}

async fn count(app: &TestApp, table: &str) -> i64 {
    sql::count(app.database(), &format!("security_{table}")).await
}

fn remember_line(answer: &Answer) -> Option<&str> {
    answer.headers("Set-Cookie").find(|line| line.contains("security_remember="))
}

/// Gives for how many seconds a browser keeps a cookie.
fn max_age(line: &str) -> i64 {
    line.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap()
}

#[rocket::async_test]
async fn who_asks_for_it_by_form_or_json_is_remembered_when_the_browser_was_closed() {
    let app = app().await;
    let by_json = remembered(&app, ANN).await;
    let by_form = app.browser();
    let fields = [("email", ANN), ("password", PASSWORD), ("remember", "true")];
    assert_eq!(by_form.post_form("/login", &fields).await.status, Status::SeeOther);
    for browser in [by_json, by_form] {
        browser.restart();
        assert_eq!(browser.cookie(SESSION), None);
        let answer = browser.get("/me").await;
        assert_eq!(answer.body, ANN);
        assert!(browser.cookie(SESSION).is_some());
        // No cache between here and the browser keeps what it is told.
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.header("Vary"), Some("Cookie"));
        // From now on as anybody who is logged in, form and all.
        assert_eq!(browser.post_json("/thing", json!("x")).await.status, Status::Ok);
        assert_eq!(browser.get("/").await.body, ANN);
    }
}

#[rocket::async_test]
async fn who_does_not_ask_for_it_is_not_remembered() {
    let app = with_ann(app()).await;
    for body in [
        json!({"email": ANN, "password": PASSWORD}),
        json!({"email": ANN, "password": PASSWORD, "remember": false}),
    ] {
        let browser = app.browser();
        assert_eq!(browser.post_json("/login", body).await.status, Status::Ok);
        assert_eq!(browser.cookie(REMEMBER), None);
        browser.restart();
        assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    }
    // Nor is whoever asks for it and has no right to come in.
    let browser = app.browser();
    let body = json!({"email": ANN, "password": "a wrong password", "remember": true});
    assert_eq!(browser.post_json("/login", body).await.status, Status::BadRequest);
    assert_eq!(browser.cookie(REMEMBER), None);
    assert_eq!(count(&app, "remember").await, 0);
}

#[rocket::async_test]
async fn the_login_page_has_a_box_that_nobody_ticked() {
    let page = app().await.browser().get("/login").await.body;
    assert!(page.contains("Remember me") && !page.contains(" checked"), "{page}");
    let app = app_with(json!({"remember": {"preset": true}})).await;
    let browser = app.browser();
    let page = browser.get("/login").await.body;
    assert!(page.contains(" checked"), "{page}");
    // Who took the tick away finds it so again.
    let fields = [("email", ANN), ("password", "a wrong password")];
    let page = browser.post_form("/login", &fields).await.body;
    assert!(page.contains("Remember me") && !page.contains(" checked"), "{page}");
    let fields = [("email", ANN), ("password", "a wrong password"), ("remember", "true")];
    assert!(browser.post_form("/login", &fields).await.body.contains(" checked"));
}

#[rocket::async_test]
async fn where_the_feature_is_off_the_wish_and_the_cookie_are_ignored() {
    let before = app().await;
    let remember_token = remember_token_of(&remembered(&before, ANN).await);
    let app = before.restart(rocket_with(Security::default().disable::<Remember>())).await;
    let browser = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    assert_eq!(browser.post_json("/login", body).await.status, Status::Ok);
    assert_eq!(browser.cookie(REMEMBER), None);
    assert!(!app.browser().get("/login").await.body.contains("Remember me"));
    let old = with_remember_token(&app, &remember_token);
    assert_eq!(old.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(remember_token_of(&old), remember_token);
}

#[rocket::async_test]
async fn what_a_browser_keeps_is_replaced_whenever_it_comes_back() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let (mut remember_tokens, mut sessions) = (vec![remember_token_of(&ann)], Vec::new());
    for _ in 0..3 {
        app.clock().advance(TimeDelta::hours(2));
        assert_eq!(ann.get("/me").await.body, ANN, "the session was not used for long");
        remember_tokens.push(remember_token_of(&ann));
        sessions.push(ann.cookie(SESSION).unwrap());
        // It comes with the session, not with every request.
        assert_eq!(remember_line(&ann.get("/me").await), None);
    }
    remember_tokens.sort();
    remember_tokens.dedup();
    sessions.sort();
    sessions.dedup();
    assert_eq!((remember_tokens.len(), sessions.len()), (4, 3));
    assert_eq!((count(&app, "remember").await, count(&app, "sessions").await), (1, 1));
}

#[rocket::async_test]
async fn a_copy_that_is_used_later_ends_the_series_and_both_browsers_and_the_owner_is_told() {
    let (app, events) = app_that_tells(rocket_with).await;
    let ann = remembered(&app, ANN).await;
    let bystander = remembered(&app, ANN).await;
    let copy = remember_token_of(&ann);
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);

    app.clock().advance(TimeDelta::seconds(11));
    let thief = with_remember_token(&app, &copy).at("203.0.113.9".parse().unwrap());
    assert!(is_forgotten(&thief).await);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert!(is_forgotten(&ann).await);
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "One of your browsers was logged out");
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("203.0.113.9") && part.contains("/reset"), "{part}");
        assert!(!part.contains(&copy), "{part}");
    }
    assert_eq!(told(&app, &events, "remember_theft").await.len(), 1);
    let ended = told(&app, &events, "session_ended").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["reason"], "theft");
    // Once is enough, and other browsers of hers have nothing to do with it.
    assert!(is_forgotten(&with_remember_token(&app, &copy)).await);
    assert_eq!(app.mail().await.len(), 1);
    assert_eq!(bystander.get("/me").await.body, ANN);
    bystander.restart();
    assert_eq!(bystander.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn a_thief_who_was_first_is_out_as_soon_as_the_owner_comes_back() {
    let (app, events) = app_that_tells(rocket_with).await;
    let ann = remembered(&app, ANN).await;
    ann.restart();
    let thief = with_remember_token(&app, &remember_token_of(&ann));
    for _ in 0..3 {
        assert_eq!(thief.get("/me").await.body, ANN);
        thief.restart();
        app.clock().advance(TimeDelta::minutes(1));
    }
    assert_eq!(thief.get("/me").await.body, ANN);
    assert!(is_forgotten(&ann).await);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(told(&app, &events, "remember_theft").await.len(), 1);
}

#[rocket::async_test]
async fn of_32_who_find_out_a_theft_at_once_one_tells_of_it() {
    let (app, events) = app_that_tells(rocket_with).await;
    let ann = remembered(&app, ANN).await;
    let copy = remember_token_of(&ann);
    ann.restart();
    ann.get("/me").await;
    app.clock().advance(TimeDelta::minutes(1));
    let thieves: Vec<_> = (0..32).map(|_| with_remember_token(&app, &copy)).collect();
    let answers = join_all(thieves.iter().map(|thief| thief.get("/"))).await;
    assert!(answers.iter().all(|answer| answer.body == "a guest"));
    assert_eq!(told(&app, &events, "remember_theft").await.len(), 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn of_32_requests_of_one_browser_at_once_all_get_one_session_and_one_successor() {
    let (app, events) = app_that_tells(rocket_with).await;
    let remember_token = remember_token_of(&remembered(&app, ANN).await);
    let tabs: Vec<_> = (0..32).map(|_| with_remember_token(&app, &remember_token)).collect();
    let answers = join_all(tabs.iter().map(|tab| tab.get("/me"))).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
    }
    assert_eq!((count(&app, "remember").await, count(&app, "sessions").await), (1, 1));
    assert_eq!(told(&app, &events, "remember_theft").await.len(), 0);
    assert_eq!(told(&app, &events, "user_authenticated").await.len(), 2);
    // One session, and so one anti-forgery token.
    let mut tokens = join_all(tabs.iter().map(Browser::csrf_token)).await;
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    // One successor: whichever of them the browser kept, it comes back by it, and by that alone.
    app.clock().advance(TimeDelta::minutes(5));
    tabs[7].restart();
    assert_eq!(tabs[7].get("/me").await.body, ANN);
    tabs[8].restart();
    assert_eq!(tabs[8].get("/me").await.body, ANN, "at the same moment");
    assert_eq!(told(&app, &events, "remember_theft").await.len(), 0);
}

#[rocket::async_test]
async fn the_window_is_configurable_and_ends() {
    let app = app_with(json!({"remember": {"window": "1m"}})).await;
    let remember_token = remember_token_of(&remembered(&app, ANN).await);
    assert_eq!(with_remember_token(&app, &remember_token).get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::seconds(59));
    assert_eq!(with_remember_token(&app, &remember_token).get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::seconds(1));
    assert!(is_forgotten(&with_remember_token(&app, &remember_token)).await);
}

#[rocket::async_test]
async fn settings_that_make_no_sense_stop_the_launch() {
    for (settings, key) in [
        (json!({"window": "61s"}), "window"),
        (json!({"window": "0s"}), "window"),
        (json!({"lifetime": "366days"}), "lifetime"),
        (json!({"lifetime": "0s"}), "lifetime"),
    ] {
        let database = rocket_security::testing::TestDatabase::create().await;
        let rocket = rocket();
        let figment = TestApp::figment(rocket.figment(), &database, json!({"remember": settings}));
        let fault = rocket.configure(figment).ignite().await.expect_err(key);
        // Looked at, it does not panic when it is dropped.
        assert!(matches!(fault.kind(), ErrorKind::FailedFairings(_)), "{key}");
    }
}

#[get("/ever")]
fn ever(_user: Fresh<{ u32::MAX }>) {}

#[get("/since")]
fn since(user: AuthUser) -> String {
    user.authenticated_at().map_or("never".to_owned(), |at| at.to_string())
}

#[rocket::async_test]
async fn who_comes_back_is_not_fresh_until_they_prove_that_it_is_still_them() {
    let app = TestApp::launch(rocket().mount("/", routes![ever, since])).await;
    let ann = remembered(&app, ANN).await;
    ann.restart();
    assert_eq!(ann.get("/payout").await.location(), "/verify?next=%2Fpayout");
    for path in ["/payout", "/statement", "/maybe-fresh", "/change-email"] {
        let answer = ann.get_json(path).await;
        assert_eq!(answer.status, Status::Unauthorized, "{path}");
        assert_eq!(answer.reasons(), ["reauth_required"], "{path}");
    }
    assert_eq!(ann.get_json("/ever").await.reasons(), ["reauth_required"], "in no window");
    assert_eq!(ann.get_json("/since").await.body, "never");
    let remember_token = remember_token_of(&ann);
    let wrong = ann.post_json("/verify", json!({"password": "a wrong password"})).await;
    assert_eq!(wrong.status, Status::BadRequest);
    assert_eq!(ann.get_json("/payout").await.status, Status::Unauthorized);
    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    for path in ["/payout", "/statement", "/maybe-fresh", "/change-email"] {
        assert_eq!(ann.get_json(path).await.status, Status::Ok, "{path}");
    }
    // The browser stays remembered, and next time has to prove it again.
    assert_eq!(remember_token_of(&ann), remember_token);
    ann.restart();
    assert_eq!(ann.get_json("/payout").await.status, Status::Unauthorized);
    assert_eq!((count(&app, "remember").await, count(&app, "sessions").await), (1, 1));
}

#[rocket::async_test]
async fn a_logout_ends_it_in_the_browser_and_in_the_store() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let copy = remember_token_of(&ann);
    assert_eq!(ann.log_out().await.status, Status::Ok);
    assert_eq!((ann.cookie(REMEMBER), ann.cookie(SESSION)), (None, None));
    assert!(is_forgotten(&with_remember_token(&app, &copy)).await);
    assert_eq!(count(&app, "remember").await, 0);
    // And so it does for who had come back by it.
    let ann = remembered(&app, ANN).await;
    ann.restart();
    ann.get("/me").await;
    let copy = remember_token_of(&ann);
    assert_eq!(ann.post_form("/logout", &[]).await.status, Status::SeeOther);
    assert!(is_forgotten(&with_remember_token(&app, &copy)).await);
}

#[rocket::async_test]
async fn a_session_that_is_ended_elsewhere_does_not_come_back() {
    let app = app().await;
    for all in [false, true] {
        let there = remembered(&app, ANN).await;
        let here = app.log_in_as(ANN).await;
        let listed = here.get_json("/sessions").await.response("sessions");
        let other = listed.as_array().unwrap().iter().find(|it| it["is_current"] == false).unwrap();
        assert_eq!(other["is_remembered"], true);
        assert!(here.get("/sessions").await.body.contains("Remembered"));
        let answer = match all {
            true => here.post_json("/sessions/end-others", json!({})).await,
            false => here.post_json("/sessions/end", json!({"session": other["id"]})).await,
        };
        assert_eq!(answer.status, Status::Ok);
        there.restart();
        assert!(is_forgotten(&there).await);
        here.log_out().await;
    }
}

#[rocket::async_test]
async fn ending_all_others_reaches_a_browser_that_has_no_session_now() {
    let app = app().await;
    let there = remembered(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(app.sweep().await, 1, "its session");
    let here = remembered(&app, ANN).await;
    assert_eq!(count(&app, "remember").await, 2);
    let answer = here.post_json("/sessions/end-others", json!({})).await;
    assert_eq!(answer.response("ended"), json!(0));
    there.restart();
    assert!(is_forgotten(&there).await);
    here.restart();
    assert_eq!(here.get("/me").await.body, ANN, "one's own stays");
}

#[rocket::async_test]
async fn sessions_say_how_they_began() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let began =
        async || ann.get_json("/sessions").await.response("sessions")[0]["authn_via"].clone();
    assert_eq!(began().await, "password");
    assert!(ann.get("/sessions").await.body.contains("Logged in by password"));
    ann.restart();
    assert_eq!(began().await, "remember");
    let page = ann.get("/sessions").await.body;
    assert!(page.contains("Came back") && page.contains("Remembered"), "{page}");
}

#[rocket::async_test]
async fn every_change_of_the_account_ends_it_everywhere() {
    let app = app().await;
    for change in ["password", "reset", "address", "disabled", "deleted"] {
        let email = format!("{change}@example.org");
        let (here, there) = (remembered(&app, &email).await, remembered(&app, &email).await);
        let copies = [remember_token_of(&here), remember_token_of(&there)];
        let user = app.user(&email).await;
        let nothing = Together::nothing();
        match change {
            "password" => {
                let new = "another ferry at seven";
                let body = json!({
                    "password": PASSWORD, "new_password": new, "new_password_confirm": new
                });
                assert_eq!(here.post_json("/change", body).await.status, Status::Ok);
            }
            "reset" => {
                here.post_json("/reset", json!({"email": email})).await;
                let link = link_to(&app, &email).await;
                let new = "another ferry at seven";
                let body = json!({"password": new, "password_confirm": new});
                assert_eq!(app.browser().post_json(&link, body).await.status, Status::Ok);
            }
            "address" => {
                change_email(&app, &here, "new@example.net").await;
            }
            "disabled" => {
                change_user(&app, &user, &UserChange::active(false)).await;
                change_user(&app, &user, &UserChange::active(true)).await;
            }
            _ => assert!(app.store().delete_user(user.id, &nothing).await.unwrap()),
        }
        for copy in &copies {
            assert!(is_forgotten(&with_remember_token(&app, copy)).await, "{change}");
        }
        assert_eq!(count(&app, "remember").await, 0, "{change}");
        if ["password", "address"].contains(&change) {
            assert_eq!(here.get("/me").await.status, Status::Ok, "{change}: who asked goes on");
            assert_eq!(here.cookie(REMEMBER), None, "{change}");
        }
    }
}

#[rocket::async_test]
async fn nobody_is_remembered_for_more_than_30_days_though_they_come_daily() {
    let (app, events) = app_that_tells(rocket_with).await;
    let ann = remembered(&app, ANN).await;
    for day in 0..29 {
        app.clock().advance(TimeDelta::days(1));
        assert_eq!(ann.get("/me").await.body, ANN, "day {day}");
    }
    app.clock().advance(TimeDelta::hours(23));
    let answer = ann.get("/me").await;
    assert_eq!(answer.body, ANN);
    assert!((3_500..=3_600).contains(&max_age(remember_line(&answer).unwrap())));
    app.clock().advance(TimeDelta::minutes(50));
    assert_eq!(ann.get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::minutes(10));
    app.sweep().await;
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized, "with its session");
    let ended = told(&app, &events, "session_ended").await;
    assert_eq!(ended.last().unwrap()["reason"], "expired");
    assert_eq!(count(&app, "remember").await, 0);
    // The same without anybody sweeping.
    let ann = remembered(&app, ANN).await;
    app.clock().advance(TimeDelta::days(30));
    ann.restart();
    assert!(is_forgotten(&ann).await);
}

#[rocket::async_test]
async fn the_lifetime_is_configurable() {
    let app = app_with(json!({"remember": {"lifetime": "2days"}})).await;
    let ann = remembered(&app, ANN).await;
    app.clock().advance(TimeDelta::days(1));
    assert_eq!(ann.get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::days(1));
    ann.restart();
    assert!(is_forgotten(&ann).await);
}

#[rocket::async_test]
async fn a_cookie_that_opens_nothing_makes_a_guest() {
    let app = app().await;
    let other = crate::support::app().await;
    let ann = remembered(&app, ANN).await;
    let foreign = remember_token_of(&remembered(&other, ANN).await);
    let (session, sealed) = (ann.cookie(SESSION).unwrap(), remember_token_of(&ann));
    let cut = &sealed[..sealed.len() - 4];
    let noise = "x".repeat(5_000);
    for garbage in ["", "x", "v4.local.", "ann|1", cut, &foreign, &session, &noise, "%00\u{1f980}"]
    {
        let browser = with_remember_token(&app, garbage);
        let answer = browser.get("/").await;
        assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "a guest"), "{garbage}");
        assert_eq!(answer.header("Set-Cookie"), None, "{garbage}");
        let browser = with_remember_token(&app, garbage);
        assert_eq!(browser.get("/me").await.location(), "/login?next=%2Fme", "{garbage}");
    }
    // Nor does it open the other cookie.
    let forged = app.browser();
    forged.set_cookie(SESSION, &sealed);
    assert_eq!(forged.get_json("/me").await.status, Status::Unauthorized);
    // And a session that lives is not touched by it.
    ann.set_cookie(REMEMBER, "x");
    assert_eq!(ann.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn a_store_that_is_down_is_503_and_takes_nothing_away() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    ann.restart();
    let remember_token = remember_token_of(&ann);
    let rename =
        |from: &str, to: &str| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("remember", "elsewhere")).await;
    for path in ["/", "/me", "/login"] {
        let answer = ann.get(path).await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{path}");
        assert_eq!(answer.header("Set-Cookie"), None, "{path}");
    }
    assert_eq!(remember_token_of(&ann), remember_token);
    sql::execute(app.database(), &rename("elsewhere", "remember")).await;
    assert_eq!(ann.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn a_session_cookie_that_is_dead_does_not_keep_who_is_remembered_out() {
    let app = app().await;
    for dead in ["x", "", "v4.local.AAAA"] {
        let ann = remembered(&app, ANN).await;
        ann.set_cookie(SESSION, dead);
        assert_eq!(ann.get("/me").await.body, ANN, "{dead:?}");
    }
}

#[rocket::async_test]
async fn a_guest_whose_browser_is_remembered_comes_back_with_their_basket() {
    let shop = rocket().mount("/", routes![put, basket]);
    let app = TestApp::launch(shop).await;
    let ann = remembered(&app, ANN).await;
    let guest = app.browser();
    assert_eq!(guest.post_form("/basket/tea", &[]).await.status, Status::Ok);
    guest.set_cookie(REMEMBER, &remember_token_of(&ann));
    assert_eq!(guest.get("/me").await.body, ANN);
    assert_eq!(guest.get("/basket").await.body, "tea");
    assert_eq!(guest.get("/login").await.location(), "/");
    // What belonged to a session that is over is nobody's.
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(guest.get("/basket").await.body, "nothing");
    assert_eq!(guest.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn a_request_that_comes_late_takes_no_browser_back_behind_verify() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let before = remember_token_of(&ann);
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    let late = with_remember_token(&app, &before).get("/").await;
    assert_eq!((late.body.as_str(), late.header("Set-Cookie")), ("a guest", None));
    assert_eq!(ann.get("/payout").await.status, Status::Ok);
}

#[rocket::async_test]
async fn nor_does_one_with_a_session_that_is_over_take_the_new_one_away() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    app.clock().advance(TimeDelta::hours(2));
    let (dead, before) = (ann.cookie(SESSION).unwrap(), remember_token_of(&ann));
    assert_eq!(ann.get("/me").await.body, ANN);
    let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    let late = with_remember_token(&app, &before);
    late.set_cookie(SESSION, &dead);
    let answer = late.get_json("/me").await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert!(answer.headers("Set-Cookie").all(|line| line.starts_with("security_guest=")));
}

#[rocket::async_test]
async fn a_form_that_stood_open_is_refused_once_and_then_sent() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let token = ann.csrf_token().await;
    ann.restart();
    let fields = [("csrf_token", token.as_str()), ("a", "b")];
    let answer = ann.post_form_as_is("/thing", &fields).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert!(ann.cookie(SESSION).is_some(), "but the browser is back");
    assert_eq!(ann.post_form("/thing", &[("a", "b")]).await.status, Status::Ok);
}

#[post("/basket/<article>")]
fn put(session: Session<'_>, article: &str) -> Status {
    session.insert("basket", article).unwrap();
    Status::Ok
}

#[get("/basket")]
fn basket(session: Session<'_>) -> String {
    session.get("basket").unwrap().unwrap_or_else(|| "nothing".to_owned())
}

/// Lets everybody in by password, and whoever comes back only if told so.
struct Strict(Mutex<Option<Verdict>>, Mutex<u32>);

#[async_trait]
impl Hooks for &'static Strict {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        if attempt.authn_via() != "remember" {
            return Ok(Verdict::Allow);
        }
        *self.1.lock().unwrap() += 1;
        Ok(self.0.lock().unwrap().clone().unwrap_or(Verdict::Allow))
    }
}

#[rocket::async_test]
async fn a_hook_that_refuses_leaves_a_guest_whose_browser_stays_remembered() {
    let verdict = Verdict::Refuse(Rejection::Forbidden);
    let hook: &'static Strict = Box::leak(Box::new(Strict(Mutex::new(None), Mutex::new(0))));
    let app = TestApp::launch(rocket_with(Security::default().hooks(hook))).await;
    let ann = remembered(&app, ANN).await;
    *hook.0.lock().unwrap() = Some(verdict.clone());
    ann.restart();
    let remember_token = remember_token_of(&ann);
    for _ in 0..3 {
        assert_eq!(ann.get("/").await.body, "a guest");
    }
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(*hook.1.lock().unwrap(), 1, "nobody is asked with every request");
    assert_eq!(remember_token_of(&ann), remember_token, "nothing was replaced");
    // A guest with forms of their own.
    assert_eq!(ann.get("/login").await.status, Status::Ok);
    assert_eq!(ann.log_in(ANN, "a wrong password").await.status, Status::BadRequest);
    // Allowed again, the browser comes back once it was closed.
    *hook.0.lock().unwrap() = None;
    ann.restart();
    assert_eq!(ann.get("/me").await.body, ANN);
    // Who logs out as such a guest is forgotten on the server, too.
    *hook.0.lock().unwrap() = Some(verdict);
    ann.restart();
    assert_eq!(ann.get("/").await.body, "a guest");
    assert_eq!(ann.log_out().await.status, Status::Ok);
    assert_eq!(ann.cookie(REMEMBER), None);
    assert_eq!(count(&app, "remember").await, 0);
}

#[rocket::async_test]
async fn whoever_logs_in_takes_the_place_of_who_was_remembered() {
    let hook: &'static Strict = Box::leak(Box::new(Strict(Mutex::new(None), Mutex::new(0))));
    let app = TestApp::launch(rocket_with(Security::default().hooks(hook))).await;
    let browser = remembered(&app, ANN).await;
    app.user("bob@example.org").await;
    *hook.0.lock().unwrap() = Some(Verdict::Refuse(Rejection::Forbidden));
    browser.restart();
    let copy = remember_token_of(&browser);
    assert_eq!(browser.log_in("bob@example.org", PASSWORD).await.status, Status::Ok);
    assert_eq!(browser.cookie(REMEMBER), None);
    browser.restart();
    assert_eq!(browser.get("/").await.body, "a guest");
    assert!(is_forgotten(&with_remember_token(&app, &copy)).await);
}

#[rocket::async_test]
async fn links_that_log_in_remember_nobody() {
    let app = with_ann(app_with(json!({"reset": {"log_in": true}}))).await;
    let browser = app.browser();
    browser.post_json("/reset", json!({"email": ANN})).await;
    let link = link_to(&app, ANN).await;
    let new = "another ferry at seven";
    let body = json!({"password": new, "password_confirm": new});
    assert_eq!(browser.post_json(&link, body).await.status, Status::Ok);
    assert_eq!(browser.get("/me").await.body, ANN);
    assert_eq!(browser.cookie(REMEMBER), None);
}

#[rocket::async_test]
async fn a_user_has_as_many_remembered_browsers_as_sessions_and_the_oldest_gives_way() {
    let app = app_with(json!({"session": {"max_per_user": 3}})).await;
    let mut browsers = Vec::new();
    for _ in 0..4 {
        app.clock().advance(TimeDelta::hours(2));
        browsers.push(remembered(&app, ANN).await);
    }
    assert_eq!(count(&app, "remember").await, 3);
    for browser in &browsers {
        browser.restart();
    }
    assert!(is_forgotten(&browsers[0]).await);
    for browser in &browsers[1..] {
        assert_eq!(browser.get("/me").await.body, ANN);
    }
}

#[rocket::async_test]
async fn a_session_that_gives_way_to_another_does_not_come_back_in_its_place() {
    let app = app_with(json!({"session": {"max_per_user": 1}})).await;
    let first = remembered(&app, ANN).await;
    app.clock().advance(TimeDelta::seconds(1));
    let second = app.log_in_as(ANN).await;
    assert_eq!(first.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(second.get("/me").await.body, ANN);
    assert_eq!(count(&app, "remember").await, 0);
}

#[rocket::async_test]
async fn a_restart_and_a_new_key_leave_browsers_remembered() {
    let old = rocket_security::crypto::keys::generate_paserk().unwrap().expose().clone();
    let new = rocket_security::crypto::keys::generate_paserk().unwrap().expose().clone();
    let app = app_with(json!({"keys": [old]})).await;
    let remember_token = remember_token_of(&remembered(&app, ANN).await);
    let app = app.restart_with(rocket(), json!({"keys": [old]})).await;
    let ann = with_remember_token(&app, &remember_token);
    assert_eq!(ann.get("/me").await.body, ANN);
    let (before, remember_token) = (remember_token, remember_token_of(&ann));
    // An instance with the new key, in the moment after the other one has replaced the cookie.
    let app = app.restart_with(rocket(), json!({"keys": [new, old]})).await;
    let same = with_remember_token(&app, &before);
    assert_eq!(same.get("/me").await.body, ANN);
    assert_eq!((count(&app, "remember").await, count(&app, "sessions").await), (1, 1));
    // Both go on by what was derived from the old key.
    for remember_token in [remember_token_of(&same), remember_token] {
        let ann = with_remember_token(&app, &remember_token);
        assert_eq!(ann.get("/me").await.body, ANN);
    }
    // Without the old key nobody is known, and nothing breaks.
    let app = app.restart_with(rocket(), json!({"keys": [new]})).await;
    assert!(is_forgotten(&with_remember_token(&app, &before)).await);
}

#[rocket::async_test]
async fn two_instances_on_one_database_agree() {
    let one = app().await;
    let remember_token = remember_token_of(&remembered(&one, ANN).await);
    let other = try_launch_on(one.database(), rocket(), json!({})).await.unwrap();
    let tabs: Vec<_> = (0..8).map(|_| with_remember_token(&one, &remember_token)).collect();
    let here = join_all(tabs.iter().map(|tab| tab.get("/me")));
    let there = join_all((0..8).map(|_| {
        let request = other.get("/me").cookie((REMEMBER, remember_token.clone()));
        async { request.dispatch().await.into_string().await.unwrap() }
    }));
    let (here, there) = rocket::tokio::join!(here, there);
    assert!(here.iter().all(|answer| answer.body == ANN));
    assert!(there.iter().all(|body| body == ANN), "{there:?}");
    assert_eq!((count(&one, "remember").await, count(&one, "sessions").await), (1, 1));
}

#[rocket::async_test]
async fn over_https_the_cookie_is_secure_and_bound_to_the_host() {
    let app = with_ann(app_with(json!({"base_url": "https://example.org"}))).await;
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    let answer = app.browser().post_json("/login", body).await;
    let cookie = remember_line(&answer).unwrap();
    assert!(cookie.starts_with("__Host-security_remember=v4.local."), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!((2_591_900..=2_592_000).contains(&max_age(cookie)), "{cookie}");
    assert!(!cookie.contains("Domain") && cookie.len() < 1_024, "{cookie}");
}

#[rocket::async_test]
async fn the_store_holds_digests_only_and_nothing_of_guests() {
    let app = app().await;
    let guest = app.browser();
    guest.get("/").await;
    guest.get("/login").await;
    assert_eq!(count(&app, "remember").await, 0);
    let ann = remembered(&app, ANN).await;
    let user = app.user(ANN).await;
    let store = store_on(app.database()).await;
    let digest = app.store().list_sessions(user.id).await.unwrap()[0].series.unwrap();
    let (before, _) = store.find_series(&digest).await.unwrap().unwrap();
    ann.restart();
    ann.get("/me").await;
    let (after, _) = store.find_series(&digest).await.unwrap().unwrap();
    assert_eq!(after.previous, Some(before.validator));
    assert_eq!((after.created_at, after.expires_at), (before.created_at, before.expires_at));
    assert!(
        !sql::dump(app.database(), "security_remember").await.contains(&remember_token_of(&ann))
    );
}
