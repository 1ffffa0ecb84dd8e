//! The command line, run as an operator runs it: the built program, a folder with its
//! `Rocket.toml`, arguments, and what is piped in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::serde::json::Value;
use rocket::tokio::runtime::Builder;
use rocket_security::Config;
use rocket_security::Email;
use rocket_security::Secret;
use rocket_security::SqlxDatastore;
use rocket_security::UserDatastore;
use rocket_security::UserId;
use rocket_security::clock::Clock;
use rocket_security::crypto::hasher::Hasher;
use rocket_security::crypto::hasher::Verified;
use rocket_security::crypto::keys::Keyring;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::password::Password;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::SessionStore;
use rocket_security::datastore::Together;
use rocket_security::datastore::session::SessionRecord;
use rocket_security::datastore::user::Credentials;
use rocket_security::datastore::user::NewUser;
use rocket_security::testing::TestDatabase;
use rocket_security::user::Identity;
use tempfile::TempDir;

const PASSWORD: &str = "my cat sleeps on warm keyboards";

const CHEAP_HASH: &str = "[default.security.password]\nmemory = 8\niterations = 1\n";

const RELEASE: &str = "[default.security]\nbase_url = \"https://example.org\"\n\
                       [default.databases.security]\nurl = \"sqlite:production.sqlite\"\n";

/// A folder in which an operator works.
struct Place {
    folder: TempDir,
    profile: &'static str,
    /// A database on a server, where the suite runs on one.
    database: Option<TestDatabase>,
}

impl Place {
    /// A developer's: cheap hashes, and no database configured unless the suite runs on a server.
    fn debug() -> Self {
        // A test that runs on a runtime of its own cannot wait for another.
        let database = thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(TestDatabase::create())
        });
        let database = database.join().unwrap();
        let is_on_server = !database.url().starts_with("sqlite:");
        Self { database: is_on_server.then_some(database), ..Self::new("debug", CHEAP_HASH) }
    }

    fn new(profile: &'static str, toml: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), profile, database: None };
        place.configure(toml);
        place
    }

    fn configure(&self, toml: &str) {
        fs::write(self.path().join("Rocket.toml"), toml).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command line, words parted by blanks, with nothing on standard input.
    fn run(&self, line: &str) -> Done {
        self.run_with_input(line, "")
    }

    fn run_with_input(&self, line: &str, input: &str) -> Done {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        self.run_with(&arguments, input.as_bytes())
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that reads nothing may have ended by now: then the pipe is closed.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let done = Done {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for (name, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
            assert!(!text.contains(PASSWORD), "{name} shows the password: {text}");
        }
        done
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocket-security"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ROCKET_") {
                command.env_remove(name);
            }
        }
        if let Some(database) = &self.database {
            command.env("ROCKET_DATABASES", database.environment());
        }
        command
            .args(arguments)
            .env("ROCKET_PROFILE", self.profile)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

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

    /// Opens the store as the application does.
    async fn store(&self) -> SqlxDatastore {
        let figment = Figment::from(rocket::Config::debug_default());
        let url = format!("sqlite:{}", self.path().join("security.sqlite").display());
        let figment = match &self.database {
            Some(database) => database.figment(figment),
            None => figment.merge(("databases.security.url", url)),
        };
        SqlxDatastore::connect(&figment).await.unwrap()
    }

    async fn credentials(&self, email: &str) -> Credentials {
        let identity = Identity::Email(Email::parse(email).unwrap());
        self.store().await.find_credentials(&identity).await.unwrap().unwrap()
    }
}

/// What came of a command.
#[derive(Debug)]
struct Done {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Done {
    /// Asserts that it was done, and gives what it printed.
    fn succeeded(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts that it was refused in one line that holds all of `parts`, with nothing printed.
    fn refused(self, parts: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing: {self:?}");
        }
    }

    /// Asserts that it was misspelt, and that the answer holds `part`.
    fn misspelt(self, part: &str) {
        assert_eq!(self.status, Some(2), "{self:?}");
        assert!(self.stderr.contains(part), "{self:?}");
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
    assert_eq!(rows[0], ["EMAIL", "ID", "ACTIVE", "CONFIRMED", "ROLES"]);
    assert_eq!(rows[1], ["Ann@example.org", &id.to_string(), "yes", "yes", "admin"]);
    assert_eq!(rows.len(), 2);

    let found = place.credentials("ann@example.org").await;
    assert_eq!(found.user.id, id);
    let hash = found.password_hash.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.as_str());
    assert_eq!(verify(PASSWORD, &hash).await, Verified::Outdated);
    assert_eq!(verify("another sentence entirely", &hash).await, Verified::No);
}

/// Compares as an application with the default parameters does.
async fn verify(password: &str, hash: &rocket_security::crypto::hasher::PasswordHash) -> Verified {
    let hasher = Hasher::start(&Config::default().password).unwrap();
    let password = Password::parse(&Secret::new(password.to_owned())).unwrap();
    let slot = hasher.reserve().unwrap();
    hasher.verify(&slot, &password, Some(hash)).await.unwrap()
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
    let listed = place.run("users list");
    assert!(listed.stderr.contains("users create"), "{listed:?}");
    assert_eq!(listed.succeeded(), "");
    assert!(place.accounts().is_empty());
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
            .refused(&["guessing programs try"]);
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
        assert_eq!(verify(&password, &hash).await, Verified::Outdated, "{end:?}");
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

#[test]
fn values_that_are_typed_wrong_are_explained() {
    let place = Place::debug();
    place.run("users create ann").misspelt("It looks like name@example.org.");
    place.run("users create ann@example.org --role r\u{f6}le").misspelt("printable ASCII");
    place.run_with(&["roles", "create", "two words"], b"").misspelt("no blank");
    place.run("users").misspelt("Usage:");
    place.run("users create").misspelt("<EMAIL>");
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
    assert_eq!(revoked, "ann@example.org has the role \"admin\" no more.\n");
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
    assert!(place.run("roles list").stderr.contains("roles create NAME"));
    place.run("roles create editor").succeeded();
    let arguments = ["roles", "create", "admin", "--description", "May do\neverything"];
    place.run_with(&arguments, b"").succeeded();
    let again = place.run("roles create admin").succeeded();
    assert_eq!(again, "The role \"admin\" exists already and stays as it is.\n");
    assert_eq!(
        place.run("roles list").succeeded(),
        "ROLE    DESCRIPTION\nadmin   May do everything\neditor\n"
    );
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
    let record = SessionRecord {
        digest: token.digest(),
        id: random_uuid().unwrap(),
        user_id: user.id,
        epoch: user.epoch,
        authn_via: "password".to_owned(),
        client: None,
        user_agent: None,
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
    };
    assert!(place.store().await.begin_session(&record, 20).await.unwrap());
    token
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
        let user = NewUser {
            id: UserId::from_uuid(random_uuid().unwrap()),
            email: Email::parse(&format!("user{number}@example.org")).unwrap(),
            password_hash: None,
            confirmed_at: None,
            created_at: Clock::default().now(),
        };
        assert!(store.create_user(&user, &Together::nothing()).await.unwrap().is_some());
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
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
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
    let cure = "Remove it, or use one of: base_url, site_name,";
    place.run("users list").refused(&["security.base_ulr: is not a setting", cure, "register"]);

    place.configure("[default.security.password]\nmin_lenght = 20\n");
    place.run("migrate").refused(&["security.password.min_lenght: is wrong", "`min_length`"]);

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
    Place::new("debug", toml).run("users list").refused(&[
        "databases.security.url: names a database",
        "no-such-folder/",
        "cannot be made",
    ]);
}

#[test]
fn parameters_that_no_hash_takes_are_refused_before_a_password_is_read() {
    let place = Place::new("debug", "[default.security.password]\nmemory = 1\n");
    place.run("users create ann@example.org").refused(&["security.password", "Argon2"]);
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
