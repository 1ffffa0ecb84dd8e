//! The database does not answer, or not in time: 503, never 401, and nothing is lost or done twice.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket::tokio::time::sleep;
use rocket::tokio::{join, spawn};
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{Answer, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::support::{ANN, BOB, SESSION, rocket, sql};

/// Asserts that an answer says that the store is down, in time, and takes nothing away.
fn assert_unavailable(answer: &Answer, begun: Instant) {
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
    assert_eq!(answer.reasons(), ["unavailable"]);
    assert_eq!(answer.header("Retry-After"), Some("2"));
    assert_eq!(answer.header("Set-Cookie"), None);
}

#[rocket::async_test]
async fn a_lock_that_is_held_for_long_is_503_in_time_and_takes_nothing_away() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    app.user(BOB).await;
    let mut other = sql::Other::begin(app.database()).await;
    other.run("SELECT id FROM security_users FOR UPDATE").await;

    let begun = Instant::now();
    assert_unavailable(&app.browser().log_in(BOB, PASSWORD).await, begun);
    assert_eq!(ann.get("/me").await.body, ANN, "whoever only reads waits for nobody");
    assert!(ann.cookie(SESSION).is_some());

    other.run("ROLLBACK").await;
    assert_eq!(app.browser().log_in(BOB, PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_session_whose_use_cannot_be_noted_is_recognised_all_the_same() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let mut other = sql::Other::begin(app.database()).await;
    other.run("SELECT digest FROM security_sessions FOR UPDATE").await;

    app.clock().advance(TimeDelta::minutes(2));
    let begun = Instant::now();
    assert_eq!(ann.get("/me").await.body, ANN);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    other.run("ROLLBACK").await;
}

#[rocket::async_test]
async fn connections_that_were_killed_are_replaced_without_a_word() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..3 {
        sql::kill_connections(app.database()).await;
        for _ in 0..4 {
            assert_eq!(ann.get("/me").await.body, ANN);
        }
        sql::kill_connections(app.database()).await;
        assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    }
}

#[rocket::async_test]
async fn a_change_that_a_deadlock_undoes_is_done_once_all_the_same() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let user = app.user(ANN).await;
    let mut other = sql::Other::begin(app.database()).await;
    // MySQL undoes whoever has changed fewer rows.
    for number in 0..30 {
        let role =
            format!("INSERT INTO security_roles (name, description) VALUES ('r{number}', '')");
        other.run(&role).await;
    }
    other.run("UPDATE security_sessions SET user_agent = 'other'").await;
    let change = {
        let store = app.store().clone();
        let (change, nothing) = (UserChange::active(true), Together::nothing());
        spawn(async move { store.update_user(user.id, &change, &nothing).await })
    };
    sleep(Duration::from_millis(300)).await;
    // The change holds the user and waits for the session; now each waits for the other.
    other.run("UPDATE security_users SET active = active").await;
    other.run("COMMIT").await;

    let changed = change.await.unwrap().unwrap().unwrap();
    assert_eq!(changed.epoch, user.epoch + 1);
    assert_eq!(app.user(ANN).await.epoch, user.epoch + 1);
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

/// Launches an application that waits for the database for as long as one that sets nothing.
async fn app() -> TestApp {
    launch(8, json!({})).await
}

/// The same, with a pool of one connection.
async fn app_with_one_connection(security: Value) -> TestApp {
    launch(1, security).await
}

async fn launch(connections: u32, security: Value) -> TestApp {
    let figment = rocket().figment().clone();
    let figment = figment
        .merge(("databases.security.max_connections", connections))
        .merge(("databases.security.connect_timeout", 2));
    TestApp::launch_with(rocket().configure(figment), security).await
}

#[rocket::async_test]
async fn without_a_free_connection_it_is_503_in_time_or_what_it_should_be() {
    let app = app_with_one_connection(json!({})).await;
    let ann = app.log_in_as(ANN).await;
    app.user(BOB).await;
    let mut other = sql::Other::begin(app.database()).await;
    other.run("SELECT id FROM security_users FOR UPDATE").await;

    let (begun, bob) = (Instant::now(), app.browser());
    let (login, me) = join!(bob.log_in(BOB, PASSWORD), ann.get_json("/me"));
    assert_unavailable(&login, begun);
    assert!(matches!(me.status, Status::Ok | Status::ServiceUnavailable), "{}", me.status);
    assert_eq!(me.header("Set-Cookie"), None);

    other.run("ROLLBACK").await;
    assert_eq!(ann.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn nobody_holds_a_connection_while_waiting_for_a_hash() {
    let slow = json!({"threads": 1, "memory": 65_536, "iterations": 4});
    let app = app_with_one_connection(json!({"password": slow})).await;
    let ann = app.log_in_as(ANN).await;
    let logins = join_all((0..8).map(|_| async { app.browser().log_in(ANN, PASSWORD).await }));
    let visits = async {
        for _ in 0..8 {
            assert_eq!(ann.get("/me").await.body, ANN);
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (logins, ()) = join!(logins, visits);
    for login in logins {
        assert_eq!(login.status, Status::Ok, "{}", login.body);
    }
}
