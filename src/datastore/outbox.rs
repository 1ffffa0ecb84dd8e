//! The outbox: mail that is waiting to be delivered.
//!
//! A mail is stored in the transaction of the change that it reports, and a worker sends it afterwards. So no
//! request waits for a mail server, and no crash loses a mail. The outbox does not contain the link of a
//! mail: the worker creates the link's token when it sends the mail.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::datastore::together::Together;
use crate::error::Result;

pub use crate::datastore::new_mail::{Addressee, Asker, NewLink, NewMail};

/// Stores mail until it is delivered.
///
/// Every application needs this capability. Most mails arrive with a change, in its [`Together`], and not
/// through [`commit`](Self::commit).
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep mail until it is delivered, too",
    label = "`{Self}` does not implement `OutboxStore`",
    note = "the features `register` and `confirm` send mail: implement \
            `rocket_security::datastore::OutboxStore` for the store"
)]
pub trait OutboxStore: Send + Sync + 'static {
    /// Stores the mails, and runs the work, of `together`, which belong to no other change. All of it is
    /// committed, or nothing.
    ///
    /// A mail whose link is not lasting replaces the waiting mails that go to the same address in the same
    /// spelling, concern no other user, and carry a link of the same purpose, because only the newest link
    /// would work. Mails that are being sent stay.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if there is a mail of this id, if the user that it concerns does
    /// not exist, if the work fails, or if the store does not answer.
    async fn commit(&self, together: &Together) -> Result<()>;

    /// Leases at most `limit` mails that are due at `now`, and hides them until `until`. All
    /// [urgent](NewMail::is_urgent) mails come before the others.
    ///
    /// Atomic: of any number of concurrent callers, exactly one gets a mail. A worker that has not settled a
    /// mail by `until` is taken for dead, and the mail is leased again.
    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>>;

    /// Extends the lease of a mail that is being sent to `until`. A worker calls this while it is still
    /// sending.
    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()>;

    /// Deletes a mail that was delivered, or that an operator drops. Returns `false` if there is no such
    /// mail.
    async fn delete_mail(&self, id: Uuid) -> Result<bool>;

    /// Records that a mail could not be delivered, with the reason `fault`. The mail is due again at
    /// `next_attempt_at`, or is given up if that is `None`.
    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()>;

    /// Deletes mails that were given up and were created at or before `written_until`, and returns how many.
    async fn delete_dead_mail(&self, written_until: Timestamp) -> Result<u64>;
}

/// Lets operators list the outbox and send mails again.
///
/// The command line needs this capability; no feature does.
///
/// # Errors
///
/// Both methods fail with [`Error::Store`](crate::Error::Store) if the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "operators need a store that lists its outbox, which `{Self}` does not",
    label = "`{Self}` does not implement `OutboxAdmin`",
    note = "implement `rocket_security::datastore::OutboxAdmin` for it"
)]
pub trait OutboxAdmin: Send + Sync + 'static {
    /// Lists at most `limit` mails of any state in the order of their ids, starting after `after`, or with
    /// the first mail if `after` is `None`.
    async fn list_mail(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ListedMail>>;

    /// Makes a waiting or given-up mail due at `now`, and sets its count of attempts to zero.
    ///
    /// Returns `false`, and changes nothing, if the mail is being sent or does not exist.
    async fn retry_mail(&self, id: Uuid, now: Timestamp) -> Result<bool>;
}

/// A leased mail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMail {
    /// The mail.
    pub mail: NewMail,
    /// How often it has been leased, including this time.
    pub attempts: u32,
}

impl OutboxMail {
    /// Creates a mail that was leased `attempts` times.
    pub fn new(mail: NewMail, attempts: u32) -> Self {
        Self { mail, attempts }
    }
}

/// A mail as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedMail {
    /// The mail.
    pub mail: NewMail,
    /// Its state.
    pub state: MailState,
    /// How often it has been leased since it was created, or since the last
    /// [`retry_mail`](OutboxAdmin::retry_mail).
    pub attempts: u32,
    /// Why the last delivery failed.
    pub fault: Option<String>,
}

impl ListedMail {
    /// Creates a mail that was leased `attempts` times and has not failed yet.
    pub fn new(mail: NewMail, state: MailState, attempts: u32) -> Self {
        Self { mail, state, attempts, fault: None }
    }
}

/// The state of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailState {
    /// It is waiting, and is sent when it is due or as soon as a worker is free.
    Waiting {
        /// When it is due.
        due_at: Timestamp,
    },
    /// A worker is sending it. If the worker has died, another one gets the mail at the end of the lease.
    BeingSent {
        /// When the lease ends.
        until: Timestamp,
    },
    /// It was given up and is not sent again by itself.
    GivenUp,
}

impl MailState {
    /// Returns the state of a mail, for stores: from the time when it is due (or due again), which is `None`
    /// if it was given up, and from whether it is leased.
    pub fn new(next_attempt_at: Option<Timestamp>, is_leased: bool) -> Self {
        match next_attempt_at {
            Some(until) if is_leased => Self::BeingSent { until },
            Some(due_at) => Self::Waiting { due_at },
            None => Self::GivenUp,
        }
    }
}
