//! The store in a database, through sqlx.
//!
//! One file a capability, one place a query: the SQL is static text with `?` for its values, and
//! `on_pool!` compiles each body for every driver that is enabled. What differs between
//! databases stands in `dialect.rs`, the schema in `migrations/`.

// Without a driver nothing is left of the bodies, and the type has no value.
#![cfg_attr(not(feature = "sqlite"), allow(unused, reason = "no driver is compiled in"))]

#[macro_use]
mod dialect;
mod attempt;
mod migrations;
mod one_time;
mod outbox;
mod pool;
mod rows;
mod session;
mod track;
mod user;

pub use crate::datastore::sqlx::pool::Backend;
pub use crate::datastore::sqlx::pool::SqlxPool;

use rocket::figment::Figment;
use rocket::figment::value::Dict;

use crate::datastore::sqlx::dialect::Pool;
use crate::error::Error;
use crate::error::Result;

/// The store in an SQL database, chosen by the URL in `[default.databases.security]`.
///
/// Clones share one pool.
#[derive(Clone, Debug)]
pub struct SqlxDatastore {
    pool: Pool,
}

/// The database of the debug profile when none is configured, in the working directory.
pub const DEFAULT_SQLITE_FILE: &str = "security.sqlite";

impl SqlxDatastore {
    /// Uses a pool of SQLite connections, which the application may share.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(pool: SqlxPool<::sqlx::Sqlite>) -> Self {
        Self { pool: Pool::Sqlite(pool) }
    }

    /// Connects to the database of `[default.databases.security]`, or in the debug profile to a
    /// SQLite file in the working directory.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when no database is configured or its driver is not compiled in,
    /// [`Error::Store`] when it cannot be reached.
    pub async fn connect(figment: &Figment) -> Result<Self> {
        check_database_keys(figment)?;
        let url = database_url(figment)?;
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                make_private(&url)?;
                let figment = with_pool_defaults(figment, &url);
                let pool = rocket_db_pools::Pool::init(&figment).await.map_err(Error::store)?;
                Ok(Self::sqlite(pool))
            }
            _ => Err(Error::rocket_config(
                DATABASE_KEY,
                format!("names a database of the kind \"{scheme}\", which is not compiled in"),
                "Use a URL like \"sqlite:security.sqlite\", or enable the cargo feature of its driver",
            )),
        }
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the database cannot be reached, or holds a schema that is newer than
    /// this version or was edited.
    pub async fn migrate(&self) -> Result<()> {
        on_pool!(self, |pool| migrations::run(pool).await)
    }
}

const DATABASE_KEY: &str = "databases.security.url";

/// Refuses keys of `[default.databases.security]` that mean nothing: a misspelt `url` would
/// silently be another database.
fn check_database_keys(figment: &Figment) -> Result<()> {
    let known = [
        "url",
        "min_connections",
        "max_connections",
        "connect_timeout",
        "idle_timeout",
        "extensions",
    ];
    let given = figment.extract_inner::<Dict>("databases.security").unwrap_or_default();
    match given.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::rocket_config(
            format!("databases.security.{key}"),
            "is not a setting",
            format!("Remove it, or use one of: {}", known.join(", ")),
        )),
    }
}

/// Gives the URL of the database. A SQLite file may be written as a bare path.
pub(crate) fn database_url(figment: &Figment) -> Result<String> {
    let given = figment.extract_inner::<String>(DATABASE_KEY);
    match given {
        Ok(url) if url.contains(':') => Ok(url),
        Ok(path) => Ok(format!("sqlite:{path}")),
        Err(fault) if !fault.missing() => Err(Error::rocket_config(
            DATABASE_KEY,
            "is not a text",
            "Write it like \"sqlite:/var/lib/app/security.sqlite\"",
        )),
        Err(_) if crate::config::is_debug(figment) => Ok(format!("sqlite:{DEFAULT_SQLITE_FILE}")),
        Err(_) => Err(Error::rocket_config(
            DATABASE_KEY,
            "is missing",
            "Set url in [default.databases.security], for example \"sqlite:/var/lib/app/security.sqlite\"",
        )),
    }
}

/// Completes `[default.databases.security]` as Rocket does for its own pools.
#[cfg(feature = "sqlite")]
fn with_pool_defaults(figment: &Figment, url: &str) -> Figment {
    let workers: usize = figment.extract_inner(rocket::Config::WORKERS).unwrap_or(4);
    figment
        .focus("databases.security")
        .join(("max_connections", workers * 4))
        .join(("connect_timeout", 3))
        .merge(("url", url))
}

/// Makes the file of a SQLite database for its owner alone (mode 0600), if it is not there: it
/// holds addresses and hashes. SQLite gives its log the same mode.
#[cfg(feature = "sqlite")]
fn make_private(url: &str) -> Result<()> {
    use std::str::FromStr;
    let options = ::sqlx::sqlite::SqliteConnectOptions::from_str(url).map_err(failed)?;
    let path = options.get_filename();
    let is_file = !path.as_os_str().is_empty()
        && !path.starts_with(":memory:")
        && !path.to_string_lossy().starts_with("file:");
    if !is_file || path.exists() {
        return Ok(());
    }
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(_) => Ok(()),
        Err(fault) => Err(Error::rocket_config(
            DATABASE_KEY,
            format!("names the file {}, which cannot be made: {fault}", path.display()),
            "Make its folder, or name another in [default.databases.security]",
        )),
    }
}

/// Wraps a failure of the database.
fn failed(fault: ::sqlx::Error) -> Error {
    Error::store(fault)
}
