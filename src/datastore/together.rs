//! What is committed together with a change, or not at all.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rocket::futures::future::BoxFuture;

use crate::datastore::outbox::NewMail;

/// What is committed together with a change, or not at all.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Together {
    /// Mails to be sent because of the change.
    pub mail: Vec<NewMail>,
    /// What the application does in the same transaction.
    pub work: Vec<Work>,
    /// What is done when all else is, for it holds up everybody else who does the same.
    pub last: Vec<Work>,
}

impl Together {
    /// Nothing but the change itself.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The change, and these mails.
    pub fn mail(mail: Vec<NewMail>) -> Self {
        Self { mail, ..Self::default() }
    }

    /// Adds what the application does in the transaction of the change, on the store's own
    /// connection: it is committed with the change, and the change with it, or neither is.
    ///
    /// `C` is the connection of the store: `sqlx::SqliteConnection`, `sqlx::PgConnection` or
    /// `sqlx::MySqlConnection` of sqlx 0.9 for a [`SqlxDatastore`](crate::datastore::SqlxDatastore), or the [`StoreConnection`] of a
    /// store of your own. If it is that of another store, the change is refused.
    ///
    /// Behind a pooler in transaction mode each statement is said with `.persistent(false)`: a
    /// statement that is prepared for longer is not there on the next connection.
    ///
    /// # Refusing
    ///
    /// What only the transaction can find out, such as a name that is taken, is refused
    /// by failing with a [`Rejection`](crate::Rejection) or with
    /// [`FieldErrors`](crate::rejection::FieldErrors): nothing is committed, and that is what the
    /// client is told, instead of 503. In a registration such an answer tells that the address was
    /// free, for work is done for new accounts only.
    ///
    /// # Rules
    ///
    /// The work must not commit, and it hands on what a statement fails with: PostgreSQL undoes the
    /// whole transaction then, whatever the work makes of it. It is done again when the database has
    /// undone the transaction to let another one pass, if it says so with the `sqlx::Error` itself.
    ///
    /// ```
    /// # use rocket_security::datastore::Together;
    /// let together = Together::nothing().and(|connection: &mut sqlx::SqliteConnection| {
    ///     Box::pin(async move {
    ///         sqlx::query("INSERT INTO profiles (name) VALUES (?)")
    ///             .bind("Ann")
    ///             .execute(connection)
    ///             .await?;
    ///         Ok(())
    ///     })
    /// });
    /// ```
    ///
    /// Any other connection does not compile, such as that of another version of sqlx:
    ///
    /// ```compile_fail,E0277
    /// # use rocket_security::datastore::Together;
    /// struct OfAnotherVersion;
    ///
    /// let together = Together::nothing().and(|_: &mut OfAnotherVersion| Box::pin(async { Ok(()) }));
    /// ```
    pub fn and<C, F>(mut self, work: F) -> Self
    where
        C: StoreConnection,
        F: for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<(), WorkFault>> + Send + Sync + 'static,
    {
        self.work.push(Work::on(work));
        self
    }

    /// Adds work as [`and`](Self::and) does, that is done when all other work is: it locks what every
    /// change locks, such as the head of a journal, and a transaction that locks it last holds it for
    /// the shortest time and causes no deadlock.
    pub fn and_last<C, F>(mut self, work: F) -> Self
    where
        C: StoreConnection,
        F: for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<(), WorkFault>> + Send + Sync + 'static,
    {
        self.last.push(Work::on(work));
        self
    }

    /// Adds all that `other` holds.
    pub fn join(mut self, mut other: Self) -> Self {
        self.mail.append(&mut other.mail);
        self.work.append(&mut other.work);
        self.last.append(&mut other.last);
        self
    }

    /// Returns `true` if there is work for a transaction.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty() || !self.last.is_empty()
    }

    /// Does the application's work, for stores: within the transaction of the change, before it
    /// is committed. A store without transactions refuses every change that comes with work.
    ///
    /// # Errors
    ///
    /// Whatever the work fails with; then the change must not be committed.
    pub async fn run_in<C: Send + 'static>(&self, connection: &mut C) -> Result<(), WorkFault> {
        for Work(work) in self.work.iter().chain(&self.last) {
            work(connection).await?;
        }
        Ok(())
    }
}

/// A connection on which an application does its own work, in the transaction of a change.
///
/// The connections of the enabled drivers of [`SqlxDatastore`](crate::datastore::SqlxDatastore) are. A store of your own implements it
/// for the type that it hands to [`Together::run_in`].
#[diagnostic::on_unimplemented(
    message = "no store has a connection of the type `{Self}`",
    label = "not the connection of a store",
    note = "for `SqlxDatastore` it is `sqlx::SqliteConnection`, `sqlx::PgConnection` or \
            `sqlx::MySqlConnection` of sqlx 0.9: write `sqlx = \"0.9\"` in your Cargo.toml",
    note = "enable the cargo feature of rocket_security for its driver: `sqlite`, `postgres` or `mysql`",
    note = "a store of your own implements `StoreConnection` for its connection"
)]
pub trait StoreConnection: Send + 'static {}

/// What can go wrong with an application's work.
pub type WorkFault = Box<dyn StdError + Send + Sync>;

/// What an application does in the transaction of a change. Made by [`Together::and`].
#[derive(Clone)]
pub struct Work(Arc<WorkFn>);

impl Work {
    /// Puts work behind a look at what kind of connection it is given.
    fn on<C, F>(work: F) -> Self
    where
        C: Send + 'static,
        F: for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<(), WorkFault>> + Send + Sync + 'static,
    {
        let wanted = std::any::type_name::<C>();
        Self(Arc::new(move |connection| match connection.downcast_mut::<C>() {
            Some(connection) => work(connection),
            None => Box::pin(async move {
                Err(format!("the store's transactions do not run on a {wanted}").into())
            }),
        }))
    }
}

type WorkFn =
    dyn for<'c> Fn(&'c mut (dyn Any + Send)) -> BoxFuture<'c, Result<(), WorkFault>> + Send + Sync;

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}
