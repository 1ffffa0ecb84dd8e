//! All or nothing, as a visitor sees it, and as it then stands in the database.

use rocket::http::Status;
use rocket_security::SqlxPool;
use rocket_security::datastore::Together;
use rocket_security::testing::Answer;
use rocket_security::testing::Browser;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use rocket_security::testing::link_in;
use serde_json::json;
use sqlx::SqlitePool;
use tempfile::TempDir;

use crate::application;

const ANN: &str = "ann@example.org";

/// The application under test, its pool, and the folder of its database.
async fn app() -> (TestApp, SqlitePool, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("together.sqlite").display());
    let pool = SqlxPool::open(&url, 8).await.unwrap();
    let app = TestApp::launch(application(pool.clone()).await.unwrap()).await;
    (app, SqlitePool::clone(&pool), folder)
}

async fn count(pool: &SqlitePool, table: &'static str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(pool).await.unwrap()
}

async fn execute(pool: &SqlitePool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn register(browser: &Browser<'_>, email: &str) -> Answer {
    browser.post_form("/register", &[("email", email), ("password", PASSWORD)]).await
}

async fn register_by_json(browser: &Browser<'_>, email: &str) -> Answer {
    browser.post_json("/register", json!({"email": email, "password": PASSWORD})).await
}

#[rocket::async_test]
async fn who_registers_has_an_account_a_profile_and_a_mail() {
    let (app, pool, _folder) = app().await;
    assert_eq!(register(&app.browser(), ANN).await.status, Status::SeeOther);
    assert_eq!(register_by_json(&app.browser(), "bob@example.org").await.status, Status::Ok);
    assert_eq!(count(&pool, "security_users").await, 2);
    assert_eq!(count(&pool, "profiles").await, 2);
    assert_eq!(app.mail().await.len(), 2);

    let ann = app.browser();
    ann.get(&link_in(&app.newest_mail_to(ANN).await)).await;
    assert_eq!(ann.post_form("/confirm/link", &[]).await.status, Status::SeeOther);
    assert_eq!(ann.log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, "Hello, ann!");
}

#[rocket::async_test]
async fn without_a_profile_there_is_no_account_and_no_mail() {
    let (app, pool, _folder) = app().await;
    execute(&pool, "ALTER TABLE profiles RENAME TO gone").await;
    let answers =
        [register(&app.browser(), ANN).await, register_by_json(&app.browser(), ANN).await];
    for answer in answers {
        assert_eq!(answer.status, Status::ServiceUnavailable);
        assert!(answer.header("Retry-After").is_some());
    }
    assert_eq!(count(&pool, "security_users").await, 0);
    assert_eq!(count(&pool, "security_outbox").await, 0);
    assert!(app.mail().await.is_empty());

    // Nothing is left in the way of another attempt.
    execute(&pool, "ALTER TABLE gone RENAME TO profiles").await;
    assert_eq!(register(&app.browser(), ANN).await.status, Status::SeeOther);
    assert_eq!(count(&pool, "profiles").await, 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn who_registers_again_gets_a_mail_and_no_other_profile() {
    let (app, pool, _folder) = app().await;
    for times in 1..=3 {
        assert_eq!(register(&app.browser(), ANN).await.status, Status::SeeOther);
        assert_eq!(count(&pool, "profiles").await, 1);
        assert_eq!(app.mail().await.len(), times);
    }
}

#[rocket::async_test]
async fn no_address_is_too_long_for_a_name() {
    let (app, pool, _folder) = app().await;
    let address = format!("{}@example.org", "a".repeat(64));
    assert_eq!(register(&app.browser(), &address).await.status, Status::SeeOther);
    assert_eq!(count(&pool, "profiles").await, 1);
}

#[rocket::async_test]
async fn a_deleted_user_takes_the_profile_along() {
    let (app, pool, _folder) = app().await;
    register(&app.browser(), ANN).await;
    let users = app.store().list_users(None, 10).await.unwrap();
    assert!(app.store().delete_user(users[0].id, &Together::nothing()).await.unwrap());
    assert_eq!(count(&pool, "profiles").await, 0);
}

#[rocket::async_test]
async fn both_find_their_tables_up_to_date_at_the_next_launch() {
    let (app, pool, _folder) = app().await;
    drop(app);
    assert!(application(SqlxPool::new(pool.clone())).await.is_ok());
    assert_eq!(count(&pool, "_sqlx_migrations").await, 1);
    assert!(count(&pool, "security_migrations").await > 1);
}
