//! The name of a database, for messages.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::path::PathBuf;

/// The kind and the place of a database, without users and passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseName {
    text: String,
    /// The file of a SQLite database that is not in memory.
    file: Option<PathBuf>,
}

impl DatabaseName {
    /// Creates the name of a database in a file.
    #[cfg(feature = "sqlite")]
    pub(super) fn of_file(path: &Path) -> Self {
        let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = path.canonicalize().unwrap_or_else(|_| absolute());
        Self { text: format!("sqlite:{}", file.display()), file: Some(file) }
    }

    /// Creates the name of a database in memory.
    #[cfg(feature = "sqlite")]
    pub(super) fn in_memory() -> Self {
        Self { text: "sqlite::memory:".to_owned(), file: None }
    }

    /// Creates the name of a database on a server.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) fn on_server(kind: &str, host: &str, port: u16, database: &str) -> Self {
        // The folder of a socket also counts as a host.
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
