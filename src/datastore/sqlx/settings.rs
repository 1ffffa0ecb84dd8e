//! `[default.databases.security]`: its keys, and the pool that it describes.

use std::num::NonZeroUsize;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::figment::value::Dict;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{explain, instead_of};
use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::pool;
use crate::datastore::sqlx::pool::SqlxPool;
use crate::error::{Error, Faults, Result};

/// The database of the debug profile if none is configured, in the working directory.
pub const DEFAULT_SQLITE_FILE: &str = "security.sqlite";

/// Checks `[default.databases.security]` without opening anything.
///
/// # Errors
///
/// [`Error::Config`] for each setting that is wrong or missing.
pub(super) fn check_settings(figment: &Figment) -> Result<()> {
    let mut faults = Faults::default();
    faults.note(check_database_keys(figment));
    if let Some(url) = faults.note(database_url(figment)) {
        faults.note(check_scheme(&url));
        faults.note(check_parameters(&url));
    }
    if let Some(settings) = faults.note(DatabaseSettings::from_figment(figment)) {
        let prefix = settings.table_prefix.as_deref();
        faults.note(prefix.map_or(Ok(()), check_table_prefix));
    }
    faults.finish()
}

const DATABASE_KEY: &str = "databases.security.url";

/// The keys of `[default.databases.security]` besides the settings of the pool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DatabaseSettings {
    pub(super) table_prefix: Option<String>,
    pub(super) transaction_pooling: bool,
}

impl DatabaseSettings {
    pub(super) fn from_figment(figment: &Figment) -> Result<Self> {
        figment.focus("databases.security").extract().map_err(|fault| {
            let path = fault.path.join(".");
            Error::rocket_config(
                format!("databases.security.{path}"),
                format!("is wrong: {}", explain(&fault.kind).0),
                "Correct it, or leave it out",
            )
        })
    }
}

/// Refuses unknown keys of `[default.databases.security]`: with a misspelt `url`, the application would
/// silently use another database.
fn check_database_keys(figment: &Figment) -> Result<()> {
    let known = [
        "url",
        "min_connections",
        "max_connections",
        "connect_timeout",
        "idle_timeout",
        "extensions",
        "table_prefix",
        "transaction_pooling",
    ];
    let given = match figment.extract_inner::<Dict>("databases.security") {
        Ok(given) => given,
        Err(fault) if fault.missing() => Dict::new(),
        Err(_) => {
            return Err(Error::rocket_config(
                "databases.security",
                "is not a table",
                "Write [default.databases.security] and below it url = \"…\"",
            ));
        }
    };
    let mut faults = Faults::default();
    for key in given.keys().filter(|key| !known.contains(&key.as_str())) {
        let cure = instead_of(key, &known);
        let key = format!("databases.security.{key}");
        faults.push(Error::rocket_config(key, "is not a setting", cure));
    }
    faults.note(check_value::<Option<u32>>(figment, "min_connections"));
    faults.note(check_value::<NonZeroUsize>(figment, "max_connections"));
    faults.note(check_value::<u64>(figment, "connect_timeout"));
    faults.note(check_value::<Option<u64>>(figment, "idle_timeout"));
    faults.note(check_value::<Option<Vec<String>>>(figment, "extensions"));
    faults.finish()
}

/// Refuses a value that `rocket_db_pools` would refuse when it opens the pool.
fn check_value<T: DeserializeOwned>(figment: &Figment, key: &str) -> Result<()> {
    let key = format!("databases.security.{key}");
    match figment.extract_inner::<T>(&key) {
        Err(fault) if !fault.missing() => Err(Error::rocket_config(
            key,
            format!("is wrong: {}", explain(&fault.kind).0),
            "Correct it, or leave it out",
        )),
        _ => Ok(()),
    }
}

pub(super) fn check_table_prefix(prefix: &str) -> Result<()> {
    let is_plain = prefix
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins_with_letter = prefix.starts_with(|first: char| first.is_ascii_lowercase());
    if (1..=24).contains(&prefix.len()) && is_plain && begins_with_letter {
        return Ok(());
    }
    Err(Error::rocket_config(
        "databases.security.table_prefix",
        format!("is {prefix:?}, which cannot begin the name of a table here"),
        "Use 1 to 24 lower-case letters, digits and underscores that begin with a letter, for \
         example \"auth_\"",
    ))
}

/// Refuses parameters of a server's URL that its driver does not know. The driver would log them with their
/// values, for example a misspelt `password`.
fn check_parameters(url: &str) -> Result<()> {
    let tls = ["sslmode", "ssl-mode", "sslcert", "ssl-cert", "sslkey", "ssl-key", "ssl-ca"];
    let own: &[&str] = match url.split(':').next() {
        Some("postgres" | "postgresql") => &[
            "sslrootcert",
            "ssl-root-cert",
            "host",
            "hostaddr",
            "port",
            "dbname",
            "user",
            "password",
            "application_name",
            "options",
        ],
        Some("mysql" | "mariadb") => {
            &["sslca", "charset", "collation", "socket", "timezone", "time-zone"]
        }
        _ => return Ok(()),
    };
    let Ok(parsed) = url::Url::parse(url) else {
        // The driver reports what is wrong with it.
        return Ok(());
    };
    let is_known = |name: &str| {
        tls.contains(&name)
            || own.contains(&name)
            || name == "statement-cache-capacity"
            || name.starts_with("options[")
    };
    match parsed.query_pairs().find(|(name, _)| !is_known(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::rocket_config(
            DATABASE_KEY,
            format!("has the parameter \"{name}\", which is not one"),
            format!("Remove it, or use one of: {}, {}", tls.join(", "), own.join(", ")),
        )),
    }
}

fn check_scheme(url: &str) -> Result<()> {
    let scheme = url.split(':').next().unwrap_or_default();
    let is_compiled_in = (cfg!(feature = "sqlite") && scheme == "sqlite")
        || (cfg!(feature = "postgres") && ["postgres", "postgresql"].contains(&scheme))
        || (cfg!(feature = "mysql") && ["mysql", "mariadb"].contains(&scheme));
    if is_compiled_in { Ok(()) } else { Err(unknown_scheme(scheme)) }
}

pub(super) fn unknown_scheme(scheme: &str) -> Error {
    let driver = match scheme {
        "sqlite" => Some("sqlite"),
        "postgres" | "postgresql" => Some("postgres"),
        "mysql" | "mariadb" => Some("mysql"),
        _ => None,
    };
    let (fault, cure) = match driver {
        Some(feature) => (
            format!("names a database of the kind \"{scheme}\", whose driver is not compiled in"),
            format!(
                "Enable the cargo feature `{feature}` of the program that you run, the application or \
                     `rocket-security`"
            ),
        ),
        None => (
            format!("names a database of the unknown kind \"{scheme}\""),
            "Use a URL that begins with \"sqlite:\", \"postgres:\" or \"mysql:\"".to_owned(),
        ),
    };
    Error::rocket_config(DATABASE_KEY, fault, cure)
}

/// Returns the URL of the database. A SQLite file may be written as a bare path.
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

/// Completes `[default.databases.security]` as Rocket does for its own pools, but with a shorter wait for a
/// connection: a request fails within three seconds if the store is down.
pub(super) fn with_pool_defaults(figment: &Figment, url: &str) -> Figment {
    let workers: usize = figment.extract_inner(rocket::Config::WORKERS).unwrap_or(4);
    figment
        .focus("databases.security")
        // Not as pairs, which would apply in every profile and override what a file sets.
        .join(Serialized::default("max_connections", workers * 4))
        .join(Serialized::default("connect_timeout", pool::CONNECT_TIMEOUT.as_secs()))
        .merge(("url", url))
}

/// Returns how long a request waits for a connection.
pub(super) fn connect_timeout(figment: &Figment) -> Duration {
    let seconds = figment.extract_inner("connect_timeout");
    seconds.map_or(pool::CONNECT_TIMEOUT, Duration::from_secs)
}

/// Opens a pool whose connections belong to the framework alone. The statements that run on each new
/// connection would reach other clients through a pooler.
pub(super) async fn open<DB>(figment: &Figment, settings: &DatabaseSettings) -> Result<SqlxPool<DB>>
where
    DB: Dialect,
    <DB::Connection as ::sqlx::Connection>::Options: std::str::FromStr<Err = ::sqlx::Error>,
    for<'c> &'c mut DB::Connection: ::sqlx::Executor<'c, Database = DB>,
{
    let session = match settings.transaction_pooling {
        true => Vec::new(),
        false => DB::session(connect_timeout(figment)),
    };
    pool::open(figment, session).await.map_err(|fault| {
        Error::rocket_config(
            DATABASE_KEY,
            format!("names a database that cannot be opened: {}", pool::why(&fault)),
            "Check it, that the database is there, and that you may use it",
        )
    })
}

#[cfg(test)]
mod tests {
    use rocket::figment::Figment;
    use rocket::figment::providers::{Format, Toml};

    use crate::datastore::sqlx::pool;
    use crate::datastore::sqlx::settings::with_pool_defaults;

    fn pool_of(toml: &str) -> (u64, u64) {
        let figment = Figment::new().merge(Toml::string(toml).nested()).select("release");
        let figment = with_pool_defaults(&figment, "sqlite:security.sqlite");
        let read = |key| figment.extract_inner(key).unwrap();
        (read("max_connections"), read("connect_timeout"))
    }

    #[test]
    fn what_a_file_says_of_the_pool_counts_in_any_profile() {
        let settings = "max_connections = 3\nconnect_timeout = 1";
        for profile in ["default", "release", "global"] {
            let toml = format!("[{profile}.databases.security]\n{settings}");
            assert_eq!(pool_of(&toml), (3, 1), "{profile}");
        }
        let toml = "[default]\nworkers = 5\n[default.databases.security]\nmin_connections = 1";
        assert_eq!(pool_of(toml), (20, pool::CONNECT_TIMEOUT.as_secs()));
    }
}
