//! The store itself: its database, and how it is opened.

use rocket::figment::Figment;

use crate::datastore::sqlx::chosen::Chosen;
use crate::datastore::sqlx::database::Database;
use crate::datastore::sqlx::migrations;
use crate::datastore::sqlx::name::DatabaseName;
use crate::datastore::sqlx::pool::SqlxPool;
use crate::datastore::sqlx::settings::{
    DatabaseSettings, check_settings, check_table_prefix, connect_timeout, database_url, open,
    unknown_scheme, with_pool_defaults,
};
use crate::datastore::together::StoreConnection;
use crate::error::Result;

#[cfg(feature = "sqlite")]
impl StoreConnection for ::sqlx::SqliteConnection {}

#[cfg(feature = "postgres")]
impl StoreConnection for ::sqlx::PgConnection {}

#[cfg(feature = "mysql")]
impl StoreConnection for ::sqlx::MySqlConnection {}

/// Stores everything in an SQL database, which the URL in `[default.databases.security]` selects.
///
/// | URL | database | cargo feature |
/// |---|---|---|
/// | `sqlite:security.sqlite` | SQLite | `sqlite`, enabled by default |
/// | `postgres://user:password@host/database` | PostgreSQL 15 and later | `postgres` |
/// | `mysql://user:password@host/database` | MySQL 8, MariaDB 10.11 and later | `mysql` |
///
/// Clones share one pool.
///
/// `[default.databases.security]` takes the keys of
/// [`rocket_db_pools::Config`](https://docs.rs/rocket_db_pools/0.2/rocket_db_pools/struct.Config.html), and
/// two more:
///
/// - `table_prefix`: the beginning of the names of our tables, 1 to 24 lower-case letters, digits and
///   underscores, starting with a letter. With another prefix, the store uses other tables. _Default:_
///   `"security_"`.
/// - `transaction_pooling`: whether a pooler such as PgBouncer in transaction mode is in front of the
///   database, and may use another connection for each transaction. Every statement then has its own
///   transaction, and no prepared statement outlives it. _Default:_ `false`.
///
/// If a deadlock or a lost connection undoes an operation, the store repeats it at most three times. No
/// operation takes longer than two and a half seconds.
#[derive(Clone, Debug)]
pub struct SqlxDatastore {
    pub(super) database: Chosen,
}

impl SqlxDatastore {
    /// Creates a store on a pool of SQLite connections, which the application may share.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(pool: SqlxPool<::sqlx::Sqlite>) -> Self {
        Self { database: Chosen::Sqlite(Database::new(pool)) }
    }

    /// Creates a store on a pool of PostgreSQL connections, which the application may share.
    #[cfg(feature = "postgres")]
    pub fn postgres(pool: SqlxPool<::sqlx::Postgres>) -> Self {
        Self { database: Chosen::Postgres(Database::new(pool)) }
    }

    /// Creates a store on a pool of MySQL or MariaDB connections, which the application may share.
    #[cfg(feature = "mysql")]
    pub fn mysql(pool: SqlxPool<::sqlx::MySql>) -> Self {
        Self { database: Chosen::MySql(Database::new(pool)) }
    }

    /// Sets the prefix of all table names. _Default:_ `security_`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if it is not 1 to 24 lower-case letters, digits and
    /// underscores that begin with a letter.
    pub fn with_table_prefix(self, prefix: &str) -> Result<Self> {
        check_table_prefix(prefix)?;
        Ok(Self { database: map_each!(self, |database| database.with_table_prefix(prefix)) })
    }

    /// Sets that a pooler may use another connection for each transaction. _Default:_ off.
    pub fn with_transaction_pooling(self) -> Self {
        Self { database: map_each!(self, |database| database.with_transaction_pooling()) }
    }

    /// Connects to the database of `[default.databases.security]`, or in the debug profile to a SQLite file
    /// in the working directory if none is configured. Does not change the schema.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if no database is configured, if its driver is not compiled
    /// in, or if it cannot be opened.
    pub async fn connect(figment: &Figment) -> Result<Self> {
        check_settings(figment)?;
        let url = database_url(figment)?;
        let settings = DatabaseSettings::from_figment(figment)?;
        let pool_figment = with_pool_defaults(figment, &url);
        let store: Self = match url.split(':').next().unwrap_or_default() {
            #[cfg(feature = "sqlite")]
            "sqlite" => Self::sqlite(open(&pool_figment, &settings).await?),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Self::postgres(open(&pool_figment, &settings).await?),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Self::mysql(open(&pool_figment, &settings).await?),
            scheme => return Err(unknown_scheme(scheme)),
        };
        let wait = connect_timeout(&pool_figment);
        let store = Self { database: map_each!(store, |database| database.waiting(wait)) };
        let store =
            if settings.transaction_pooling { store.with_transaction_pooling() } else { store };
        match &settings.table_prefix {
            Some(prefix) => store.with_table_prefix(prefix),
            None => Ok(store),
        }
    }

    /// Checks `[default.databases.security]` without opening anything.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for each setting that is wrong or missing.
    pub(crate) fn check_settings(figment: &Figment) -> Result<()> {
        check_settings(figment)
    }

    /// Returns the name of the database.
    pub(crate) fn database_name(&self) -> DatabaseName {
        on_each!(self, |database| database.name())
    }

    /// Updates the schema. Of any number of concurrent callers, one does it. If a caller is killed, it has
    /// changed nothing, or the next call completes its work.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the database cannot be reached,
    /// [`Error::Schema`](crate::Error::Schema) if its schema is newer than this version or was edited.
    pub async fn migrate(&self) -> Result<()> {
        on_each!(self, |database| migrations::run(database).await)
    }

    /// Closes the pool, and waits until its connections are closed.
    #[cfg(feature = "testing")]
    pub(crate) async fn close(self) {
        on_each!(self, |database| database.close().await);
    }

    /// Checks that the schema is up to date, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the database cannot be reached,
    /// [`Error::Schema`](crate::Error::Schema) if its schema is missing, older or newer than this version, or
    /// was edited.
    pub async fn check_schema(&self) -> Result<()> {
        on_each!(self, |database| migrations::check(database).await)
    }
}
