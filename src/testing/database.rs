//! A new database for each test.

use std::thread;

use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::tokio::runtime::Builder;
use tempfile::TempDir;

use crate::crypto::keys::generate_paserk;
use crate::crypto::random_uuid;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::testing::migrated;
use crate::testing::orderly::orderly;
#[cfg(feature = "postgres")]
use crate::testing::server::scheme;
use crate::testing::server::{
    ADMIN, SERVER, create, database_at, drop_database, has_transaction_pooling,
};

/// The name of the file of a SQLite database.
const FILE: &str = "security.sqlite";

/// How many seconds a test waits for the database. A machine that runs many tests may be slow for a while.
const CONNECT_TIMEOUT: u64 = 10;

/// A new database, which is dropped together with this value.
///
/// It is a SQLite file in a temporary folder, unless the environment names a server:
///
/// - `SECURITY_TEST_DATABASE_URL`: the URL of the PostgreSQL, MySQL or MariaDB server on which the databases
///   are created. It names any existing database, and a role that may create databases.
/// - `SECURITY_TEST_ADMIN_URL`: the URL of the server itself, if `SECURITY_TEST_DATABASE_URL` is a pooler in
///   transaction mode, such as PgBouncer.
///
/// Every method panics if the database or the server fails.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    admin_url: Option<String>,
    keys: String,
    /// Contains the file of a SQLite database.
    _folder: TempDir,
}

impl TestDatabase {
    /// Creates an empty database.
    pub async fn create() -> Self {
        let database = Self::draft();
        if let Some(url) = &database.admin_url {
            create(url).await;
        }
        database
    }

    /// Creates a database with the framework's tables, so that a launch does not have to create them. On
    /// MySQL and MariaDB it is empty.
    ///
    /// On PostgreSQL it is a copy of a database that stays on the server, with the name
    /// `security_template_…`.
    pub async fn create_migrated() -> Self {
        let database = Self::draft();
        match &database.admin_url {
            #[cfg(feature = "sqlite")]
            None => {
                let file = database.url.trim_start_matches("sqlite:");
                orderly(std::fs::write(file, migrated::sqlite_file().await));
            }
            #[cfg(feature = "postgres")]
            Some(url) if scheme(url).starts_with("postgres") => {
                let server = std::env::var(ADMIN).or_else(|_| std::env::var(SERVER));
                let url = orderly(url::Url::parse(url));
                let name = url.path().trim_start_matches('/');
                migrated::create_on_postgres(&orderly(server), name).await;
            }
            Some(url) => create(url).await,
            #[cfg(not(feature = "sqlite"))]
            None => {}
        }
        database
    }

    /// Chooses the name and the keys of a database that does not exist yet.
    fn draft() -> Self {
        let folder = orderly(tempfile::tempdir());
        let keys = orderly(generate_paserk()).expose().clone();
        let name = format!("security_test_{}", orderly(random_uuid()).simple());
        let Ok(server) = std::env::var(SERVER) else {
            let url = format!("sqlite:{}", folder.path().join(FILE).display());
            return Self { url, admin_url: None, keys, _folder: folder };
        };
        let url = database_at(&server, &name);
        let admin_url = std::env::var(ADMIN).map_or(url.clone(), |it| database_at(&it, &name));
        Self { url, admin_url: Some(admin_url), keys, _folder: folder }
    }

    /// Returns the URL with which an application reaches the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the database itself, without a pooler in front of it.
    pub fn direct_url(&self) -> &str {
        self.admin_url.as_deref().unwrap_or(&self.url)
    }

    /// Returns the value for the environment variable `ROCKET_DATABASES` with which another process uses this
    /// database.
    pub fn environment(&self) -> String {
        let pooling = has_transaction_pooling();
        format!("{{security={{url={:?},transaction_pooling={pooling}}}}}", self.url)
    }

    /// Returns `figment` with the settings for this database, and with keys in `security.keys` that belong to
    /// it.
    pub fn figment(&self, figment: Figment) -> Figment {
        figment
            .merge(("databases.security.url", &self.url))
            .join(Serialized::default("databases.security.max_connections", 8))
            .join(Serialized::default("databases.security.connect_timeout", CONNECT_TIMEOUT))
            .merge(("databases.security.transaction_pooling", has_transaction_pooling()))
            .merge(("security.keys", &self.keys))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(url) = self.admin_url.take() else {
            return;
        };
        // A runtime cannot be blocked on from within itself.
        let dropping = thread::spawn(move || {
            let runtime = orderly(Builder::new_current_thread().enable_all().build());
            runtime.block_on(drop_database(&url));
        });
        let _ = dropping.join();
    }
}
