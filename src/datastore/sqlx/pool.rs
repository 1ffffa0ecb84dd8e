//! The connection pool, for the framework and for applications.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rocket::async_trait;
use rocket::figment::Figment;
use rocket::tokio::time::{sleep, timeout};
use rocket_db_pools::{Config, Error};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database, Executor};

/// A pool of sqlx 0.9 for `rocket_db_pools`. The framework uses the same type.
///
/// Use it for the application's own tables in the same SQLite database, too, together with `sqlx = "0.9"`.
/// Cargo links only one version of `libsqlite3-sys` into a program. sqlx 0.9 takes 0.30.1 to 0.37, as
/// `rusqlite` 0.32 to 0.39 does. `rocket_db_pools`' own `sqlx_sqlite` takes 0.26, so it is not an option.
///
/// ```
/// use rocket_db_pools::Database;
/// use rocket_security::SqlxPool;
///
/// #[derive(Database)]
/// #[database("security")]
/// struct Db(SqlxPool<sqlx::Sqlite>);
/// ```
pub struct SqlxPool<DB: Database>(sqlx::Pool<DB>);

impl<DB: Database> SqlxPool<DB> {
    /// Creates the value from a pool that is already open.
    pub fn new(pool: sqlx::Pool<DB>) -> Self {
        Self(pool)
    }

    /// Returns the pool for queries of the application.
    pub fn as_sqlx(&self) -> &sqlx::Pool<DB> {
        &self.0
    }
}

impl<DB: Backend> SqlxPool<DB>
where
    Options<DB>: FromStr<Err = sqlx::Error>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Opens a pool of at most `max_connections`, in the same way as the framework opens its own:
    ///
    /// - with the settings of [`Backend::tune`],
    /// - with the statements of [`Backend::session`] on each new connection,
    /// - with a wait of two seconds for a connection,
    /// - and with a new SQLite file, if there is none, that only its owner can read and write.
    ///
    /// Do not use it with a pooler in transaction mode, which passes the connections on to other clients.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the database cannot be opened.
    pub async fn open(url: &str, max_connections: u32) -> crate::error::Result<Self> {
        let figment = Figment::from(("url", url))
            .merge(("max_connections", max_connections))
            .merge(("connect_timeout", CONNECT_TIMEOUT.as_secs()));
        let pool = open(&figment, DB::session(CONNECT_TIMEOUT)).await;
        pool.map_err(|fault| {
            crate::error::Error::store(format!("the database cannot be opened: {}", why(&fault)))
        })
    }
}

impl<DB: Database> Clone for SqlxPool<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<DB: Database> fmt::Debug for SqlxPool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlxPool")
    }
}

/// How long a caller waits for a connection, unless `connect_timeout` is set: a store that is down has to be
/// reported within three seconds.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How often it is tried, and with what pause, while another process opens the same new file.
const BUSY_ATTEMPTS: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// How long to connect once more to learn why a database does not answer.
const WHY: Duration = Duration::from_secs(2);

/// The options with which a database's connections are opened.
pub(super) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A database that [`SqlxPool`] can open.
pub trait Backend: Database {
    /// How long a connection is used. If the server has moved, the pool follows it within this time.
    const MAX_LIFETIME: Option<Duration> = Some(Duration::from_secs(1_800));

    /// Returns the statements that run once on each connection of a pool that is opened here. They limit how
    /// long a statement may keep the server busy after its caller, who waits for `wait`, has given up.
    fn session(_wait: Duration) -> Vec<String> {
        Vec::new()
    }

    /// Sets the options that every connection needs.
    fn tune(options: Options<Self>) -> Options<Self>;

    /// Prepares what must exist before the first connection.
    ///
    /// # Errors
    ///
    /// The reason why the database cannot be opened.
    fn prepare(_options: &Options<Self>) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// Returns `true` if opening failed only because another process is opening the same database.
    fn is_busy(_fault: &sqlx::Error) -> bool {
        false
    }

    /// Returns how many connections make sense if `wanted` were requested.
    fn max_connections(_options: &Options<Self>, wanted: u32) -> u32 {
        wanted
    }
}

#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {
    /// There is no server that could move, and a database in memory lives as long as its connection.
    const MAX_LIFETIME: Option<Duration> = None;

    /// Sets the write-ahead log, so that readers do not wait for writers; foreign keys; and a wait of two
    /// seconds for another writer.
    ///
    /// With `synchronous = NORMAL`, a commit survives the end of the process at any moment. After a power
    /// failure the last commits may be missing, but the file is never damaged.
    fn tune(options: Options<Self>) -> Options<Self> {
        options
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(2))
    }

    /// Creates the file, if it does not exist, for its owner alone (mode 0600), because it holds addresses
    /// and hashes. SQLite creates its log with the same mode.
    fn prepare(options: &Options<Self>) -> Result<(), sqlx::Error> {
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
        open.open(path).map(drop).map_err(|fault| {
            let fault = format!("the file {} cannot be made: {fault}", path.display());
            sqlx::Error::Configuration(fault.into())
        })
    }

    /// Switching a new file to the write-ahead log is the one operation that SQLite does not wait for.
    fn is_busy(fault: &sqlx::Error) -> bool {
        let code = fault.as_database_error().and_then(|fault| fault.code());
        code.is_some_and(|code| code == "5" || code == "261")
    }

    /// A database in memory belongs to one connection.
    fn max_connections(options: &Options<Self>, wanted: u32) -> u32 {
        if is_in_memory(options) { 1 } else { wanted }
    }
}

#[cfg(feature = "sqlite")]
pub(super) fn is_in_memory(options: &Options<sqlx::Sqlite>) -> bool {
    let name = options.get_filename().as_os_str().to_string_lossy();
    name.contains(":memory:") || name.starts_with("file:sqlx-in-memory")
}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {
    fn session(wait: Duration) -> Vec<String> {
        let wait = wait.as_secs();
        vec![
            format!("SET lock_timeout = '{wait}s'"),
            format!("SET statement_timeout = '{}s'", wait.saturating_add(1)),
            format!("SET idle_in_transaction_session_timeout = '{}s'", wait.saturating_add(8)),
        ]
    }

    /// Omits the parameter `extra_float_digits`, which PgBouncer refuses, and sets the name of the
    /// application, which operators see on the server.
    fn tune(options: Options<Self>) -> Options<Self> {
        let options = options.extra_float_digits(None);
        match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("rocket_security"),
        }
    }
}

#[cfg(feature = "mysql")]
impl Backend for sqlx::MySql {
    /// Also sets the isolation level that is used with the other two databases: MySQL's default would lock
    /// gaps, and concurrent operations of ours would deadlock.
    fn session(wait: Duration) -> Vec<String> {
        let wait = wait.as_secs().max(1);
        vec![
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            format!("SET SESSION innodb_lock_wait_timeout = {wait}"),
            format!("SET SESSION lock_wait_timeout = {wait}"),
        ]
    }

    /// Connections use UTC and UTF-8, which are the driver's defaults.
    fn tune(options: Options<Self>) -> Options<Self> {
        options
    }
}

/// Opens a pool whose connections first run the statements in `session`.
pub(super) async fn open<DB>(
    figment: &Figment,
    session: Vec<String>,
) -> Result<SqlxPool<DB>, Error<sqlx::Error>>
where
    DB: Backend,
    Options<DB>: FromStr<Err = sqlx::Error>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let session: Arc<[String]> = session.into();
    let pool_options = |options: PoolOptions<DB>| {
        options.after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move {
                for statement in &*session {
                    connection.execute(AssertSqlSafe(statement.as_str())).await?;
                }
                Ok(())
            })
        })
    };
    connect(figment, pool_options).await
}

/// Connects a pool. Tries again while another process opens the same new file.
async fn connect<DB>(
    figment: &Figment,
    change: impl FnOnce(PoolOptions<DB>) -> PoolOptions<DB>,
) -> Result<SqlxPool<DB>, Error<sqlx::Error>>
where
    DB: Backend,
    Options<DB>: FromStr<Err = sqlx::Error>,
{
    let config: Config = figment.extract()?;
    let options = Options::<DB>::from_str(&config.url).map_err(Error::Init)?;
    let options = DB::tune(options).disable_statement_logging();
    DB::prepare(&options).map_err(Error::Init)?;
    let wanted = u32::try_from(config.max_connections).unwrap_or(u32::MAX);
    let pool_options = PoolOptions::<DB>::new()
        .max_connections(DB::max_connections(&options, wanted))
        .min_connections(config.min_connections.unwrap_or(0))
        .acquire_timeout(Duration::from_secs(config.connect_timeout))
        .idle_timeout(config.idle_timeout.map(Duration::from_secs))
        .max_lifetime(DB::MAX_LIFETIME);
    let pool_options = change(pool_options);
    let mut attempts_left = BUSY_ATTEMPTS;
    loop {
        match pool_options.clone().connect_with(options.clone()).await {
            Ok(pool) => return Ok(SqlxPool(pool)),
            Err(fault) if attempts_left > 0 && DB::is_busy(&fault) => {
                attempts_left -= 1;
                sleep(BUSY_PAUSE).await;
            }
            // The pool has tried several times and does not report why it failed.
            Err(sqlx::Error::PoolTimedOut) => {
                let why = timeout(WHY, options.connect()).await;
                let why = why.ok().and_then(Result::err).unwrap_or(sqlx::Error::PoolTimedOut);
                return Err(Error::Init(why));
            }
            Err(fault) => return Err(Error::Init(fault)),
        }
    }
}

/// Returns, in plain words, why a database cannot be opened. The URL may contain a password and is not shown.
pub(super) fn why(fault: &Error<sqlx::Error>) -> String {
    match fault {
        Error::Init(sqlx::Error::Configuration(source)) => source.to_string(),
        Error::Init(fault) | Error::Get(fault) => fault.to_string(),
        Error::Config(fault) => fault.to_string(),
    }
}

#[async_trait]
impl<DB: Backend> rocket_db_pools::Pool for SqlxPool<DB>
where
    Options<DB>: FromStr<Err = sqlx::Error>,
{
    type Connection = PoolConnection<DB>;
    type Error = Error<sqlx::Error>;

    async fn init(figment: &Figment) -> Result<Self, Self::Error> {
        connect(figment, |options| options).await
    }

    async fn get(&self) -> Result<Self::Connection, Self::Error> {
        self.0.acquire().await.map_err(Error::Get)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
