//! A fresh database for each test.

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

/// How many seconds a test waits for the database. A machine that runs many tests may stop for a while.
const CONNECT_TIMEOUT: u64 = 10;

/// A fresh database, which is dropped with this value.
///
/// It is a SQLite file in a temporary folder, unless the environment names a server:
///
/// - `SECURITY_TEST_DATABASE_URL`: the PostgreSQL, MySQL or MariaDB server on which the databases
///   are made, with a role that may make them; it names any database that is there.
/// - `SECURITY_TEST_ADMIN_URL`: where `SECURITY_TEST_DATABASE_URL` is a pooler in transaction mode,
///   such as PgBouncer, the server behind it.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    admin_url: Option<String>,
    keys: String,
    /// Holds the file of a SQLite database.
    _folder: TempDir,
}

impl TestDatabase {
    /// Makes an empty database.
    pub async fn create() -> Self {
        let database = Self::draft();
        if let Some(url) = &database.admin_url {
            create(url).await;
        }
        database
    }

    /// Makes a database that has our tables, so that a launch need not make them; on MySQL and MariaDB it is empty.
    /// On PostgreSQL the database that it is copied from stays on the server: `security_template_…`.
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

    /// Names a database that is not made yet.
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

    /// Returns the URL of the database, as an application reaches it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the database, past a pooler that may stand before it.
    pub fn direct_url(&self) -> &str {
        self.admin_url.as_deref().unwrap_or(&self.url)
    }

    /// Returns the value of the environment variable `ROCKET_DATABASES` that leads a program to this
    /// database.
    pub fn environment(&self) -> String {
        let pooling = has_transaction_pooling();
        format!("{{security={{url={:?},transaction_pooling={pooling}}}}}", self.url)
    }

    /// Returns `figment` with the settings that lead to this database, and with keys of its own.
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
        // A test's own runtime cannot be waited for from within.
        let dropping = thread::spawn(move || {
            let runtime = orderly(Builder::new_current_thread().enable_all().build());
            runtime.block_on(drop_database(&url));
        });
        let _ = dropping.join();
    }
}
