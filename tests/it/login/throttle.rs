//! The limits on attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use rocket::async_trait;
use rocket::http::Status;
use rocket_security::feature::{LoginAttempt, Verdict};
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{Error, Hooks, Result, Security};
use serde_json::json;

use crate::support::usernames::named_user;
use crate::support::{ANN, app_with, rocket_with, with_ann};

async fn app() -> TestApp {
    with_ann(app_with(json!({"throttle": {"scale": 1}}))).await
}

async fn fail(app: &TestApp, email: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(app.browser().log_in(email, "a wrong password").await.status.code);
    }
    statuses
}

#[rocket::async_test]
async fn after_five_failures_one_has_to_wait_even_with_the_right_password() {
    let app = app().await;
    assert_eq!(fail(&app, ANN, 6).await, [400, 400, 400, 400, 400, 429]);
    let answer = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::TooManyRequests, vec!["throttled".into()])
    );
    assert_eq!(answer.header("Retry-After"), Some("30"));
    app.clock().advance(TimeDelta::seconds(30));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn the_wait_doubles_and_ends_at_an_hour() {
    let app = app().await;
    fail(&app, ANN, 5).await;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let answer = app.browser().log_in(ANN, "a wrong password").await;
        let wait: i64 = answer.header("Retry-After").unwrap().parse().unwrap();
        waits.push(wait);
        app.clock().advance(TimeDelta::seconds(wait));
        fail(&app, ANN, 1).await;
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
}

#[rocket::async_test]
async fn a_success_forgets_the_failures() {
    let app = app().await;
    fail(&app, ANN, 4).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(fail(&app, ANN, 5).await, [400; 5]);
}

/// A hook whose service is down until the switch is set.
struct Down(Arc<AtomicBool>);

#[async_trait]
impl Hooks for Down {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        if attempt.user.email.as_str() == ANN && self.0.load(Ordering::SeqCst) {
            return Err(Error::store("the service is down"));
        }
        Ok(Verdict::Allow)
    }
}

#[rocket::async_test]
async fn a_right_password_that_ends_in_503_counts_as_no_failure() {
    let is_down = Arc::new(AtomicBool::new(true));
    let rocket = rocket_with(Security::default().hooks(Down(Arc::clone(&is_down))));
    let app = with_ann(TestApp::launch_with(rocket, json!({"throttle": {"scale": 1}}))).await;
    for _ in 0..6 {
        let answer = app.browser().log_in(ANN, PASSWORD).await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
    }
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(fail(&app, ANN, 5).await, [400; 5], "of which each counts");
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::TooManyRequests);
}

#[rocket::async_test]
async fn failures_elsewhere_do_not_lock_the_owner_out() {
    let app = app().await;
    fail(&app, ANN, 6).await;
    let home = app.browser().at([203, 0, 113, 7].into());
    assert_eq!(home.log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(fail(&app, ANN, 1).await, [429], "nor does the owner's success help a guesser");
}

#[rocket::async_test]
async fn unknown_addresses_are_throttled_alike() {
    let app = app().await;
    assert_eq!(fail(&app, "nobody@example.org", 6).await, [400, 400, 400, 400, 400, 429]);
}

#[rocket::async_test]
async fn spelling_the_address_otherwise_is_the_same_account() {
    let app = app().await;
    fail(&app, ANN, 3).await;
    fail(&app, "ANN@EXAMPLE.ORG", 2).await;
    assert_eq!(fail(&app, "Ann@example.org", 1).await, [429]);
}

#[rocket::async_test]
async fn of_32_guesses_at_once_five_are_looked_at() {
    let app = app().await;
    let guess = async || app.browser().log_in(ANN, "a wrong password").await.status.code;
    let statuses = rocket::futures::future::join_all((0..32).map(|_| guess())).await;
    let looked_at = statuses.iter().filter(|status| **status == 400).count();
    let turned_away = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((looked_at, turned_away), (5, 27));
}

#[rocket::async_test]
async fn ipv6_is_counted_by_subscriber() {
    let app = app().await;
    for host in 1..=5 {
        let address = format!("2001:db8:0:1::{host}").parse().unwrap();
        let answer = app.browser().at(address).log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    let same = app.browser().at("2001:db8:0:1:ffff::1".parse().unwrap());
    assert_eq!(same.log_in(ANN, PASSWORD).await.status, Status::TooManyRequests);
    let other = app.browser().at("2001:db8:0:2::1".parse().unwrap());
    assert_eq!(other.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_forwarded_address_is_not_believed() {
    let app = app().await;
    for forged in ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"] {
        let browser = app.browser().header("X-Forwarded-For", forged).header("X-Real-IP", forged);
        browser.log_in(ANN, "a wrong password").await;
    }
    assert_eq!(fail(&app, ANN, 1).await, [429]);
}

#[rocket::async_test]
async fn a_network_has_a_limit_on_every_route_for_strangers() {
    let app = app().await;
    for (path, body) in [
        ("/login", json!({"email": "x@example.org", "password": "x"})),
        ("/register", json!({"email": "x@example.org", "password": "x"})),
        ("/confirm", json!({"email": "x@example.org"})),
        ("/confirm/some-token", json!({})),
    ] {
        let mut last = Status::Ok;
        for number in 0..101 {
            let body = body.to_string().replace("x@", &format!("x{number}@"));
            last = app.browser().post_raw(path, "application/json", body.as_bytes()).await.status;
            assert_eq!(last == Status::TooManyRequests, number == 100, "{path} {number}");
        }
        assert_eq!(last, Status::TooManyRequests, "{path}");
    }
    app.clock().advance(TimeDelta::minutes(10));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn limits_can_be_switched_off() {
    let app = with_ann(app_with(json!({"throttle": {"enabled": false}}))).await;
    assert_eq!(fail(&app, ANN, 20).await, [400; 20]);
}

/// Sends wrong passwords from as many /64s, and gives the statuses.
async fn fail_from(app: &TestApp, networks: impl Iterator<Item = String>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for network in networks {
        let browser = app.browser().at(network.parse().unwrap());
        statuses.push(browser.log_in(ANN, "a wrong password").await.status.code);
    }
    statuses
}

#[rocket::async_test]
async fn a_larger_network_guesses_no_longer_than_it_may() {
    let app = app().await;
    let of_56 = |number| format!("2001:db8:0:1{number:02x}::1");
    let statuses = fail_from(&app, (0..21).map(of_56)).await;
    assert_eq!(statuses[..20], [400; 20]);
    assert_eq!(statuses[20], 429, "a /56");
    // What is turned away by it is not counted against the /48.
    let of_48 = |number| format!("2001:db8:0:{:x}00::1", number + 2);
    let statuses = fail_from(&app, (0..61).map(of_48)).await;
    assert_eq!(statuses[..60], [400; 60]);
    assert_eq!(statuses[60], 429, "a /48");
    let other = app.browser().at("2001:db8:1::1".parse().unwrap());
    assert_eq!(other.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn what_a_larger_network_is_turned_away_for_is_not_counted_against_an_address() {
    let app = app().await;
    let guessers = (0..80).map(|number| format!("203.0.113.{}", number % 20));
    fail_from(&app, guessers).await;
    let home = app.browser().at([203, 0, 113, 200].into());
    for _ in 0..10 {
        assert_eq!(home.log_in(ANN, PASSWORD).await.status, Status::TooManyRequests);
    }
    app.clock().advance(TimeDelta::seconds(31));
    assert_eq!(home.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_block_of_ipv4_guesses_no_longer_than_it_may() {
    let app = app().await;
    let statuses = fail_from(&app, (0..81).map(|last| format!("203.0.113.{last}"))).await;
    assert_eq!(statuses[..80], [400; 80]);
    assert_eq!(statuses[80], 429);
    let other = app.browser().at([203, 0, 114, 1].into());
    assert_eq!(other.log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_larger_network_has_a_limit_on_every_route_for_strangers() {
    let app = app().await;
    let ask = async |network: u32, number: u32| {
        let address = format!("2001:db8:0:{network:x}::1").parse().unwrap();
        let body = json!({"email": format!("x{number}@example.org")});
        app.browser().at(address).post_json("/confirm", body).await.status.code
    };
    for network in 0..4 {
        for number in 0..100 {
            assert_eq!(ask(network, network * 100 + number).await, 200, "{network} {number}");
        }
    }
    assert_eq!(ask(4, 400).await, 429, "the same /56");
    assert_eq!(ask(0x100, 400).await, 200, "another /56");
}

#[rocket::async_test]
async fn an_address_and_a_username_are_one_account() {
    let settings = json!({
        "throttle": {"scale": 1},
        "identity": ["email", "username"],
    });
    let app = app_with(settings).await;
    named_user(&app, ANN, "ann_of_harbour").await;
    let guess = async |identity: &str| {
        let body = json!({"identity": identity, "password": "a wrong password"});
        app.browser().post_json("/login", body).await.status.code
    };
    for identity in ["ann_of_harbour", ANN, "Ann_Of_Harbour", ANN, "ann_of_harbour"] {
        assert_eq!(guess(identity).await, 400);
    }
    assert_eq!([guess(ANN).await, guess("ann_of_harbour").await], [429; 2]);
    assert_eq!(guess("bob_of_harbour").await, 400);
}

#[rocket::async_test]
async fn an_address_gets_ten_mails_an_hour_and_beyond_the_first_of_each_kind() {
    let app = app().await;
    let ask = async |path: &str| {
        let before = app.mail().await.len();
        for number in 0..6 {
            // Each from a network of its own, for none of them is turned away.
            let browser = app.browser().at([198, 51, 100, number].into());
            let body = json!({"email": "bob@example.org", "password": PASSWORD});
            let body = if path == "/register" { body } else { json!({"email": "bob@example.org"}) };
            assert_eq!(browser.post_json(path, body).await.status, Status::Ok, "{path}");
            app.mail().await;
        }
        app.mail().await.len() - before
    };
    assert_eq!(ask("/register").await, 5);
    assert_eq!(ask("/confirm").await, 5);
    assert_eq!(ask("/reset").await, 1, "a stranger keeps nobody from a reset");
    app.clock().advance(TimeDelta::hours(1));
    assert_eq!(ask("/reset").await, 5);
}

#[rocket::async_test]
async fn a_user_has_twenty_addresses_mailed_an_hour() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for number in 0..21 {
        let body = json!({"email": format!("ann{number}@example.net")});
        assert_eq!(ann.post_json("/change-email", body).await.status, Status::Ok, "{number}");
        // One whose link was replaced before it was sent is dropped.
        app.mail().await;
    }
    assert_eq!(app.mail().await.len(), 20);
}

#[rocket::async_test]
async fn a_user_changes_their_account_twenty_times_an_hour() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let mut passwords = [PASSWORD, "a ferry leaves at half past"].into_iter().cycle();
    let mut current = passwords.next().unwrap();
    for number in 0..21 {
        let next = passwords.next().unwrap();
        let body = json!({"password": current, "new_password": next});
        let status = ann.post_json("/change", body).await.status;
        assert_eq!(status == Status::TooManyRequests, number == 20, "{number} {status}");
        current = next;
    }
}
