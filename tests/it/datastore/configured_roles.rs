//! Roles that guards name, and what the store has of them when an application launches.

use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket, get, routes};
use rocket_security::clock::Clock;
use rocket_security::datastore::{RoleStore, Together};
use rocket_security::testing::{TestApp, TestDatabase};
use rocket_security::{
    Maybe, PermissionName, PermissionsRequired, RoleName, RolesAccepted, RolesRequired, Security,
    SqlxDatastore, UserDatastore,
};
use serde_json::json;

use crate::support::launching::try_launch_on;
use crate::support::store::{migrated, store_on};
use crate::support::users::new_user;
use crate::support::{Admin, EditPosts, Editor, sql};

rocket_security::roles! {
    Nameless = "two words";
}

#[get("/required")]
fn required(_user: RolesRequired<Admin>) {}
#[get("/maybe")]
fn maybe(_user: Maybe<RolesAccepted<(Editor, Admin)>>) {}
#[get("/permitted")]
fn permitted(_user: PermissionsRequired<EditPosts>) {}
#[get("/nameless")]
fn nameless(_user: RolesRequired<Nameless>) {}

fn rocket() -> Rocket<Build> {
    let routes = routes![required, maybe, permitted];
    rocket::build().attach(Security::default()).mount("/", routes)
}

async fn roles(store: &SqlxDatastore) -> Vec<(String, String)> {
    let roles = store.list_roles().await.unwrap().into_iter();
    roles.map(|role| (role.name.to_string(), role.description)).collect()
}

/// Deletes a role as an operator does at a prompt where no foreign key is looked at.
async fn delete_past_foreign_keys(database: &TestDatabase, role: &str) {
    let delete = format!("DELETE FROM security_roles WHERE name = '{role}'");
    match database.url().split(':').next().unwrap() {
        "postgres" => {
            let off = "SET session_replication_role = replica";
            sql::execute(database, &format!("{off}; {delete}")).await;
        }
        "mysql" => sql::execute(database, &format!("SET foreign_key_checks = 0; {delete}")).await,
        _ => sql::execute(database, &format!("PRAGMA foreign_keys = OFF; {delete}")).await,
    }
}

#[rocket::async_test]
async fn a_role_that_was_deleted_by_hand_has_no_power_and_can_be_revoked_and_made_again() {
    let (database, store) = migrated().await;
    let (admin, editor) = (RoleName::parse("admin").unwrap(), RoleName::parse("editor").unwrap());
    let right: PermissionName = "posts.edit".parse().unwrap();
    let nothing = Together::nothing();
    let new = new_user("ann@example.org", Clock::default().now());
    let ann = store.create_user(&new, &nothing).await.unwrap().unwrap().id;
    for role in [&admin, &editor] {
        assert!(store.create_role(role, "").await.unwrap());
    }
    assert!(store.grant_permission(&editor, &right, &nothing).await.unwrap());
    store.include_role(&admin, &editor, &nothing).await.unwrap().unwrap();
    for role in [&admin, &editor] {
        assert!(store.grant_role(ann, role, &nothing).await.unwrap());
    }
    let roles = async || {
        let found = store.find_user(ann).await.unwrap().unwrap();
        assert_eq!(found.permissions, []);
        found.roles.iter().map(RoleName::to_string).collect::<Vec<_>>().join(" ")
    };
    delete_past_foreign_keys(&database, "editor").await;
    assert_eq!(roles().await, "admin");
    let listed = store.list_roles().await.unwrap();
    assert!(listed.iter().all(|role| role.includes.is_empty()));
    assert!(!store.grant_role(ann, &editor, &nothing).await.unwrap());
    assert!(!store.grant_permission(&editor, &right, &nothing).await.unwrap());
    // The launch makes what a guard names, and nobody has it by what was left behind.
    assert!(store.create_role(&editor, "").await.unwrap());
    assert_eq!(roles().await, "admin");
    assert!(!store.create_role(&editor, "").await.unwrap());
    assert!(store.grant_role(ann, &editor, &nothing).await.unwrap());
    assert_eq!(roles().await, "admin editor");
    delete_past_foreign_keys(&database, "editor").await;
    assert!(store.revoke_role(ann, &editor, &nothing).await.unwrap());
}

#[rocket::async_test]
async fn roles_that_are_missing_are_made_and_others_stay_as_they_are() {
    let (database, store) = migrated().await;
    store.create_role(&"admin".parse().unwrap(), "May do everything.").await.unwrap();
    drop(try_launch_on(&database, rocket(), json!({"roles": "create"})).await.unwrap());
    let expected = [("admin", "May do everything."), ("editor", "")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(roles(&store).await, expected);
}

#[rocket::async_test]
async fn in_the_debug_profile_they_are_made_unless_something_else_is_said() {
    let app = TestApp::launch(rocket()).await;
    let roles = app.roles().list_roles().await.unwrap();
    assert_eq!(roles.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["admin", "editor"]);
}

#[rocket::async_test]
async fn a_check_stops_the_launch_until_every_role_is_there() {
    let (database, store) = migrated().await;
    for name in ["Admin", "admin", "editor"] {
        let refused =
            try_launch_on(&database, rocket(), json!({"roles": "check"})).await.err().unwrap();
        assert!(refused.contains("SentinelAborts"), "{refused}");
        assert!(store.create_role(&name.parse().unwrap(), "").await.unwrap(), "{name} was made");
    }
    // That no role has the permission stops nothing.
    drop(try_launch_on(&database, rocket(), json!({"roles": "check"})).await.unwrap());
}

#[rocket::async_test]
async fn who_ignores_them_launches_and_nothing_is_made() {
    let database = TestDatabase::create().await;
    drop(try_launch_on(&database, rocket(), json!({"roles": "ignore"})).await.unwrap());
    assert_eq!(roles(&store_on(&database).await).await, []);
}

#[rocket::async_test]
async fn a_name_that_no_role_can_have_stops_the_launch() {
    let database = TestDatabase::create().await;
    for setting in ["create", "check"] {
        let rocket = rocket().mount("/", routes![nameless]);
        let refused =
            try_launch_on(&database, rocket, json!({"roles": setting})).await.err().unwrap();
        assert!(refused.contains("Nameless"), "{refused}");
    }
    assert_eq!(roles(&store_on(&database).await).await, []);
}

#[rocket::async_test]
async fn instances_that_start_at_once_make_each_role_once() {
    let database = TestDatabase::create().await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        let settings = json!({ "roles": "create" });
        let figment = TestApp::figment(rocket().figment(), &database, settings);
        instances.push(rocket().configure(figment).ignite().await.unwrap());
    }
    // Each has looked before any of them makes what is missing.
    assert_eq!(roles(&store_on(&database).await).await, []);
    let launches = instances.into_iter().map(Client::untracked);
    for launched in rocket::futures::future::join_all(launches).await {
        drop(launched.unwrap());
    }
    let roles = roles(&store_on(&database).await).await;
    assert_eq!(roles.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["admin", "editor"]);
}
