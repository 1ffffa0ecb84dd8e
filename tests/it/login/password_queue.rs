//! The queues in which passwords wait: to be hashed, and to be judged.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rocket::async_trait;
use rocket::futures::future::{join, join3};
use rocket::http::Status;
use rocket::tokio::sync::Semaphore;
use rocket_security::crypto::password::Password;
use rocket_security::feature::{LoginAttempt, Verdict};
use rocket_security::flow::Flow;
use rocket_security::rejection::FieldErrors;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{Hooks, Result, Security};
use serde_json::json;

use crate::support::{ANN, BOB, app_with, rocket_with, with_ann};

const CAROL: &str = "carol@example.org";
const HERE: [u8; 4] = [192, 0, 2, 1];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 1];

fn flow(app: &TestApp) -> &Flow {
    app.client().rocket().state().unwrap()
}

#[rocket::async_test]
async fn a_client_beyond_its_limit_is_told_so_and_takes_no_place() {
    let settings = json!({"password": {"threads": 1, "queue": 0}, "throttle": {"scale": 1}});
    let app = app_with(settings).await;
    let browser = app.browser().at(HERE.into());
    for number in 0..100 {
        let answer = browser.log_in(&format!("user{number}@example.org"), PASSWORD).await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    let _full = flow(&app).hasher().reserve().unwrap();
    for path in ["/login", "/token"] {
        let body = json!({"email": ANN, "password": PASSWORD});
        let answer = browser.post_json(path, body).await;
        assert_eq!(answer.status, Status::TooManyRequests, "{path}: {}", answer.body);
    }
}

/// Holds logins, with their places in the queue, until it is told to let them go.
#[derive(Clone)]
struct Held {
    arrived: Arc<Semaphore>,
    may_go: Arc<Semaphore>,
}

#[async_trait]
impl Hooks for Held {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        if attempt.user.email.as_str() != CAROL {
            self.arrived.add_permits(1);
            self.may_go.acquire().await.unwrap().forget();
        }
        Ok(Verdict::Allow)
    }
}

#[rocket::async_test]
async fn one_network_holds_a_quarter_of_the_places_and_others_log_in_meanwhile() {
    let held = Held { arrived: Arc::new(Semaphore::new(0)), may_go: Arc::new(Semaphore::new(0)) };
    let rocket = rocket_with(Security::default().hooks(held.clone()));
    let settings = json!({"password": {"threads": 2, "queue": 6}});
    let app = TestApp::launch_with(rocket, settings).await;
    for email in [ANN, BOB, CAROL] {
        app.user(email).await;
    }
    let (one, other) = (app.browser().at(HERE.into()), app.browser().at(HERE.into()));
    let meanwhile = async {
        held.arrived.acquire_many(2).await.unwrap().forget();
        let here = app.browser().at(HERE.into());
        for path in ["/login", "/token"] {
            let body = json!({"email": CAROL, "password": PASSWORD});
            let third = here.post_json(path, body).await;
            assert_eq!(third.status, Status::ServiceUnavailable, "{path}: {}", third.body);
            assert_eq!(third.reasons(), ["saturated"]);
        }
        let elsewhere = app.browser().at(ELSEWHERE.into()).log_in(CAROL, PASSWORD).await;
        assert_eq!(elsewhere.status, Status::Ok, "{}", elsewhere.body);
        held.may_go.add_permits(2);
    };
    let (one, other, ()) =
        join3(one.log_in(ANN, PASSWORD), other.log_in(BOB, PASSWORD), meanwhile).await;
    assert_eq!((one.status, other.status), (Status::Ok, Status::Ok));
    let third = app.browser().at(HERE.into()).log_in(CAROL, PASSWORD).await;
    assert_eq!(third.status, Status::Ok, "the places are free again");
}

/// Judges passwords by blocking its thread until it is told to go on.
struct Blocking {
    arrived: Arc<Semaphore>,
    may_go: Mutex<mpsc::Receiver<()>>,
}

#[async_trait]
impl Hooks for Blocking {
    async fn check_password(&self, _: &str, _: &Password, _: &str) -> Result<FieldErrors> {
        self.arrived.add_permits(1);
        // Longer than any request waits: the test fails rather than hang.
        let _ = self.may_go.lock().unwrap().recv_timeout(Duration::from_secs(60));
        Ok(FieldErrors::new())
    }
}

#[rocket::async_test]
async fn logins_do_not_wait_for_passwords_that_are_judged() {
    let (go, may_go) = mpsc::channel();
    let arrived = Arc::new(Semaphore::new(0));
    let hook = Blocking { arrived: Arc::clone(&arrived), may_go: Mutex::new(may_go) };
    let rocket = rocket_with(Security::default().hooks(hook));
    // One place to hash: a registration that held it while its password is judged would take it.
    let settings = json!({"password": {"threads": 1, "queue": 0}});
    let app = with_ann(TestApp::launch_with(rocket, settings)).await;
    let registration = async {
        let body = json!({"email": BOB, "password": "a ferry leaves at seven"});
        app.browser().post_json("/register", body).await
    };
    let login = async {
        arrived.acquire().await.unwrap().forget();
        let answer = app.browser().log_in(ANN, PASSWORD).await;
        go.send(()).unwrap();
        answer
    };
    let (registered, logged_in) = join(registration, login).await;
    assert_eq!(logged_in.status, Status::Ok, "{}", logged_in.body);
    assert_eq!(registered.status, Status::Ok, "{}", registered.body);
}

/// A bug of the application's.
struct Panicking;

#[async_trait]
impl Hooks for Panicking {
    async fn check_password(&self, _: &str, _: &Password, email: &str) -> Result<FieldErrors> {
        assert_ne!(email, BOB, "this panic is part of the test");
        Ok(FieldErrors::new())
    }
}

#[rocket::async_test]
async fn a_check_that_panics_fails_its_request_alone() {
    let app = TestApp::launch(rocket_with(Security::default().hooks(Panicking))).await;
    let register = async |email: &str| {
        let body = json!({"email": email, "password": "a ferry leaves at seven"});
        app.browser().post_json("/register", body).await.status
    };
    for _ in 0..6 {
        assert_eq!(register(BOB).await, Status::ServiceUnavailable);
    }
    assert_eq!(register(CAROL).await, Status::Ok);
}

#[rocket::async_test]
async fn the_costliest_password_is_judged_and_taken() {
    let app = app_with(json!({})).await;
    let lookalikes = "4@8({[<369!1|0$5+7%2";
    for (email, password) in [
        (ANN, format!("{lookalikes}{}", "\u{1f426}".repeat(80))),
        (BOB, lookalikes.repeat(51)),
        (CAROL, format!("{}marble onion", "ferry seven ".repeat(80))),
    ] {
        let body = json!({"email": email, "password": password});
        let answer = app.browser().post_json("/register", body).await;
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    }
    for password in ["1234567890".repeat(100), "p@ssw0rd".repeat(100), "qwertyuiop".repeat(9)] {
        let body = json!({"email": "dave@example.org", "password": password});
        let answer = app.browser().post_json("/register", body).await;
        assert_eq!(answer.reasons(), ["invalid_input", "password_blocklisted"], "{password}");
    }
}
