//! The schema: made once, beside whatever else the database holds, and never misunderstood.

use std::path::Path;

use rocket::http::Status;
use rocket_security::clock::NEVER;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::session::{Replaces, SessionRecord};
use rocket_security::datastore::{RoleStore, Together};
use rocket_security::testing::{PASSWORD, TestApp, TestDatabase};
use rocket_security::user::{Level, Method, Proof, Proofs};
use rocket_security::{Error, Security, SqlxDatastore};
use serde_json::json;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::support::files::files_below;
use crate::support::launching::try_launch_on;
use crate::support::store::{migrated, store_on};
use crate::support::{ANN, rocket, rocket_with, sql};

const APPLIED: &str = "security_migrations";

/// Asserts that neither a launch nor a check goes on, and that both say `what` in one line.
async fn assert_refused(database: &TestDatabase, store: &SqlxDatastore, what: &str) {
    for refusal in [store.migrate().await, store.check_schema().await] {
        let refusal = refusal.unwrap_err();
        assert!(matches!(refusal, Error::Schema { .. }), "{refusal:?}");
        let text = refusal.to_string();
        assert!(text.contains(what) && text.lines().count() == 1, "{text}");
    }
    assert!(try_launch_on(database, rocket(), json!({})).await.is_err());
}

/// Returns the number of the newest migration.
fn newest() -> i64 {
    let names = files_below(Path::new("migrations/sqlite"));
    let numbers = names.iter().filter_map(|it| it.file_name()?.to_str()?.get(..4)?.parse().ok());
    numbers.max().unwrap()
}

#[rocket::async_test]
async fn instances_that_start_at_once_make_one_schema() {
    let database = TestDatabase::create().await;
    let mut instances = Vec::new();
    for _ in 0..6 {
        let store = store_on(&database).await;
        instances.push(rocket::tokio::spawn(async move { store.migrate().await }));
    }
    for instance in instances {
        instance.await.unwrap().unwrap();
    }
    assert_eq!(sql::count(&database, APPLIED).await, newest());
    store_on(&database).await.check_schema().await.unwrap();
}

#[rocket::async_test]
async fn migrating_again_changes_nothing() {
    let (database, store) = migrated().await;
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(sql::count(&database, APPLIED).await, newest());
}

#[rocket::async_test]
async fn a_schema_of_a_newer_version_is_refused() {
    let (database, store) = migrated().await;
    let newer = "INSERT INTO security_migrations (version, name, checksum) \
                 SELECT 9999, '9999_hovercraft', checksum FROM security_migrations WHERE version = 1";
    sql::execute(&database, newer).await;
    let what = "is newer than this version, which does not know its migration 9999_hovercraft";
    assert_refused(&database, &store, what).await;
}

#[rocket::async_test]
async fn a_migration_that_was_edited_is_refused() {
    let (database, store) = migrated().await;
    for (from, to) in [(1, 1001), (2, 1), (1001, 2)] {
        let swap = format!("UPDATE security_migrations SET version = {to} WHERE version = {from}");
        sql::execute(&database, &swap).await;
    }
    assert_refused(&database, &store, "has another migration 0001_users than this version").await;
}

#[rocket::async_test]
async fn a_check_tells_what_is_missing_and_makes_nothing() {
    let database = TestDatabase::create().await;
    let store = store_on(&database).await;
    for _ in 0..2 {
        let refusal = store.check_schema().await.unwrap_err().to_string();
        assert!(refusal.contains("lacks migration 0001_users"), "{refusal}");
        assert!(refusal.contains("`rocket-security migrate`"), "{refusal}");
    }
    let check = json!({"migrate": "check"});
    assert!(try_launch_on(&database, rocket(), check.clone()).await.is_err());

    store.migrate().await.unwrap();
    try_launch_on(&database, rocket(), check).await.unwrap();
}

/// What a process that was killed leaves on MySQL, where a table is there before it is noted; the
/// others undo it.
#[cfg(feature = "mysql")]
#[rocket::async_test]
async fn a_migration_that_was_interrupted_is_completed() {
    let (database, store) = migrated().await;
    if !database.url().starts_with("mysql:") {
        return;
    }
    sql::execute(&database, "DROP TABLE security_track").await;
    for version in [1, 4, 6, 16, 17] {
        let forget = format!("DELETE FROM security_migrations WHERE version = {version}");
        sql::execute(&database, &forget).await;
    }
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(sql::count(&database, "security_track").await, 0);
}

#[rocket::async_test]
async fn roles_that_were_there_before_roles_could_include_others_count_on() {
    let app = TestApp::launch(rocket_with(Security::default())).await;
    app.grant(ANN, "admin").await;
    for undo in [
        "DROP TABLE security_roles_included",
        "DROP TABLE security_roles_inclusions",
        "DROP TABLE security_refresh",
        "DROP TABLE security_denylist",
        "DROP TABLE security_personal_tokens",
        "DELETE FROM security_migrations WHERE version IN (12, 13, 14)",
    ] {
        sql::execute(app.database(), undo).await;
    }
    let app = app.restart(rocket_with(Security::default())).await;
    assert_eq!(app.log_in_as(ANN).await.get("/admin").await.body, "the administration");
    let included = "SELECT COUNT(*) FROM security_roles_included WHERE role_name = included_name";
    let number = sql::number(app.database(), included).await;
    assert_eq!(number, sql::count(app.database(), "security_roles").await);
}

/// What a row of an older version says becomes what its user proved.
#[rocket::async_test]
async fn sessions_that_were_there_before_proofs_were_kept_mean_the_same() {
    const SESSIONS: [(&str, &str, bool); 6] = [
        ("password", "password", true),
        ("remember", "remember", false),
        ("remember", "remember", true),
        ("confirm", "confirm", true),
        ("reset", "reset", true),
        ("a \"card\"", "a card", true),
    ];
    let app = TestApp::launch(rocket_with(Security::default())).await;
    let (ann, database, now) = (app.user(ANN).await, app.database(), app.clock().now());
    let mut digests = Vec::new();
    for (at, _) in SESSIONS.iter().enumerate() {
        let proofs = Proofs::from(Proof::new(Method::Totp, now));
        let (token, id) = (Token::random().unwrap(), random_uuid().unwrap());
        let mut session = SessionRecord::new(token.digest(), id, ann.id, 0, proofs, now);
        session.user_agent = Some(at.to_string());
        let begun = app
            .store()
            .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap();
        assert!(begun.is_some());
        digests.push(session.digest);
    }
    let family = {
        let body = json!({"email": ANN, "password": PASSWORD});
        app.browser().post_json("/token", body).await.response("user")
    };
    let time = match database.url().split(':').next() {
        Some("postgres") => "TIMESTAMPTZ",
        Some("mysql") => "DATETIME(6)",
        _ => "TEXT",
    };
    for table in ["sessions", "refresh"] {
        for undo in [
            format!("ALTER TABLE security_{table} DROP COLUMN proofs"),
            format!(
                "ALTER TABLE security_{table} ADD COLUMN authn_via VARCHAR(64) NOT NULL DEFAULT 'password'"
            ),
            format!("ALTER TABLE security_{table} ADD COLUMN authenticated_at {time}"),
            format!("UPDATE security_{table} SET authenticated_at = created_at"),
        ] {
            sql::execute(database, &undo).await;
        }
    }
    let never = match time {
        "TEXT" => "'1970-01-01T00:00:00+00:00'",
        "TIMESTAMPTZ" => "TIMESTAMPTZ '1970-01-01 00:00:00Z'",
        _ => "'1970-01-01 00:00:00'",
    };
    for (at, (word, _, is_proved)) in SESSIONS.iter().enumerate() {
        let time = if *is_proved { "created_at" } else { never };
        let set = format!(
            "UPDATE security_sessions SET authn_via = '{word}', authenticated_at = {time} \
             WHERE user_agent = '{at}'"
        );
        sql::execute(database, &set).await;
    }
    sql::execute(database, "ALTER TABLE security_remember DROP COLUMN proofs").await;
    sql::execute(database, "DELETE FROM security_migrations WHERE version = 17").await;
    let app = app.restart(rocket_with(Security::default())).await;
    for (digest, (_, word, is_proved)) in digests.iter().zip(SESSIONS) {
        let (session, _) = app.store().find_session(digest).await.unwrap().unwrap();
        let at = if is_proved { now } else { NEVER };
        assert_eq!((session.authn_via(), session.authenticated_at()), (word, at));
        assert_eq!(session.proofs.level(), Level::One);
    }
    let refresh = json!({"refresh_token": family["refresh_token"]});
    let answer = app.browser().post_json("/refresh-token", refresh).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

#[rocket::async_test]
async fn a_role_that_an_older_version_makes_beside_this_one_counts() {
    let app = TestApp::launch(rocket_with(Security::default())).await;
    app.grant(ANN, "admin").await;
    sql::execute(app.database(), "DELETE FROM security_roles_included").await;
    let browser = app.log_in_as(ANN).await;
    assert_eq!(browser.get("/admin").await.body, "the administration");
}

#[rocket::async_test]
async fn a_role_in_the_middle_of_a_chain_is_not_deleted_behind_our_back() {
    let (database, store) = migrated().await;
    let names = ["admin", "editor", "reader"].map(|name| name.parse().unwrap());
    for name in &names {
        store.create_role(name, "").await.unwrap();
    }
    for pair in names.windows(2) {
        let nothing = Together::nothing();
        store.include_role(&pair[0], &pair[1], &nothing).await.unwrap().unwrap();
    }
    let delete = |name| format!("DELETE FROM security_roles WHERE name = '{name}'");
    let included = "security_roles_included";
    assert!(sql::try_execute(&database, &delete("editor")).await.is_err());
    assert_eq!(sql::count(&database, included).await, 3 + 2 + 1);
    for (name, left) in [("admin", 2 + 1), ("editor", 1), ("reader", 0)] {
        sql::execute(&database, &delete(name)).await;
        assert_eq!(sql::count(&database, included).await, left);
    }
}

#[rocket::async_test]
async fn two_applications_with_prefixes_of_their_own_share_a_database() {
    let database = TestDatabase::create().await;
    let prefixed = |prefix: &str| {
        let figment = rocket_with(Security::default()).figment().clone();
        let figment = figment.merge(("databases.security.table_prefix", prefix));
        rocket_with(Security::default()).configure(figment)
    };
    let app = TestApp::launch_on(database, prefixed("auth_"), json!({})).await;
    app.grant(ANN, "admin").await;
    assert_eq!(app.log_in_as(ANN).await.get("/admin").await.body, "the administration");
    assert_eq!(sql::count(app.database(), "auth_users").await, 1);
    assert_eq!(sql::count(app.database(), "auth_migrations").await, newest());

    let app = app.restart(prefixed("other_")).await;
    assert_eq!(sql::count(app.database(), "other_users").await, 0);
    assert_eq!(sql::count(app.database(), "auth_sessions").await, 1);
}

#[rocket::async_test]
async fn a_prefix_that_is_no_name_is_refused() {
    let database = TestDatabase::create().await;
    for prefix in ["", "Auth_", "a-b", "1st_", "a b", "x; DROP TABLE y", &"a".repeat(25)] {
        let figment = database
            .figment(rocket::Config::figment())
            .merge(("databases.security.table_prefix", prefix));
        let refusal = SqlxDatastore::connect(&figment).await.unwrap_err().to_string();
        assert!(refusal.starts_with("databases.security.table_prefix: is "), "{refusal}");
    }
}

#[rocket::async_test]
async fn an_application_keeps_its_own_migrations_beside_ours() {
    let (database, store) = migrated().await;
    let own = "CREATE TABLE profiles (id BIGINT NOT NULL PRIMARY KEY)".into_sql_str();
    let own = Migration::new(1, "profiles".into(), MigrationType::Simple, own, false);
    let own = Migrator::with_migrations(vec![own]);
    for _ in 0..2 {
        sql::migrate(&database, &own).await;
        store.migrate().await.unwrap();
    }
    assert_eq!(sql::count(&database, "profiles").await, 0);
    assert_eq!(sql::count(&database, "_sqlx_migrations").await, 1);
    assert_eq!(sql::count(&database, APPLIED).await, newest());
}

#[rocket::async_test]
async fn a_table_of_the_applications_own_is_not_taken_for_ours() {
    let database = TestDatabase::create().await;
    let store = store_on(&database).await;
    sql::execute(&database, "CREATE TABLE security_sessions (sid BIGINT, data VARCHAR(40))").await;
    store.migrate().await.unwrap_err();
    sql::execute(&database, "INSERT INTO security_sessions (sid, data) VALUES (1, 'mine')").await;
    assert_eq!(sql::count(&database, "security_sessions").await, 1);
}
