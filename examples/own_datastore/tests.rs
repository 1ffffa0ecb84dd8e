//! The contract of every store, what it leaves to this one, and a member's way through the pages.

use rocket::http::Status;
use rocket_security::clock::Clock;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::session::{Replaces, SessionRecord};
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::{SessionStore, Together};
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use rocket_security::user::{Method, Proof, Proofs, User};
use rocket_security::{Email, RolesRequired, UserDatastore, UserId};
use serde_json::json;
use sqlx::SqliteConnection;
use tempfile::TempDir;

use crate::application;
use crate::store::MemberStore;

mod contract {
    rocket_security::datastore_contract! {
        capabilities: [LapseStore],
        store: crate::tests::store(),
    }
}

/// Creates a separate store in a temporary folder.
async fn store() -> (MemberStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("members.sqlite").display());
    (MemberStore::open(&url).await.unwrap(), folder)
}

fn new_user(address: &str) -> NewUser {
    let id = UserId::from_uuid(random_uuid().unwrap());
    NewUser::new(id, Email::parse(address).unwrap(), Clock::default().now())
}

async fn user(store: &MemberStore) -> User {
    let made = store.create_user(&new_user("ann@example.org"), &Together::nothing()).await;
    made.unwrap().unwrap()
}

async fn execute(store: &MemberStore, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&store.writer).await.unwrap();
}

async fn members(store: &MemberStore) -> i64 {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM members");
    count.fetch_one(&store.readers).await.unwrap()
}

/// Returns a write of the application, committed together: it gives the member the number 1000.
fn renumber() -> Together {
    Together::nothing().and(|connection: &mut SqliteConnection| {
        Box::pin(async move {
            sqlx::query("UPDATE members SET member_number = 1000").execute(connection).await?;
            Ok(())
        })
    })
}

#[rocket::async_test]
async fn what_the_application_does_along_is_committed_with_the_user_or_neither_is() {
    let (store, _folder) = store().await;
    let ann = new_user("ann@example.org");
    store.create_user(&ann, &renumber()).await.unwrap().unwrap();
    assert_eq!(store.find_member(ann.id).await.unwrap().unwrap().number, 1000);
    // Two members cannot have the same number.
    assert!(store.create_user(&new_user("bob@example.org"), &renumber()).await.is_err());
    assert_eq!(members(&store).await, 1);
}

#[rocket::async_test]
async fn a_session_of_another_generation_is_not_found() {
    let (store, _folder) = store().await;
    let ann = user(&store).await;
    let session = SessionRecord::new(
        Token::random().unwrap().digest(),
        random_uuid().unwrap(),
        ann.id,
        ann.epoch,
        Proofs::from(Proof::new(Method::Password, ann.created_at)),
        ann.created_at,
    );
    assert!(
        store
            .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap()
            .is_some()
    );
    assert!(store.find_session(&session.digest).await.unwrap().is_some());
    execute(&store, "UPDATE members SET generation = generation + 1").await;
    assert_eq!(store.find_session(&session.digest).await.unwrap(), None);
}

#[rocket::async_test]
async fn a_member_registers_confirms_logs_in_and_out() {
    let (store, _folder) = store().await;
    let app = TestApp::launch(application(store.clone())).await;
    let ann = app.browser();
    let fields =
        [("email", "Ann@example.org"), ("password", PASSWORD), ("password_confirm", PASSWORD)];
    let answer = ann.post_form("/register", &fields).await;
    assert_eq!((answer.status, members(&store).await), (Status::SeeOther, 1));
    assert_eq!(ann.log_in("ann@example.org", PASSWORD).await.status, Status::BadRequest);

    let link = link_in(&app.newest_mail_to("Ann@example.org").await);
    ann.get(&link).await;
    assert_eq!(ann.post_form("/confirm/link", &[]).await.status, Status::SeeOther);
    assert_eq!(ann.log_in("ann@example.org", PASSWORD).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, "Hello, Ann! You are member number 1.");
    assert_eq!(ann.log_out().await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

rocket_security::roles! { Chair = "chair"; }

#[rocket::get("/minutes")]
fn minutes(user: RolesRequired<Chair>) -> String {
    user.email.to_string()
}

#[rocket::async_test]
async fn a_guard_that_names_a_role_lets_no_member_in_and_keeps_nobody_from_launching() {
    let (store, _folder) = store().await;
    for roles in ["check", "create"] {
        let rocket = application(store.clone()).mount("/", rocket::routes![minutes]);
        let app = TestApp::launch_with(rocket, json!({ "roles": roles })).await;
        let ann = app.log_in_as("ann@example.org").await;
        assert_eq!(ann.get("/minutes").await.status, Status::Forbidden, "{roles}");
    }
}
