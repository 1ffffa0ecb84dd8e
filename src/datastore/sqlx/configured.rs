//! The configured database, and whether the application's store uses it.

use std::any::Any;
use std::str::FromStr;

use rocket::figment::Figment;

use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::name::DatabaseName;
use crate::datastore::sqlx::pool::Options;
use crate::datastore::sqlx::settings::database_url;
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::error::Result;

impl DatabaseName {
    /// Returns the name of the database of `[default.databases.security]`, or in the debug profile of the
    /// SQLite file that is its default. Returns `None` for a URL that no driver understands.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if no database is configured.
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
}

fn of_url<DB: Dialect>(url: &str) -> Option<DatabaseName>
where
    Options<DB>: FromStr<Err = ::sqlx::Error>,
{
    Options::<DB>::from_str(url).ok().map(|options| DB::name_of(&options))
}

/// Logs a warning if the store uses another database than the configured one, which the command line uses.
pub(crate) fn warn_of_another_database(store: &dyn Any, figment: &Figment) {
    let Some(store) = store.downcast_ref::<SqlxDatastore>() else {
        return;
    };
    // If none is configured, the command line refuses to run and says why.
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
