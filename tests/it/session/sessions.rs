//! How long a session lasts, and who ends it.

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::Security;
use rocket_security::clock::Timestamp;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::remember::Remember;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::support::links::{change_email, register};
use crate::support::sink::{app_that_tells, told};
use crate::support::users::change_user;
use crate::support::{ANN, SESSION, app, app_with, rocket_with, sql, with_ann};

#[rocket::async_test]
async fn an_idle_session_ends_after_an_hour() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(ann.get("/me").await.status, Status::Ok);
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(ann.get("/me").await.status, Status::Ok, "using it keeps it");
    app.clock().advance(TimeDelta::minutes(60));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
    assert_eq!(ann.get("/").await.body, "a guest");
}

#[rocket::async_test]
async fn no_use_keeps_a_session_beyond_a_day() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..47 {
        app.clock().advance(TimeDelta::minutes(30));
        assert_eq!(ann.get("/me").await.status, Status::Ok);
    }
    app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn nor_does_a_change_of_the_address_prolong_one() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(5));
    change_email(&app, &ann, "ann@example.net").await;
    for _ in 0..47 {
        app.clock().advance(TimeDelta::minutes(30));
        assert_eq!(ann.get("/me").await.status, Status::Ok);
    }
    app.clock().advance(TimeDelta::minutes(25));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther, "a day after the login");
}

#[rocket::async_test]
async fn nor_does_proving_that_it_is_still_you() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..47 {
        app.clock().advance(TimeDelta::minutes(30));
        let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
        assert_eq!(answer.status, Status::Ok);
    }
    app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther, "a day after the login");
}

#[rocket::async_test]
async fn the_limits_are_configurable() {
    let app = app_with(json!({"session": {"idle": "5m", "absolute": "10m"}})).await;
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(5));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn an_assurance_level_sets_them_and_each_can_be_set_by_itself() {
    for (session, idle, absolute) in [
        (json!({"aal": 1}), 30 * 24 * 60, 30 * 24 * 60),
        (json!({"aal": 2}), 60, 24 * 60),
        (json!({"aal": 3}), 15, 12 * 60),
        (json!({"aal": 3, "absolute": "1h"}), 15, 60),
        (json!({"aal": 1, "idle": "2h"}), 120, 30 * 24 * 60),
    ] {
        let rocket = rocket_with(Security::default().disable::<Remember>());
        let app = TestApp::launch_with(rocket, json!({"session": session})).await;
        let ann = app.log_in_as(ANN).await;
        app.clock().advance(TimeDelta::minutes(idle - 1));
        assert_eq!(ann.get("/me").await.status, Status::Ok, "{session}");
        app.clock().advance(TimeDelta::minutes(idle));
        assert_eq!(ann.get("/me").await.status, Status::SeeOther, "{session}");
        let ann = app.log_in_as(ANN).await;
        for _ in 0..(absolute / (idle - 1)) {
            app.clock().advance(TimeDelta::minutes(idle - 1));
            assert_eq!(ann.get("/me").await.status, Status::Ok, "{session}");
        }
        app.clock().advance(TimeDelta::minutes(idle - 1));
        assert_eq!(ann.get("/me").await.status, Status::SeeOther, "{session}");
    }
}

#[rocket::async_test]
async fn a_user_has_twenty_sessions_and_the_oldest_gives_way() {
    let app = app().await;
    let oldest = app.log_in_as(ANN).await;
    for _ in 0..19 {
        app.clock().advance(TimeDelta::seconds(1));
        app.log_in_as(ANN).await;
    }
    assert_eq!(oldest.get("/me").await.status, Status::Ok);
    app.clock().advance(TimeDelta::seconds(1));
    let newest = app.log_in_as(ANN).await;
    assert_eq!(oldest.get("/me").await.status, Status::SeeOther);
    assert_eq!(newest.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn of_40_logins_at_once_20_stay_and_all_older_sessions_give_way() {
    let app = app().await;
    let (ann, bob) = (app.user(ANN).await, app.log_in_as("bob@example.org").await);
    let older = [app.log_in_as(ANN).await, app.log_in_as(ANN).await];
    app.clock().advance(TimeDelta::seconds(1));
    let browsers: Vec<_> = (0..40).map(|_| app.browser()).collect();
    let tries = join_all(browsers.iter().map(|browser| async {
        // Who waited too long for the others is told to try again, and may leave a session that no browser has.
        let mut tries: usize = 1;
        loop {
            let answer = browser.log_in(ANN, PASSWORD).await;
            if answer.status == Status::Ok {
                break tries;
            }
            assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
            tries += 1;
        }
    }))
    .await;
    let told_to_try_again = tries.iter().sum::<usize>() - browsers.len();
    let mut stay = 0;
    for browser in &browsers {
        stay += usize::from(browser.get("/me").await.status == Status::Ok);
    }
    assert!((20_usize.saturating_sub(told_to_try_again)..=20).contains(&stay), "{stay}");
    assert_eq!(app.store().list_sessions(ann.id).await.unwrap().len(), 20);
    for browser in &older {
        assert_eq!(browser.get("/me").await.status, Status::SeeOther);
    }
    assert_eq!(bob.get("/me").await.status, Status::Ok, "nobody else gives way");
}

#[rocket::async_test]
async fn a_switched_off_user_is_out_with_the_next_request() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    change_user(&app, &user, &UserChange::active(false)).await;
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
}

#[rocket::async_test]
async fn a_deleted_user_is_out_with_the_next_request() {
    let app = app().await;
    let user = app.user(ANN).await;
    let ann = app.log_in_as(ANN).await;
    let nothing = rocket_security::datastore::Together::nothing();
    assert!(app.store().delete_user(user.id, &nothing).await.unwrap());
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn what_is_over_is_deleted_and_what_is_not_stays() {
    let app = app().await;
    app.log_in_as(ANN).await;
    app.browser().log_in("bob@example.org", "a wrong password").await;
    register(&app, "carol@example.org").await;
    app.mail().await;
    let rows = async |table: &str| sql::count(app.database(), &format!("security_{table}")).await;
    let all = async || {
        let mut all = 0;
        for table in ["sessions", "one_time_tokens", "attempts", "users"] {
            all += rows(table).await;
        }
        all
    };
    assert_eq!(app.sweep().await, 0);
    assert_eq!((rows("sessions").await, rows("one_time_tokens").await), (1, 1));
    assert!(rows("attempts").await > 2);

    app.clock().advance(TimeDelta::hours(25));
    let before = all().await;
    let swept = app.sweep().await;
    assert_eq!(all().await, before - i64::try_from(swept).unwrap());
    assert_eq!((rows("sessions").await, rows("one_time_tokens").await), (0, 0));
    assert_eq!(rows("users").await, 2, "an account may be confirmed for two days");

    app.clock().advance(TimeDelta::hours(26));
    app.sweep().await;
    // The network of ann's login counts as hers for longer.
    assert_eq!((rows("users").await, rows("attempts").await), (1, 1));
    assert_eq!(app.sweep().await, 0);
}

#[rocket::async_test]
async fn anonymous_visitors_store_nothing() {
    let app = app().await;
    let visitor = app.browser();
    visitor.get("/").await;
    assert_eq!(visitor.cookie(SESSION), None, "a page without a form sets no cookie");
    visitor.get("/login").await;
    assert!(visitor.cookie("security_guest").is_some());
    assert_eq!(visitor.cookie(SESSION), None);
    assert_eq!(sql::count(app.database(), "security_sessions").await, 0);
}

#[rocket::async_test]
async fn the_store_holds_neither_ids_nor_passwords() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let cookie = ann.cookie(SESSION).unwrap();
    let mut content = String::new();
    for table in ["users", "sessions", "attempts", "outbox", "one_time_tokens", "track"] {
        content += &sql::dump(app.database(), &format!("security_{table}")).await;
    }
    assert!(content.contains(ANN));
    assert!(!content.contains(&cookie) && !content.contains(PASSWORD));
}

#[rocket::async_test]
async fn over_https_cookies_are_secure_and_bound_to_the_host() {
    let app = with_ann(app_with(json!({"base_url": "https://example.org"}))).await;
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    let cookie = answer.header("Set-Cookie").unwrap();
    assert!(cookie.starts_with("__Host-security_session=v4.local."), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert!(cookie.len() < 1_024);
    assert_eq!(answer.header("Strict-Transport-Security"), Some("max-age=31536000"));
}

fn browser_named<'a>(app: &'a TestApp, user_agent: &'static str) -> Browser<'a> {
    app.browser().header("User-Agent", user_agent)
}

async fn ids(browser: &Browser<'_>) -> Vec<(String, bool)> {
    let listed = browser.get_json("/sessions").await.response("sessions");
    let listed = listed.as_array().expect("a list").iter();
    let of =
        |it: &Value| (it["id"].as_str().unwrap().to_owned(), it["is_current"].as_bool().unwrap());
    listed.map(of).collect()
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[rocket::async_test]
async fn one_sees_where_one_is_logged_in_and_which_is_this_one() {
    let app = with_ann(app()).await;
    let there = browser_named(&app, FIREFOX);
    there.log_in(ANN, PASSWORD).await;
    app.clock().advance(TimeDelta::minutes(2));
    let here = app.log_in_as(ANN).await;
    app.log_in_as("bob@example.org").await;
    there.get("/me").await;

    let sessions = here.get_json("/sessions").await.response("sessions");
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2, "nobody else's");
    assert_eq!(
        (&sessions[0]["is_current"], &sessions[1]["is_current"]),
        (&json!(true), &json!(false))
    );
    let other = &sessions[1];
    assert_eq!(other["device"], "Firefox on Linux");
    assert_eq!(other["authn_via"], "password");
    let [since, seen] = ["created_at", "last_seen_at"]
        .map(|key| other[key].as_str().unwrap().parse::<Timestamp>().unwrap());
    assert_eq!((seen - since).num_minutes(), 2);
    let page = here.get("/sessions").await.body;
    assert!(page.contains("Firefox on Linux") && page.contains("Current session"), "{page}");
    assert_eq!(page.matches("End session").count(), 1, "{page}");
    // Neither the number in the cookie nor its digest.
    let digests = app.store().list_sessions(app.user(ANN).await.id).await.unwrap();
    for record in digests {
        let hex: String =
            record.digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!page.contains(&hex));
    }
}

#[rocket::async_test]
async fn one_ends_one_of_them_and_it_is_out_with_its_next_request() {
    let app = app().await;
    for by_page in [true, false] {
        let (here, there) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
        let listed = ids(&there).await;
        let [(mine, true), (other, false)] = &listed[..] else {
            panic!("{listed:?}");
        };
        assert_eq!(there.get("/me").await.status, Status::Ok);
        let answer = if by_page {
            there.post_form("/sessions/end", &[("session", other)]).await
        } else {
            there.post_json("/sessions/end", json!({"session": other})).await
        };
        let expected = if by_page { Status::SeeOther } else { Status::Ok };
        assert_eq!(answer.status, expected, "{}", answer.body);
        assert_eq!(here.get_json("/me").await.status, Status::Unauthorized);
        assert_eq!(there.get("/me").await.status, Status::Ok);
        let again = there.post_json("/sessions/end", json!({"session": other})).await;
        assert_eq!(again.reasons(), ["invalid_input", "session_unknown"]);
        // One's own is a logout.
        let answer = there.post_json("/sessions/end", json!({"session": mine})).await;
        assert_eq!(answer.status, Status::Ok);
        assert_eq!(there.get_json("/me").await.status, Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn nobody_ends_anothers_session_or_learns_of_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let bob = app.log_in_as("bob@example.org").await;
    let (anns, _) = ids(&ann).await.remove(0);
    let never = "7c1f8d0e-6f3a-4f86-9d5f-0a2b3c4d5e6f";
    let mut answers = Vec::new();
    for id in [anns.as_str(), never, "", "no id"] {
        let page = bob.post_form("/sessions/end", &[("session", id)]).await;
        assert_eq!(page.status, Status::BadRequest);
        assert!(page.body.contains("This session has already ended."), "{}", page.body);
        let answer = bob.post_json("/sessions/end", json!({"session": id})).await;
        answers.push((answer.status, answer.reasons()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    bob.post_json("/sessions/end-others", json!({})).await;
    assert_eq!(ann.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn one_ends_all_others_at_once() {
    let app = app().await;
    let others = [app.log_in_as(ANN).await, app.log_in_as(ANN).await];
    let here = app.log_in_as(ANN).await;
    let answer = here.post_json("/sessions/end-others", json!({})).await;
    assert_eq!((answer.status, answer.response("ended")), (Status::Ok, json!(2)));
    for other in &others {
        assert_eq!(other.get_json("/me").await.status, Status::Unauthorized);
    }
    assert_eq!(here.get("/me").await.status, Status::Ok);
    let page = here.get("/sessions").await.body;
    assert!(!page.contains("End all other sessions"), "{page}");
    let answer = here.post_form("/sessions/end-others", &[]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/sessions"));
    assert!(here.get("/sessions").await.body.contains("All other sessions have been ended."));
}

#[rocket::async_test]
async fn of_16_who_end_a_session_at_once_one_does_and_that_is_told_once() {
    let (app, sink) = app_that_tells(rocket_with).await;
    let (here, _there) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let (id, _) = ids(&here).await.into_iter().find(|(_, is_current)| !is_current).unwrap();
    let body = json!({"session": id});
    let ends = (0..16).map(|_| here.post_json("/sessions/end", body.clone()));
    let answers = rocket::futures::future::join_all(ends).await;
    assert!(answers.iter().all(|it| [Status::Ok, Status::BadRequest].contains(&it.status)));
    let ended = told(&app, &sink, "session_ended").await;
    let reasons: Vec<_> = ended.iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["by_user"]);
}

#[rocket::async_test]
async fn sessions_are_shown_to_whoever_is_logged_in_only() {
    let app = app().await;
    assert_eq!(app.browser().get("/sessions").await.location(), "/login?next=%2Fsessions");
    assert_eq!(app.browser().get_json("/sessions").await.status, Status::Unauthorized);
    for path in ["/sessions/end", "/sessions/end-others"] {
        let answer = app.browser().post_json(path, json!({})).await;
        assert_eq!(answer.status, Status::Unauthorized, "{path}");
        let forged = app.log_in_as(ANN).await.post_form_as_is(path, &[]).await;
        assert_eq!(forged.status, Status::BadRequest, "{path}");
    }
    let there = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(59));
    let here = app.log_in_as(ANN).await;
    app.clock().advance(TimeDelta::minutes(1));
    assert_eq!(ids(&here).await.len(), 1, "those that are over are not shown");
    drop(there);
}
