//! What is committed together with a change, or not at all.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rocket::futures::future::BoxFuture;

use crate::datastore::new_mail::NewMail;

/// Mails and work that are committed together with a change, or not at all.
///
/// Methods of stores that change something take it as a parameter. A store of your own stores
/// [`mail`](Self::mail) in its outbox and calls [`run_in`](Self::run_in), both in the transaction of the
/// change. A store without transactions returns an error if [`has_work`](Self::has_work).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Together {
    /// Mails to send because of the change. A store adds them to the outbox as
    /// [`commit`](crate::datastore::OutboxStore::commit) does.
    pub mail: Vec<NewMail>,
    /// Work of the application in the same transaction.
    pub work: Vec<Work>,
    /// Work that runs after all other work, because it locks rows that many transactions need.
    pub last: Vec<Work>,
}

impl Together {
    /// Creates an empty value: only the change itself is committed.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Creates a value with these mails.
    pub fn mail(mail: Vec<NewMail>) -> Self {
        Self { mail, ..Self::default() }
    }

    /// Adds work of the application to the transaction of the change, on the store's own connection: the
    /// change and the work are committed together, or neither is.
    ///
    /// `C` is the connection of the store: `sqlx::SqliteConnection`, `sqlx::PgConnection` or
    /// `sqlx::MySqlConnection` of sqlx 0.9 for a [`SqlxDatastore`](crate::datastore::SqlxDatastore), or the
    /// [`StoreConnection`] of a store of your own. If it is the connection of another store, the change
    /// fails.
    ///
    /// Behind a pooler in transaction mode, call `.persistent(false)` on each statement: the next transaction
    /// may get another connection, which does not have the prepared statements of this one.
    ///
    /// # Refusing
    ///
    /// Some conflicts show only in the transaction, for example a name that is already taken. To refuse the
    /// change, fail with a [`Rejection`](crate::Rejection) or with
    /// [`FieldErrors`](crate::rejection::FieldErrors): nothing is committed, and the client gets this answer
    /// instead of status 503. In a registration, such an answer reveals that the address was free, because
    /// the work runs only for new accounts.
    ///
    /// # Rules
    ///
    /// The work must not commit, and must return the error of each statement that fails: PostgreSQL then
    /// undoes the whole transaction, whatever the work does. If the database undid the transaction to let
    /// another one pass, the work runs again, provided that it returned the `sqlx::Error` itself.
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
    /// Any other type of connection does not compile, for example that of another version of sqlx:
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

    /// Adds work as [`and`](Self::and) does, but runs it after all other work. Use it for work that locks
    /// what every change locks, such as the head of a journal: a transaction that locks it last holds it for
    /// the shortest time and causes no deadlock.
    pub fn and_last<C, F>(mut self, work: F) -> Self
    where
        C: StoreConnection,
        F: for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<(), WorkFault>> + Send + Sync + 'static,
    {
        self.last.push(Work::on(work));
        self
    }

    /// Adds the mails and the work of `other`.
    pub fn join(mut self, mut other: Self) -> Self {
        self.mail.append(&mut other.mail);
        self.work.append(&mut other.work);
        self.last.append(&mut other.last);
        self
    }

    /// Returns `true` if there is work to run in a transaction.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty() || !self.last.is_empty()
    }

    /// Runs the application's work, for stores: in the transaction of the change, before it is committed. A
    /// store without transactions must fail every change that comes with work.
    ///
    /// # Errors
    ///
    /// The error that the work fails with. The store must then not commit the change, and returns
    /// [`Error::Store`](crate::Error::Store) with this error inside.
    pub async fn run_in<C: Send + 'static>(&self, connection: &mut C) -> Result<(), WorkFault> {
        for Work(work) in self.work.iter().chain(&self.last) {
            work(connection).await?;
        }
        Ok(())
    }
}

/// A connection on which an application runs its own work, in the transaction of a change.
///
/// The connections of the enabled drivers of [`SqlxDatastore`](crate::datastore::SqlxDatastore) implement it.
/// Implement it for the type that your own store passes to [`Together::run_in`].
#[diagnostic::on_unimplemented(
    message = "no store has a connection of the type `{Self}`",
    label = "not the connection of a store",
    note = "for `SqlxDatastore` it is `sqlx::SqliteConnection`, `sqlx::PgConnection` or \
            `sqlx::MySqlConnection` of sqlx 0.9: write `sqlx = \"0.9\"` in your Cargo.toml",
    note = "enable the cargo feature of rocket_security for its driver: `sqlite`, `postgres` or `mysql`",
    note = "a store of your own implements `StoreConnection` for its connection"
)]
pub trait StoreConnection: Send + 'static {}

/// The error of an application's work.
pub type WorkFault = Box<dyn StdError + Send + Sync>;

/// Work of an application in the transaction of a change. Created by [`Together::and`].
#[derive(Clone)]
pub struct Work(Arc<WorkFn>);

impl Work {
    /// Wraps work so that it fails if it gets a connection of another type.
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
