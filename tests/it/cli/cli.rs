//! The command line, run as an operator runs it.

use std::time::Duration;
use std::{fs, thread};

use chrono::TimeDelta;
use rocket::serde::json::{Value, json};
use rocket_security::clock::Clock;
use rocket_security::crypto::hasher::{Hasher, PasswordMatch};
use rocket_security::crypto::keys::Keyring;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::password::Password;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::remember::SeriesRecord;
use rocket_security::datastore::session::{Replaces, SessionRecord};
use rocket_security::datastore::user::UserWithPassword;
use rocket_security::datastore::{OutboxStore, RememberStore, SessionStore, Together};
use rocket_security::user::{Identity, Method, Proof, Proofs};
use rocket_security::{Config, Email, Secret, UserDatastore, UserId, Username};

use crate::support::operator::{CHEAP_HASH, PASSWORD, Place};
use crate::support::users::new_user;

const RELEASE: &str = "[default.security]\nbase_url = \"https://example.org\"\n\
                       [default.databases.security]\nurl = \"sqlite:production.sqlite\"\n";

impl Place {
    /// Makes a confirmed account and gives its id.
    fn make_account(&self, email: &str) -> String {
        let line = format!("users create {email} --confirmed");
        self.run_with_input(&line, &format!("{PASSWORD}\n")).succeeded().trim().to_owned()
    }

    /// Gives the accounts, as `users list --json` tells of them.
    fn accounts(&self) -> Vec<Value> {
        let listed = self.run("users list --json").succeeded();
        listed.lines().map(|line| rocket::serde::json::from_str(line).unwrap()).collect()
    }

    /// Gives what is told of the only account.
    fn account(&self) -> Value {
        let mut accounts = self.accounts();
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        accounts.remove(0)
    }

    /// Makes an account as a registration does that waits for its confirmation.
    async fn register_unproved(&self, email: &str, username: &str) -> UserId {
        let now = Clock::default().now();
        let mut user = new_user(email, now);
        user.username = Some(Username::parse(username).unwrap());
        user.expires_at = Some(now + TimeDelta::hours(48));
        self.store().await.create_user(&user, &Together::nothing()).await.unwrap().unwrap();
        user.id
    }

    async fn credentials(&self, email: &str) -> UserWithPassword {
        let identity = Identity::Email(Email::parse(email).unwrap());
        self.store().await.find_credentials(&identity).await.unwrap().unwrap()
    }
}

#[rocket::async_test]
async fn the_first_administrator_is_made_before_the_first_start() {
    let place = Place::debug();
    place.run("roles create admin").succeeded();
    let line = "users create Ann@example.org --role admin --confirmed";
    let id = place.run_with_input(line, &format!("{PASSWORD}\n")).succeeded();
    let id: UserId = id.trim_end().parse().unwrap();

    let listed = place.run("users list").succeeded();
    let rows: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["EMAIL", "USERNAME", "ID", "ACTIVE", "CONFIRMED", "ROLES"]);
    assert_eq!(rows[1], ["Ann@example.org", "-", &id.to_string(), "yes", "yes", "admin"]);
    assert_eq!(rows.len(), 2);

    let found = place.credentials("ann@example.org").await;
    assert_eq!(found.user.id, id);
    let hash = found.password_hash.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.as_str());
    assert_eq!(verify(PASSWORD, &hash).await, PasswordMatch::Outdated);
    assert_eq!(verify("another sentence entirely", &hash).await, PasswordMatch::No);
}

#[rocket::async_test]
async fn an_account_is_made_with_a_username_under_the_rules_of_a_registration() {
    let place = Place::debug();
    let make = |email: &str, name: &str| {
        place.run(&format!("users create {email} --username {name} --no-password --confirmed"))
    };
    make("ann@example.org", "Alice").succeeded();
    make("bob@example.org", "aIice").refused(&["looks like it, is taken"]);
    make("bob@example.org", "bob").refused(&["4 to 32 characters"]);
    make("bob@example.org", "adm1n").refused(&["not available"]);
    make("bob@example.org", "b@example").refused(&["be an email address"]);
    let listed = place.run("users list").succeeded();
    let rows: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows.len(), rows[1][0], rows[1][1]), (2, "ann@example.org", "Alice"));
    assert_eq!(place.accounts()[0]["username"], "Alice");
    let found = place.credentials("ann@example.org").await;
    assert_eq!(found.user.username.unwrap().as_str(), "Alice");
}

/// Compares as an application with the default parameters does.
async fn verify(
    password: &str,
    hash: &rocket_security::crypto::hasher::PasswordHash,
) -> PasswordMatch {
    let hasher = Hasher::start(&Config::default().password).unwrap();
    let password = Password::parse(&Secret::new(password.to_owned())).unwrap();
    let slot = hasher.reserve().unwrap();
    hasher.verify(&slot, &password, Some(hash), &Token::random().unwrap().digest()).await.unwrap()
}

#[test]
fn the_columns_of_the_list_are_aligned() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    place.make_account("bartholomew@sub.example.org");
    let listed = place.run("users list").succeeded();
    let columns: Vec<Option<usize>> = listed
        .lines()
        .map(|line| ["yes", "ACTIVE"].iter().find_map(|word| line.find(word)))
        .collect();
    assert_eq!(columns.len(), 3);
    assert!(columns.iter().all(|column| *column == columns[0]), "{listed}");
    assert!(listed.lines().all(|line| line.trim_end() == line), "{listed:?}");
}

#[test]
fn nobody_is_there_by_default() {
    let place = Place::debug();
    place.run("migrate").succeeded();
    let listed = place.run("users list");
    assert!(listed.stderr.contains("users create"), "{listed:?}");
    assert_eq!(listed.succeeded(), "");
    assert!(place.accounts().is_empty());
}

#[test]
fn what_only_looks_makes_no_database_and_what_makes_one_says_where() {
    // Whatever the suite runs on, nothing is configured here.
    let place = Place::new("debug", CHEAP_HASH);
    let file = place.path().join("security.sqlite");
    let path = place.path().canonicalize().unwrap().join("security.sqlite").display().to_string();
    for line in [
        "users list",
        "users list --json",
        "users confirm ann@example.org",
        "roles list",
        "roles grant ann@example.org admin",
        "roles delete admin",
        "sessions list ann@example.org",
        "outbox list",
        "personal-tokens list ann@example.org",
        "tokens list ann@example.org",
        "audit verify",
        "audit tail",
    ] {
        place.run(line).refused(&["there is no database", &path, "[default.databases.security]"]);
        assert!(!file.exists(), "{line}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{line}");
    }
    let made = place.run("roles create admin");
    assert!(made.stderr.contains(&format!("Database: sqlite:{path}, just created")), "{made:?}");
    made.succeeded();
    let listed = place.run("roles list");
    assert_eq!(listed.stderr, format!("Database: sqlite:{path}\n"));
}

#[test]
fn the_database_is_named_without_its_password() {
    let toml =
        "[default.databases.security]\nurl = \"postgres://ann:open-sesame@127.0.0.1:1/app\"\n";
    let done = Place::new("debug", toml).run("users list");
    assert!(!done.stderr.contains("open-sesame"), "{done:?}");
}

#[test]
fn a_role_is_deleted_with_what_came_of_it() {
    let place = Place::debug();
    place.run("roles create admin").succeeded();
    place.run("roles create editor").succeeded();
    place.make_account("ann@example.org");
    place.run("roles include admin editor").succeeded();
    place.run("roles grant ann@example.org admin").succeeded();
    assert_eq!(place.account()["included_roles"], json!(["editor"]));
    place.run("roles delete nobody").refused(&["there is no role \"nobody\""]);
    let deleted = place.run("roles delete editor").succeeded();
    assert_eq!(deleted, "The role \"editor\" is deleted.\n");
    assert!(place.account().get("included_roles").is_none());
    assert!(place.run("roles create editor").succeeded().contains("is created"));
    assert!(place.account().get("included_roles").is_none());
}

#[test]
fn the_help_says_how_the_first_administrator_is_made() {
    let place = Place::debug();
    for line in ["--help", "users create --help"] {
        let help = place.run(line).succeeded();
        let example = "rocket-security users create you@example.org --role admin --confirmed";
        assert!(help.contains(example), "{help}");
    }
}

#[test]
fn a_password_that_is_too_short_is_refused_and_leaves_no_account() {
    let place = Place::debug();
    place
        .run_with_input("users create ann@example.org", "short\n")
        .refused(&["Use at least 15 characters."]);
    assert!(place.accounts().is_empty());
}

#[test]
fn the_shortest_password_is_the_configured_one() {
    let place = Place::new("debug", &format!("{CHEAP_HASH}min_length = 40\n"));
    place
        .run_with_input("users create ann@example.org", PASSWORD)
        .refused(&["Use at least 40 characters."]);
}

#[test]
fn a_password_made_of_the_site_or_the_address_is_refused() {
    let toml = format!("[default.security]\nsite_name = \"Harbour Library\"\n{CHEAP_HASH}");
    let place = Place::new("debug", &toml);
    for password in ["Harbour Library", "ann.lee@example.org", "passwordpassword"] {
        place
            .run_with_input("users create ann.lee@example.org", password)
            .refused(&["too easy to guess"]);
    }
    assert!(place.accounts().is_empty());
}

#[test]
fn no_password_is_refused_with_what_to_do() {
    let place = Place::debug();
    for input in ["", "\n", "\r\n"] {
        place.run_with_input("users create ann@example.org", input).refused(&[
            "there is no password",
            "standard input",
            "--no-password",
        ]);
    }
    assert!(place.accounts().is_empty());
}

#[rocket::async_test]
async fn of_a_password_only_the_end_of_its_line_is_cut_off() {
    for end in ["", "\n", "\r\n", "\nanother line\n"] {
        let place = Place::debug();
        let password = format!("  {PASSWORD} ");
        place
            .run_with_input("users create ann@example.org", &format!("{password}{end}"))
            .succeeded();
        let hash = place.credentials("ann@example.org").await.password_hash.unwrap();
        assert_eq!(verify(&password, &hash).await, PasswordMatch::Outdated, "{end:?}");
    }
}

#[test]
fn a_password_of_1024_bytes_is_taken_and_a_longer_one_refused() {
    // Random text: whatever repeats is refused for being guessable.
    let random: String = (0..24).map(|_| Token::random().unwrap().reveal()).collect();
    let place = Place::debug();
    for end in ["", "\n", "\r\n"] {
        place
            .run_with_input("users create bob@example.org", &format!("{}{end}", &random[..1_025]))
            .refused(&["longer than 1024 bytes"]);
    }
    place
        .run_with_input("users create bob@example.org", &"x".repeat(1_000_000))
        .refused(&["longer than 1024 bytes"]);
    place
        .run_with_input("users create ann@example.org", &format!("{}\r\n", &random[..1_024]))
        .succeeded();
    assert_eq!(place.account()["email"], "ann@example.org");
}

#[test]
fn a_password_that_is_no_text_is_refused() {
    let place = Place::debug();
    place
        .run_with(&["users", "create", "ann@example.org"], b"caf\xe9 in another encoding\n")
        .refused(&["not UTF-8"]);
    assert!(place.accounts().is_empty());
}

#[rocket::async_test]
async fn an_account_can_be_made_without_a_password() {
    let place = Place::debug();
    place.run("users create ann@example.org --no-password").succeeded();
    assert_eq!(place.credentials("ann@example.org").await.password_hash, None);
}

#[rocket::async_test]
async fn an_account_without_a_password_is_confirmed_by_its_owner_alone() {
    let place = Place::debug();
    place.run("users create ann@example.org --no-password").succeeded();
    place.run("users confirm ann@example.org").refused(&["has no password", "/confirm"]);
    let found = place.credentials("ann@example.org").await;
    assert_eq!(found.user.confirmed_at, None);
}

#[test]
fn an_unconfirmed_account_is_made_with_a_hint() {
    let place = Place::debug();
    let made = place.run_with_input("users create ann@example.org", PASSWORD);
    assert!(made.stderr.contains("users confirm ann@example.org"), "{made:?}");
    made.succeeded();
    assert_eq!(place.account()["confirmed"], false);
}

#[test]
fn an_unknown_role_leaves_no_account_and_is_told_before_a_password_is_read() {
    let place = Place::debug();
    place.run("roles create editor").succeeded();
    place
        .run("users create ann@example.org --role editor --role admin")
        .refused(&["no role \"admin\"", "rocket-security roles create admin"]);
    assert!(place.accounts().is_empty());
}

#[test]
fn an_address_that_is_taken_is_refused_in_any_spelling() {
    let place = Place::debug();
    let id = place.make_account("ann@example.org");
    place
        .run_with_input("users create ANN@Example.org", PASSWORD)
        .refused(&["has an account already", "roles grant"]);
    assert_eq!(place.account()["id"], id);
}

#[rocket::async_test]
async fn a_registration_that_nobody_confirmed_gives_way_with_its_username() {
    let place = Place::debug();
    place.run("migrate").succeeded();
    let unproved = place.register_unproved("ann@example.org", "annlee").await;
    let create = "users create ann@example.org --confirmed --username";
    place
        .run_with_input(&format!("{create} annlee"), "too short\n")
        .refused(&["at least 15 characters"]);
    assert!(place.store().await.find_user(unproved).await.unwrap().is_some(), "nothing was made");
    let other = place.register_unproved("bob@example.org", "boblee").await;
    place
        .run_with_input(&format!("{create} boblee"), &format!("{PASSWORD}\n"))
        .refused(&["is taken"]);

    place.run_with_input(&format!("{create} annlee"), &format!("{PASSWORD}\n")).succeeded();
    assert!(place.store().await.find_user(unproved).await.unwrap().is_none());
    assert!(place.store().await.find_user(other).await.unwrap().is_some());
    let made = place.credentials("ann@example.org").await.user;
    assert_eq!((made.username.unwrap().as_str(), made.expires_at), ("annlee", None));
    assert!(made.confirmed_at.is_some());
}

#[test]
fn values_that_are_typed_wrong_are_explained() {
    let place = Place::debug();
    place
        .run("users create ann")
        .misspelt("Enter a valid email address, such as name@example.org.");
    place.run("users create ann@example.org --role r\u{f6}le").misspelt("printable ASCII");
    place.run_with(&["roles", "create", "two words"], b"").misspelt("no blank");
    place.run("users").misspelt("Usage:");
    place.run("users create").misspelt("<EMAIL>");
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_misspelt() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::debug();
    let argument = OsStr::from_bytes(b"us\xffers");
    let done = place.command(&[]).arg(argument).output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("Usage: rocket-security"), "{told}");
}

#[test]
fn a_role_is_granted_and_revoked() {
    let place = Place::debug();
    place.run("roles create admin").succeeded();
    place.make_account("ann@example.org");
    let roles = || place.account()["roles"].clone();

    let granted = place.run("roles grant ANN@example.org admin").succeeded();
    assert_eq!(granted, "ann@example.org has the role \"admin\".\n");
    assert_eq!(roles(), rocket::serde::json::json!(["admin"]));
    let again = place.run("roles grant ann@example.org admin").succeeded();
    assert_eq!(again, "ann@example.org has the role \"admin\" already.\n");
    assert_eq!(roles(), rocket::serde::json::json!(["admin"]));

    let revoked = place.run("roles revoke ann@example.org admin").succeeded();
    assert_eq!(revoked, "ann@example.org no longer has the role \"admin\".\n");
    assert_eq!(roles(), rocket::serde::json::json!([]));
    let again = place.run("roles revoke ann@example.org admin").succeeded();
    assert_eq!(again, "ann@example.org did not have the role \"admin\".\n");
}

#[test]
fn a_misspelt_role_or_address_is_neither_granted_nor_revoked() {
    let place = Place::debug();
    place.run("roles create admin").succeeded();
    place.make_account("ann@example.org");
    for verb in ["grant", "revoke"] {
        place
            .run(&format!("roles {verb} ann@example.org Admin"))
            .refused(&["no role \"Admin\"", "roles list"]);
        place
            .run(&format!("roles {verb} anne@example.org admin"))
            .refused(&["anne@example.org has no account", "users list"]);
    }
}

#[test]
fn roles_are_listed_with_what_they_are_for() {
    let place = Place::debug();
    place.run("migrate").succeeded();
    assert!(place.run("roles list").stderr.contains("roles create NAME"));
    place.run("roles create editor").succeeded();
    let arguments = ["roles", "create", "admin", "--description", "May do\neverything"];
    place.run_with(&arguments, b"").succeeded();
    let again = place.run("roles create admin").succeeded();
    assert_eq!(again, "The role \"admin\" exists already and stays as it is.\n");
    assert_eq!(
        place.run("roles list").succeeded(),
        "ROLE    INCLUDES  PERMISSIONS  DESCRIPTION\n\
         admin                          May do everything\n\
         editor\n"
    );
}

#[test]
fn a_role_includes_others_and_shows_it() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    for role in ["admin", "editor", "reader"] {
        place.run(&format!("roles create {role}")).succeeded();
    }
    for (role, its) in [("admin", "editor"), ("admin", "editor"), ("editor", "reader")] {
        let said = place.run(&format!("roles include {role} {its}")).succeeded();
        assert_eq!(said, format!("The role \"{role}\" includes the role \"{its}\".\n"));
    }
    let listed = place.run("roles list").succeeded();
    let rows: Vec<_> = listed.lines().map(str::split_whitespace).map(Vec::from_iter).collect();
    assert_eq!(rows[1..], [vec!["admin", "editor"], vec!["editor", "reader"], vec!["reader"]]);

    // What was given and what came with it are told apart.
    place.run("roles grant ann@example.org admin").succeeded();
    let account = place.account();
    assert_eq!(account["roles"], json!(["admin"]));
    assert_eq!(account["included_roles"], json!(["editor", "reader"]));
    assert!(place.run("users list").succeeded().contains("admin (editor, reader)"));
    let granted = place.run("roles grant ann@example.org reader").succeeded();
    assert_eq!(granted, "ann@example.org has the role \"reader\".\n");
    for expected in ["directly, but still has it:", "did not have the role \"reader\" directly:"] {
        let revoked = place.run("roles revoke ann@example.org reader").succeeded();
        assert!(revoked.contains(expected) && revoked.contains("includes it"), "{revoked}");
    }

    let excluded = place.run("roles exclude admin editor").succeeded();
    assert_eq!(excluded, "The role \"admin\" no longer includes the role \"editor\".\n");
    let again = place.run("roles exclude admin editor").succeeded();
    assert_eq!(again, "The role \"admin\" did not include the role \"editor\".\n");
    assert_eq!(place.account()["included_roles"], json!(null));
    let revoked = place.run("roles revoke ann@example.org reader").succeeded();
    assert_eq!(revoked, "ann@example.org did not have the role \"reader\".\n");
}

#[test]
fn a_role_that_would_include_itself_is_refused() {
    let place = Place::debug();
    for role in ["admin", "editor"] {
        place.run(&format!("roles create {role}")).succeeded();
    }
    place.run("roles include admin editor").succeeded();
    let refused = ["the role \"editor\" cannot include the role \"admin\", which includes it"];
    place.run("roles include editor admin").refused(&refused);
    place.run("roles include admin admin").refused(&["\"admin\" cannot include itself"]);
    for verb in ["include", "exclude"] {
        for pair in ["admin Editor", "Editor admin"] {
            let line = format!("roles {verb} {pair}");
            place.run(&line).refused(&["no role \"Editor\"", "roles list"]);
        }
    }
}

#[test]
fn a_role_is_given_permissions_and_they_are_taken_from_it() {
    let place = Place::debug();
    place.run("roles create editor").succeeded();
    for permission in ["posts.edit", "posts.edit", "posts.delete"] {
        let added = place.run(&format!("roles add-permission editor {permission}")).succeeded();
        assert_eq!(added, format!("The role \"editor\" has the permission \"{permission}\".\n"));
    }
    let listed = place.run("roles list").succeeded();
    assert_eq!(
        listed.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["editor", "posts.delete", "posts.edit"]
    );
    let remove = "roles remove-permission editor posts.edit";
    let removed = place.run(remove).succeeded();
    assert_eq!(removed, "The role \"editor\" no longer has the permission \"posts.edit\".\n");
    let again = place.run(remove).succeeded();
    assert_eq!(again, "The role \"editor\" did not have the permission \"posts.edit\".\n");
    for verb in ["add", "remove"] {
        place
            .run(&format!("roles {verb}-permission Editor posts.edit"))
            .refused(&["no role \"Editor\"", "roles list"]);
    }
    place.run_with(&["roles", "add-permission", "editor", "two words"], b"").misspelt("no blank");
}

#[rocket::async_test]
async fn deactivating_an_account_ends_its_sessions_at_once() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let session = begin_session(&place).await;

    let done = place.run("users deactivate ann@example.org").succeeded();
    assert_eq!(done, "ann@example.org is deactivated, and its sessions have ended.\n");
    assert_eq!(place.account()["active"], false);
    assert!(place.store().await.find_session(&session.digest()).await.unwrap().is_none());
    let again = place.run("users deactivate ann@example.org").succeeded();
    assert_eq!(again, "ann@example.org is deactivated already.\n");

    let done = place.run("users activate ann@example.org").succeeded();
    assert_eq!(done, "ann@example.org is active.\n");
    assert_eq!(place.account()["active"], true);
    assert!(place.store().await.find_session(&session.digest()).await.unwrap().is_none());
}

#[rocket::async_test]
async fn activating_or_confirming_what_is_so_already_ends_no_session() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let session = begin_session(&place).await;
    let done = place.run("users activate ann@example.org").succeeded();
    assert_eq!(done, "ann@example.org is active already.\n");
    let done = place.run("users confirm ann@example.org").succeeded();
    assert_eq!(done, "ann@example.org is confirmed already.\n");
    assert!(place.store().await.find_session(&session.digest()).await.unwrap().is_some());
}

async fn begin_session(place: &Place) -> Token {
    let user = place.credentials("ann@example.org").await.user;
    let (token, now) = (Token::random().unwrap(), Clock::default().now());
    let record = SessionRecord::new(
        token.digest(),
        random_uuid().unwrap(),
        user.id,
        user.epoch,
        Proofs::from(Proof::new(Method::Password, now)),
        now,
    );
    assert!(
        place
            .store()
            .await
            .begin_session(&record, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap()
            .is_some()
    );
    token
}

#[rocket::async_test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    place.run("sessions list ann@example.org").succeeded();
    for _ in 0..3 {
        begin_session(&place).await;
    }
    let listed = place.run("sessions list ann@example.org --json").succeeded();
    let ids: Vec<String> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
    let table = place.run("sessions list ann@example.org").succeeded();
    assert!(ids.iter().all(|id| table.contains(id)), "{table}");

    let answer = place.run(&format!("sessions end ann@example.org {}", ids[1])).succeeded();
    assert_eq!(answer.trim(), "1 session is ended.");
    let table = place.run("sessions list ann@example.org").succeeded();
    assert_eq!(ids.iter().map(|id| table.contains(id)).collect::<Vec<_>>(), [true, false, true]);
    place
        .run(&format!("sessions end ann@example.org {}", ids[1]))
        .refused(&["ann@example.org has no session", "sessions list ann@example.org"]);
    let answer = place.run("sessions end ann@example.org --all").succeeded();
    assert_eq!(answer.trim(), "2 sessions are ended.");
    place.run("sessions list eve@example.org").refused(&["eve@example.org has no account"]);
}

#[rocket::async_test]
async fn a_session_that_an_operator_ends_does_not_come_back_by_a_remembered_browser() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let user = place.credentials("ann@example.org").await.user;
    let (store, now) = (place.store().await, Clock::default().now());
    let mut all = Vec::new();
    for _ in 0..3 {
        let series = SeriesRecord::new(
            Token::random().unwrap().digest(),
            user.id,
            user.epoch,
            Token::random().unwrap().digest(),
            Proofs::from(Proof::new(Method::Password, now)),
            now,
            now + chrono::TimeDelta::days(1),
        );
        assert!(store.create_series(&series, 20).await.unwrap());
        all.push(series.series);
    }
    let token = begin_session(&place).await;
    let (session, _) = store.find_session(&token.digest()).await.unwrap().unwrap();
    let mut named = session;
    named.digest = Token::random().unwrap().digest();
    named.id = random_uuid().unwrap();
    named.series = Some(all[0]);
    assert!(
        store
            .begin_session(&named, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap()
            .is_some()
    );
    place.run(&format!("sessions end ann@example.org {}", named.id)).succeeded();
    assert_eq!(store.find_series(&all[0]).await.unwrap(), None);
    assert!(store.find_series(&all[1]).await.unwrap().is_some());
    let answer = place.run("sessions end ann@example.org --all").succeeded();
    assert_eq!(answer.trim(), "1 session is ended.");
    for series in &all {
        assert_eq!(store.find_series(series).await.unwrap(), None);
    }
}

#[rocket::async_test]
async fn somebody_is_invited_and_the_application_mails_the_link() {
    let place = Place::debug();
    place.run("roles create editor").succeeded();
    place.run("users invite ann@example.org --role editor").succeeded();
    let account = place.account();
    assert_eq!((&account["confirmed"], &account["roles"]), (&json!(false), &json!(["editor"])));
    assert!(place.credentials("ann@example.org").await.password_hash.is_none());
    place.run("roles create author").succeeded();
    place.run("users invite ann@example.org --role author").succeeded();
    assert_eq!(place.account()["roles"], json!(["author", "editor"]), "given beside the other");
    place.run("users invite ANN@example.org").succeeded();
    place
        .run("users invite ann@example.org --role nobody")
        .refused(&["there is no role \"nobody\""]);
    assert_eq!(place.account()["id"], account["id"]);
    let now = Clock::default().now();
    let mails = place.store().await.lease_mail(now, now, 10).await.unwrap();
    assert_eq!(mails.len(), 1, "the newest link only");
    assert_eq!(mails[0].mail.to.as_str(), "ann@example.org", "spelled as in the account");
    let link = mails[0].mail.link.clone().unwrap();
    assert_eq!((mails[0].mail.template.as_str(), link.purpose.as_str()), ("invitation", "invite"));

    // An account that somebody registered and nobody confirmed gives way, and one with an owner does not.
    let unproved = place.register_unproved("carol@example.org", "carol").await;
    place.run("users invite carol@example.org").succeeded();
    assert!(place.store().await.find_user(unproved).await.unwrap().is_none());
    assert_eq!(place.credentials("carol@example.org").await.user.expires_at, None);
    place.make_account("bob@example.org");
    place.run("users invite bob@example.org").refused(&["bob@example.org has an account already"]);
    place
        .run("users invite eve@example.org --role nobody")
        .refused(&["there is no role \"nobody\""]);
}

#[rocket::async_test]
async fn an_operator_starts_a_reset_and_learns_no_link() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let done = place.run("users reset ann@example.org").succeeded();
    assert!(done.contains("1 hour") && !done.contains("/reset/"), "{done}");
    let now = Clock::default().now();
    let mails = place.store().await.lease_mail(now, now, 10).await.unwrap();
    assert_eq!(mails[0].mail.template, "reset_instructions");
    place.run("users reset nobody@example.org").refused(&["nobody@example.org has no account"]);
}

#[rocket::async_test]
async fn an_account_that_is_deactivated_gets_no_link_and_the_operator_is_told() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    place.run("users invite bob@example.org").succeeded();
    for (account, command) in [("ann@example.org", "reset"), ("bob@example.org", "invite")] {
        place.run(&format!("users deactivate {account}")).succeeded();
        place
            .run(&format!("users {command} {account}"))
            .refused(&["is deactivated and gets no link", &format!("users activate {account}")]);
    }
}

#[rocket::async_test]
async fn an_operator_has_a_password_changed() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let session = begin_session(&place).await;
    place.run("users require-change ann@example.org").succeeded();
    assert!(place.credentials("ann@example.org").await.user.must_change);
    assert!(place.store().await.find_session(&session.digest()).await.unwrap().is_none());
    let again = place.run("users require-change ann@example.org").succeeded();
    assert_eq!(again, "ann@example.org has to change the password already.\n");
}

#[test]
fn an_account_is_confirmed() {
    let place = Place::debug();
    place.run_with_input("users create ann@example.org", PASSWORD).succeeded();
    let done = place.run("users confirm Ann@example.org").succeeded();
    assert_eq!(done, "ann@example.org is confirmed.\n");
    assert_eq!(place.account()["confirmed"], true);
}

#[test]
fn an_address_without_an_account_is_not_switched() {
    let place = Place::debug();
    place.run("migrate").succeeded();
    for verb in ["confirm", "activate", "deactivate"] {
        place
            .run(&format!("users {verb} nobody@example.org"))
            .refused(&["nobody@example.org has no account"]);
    }
}

#[rocket::async_test]
async fn the_list_goes_on_behind_its_first_page() {
    let place = Place::debug();
    place.run("migrate").succeeded();
    let store = place.store().await;
    for number in 0..401 {
        let user = new_user(&format!("user{number}@example.org"), Clock::default().now());
        assert!(store.create_user(&user, &Together::nothing()).await.unwrap().is_ok());
    }
    let mut emails: Vec<String> =
        place.accounts().iter().map(|account| account["email"].to_string()).collect();
    emails.sort_unstable();
    emails.dedup();
    assert_eq!(emails.len(), 401);
    assert_eq!(place.run("users list").succeeded().lines().count(), 402);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let place = Place::debug();
    place.make_account("ann@example.org");
    let mut child = place.command(&["users", "list"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.lines().all(|line| line.starts_with("Database: ")), "{told}");
}

#[test]
fn keys_generate_gives_another_valid_key_each_time_and_says_where_to_put_it() {
    // Neither a configuration nor a database is needed.
    let place = Place::new("release", "");
    let keys = [place.run("keys generate"), place.run("keys generate")].map(|done| {
        let (notes, key) = (done.stderr.clone(), done.succeeded());
        let key = key.strip_suffix('\n').unwrap().to_owned();
        assert!(notes.contains("ROCKET_SECURITY"), "{notes}");
        assert!(!notes.contains(&key), "{notes}");
        key
    });
    assert!(keys.iter().all(|key| key.starts_with("k4.local.")));
    // A keyring takes no key twice.
    assert!(Keyring::from_paserk(&keys.map(Secret::new)).is_ok());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn migrating_twice_is_migrating_once() {
    let place = Place::new("release", RELEASE);
    for _ in 0..2 {
        assert_eq!(place.run("migrate").succeeded(), "The schema is up to date.\n");
    }
    assert!(place.accounts().is_empty());
}

#[test]
fn outside_debug_no_other_command_touches_the_schema() {
    let place = Place::new("release", RELEASE);
    for line in ["users list", "roles list", "roles create admin", "users confirm ann@example.org"]
    {
        place.run(line).refused(&["rocket-security migrate"]);
    }
    place.run("migrate").succeeded();
    place.run("roles create admin").succeeded();
    place.make_account("ann@example.org");
    place.run("roles grant ann@example.org admin").succeeded();
}

#[test]
fn a_wrong_key_is_named_with_its_cure() {
    let place = Place::new("debug", "[default.security]\nbase_ulr = \"https://example.org\"\n");
    let cure = "Write \"base_url\", or remove it";
    place.run("users list").refused(&["security.base_ulr: is not a setting", cure]);

    place.configure("[default.security]\nzebra = 1\n");
    let cure = "Remove it, or use one of: base_url, site_name,";
    place.run("users list").refused(&["security.zebra: is not a setting", cure, "register"]);

    place.configure("[default.security.password]\nmin_lenght = 20\n");
    place
        .run("migrate")
        .refused(&["security.password.min_lenght: is not a setting", "\"min_length\""]);

    place.configure("[default.security.password]\nmin_length = 4\n");
    place.run("migrate").refused(&["security.password.min_length: is below 8. Set it to 15"]);
}

#[test]
fn settings_of_an_applications_own_feature_are_left_to_it() {
    let toml = format!("{CHEAP_HASH}[default.security.badges]\ncolour = \"red\"\n");
    Place::new("debug", &toml).run("migrate").succeeded();
}

#[test]
fn a_configuration_that_cannot_be_read_is_not_taken_for_an_empty_one_and_not_quoted() {
    let toml = "[default.security.mail]\nurl = \"smtps://ann:open-sesame@mail.example.org\n";
    let place = Place::new("debug", toml);
    let done = place.run("users list");
    assert!(!done.stderr.contains("open-sesame"), "{done:?}");
    done.refused(&["cannot be read", "line 2", "Rocket.toml"]);
    assert!(!place.path().join("security.sqlite").exists());
}

#[test]
fn a_database_that_cannot_be_opened_is_named_with_its_key() {
    let toml = "[default.databases.security]\nurl = \"sqlite:no-such-folder/security.sqlite\"\n";
    Place::new("debug", toml).run("migrate").refused(&[
        "databases.security.url: names a database",
        "no-such-folder/",
        "cannot be made",
    ]);
}

#[test]
fn parameters_that_no_hash_takes_are_refused_before_a_password_is_read() {
    let place = Place::new("debug", "[default.security.password]\nmemory = 1\n");
    place
        .run("users create ann@example.org")
        .refused(&["security.password.memory: is 1 KiB", "choose at most 262144"]);
}

#[test]
fn release_without_a_database_is_refused() {
    let place = Place::new("release", "[default.security]\nbase_url = \"https://example.org\"\n");
    for line in ["migrate", "users list", "users create ann@example.org --no-password"] {
        place.run(line).refused(&["databases.security.url: is missing. Set url in"]);
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn release_without_a_base_url_is_refused_as_the_launch_is() {
    let place = Place::new("release", "");
    place.run("migrate").refused(&["security.base_url: is missing. Set it to the address people"]);
}

#[test]
fn a_migration_that_was_killed_is_completed_by_the_next() {
    let place = Place::debug();
    // From before the database is reached to after the last table, wherever that is.
    for delay in (0..40).step_by(2) {
        let mut migration = place.command(&["migrate"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        migration.kill().unwrap();
        migration.wait().unwrap();
    }
    place.run("migrate").succeeded();
    place.make_account("ann@example.org");
    assert_eq!(place.account()["email"], "ann@example.org");
}

#[test]
fn migrations_that_run_at_once_make_one_schema() {
    let place = Place::debug();
    let at_once: Vec<_> = (0..4).map(|_| place.command(&["migrate"]).spawn().unwrap()).collect();
    for migration in at_once {
        let output = migration.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    place.make_account("ann@example.org");
}

#[cfg(feature = "postgres")]
#[test]
fn a_server_that_does_not_answer_is_told_of_without_its_password() {
    let toml = "[default.databases.security]\n\
                url = \"postgres://app:open-sesame@127.0.0.1:1/app\"\n";
    let done = Place::new("debug", toml).run("users list");
    assert!(!done.stderr.contains("open-sesame"), "{done:?}");
    done.refused(&["databases.security.url: names a database that cannot be opened", "refused"]);
}
