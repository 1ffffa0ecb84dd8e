//! What is computed for a password must not tell who has an account, whatever hashes the store has.

use rocket::http::Status;
use rocket::{get, routes};
use rocket_security::features::basic::Basic;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{BasicUser, Security};
use serde_json::{Value, json};

use crate::support::program::{basic_with, get_with};

const OLD: u64 = 64;
const NEW: u64 = 8;
const WRONG: &str = "a wrong password of nobody";

#[get("/feed")]
fn feed(user: BasicUser) -> String {
    user.email.to_string()
}

fn rocket() -> rocket::Rocket<rocket::Build> {
    let security = Security::default().enable(Basic::default());
    rocket::build().attach(security).mount("/", routes![feed])
}

fn parameters(memory: u64) -> Value {
    json!({"password": {"memory": memory}})
}

/// An application whose parameters have changed: it has so many users with old hashes, and so many
/// with new ones.
async fn app_with(old: usize, new: usize) -> TestApp {
    let app = TestApp::launch_with(rocket(), parameters(OLD)).await;
    for number in 0..old {
        app.user(&format!("old{number}@example.org")).await;
    }
    let app = app.restart_with(rocket(), parameters(NEW)).await;
    for number in 0..new {
        app.user(&format!("new{number}@example.org")).await;
    }
    app.sweep().await;
    app
}

/// Returns the work that a request costs.
async fn work(app: &TestApp, request: impl Future<Output = Status>, expected: u16) -> u64 {
    let before = app.hash_work();
    assert_eq!(request.await.code, expected);
    app.hash_work() - before
}

async fn login(app: &TestApp, email: &str) -> u64 {
    let ask = async { app.browser().log_in(email, WRONG).await.status };
    work(app, ask, 400).await
}

#[rocket::async_test]
async fn an_unknown_account_costs_what_a_known_one_costs_after_a_change_of_parameters() {
    let app = app_with(3, 0).await;
    for email in ["old0@example.org", "nobody@example.org"] {
        assert_eq!(login(&app, email).await, OLD, "{email} at /login");
        let form = [("email", email), ("password", WRONG)];
        let page = async { app.browser().post_form("/login", &form).await.status };
        assert_eq!(work(&app, page, 400).await, OLD, "{email} at the page");
        let body = json!({"email": email, "password": WRONG});
        let token = async { app.browser().post_json("/token", body.clone()).await.status };
        assert_eq!(work(&app, token, 400).await, OLD, "{email} at /token");
        let basic = async { get_with(&app, "/feed", basic_with(email, WRONG)).await.status };
        assert_eq!(work(&app, basic, 401).await, OLD, "{email} by Basic");
        let register = async { app.browser().post_json("/register", body.clone()).await.status };
        assert_eq!(work(&app, register, 200).await, NEW + OLD, "{email} at /register");
    }
}

#[rocket::async_test]
async fn unknown_accounts_cost_as_often_what_the_old_hashes_cost_as_known_ones_do() {
    let app = app_with(15, 5).await;
    let mut old = 0;
    for number in 0..200 {
        let email = format!("nobody{number}@example.org");
        let cost = login(&app, &email).await;
        assert!([OLD, NEW].contains(&cost), "{cost}");
        assert_eq!(login(&app, &email).await, cost, "one identity costs the same each time");
        old += u64::from(cost == OLD);
    }
    // Three of four, by a digest under a random key: seven standard deviations to either side.
    assert!((107..193).contains(&old), "{old} of 200");
}

#[rocket::async_test]
async fn the_work_follows_the_store_when_its_hashes_are_replaced() {
    let app = app_with(1, 0).await;
    assert_eq!(login(&app, "nobody@example.org").await, OLD);
    let answer = app.browser().log_in("old0@example.org", PASSWORD).await;
    assert_eq!(answer.status, Status::Ok);
    app.sweep().await;
    assert_eq!(login(&app, "nobody@example.org").await, NEW);
    assert_eq!(login(&app, "old0@example.org").await, NEW);
}

#[rocket::async_test]
async fn the_work_of_a_launch_follows_the_store_at_once() {
    let app = TestApp::launch_with(rocket(), parameters(OLD)).await;
    app.user("old@example.org").await;
    let app = app.restart_with(rocket(), parameters(NEW)).await;
    assert_eq!(login(&app, "nobody@example.org").await, OLD);
}
