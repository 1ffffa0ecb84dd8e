//! Tests that users and profiles are created together or not at all, through requests and in the database.

use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::SqlxPool;
use rocket_security::datastore::Together;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp, link_in};
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
    (app, SqlitePool::clone(pool.as_sqlx()), folder)
}

async fn count(pool: &SqlitePool, table: &'static str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(pool).await.unwrap()
}

async fn execute(pool: &SqlitePool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn register(browser: &Browser<'_>, email: &str, name: &str) -> Answer {
    let fields = [
        ("email", email),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
        ("display_name", name),
        ("terms", "true"),
    ];
    browser.post_form("/register", &fields).await
}

async fn register_by_json(browser: &Browser<'_>, email: &str, name: &str) -> Answer {
    let body = json!({"email": email, "password": PASSWORD, "display_name": name, "terms": true});
    browser.post_json("/register", body).await
}

#[rocket::async_test]
async fn who_registers_has_an_account_a_profile_and_a_mail() {
    let (app, pool, _folder) = app().await;
    assert_eq!(register(&app.browser(), ANN, "Ann").await.status, Status::SeeOther);
    assert_eq!(register_by_json(&app.browser(), "bob@example.org", "Bob").await.status, Status::Ok);
    assert_eq!(count(&pool, "security_users").await, 2);
    assert_eq!(count(&pool, "profiles").await, 2);
    assert_eq!(app.mail().await.len(), 2);

    let ann = app.browser();
    ann.get(&link_in(&app.newest_mail_to(ANN).await)).await;
    assert_eq!(ann.post_form("/confirm/link", &[]).await.status, Status::SeeOther);
    assert_eq!(ann.log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, "Hello, Ann!");
}

#[rocket::async_test]
async fn without_a_profile_there_is_no_account_and_no_mail() {
    let (app, pool, _folder) = app().await;
    execute(
        &pool,
        "CREATE TRIGGER full BEFORE INSERT ON profiles BEGIN SELECT RAISE(FAIL, 'full'); END",
    )
    .await;
    let answers = [
        register(&app.browser(), ANN, "Ann").await,
        register_by_json(&app.browser(), ANN, "Ann").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, Status::ServiceUnavailable);
        assert!(answer.header("Retry-After").is_some());
    }
    assert_eq!(count(&pool, "security_users").await, 0);
    assert_eq!(count(&pool, "security_outbox").await, 0);
    assert!(app.mail().await.is_empty());

    // The failed attempt does not block another one.
    execute(&pool, "DROP TRIGGER full").await;
    assert_eq!(register(&app.browser(), ANN, "Ann").await.status, Status::SeeOther);
    assert_eq!(count(&pool, "profiles").await, 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn who_registers_again_gets_a_mail_and_no_other_profile() {
    let (app, pool, _folder) = app().await;
    for times in 1..=3 {
        let name = format!("Ann {times}");
        assert_eq!(register(&app.browser(), ANN, &name).await.status, Status::SeeOther);
        assert_eq!(count(&pool, "profiles").await, 1);
        assert_eq!(app.mail().await.len(), times);
    }
}

#[rocket::async_test]
async fn a_name_tells_nobody_who_has_an_account() {
    let (app, pool, _folder) = app().await;
    assert_eq!(register(&app.browser(), ANN, "Ann").await.status, Status::SeeOther);
    // An attacker tries an address that has an account and one that has none, each with a different
    // name, and then both names again.
    let strangers = [(ANN, "Known"), ("bob@example.org", "Unknown")];
    let mut answers = Vec::new();
    for (email, name) in strangers {
        let first = register_by_json(&app.browser(), email, name).await;
        let probe = format!("probe-{}@example.org", name.to_lowercase());
        let second = register_by_json(&app.browser(), &probe, name).await;
        answers.push([(first.status, first.reasons()), (second.status, second.reasons())]);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][0].0, Status::Ok);
    assert_eq!((count(&pool, "security_users").await, count(&pool, "profiles").await), (4, 4));
}

#[rocket::async_test]
async fn many_may_have_one_name_at_once() {
    let (app, pool, _folder) = app().await;
    let register = async |number: u32| {
        register_by_json(&app.browser(), &format!("ann{number}@example.org"), "Ann").await
    };
    let answers = join_all((0..8).map(register)).await;
    assert!(answers.iter().all(|answer| answer.status == Status::Ok));
    assert_eq!((count(&pool, "security_users").await, count(&pool, "profiles").await), (8, 8));
    assert_eq!(app.mail().await.len(), 8);
}

#[rocket::async_test]
async fn a_name_is_missing_or_too_long_and_the_terms_are_not_accepted() {
    let (app, pool, _folder) = app().await;
    for name in ["", " ", &"a".repeat(41)] {
        let fields = [
            ("email", ANN),
            ("password", PASSWORD),
            ("password_confirm", PASSWORD),
            ("display_name", name),
        ];
        let page = app.browser().post_form("/register", &fields).await;
        assert_eq!(page.status, Status::BadRequest);
        for field in ["display_name", "terms"] {
            assert!(page.body.contains(&format!("id=\"error-{field}\"")), "{}", page.body);
        }
    }
    assert_eq!(count(&pool, "security_users").await, 0);
}

#[rocket::async_test]
async fn a_deleted_user_takes_the_profile_along() {
    let (app, pool, _folder) = app().await;
    register(&app.browser(), ANN, "Ann").await;
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
