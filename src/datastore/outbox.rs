//! The outbox: mail that is waiting to be delivered.
//!
//! A mail is stored in the transaction of the change that it reports, and a worker sends it afterwards. So no
//! request waits for a mail server, and no crash loses a mail. The outbox does not contain the link of a
//! mail: the worker creates the link's token when it sends the mail.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rocket::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::random_uuid;
use crate::error::Result;
use crate::text::Text;
use crate::user::{Email, UserId};

/// Stores mail until it is delivered.
///
/// Every application needs this capability. Most mails arrive with a change, in its
/// [`Together`](crate::datastore::Together), and not through [`push_mail`](Self::push_mail).
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
    /// Stores a mail that belongs to no other change.
    ///
    /// A mail whose link is not lasting replaces the waiting mails that go to the same address in the same
    /// spelling, concern no other user, and carry a link of the same purpose, because only the newest link
    /// would work. Mails that are being sent stay.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if there is a mail of this id, if the user that it concerns does
    /// not exist, or if the store does not answer.
    async fn push_mail(&self, mail: &NewMail) -> Result<()>;

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

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewMail {
    /// The id, random. It is also the `Message-ID`, which stays the same however often the mail is sent.
    pub id: Uuid,
    /// The name of the template, for example `confirmation_instructions`.
    pub template: String,
    /// The subject line.
    pub subject: String,
    /// The address of the recipient.
    pub to: Email,
    /// The user whom it concerns.
    pub addressee: Addressee,
    /// Whether it is dropped if the address has been confirmed in the meantime.
    pub only_unconfirmed: bool,
    /// The epoch that its user must still have when it is sent; otherwise it is dropped.
    pub epoch: Option<i64>,
    /// The link that it carries, if any.
    pub link: Option<NewLink>,
    /// Further values for its template, by name.
    pub context: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who requested it. The event that reports its delivery contains this.
    pub asker: Option<Asker>,
}

/// The user whom a mail concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addressee {
    /// The address, whether or not it has an account.
    Address,
    /// The user who has the address when the mail is sent. If there is none, the mail is dropped: so a
    /// request for a mail takes the same work for every address.
    Holder,
    /// This user, who may have another address.
    User(UserId),
}

impl Addressee {
    /// Returns the id of the user, if the variant names one.
    pub fn user_id(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Address | Self::Holder => None,
        }
    }
}

impl NewMail {
    /// Creates a mail to an address, with this subject and this time of creation. It concerns no user and
    /// carries no link. The id of the subject names the templates, `security/email/<id>.txt` and `.html`.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the system has no randomness for an id.
    pub fn new(subject: &Text, to: &Email, at: Timestamp) -> Result<Self> {
        Ok(Self::with_id(random_uuid()?, subject.id(), &subject.to_string(), to, at))
    }

    /// Creates a mail that already has an id. Stores use it to return a mail that they read.
    pub fn with_id(id: Uuid, template: &str, subject: &str, to: &Email, at: Timestamp) -> Self {
        Self {
            id,
            template: template.to_owned(),
            subject: subject.to_owned(),
            to: to.clone(),
            addressee: Addressee::Address,
            only_unconfirmed: false,
            epoch: None,
            link: None,
            context: BTreeMap::new(),
            created_at: at,
            asker: None,
        }
    }

    /// Returns `true` if it tells a user what happened to their account, or lets the user take the account
    /// back. Such a mail is sent before all mails that strangers can request, however many of these are
    /// waiting.
    pub fn is_urgent(&self) -> bool {
        self.addressee.user_id().is_some() && self.link.as_ref().is_none_or(|link| link.lasting)
    }

    /// Sets the user whom it concerns.
    pub fn concerns(mut self, addressee: Addressee) -> Self {
        self.addressee = addressee;
        self
    }

    /// Sets who requested it.
    pub fn asked_by(mut self, asker: Asker) -> Self {
        self.asker = Some(asker);
        self
    }

    /// Adds a link for this purpose, which is valid for `lifetime` after the mail is sent.
    pub fn link(mut self, purpose: &str, lifetime: Span) -> Self {
        self.link = Some(NewLink { purpose: purpose.to_owned(), lifetime, lasting: false });
        self
    }

    /// Adds a link that survives newer links and changes of its user's credentials. If the mail could only be
    /// sent after its link has expired, it is sent without the link, and its template sees no `link`.
    pub fn lasting_link(mut self, purpose: &str, lifetime: Span) -> Self {
        self.link = Some(NewLink { purpose: purpose.to_owned(), lifetime, lasting: true });
        self
    }

    /// Adds a value that its template sees as `name`. The value is shown in a single line, whatever it
    /// contains.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }
}

/// Who requested a mail, as far as the request shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asker {
    /// The IP address of the client, if it is known.
    pub client: Option<IpAddr>,
    /// The id of the request; `None` outside requests.
    pub request_id: Option<Uuid>,
    /// How the user was authenticated; `None` for a guest.
    pub authn_via: Option<String>,
}

/// A link that is created when its mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewLink {
    /// What it is for: the stem of the feature, and the first part of its path.
    pub purpose: String,
    /// How long it is valid after the mail was sent.
    pub lifetime: Span,
    /// Whether its token is [`lasting`](crate::datastore::one_time::OneTimeToken::lasting).
    pub lasting: bool,
}

impl NewLink {
    /// Creates a link whose token is not lasting.
    pub fn new(purpose: impl Into<String>, lifetime: Span) -> Self {
        Self { purpose: purpose.into(), lifetime, lasting: false }
    }
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
