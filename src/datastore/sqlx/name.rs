//! Which database a pool leads to, in words.

use std::any::Any;
use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;

use rocket::figment::Figment;

use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::pool::Options;
use crate::datastore::sqlx::{SqlxDatastore, database_url};
use crate::error::Result;

/// The kind and the place of a database, without its users and passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseName {
    text: String,
    /// The file of a SQLite database that is not in memory.
    file: Option<PathBuf>,
}

impl DatabaseName {
    /// Names the database of `[default.databases.security]`, or in the debug profile the SQLite file that
    /// stands for it. Returns `None` for a URL that no driver understands.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) when no database is configured.
    pub(crate) fn configured(figment: &Figment) -> Result<Option<Self>> {
        let url = database_url(figment)?;
        Ok(match url.split(':').next().unwrap_or_default() {
            #[cfg(feature = "sqlite")]
            "sqlite" => of_url::<::sqlx::Sqlite>(&url),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => of_url::<::sqlx::Postgres>(&url),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => of_url::<::sqlx::MySql>(&url),
            _ => None,
        })
    }

    /// Names a file.
    #[cfg(feature = "sqlite")]
    pub(super) fn of_file(path: &Path) -> Self {
        let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = path.canonicalize().unwrap_or_else(|_| absolute());
        Self { text: format!("sqlite:{}", file.display()), file: Some(file) }
    }

    /// Names a database in memory.
    #[cfg(feature = "sqlite")]
    pub(super) fn in_memory() -> Self {
        Self { text: "sqlite::memory:".to_owned(), file: None }
    }

    /// Names a database on a server.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) fn on_server(kind: &str, host: &str, port: u16, database: &str) -> Self {
        // A socket's folder stands for the host, too.
        let host = if host == "localhost" { "127.0.0.1" } else { host };
        Self { text: format!("{kind}://{host}:{port}/{database}"), file: None }
    }

    /// Checks whether it is a SQLite file that does not exist.
    #[cfg(feature = "cli")]
    pub(crate) fn is_missing(&self) -> bool {
        self.file.as_ref().is_some_and(|file| !file.exists())
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn of_url<DB: Dialect>(url: &str) -> Option<DatabaseName>
where
    Options<DB>: FromStr<Err = ::sqlx::Error>,
{
    Options::<DB>::from_str(url).ok().map(|options| DB::name_of(&options))
}

/// Warns of a store that is in another database than the configuration names, which is where the command
/// line works.
pub(crate) fn warn_of_another_database(store: &dyn Any, figment: &Figment) {
    let Some(store) = store.downcast_ref::<SqlxDatastore>() else {
        return;
    };
    // Where none is configured, the command line refuses, and says so.
    let Ok(Some(configured)) = DatabaseName::configured(figment) else {
        return;
    };
    let used = store.database_name();
    if used != configured {
        log::warn!(
            "the application has its accounts in {used}, and `rocket-security` on the command line \
             works on {configured}: set url in [default.databases.security] to the same database"
        );
    }
}
