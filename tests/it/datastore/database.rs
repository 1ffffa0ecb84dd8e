//! The database: shared with the application, and gone.

use rocket::futures::future::BoxFuture;
use rocket::http::Status;
use rocket::{get, routes};
use rocket_db_pools::{Connection, Database};
use rocket_security::features::login::Login;
use rocket_security::features::logout::Logout;
use rocket_security::testing::{PASSWORD, TestApp, TestDatabase};
use rocket_security::{AuthUser, Maybe, Security, SqlxDatastore, SqlxPool};
use serde_json::json;

use crate::support::ANN;

/// Gives an application with a pool of its own on the database, and a route that uses it.
macro_rules! sharing {
    ($database:ty) => {{
        #[derive(Database)]
        #[database("security")]
        struct Db(SqlxPool<$database>);

        #[get("/count")]
        async fn count(_user: AuthUser, mut db: Connection<Db>) -> String {
            let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM security_users")
                .persistent(false)
                .fetch_one(&mut **db)
                .await
                .unwrap();
            count.to_string()
        }

        rocket::build().attach(Security::fairing()).attach(Db::init()).mount("/", routes![count])
    }};
}

/// Gives a pool of whichever kind the database is, and the store on it.
macro_rules! pool_and_store {
    ($database:ty, $store:path, $url:expr) => {{
        let figment = rocket::figment::Figment::from(("url", $url))
            .merge(("max_connections", 4))
            .merge(("connect_timeout", 2));
        let pool = <SqlxPool<$database> as rocket_db_pools::Pool>::init(&figment).await.unwrap();
        let close: Box<dyn FnOnce() -> BoxFuture<'static, ()>> = {
            let pool = pool.clone();
            Box::new(move || Box::pin(async move { pool.as_sqlx().close().await }))
        };
        (close, $store(pool))
    }};
}

#[get("/")]
fn index(user: Maybe<AuthUser>) -> &'static str {
    if user.0.is_some() { "a member" } else { "a guest" }
}

#[get("/me")]
fn me(user: AuthUser) -> String {
    user.email.to_string()
}

#[rocket::async_test]
async fn an_application_shares_the_database_through_our_pool_type() {
    let database = TestDatabase::create().await;
    let rocket = match database.url().split(':').next().unwrap() {
        #[cfg(feature = "postgres")]
        "postgres" => sharing!(sqlx::Postgres),
        #[cfg(feature = "mysql")]
        "mysql" => sharing!(sqlx::MySql),
        _ => sharing!(sqlx::Sqlite),
    };
    let app = TestApp::launch_on(database, rocket, json!({})).await;
    assert_eq!(app.log_in_as(ANN).await.get("/count").await.body, "1");
}

#[rocket::async_test]
async fn connections_are_opened_with_a_log_foreign_keys_and_a_wait_for_locks() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("db.sqlite").display());
    let figment = rocket::figment::Figment::from(("url", url))
        .merge(("max_connections", 1))
        .merge(("connect_timeout", 3));
    let pool = <SqlxPool<sqlx::Sqlite> as rocket_db_pools::Pool>::init(&figment).await.unwrap();
    let pragma = async |sql: &'static str| -> String {
        let row: (String,) = sqlx::query_as(sql).fetch_one(pool.as_sqlx()).await.unwrap();
        row.0
    };
    assert_eq!(pragma("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
    assert_eq!(pragma("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await, "1");
    assert_eq!(pragma("SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout").await, "2000");
}

#[rocket::async_test]
async fn a_pool_whose_connections_are_set_otherwise_than_is_needed_stops_the_launch() {
    let database = TestDatabase::create().await;
    let refused = match database.url().split(':').next().unwrap() {
        #[cfg(feature = "mysql")]
        "mysql" => {
            let options = sqlx::mysql::MySqlPoolOptions::new().after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::Executor::execute(connection, "SET SESSION sql_mode = ''").await.map(drop)
                })
            });
            let pool = options.connect(database.url()).await.unwrap();
            SqlxDatastore::mysql(SqlxPool::new(pool)).migrate().await.unwrap_err().to_string()
        }
        #[cfg(feature = "postgres")]
        "postgres" => return,
        _ => {
            let options: sqlx::sqlite::SqliteConnectOptions = database.url().parse().unwrap();
            let options = options.create_if_missing(true).foreign_keys(false);
            let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
            SqlxDatastore::sqlite(SqlxPool::new(pool)).migrate().await.unwrap_err().to_string()
        }
    };
    assert!(refused.contains("foreign_keys") || refused.contains("sql_mode"), "{refused}");
    assert!(refused.contains("SqlxPool::open"), "{refused}");
}

#[rocket::async_test]
async fn a_store_that_is_down_is_503_never_401_and_takes_no_cookie() {
    let database = TestDatabase::create().await;
    let url = database.url().to_owned();
    let (close, store) = match url.split(':').next().unwrap() {
        #[cfg(feature = "postgres")]
        "postgres" => pool_and_store!(sqlx::Postgres, SqlxDatastore::postgres, &url),
        #[cfg(feature = "mysql")]
        "mysql" => pool_and_store!(sqlx::MySql, SqlxDatastore::mysql, &url),
        _ => pool_and_store!(sqlx::Sqlite, SqlxDatastore::sqlite, &url),
    };
    let store = store.with_transaction_pooling();
    store.migrate().await.unwrap();
    let security = Security::new(store).enable(Login::default()).enable(Logout::default());
    let rocket = rocket::build().attach(security).mount("/", routes![index, me]);
    let app = TestApp::launch_on(database, rocket, json!({})).await;
    let ann = app.log_in_as(ANN).await;
    let token = ann.csrf_token().await;
    close().await;

    for path in ["/me", "/", "/login", "/logout"] {
        for answer in [ann.get(path).await, ann.get_json(path).await] {
            assert_eq!(answer.status, Status::ServiceUnavailable, "{path}");
            assert_eq!(answer.header("Retry-After"), Some("2"), "{path}");
            assert_eq!(answer.header("Set-Cookie"), None, "{path}");
        }
    }
    let answer = ann.post_form_as_is("/logout", &[("csrf_token", &token)]).await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert!(ann.cookie("security_session").is_some());

    assert_eq!(app.browser().get("/").await.body, "a guest", "guests need no store");
    let login = app.browser().log_in(ANN, PASSWORD).await;
    assert_eq!(
        (login.status, login.reasons()),
        (Status::ServiceUnavailable, vec!["unavailable".into()])
    );
}

#[cfg(unix)]
#[rocket::async_test]
async fn the_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let url = format!("sqlite:{}", path.display());
    let figment = rocket::Config::figment().merge(("databases.security.url", url));
    let store = SqlxDatastore::connect(&figment).await.unwrap();
    store.migrate().await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
}
