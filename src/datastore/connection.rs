//! The connections on which an application's work can run.

/// The connection of a driver that is compiled in: what [`Together::and`](crate::datastore::Together::and)
/// takes.
///
/// Those are `sqlx::SqliteConnection`, `sqlx::PgConnection` and `sqlx::MySqlConnection`, each with its cargo
/// feature, and of the version of sqlx that this crate uses: 0.9. No other type implements it.
///
/// ```compile_fail,E0277
/// # use rocket_security::datastore::Together;
/// /// As an application has it that depends on another version of sqlx.
/// struct SqliteConnection;
///
/// let together = Together::nothing().and(|_: &mut SqliteConnection| Box::pin(async { Ok(()) }));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the connection of a store",
    label = "no store has transactions on this type",
    note = "use `SqliteConnection`, `PgConnection` or `MySqlConnection` of `sqlx = \"0.9\"`, the version \
            that rocket_security uses, and enable the cargo feature `sqlite`, `postgres` or `mysql` of \
            rocket_security"
)]
pub trait StoreConnection: sealed::Sealed + Send + 'static {}

#[cfg(feature = "sqlite")]
impl StoreConnection for sqlx::SqliteConnection {}
#[cfg(feature = "postgres")]
impl StoreConnection for sqlx::PgConnection {}
#[cfg(feature = "mysql")]
impl StoreConnection for sqlx::MySqlConnection {}

pub(crate) mod sealed {
    pub trait Sealed {}

    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::SqliteConnection {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::PgConnection {}
    #[cfg(feature = "mysql")]
    impl Sealed for sqlx::MySqlConnection {}
}
