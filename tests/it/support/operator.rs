//! An operator: the built program, a folder with its `Rocket.toml`, arguments, and what is piped in.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use rocket::figment::Figment;
use rocket::tokio::runtime::Builder;
use rocket::{Build, Rocket};
use rocket_security::SqlxDatastore;
use rocket_security::config::TokenPurpose;
use rocket_security::testing::{TestApp, TestDatabase};
use serde_json::json;
use tempfile::TempDir;

use crate::support::tokens::{ISSUER, key};

pub(crate) const PASSWORD: &str = "my cat sleeps on warm keyboards";

pub(crate) const CHEAP_HASH: &str = "[default.security.password]\nmemory = 8\niterations = 1\n";

/// A folder in which an operator works.
pub(crate) struct Place {
    folder: TempDir,
    profile: &'static str,
    /// A database on a server, where the suite runs on one.
    database: Option<TestDatabase>,
    /// What leads the program to a database, if its folder does not.
    databases: Option<String>,
}

impl Place {
    /// A developer's: cheap hashes, and no database configured unless the suite runs on a server.
    pub(crate) fn debug() -> Self {
        // A test that runs on a runtime of its own cannot wait for another.
        let database = thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(TestDatabase::create())
        });
        let database = database.join().unwrap();
        let is_on_server = !database.url().starts_with("sqlite:");
        let place = Self::new("debug", CHEAP_HASH);
        if !is_on_server {
            return place;
        }
        Self { databases: Some(database.environment()), database: Some(database), ..place }
    }

    /// A developer's, beside an application that is running.
    pub(crate) fn beside(database: &TestDatabase) -> Self {
        let databases = Some(database.environment());
        Self { databases, ..Self::new("debug", CHEAP_HASH) }
    }

    pub(crate) fn new(profile: &'static str, toml: &str) -> Self {
        let place =
            Self { folder: tempfile::tempdir().unwrap(), profile, database: None, databases: None };
        place.configure(toml);
        place
    }

    pub(crate) fn configure(&self, toml: &str) {
        fs::write(self.path().join("Rocket.toml"), toml).unwrap();
    }

    /// Has these settings in `[default.security.tokens]`, and cheap hashes.
    pub(crate) fn configure_tokens(&self, settings: &str) {
        self.configure(&format!("{CHEAP_HASH}[default.security.tokens]\n{settings}\n"));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command line, words parted by blanks, with nothing on standard input.
    pub(crate) fn run(&self, line: &str) -> Done {
        self.run_with_input(line, "")
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Done {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        self.run_with(&arguments, input.as_bytes())
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Done {
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

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocket-security"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ROCKET_") {
                command.env_remove(name);
            }
        }
        if let Some(databases) = &self.databases {
            command.env("ROCKET_DATABASES", databases);
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

    /// Opens the store as the application does.
    pub(crate) async fn store(&self) -> SqlxDatastore {
        let figment = Figment::from(rocket::Config::debug_default());
        let url = format!("sqlite:{}", self.path().join("security.sqlite").display());
        let figment = match &self.database {
            Some(database) => database.figment(figment),
            None => figment.merge(("databases.security.url", url)),
        };
        SqlxDatastore::connect(&figment).await.unwrap()
    }
}

/// An application, and an operator who works beside it with its keys.
pub(crate) async fn app_with_an_operator(rocket: Rocket<Build>) -> (TestApp, Place) {
    let key = key(TokenPurpose::Local);
    let settings = json!({"tokens": {"keys": key, "issuer": ISSUER}});
    let app = TestApp::launch_with(rocket, settings).await;
    let place = Place::beside(app.database());
    place.configure_tokens(&format!("keys = \"{key}\"\nissuer = \"{ISSUER}\""));
    (app, place)
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Asserts that it was done, and gives what it printed.
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts that it was refused in one line that holds all of `parts`, with nothing printed.
    pub(crate) fn refused(self, parts: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let told = self.stderr.lines().filter(|line| !line.starts_with("Database: "));
        let told: Vec<&str> = told.collect();
        assert!(matches!(told.as_slice(), [line] if line.starts_with("error: ")), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing: {self:?}");
        }
    }

    /// Asserts that it was misspelt, and that the answer holds `part`.
    pub(crate) fn misspelt(self, part: &str) {
        assert_eq!(self.status, Some(2), "{self:?}");
        assert!(self.stderr.contains(part), "{self:?}");
    }
}
