//! The outbox: mail that was decided on and is not delivered yet.
//!
//! A mail is written in the transaction of the change that calls for it, and sent by a worker
//! afterwards, so that no request waits for a mail server and no crash loses a mail. The link a
//! mail carries does not stand here: the worker makes its token when it sends.

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

/// Keeps mail until it is delivered.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep mail until it is delivered, too",
    label = "`{Self}` does not implement `OutboxStore`",
    note = "the features `register` and `confirm` send mail: implement \
            `rocket_security::datastore::OutboxStore` for the store"
)]
pub trait OutboxStore: Send + Sync + 'static {
    /// Takes in a mail that goes with no other change.
    ///
    /// A mail with a link that does not last takes the place of those to the same address, spelled
    /// alike, and about no other user, that carry one of its purpose and wait to be sent: only the
    /// newest would work.
    async fn push_mail(&self, mail: &NewMail) -> Result<()>;

    /// Hands out at most `limit` mails that are due, and hides them until `until`: all
    /// [urgent](NewMail::is_urgent) ones before any other.
    ///
    /// Of any number of callers at once, one gets a mail. A worker that has not settled it by `until`
    /// has died, and the mail is handed out again.
    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>>;

    /// Hides a mail that is being sent until `until`: its worker is alive.
    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()>;

    /// Deletes a mail that was delivered, or that an operator drops; says whether it was there.
    async fn delete_mail(&self, id: Uuid) -> Result<bool>;

    /// Notes that a mail could not be delivered: due again at `next_attempt_at`, or never.
    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()>;

    /// Deletes mail that was given up and written at `written_until` or before; says how many.
    async fn delete_dead_mail(&self, written_until: Timestamp) -> Result<u64>;
}

/// Shows operators the outbox, and has mail sent again.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "operators need a store that lists its outbox, which `{Self}` does not",
    label = "`{Self}` does not implement `OutboxAdmin`",
    note = "implement `rocket_security::datastore::OutboxAdmin` for it"
)]
pub trait OutboxAdmin: Send + Sync + 'static {
    /// Lists what is in the outbox, whatever its state, in the order of the ids and from the one
    /// behind `after`; at most `limit` mails.
    async fn list_mail(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ListedMail>>;

    /// Makes a mail that waits, or that was given up, due at `now`, as if it had never been handed
    /// out.
    ///
    /// False, and nothing changed, when it is being sent or is not there.
    async fn retry_mail(&self, id: Uuid, now: Timestamp) -> Result<bool>;
}

/// A mail to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewMail {
    /// The identifier, random; also the `Message-ID`, the same however often it is sent.
    pub id: Uuid,
    /// The template, for example `confirmation_instructions`.
    pub template: String,
    /// The subject line.
    pub subject: String,
    /// Who gets it.
    pub to: Email,
    /// Whom it concerns.
    pub addressee: Addressee,
    /// Whether it is dropped when the address was proved meanwhile.
    pub only_unconfirmed: bool,
    /// The epoch that its user must still have when it is sent: else it is dropped.
    pub epoch: Option<i64>,
    /// The link it carries, if any.
    pub link: Option<NewLink>,
    /// What its template sees besides, by name.
    pub context: BTreeMap<String, String>,
    /// The time of writing.
    pub created_at: Timestamp,
    /// Who asked for it: what is told when it has gone out says so.
    pub asker: Option<Asker>,
}

/// Whom a mail concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addressee {
    /// The address, whether or not it has an account.
    Address,
    /// The user who has the address when it is sent. If there is none, it is dropped, so that asking for
    /// mail is the same work for any address.
    Holder,
    /// This user, whose address it need not be.
    User(UserId),
}

impl Addressee {
    /// Returns the user that is named.
    pub fn user_id(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Address | Self::Holder => None,
        }
    }
}

impl NewMail {
    /// Writes a mail to an address, with this subject, at that time; it concerns no user and carries no link. The
    /// id of the subject names the templates, `security/email/<id>.txt` and `.html`.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an identifier.
    pub fn new(subject: &Text, to: &Email, at: Timestamp) -> Result<Self> {
        Ok(Self::with_id(random_uuid()?, subject.id(), &subject.to_string(), to, at))
    }

    /// Does so with an identifier that the mail has already, for stores that read it.
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

    /// Returns whether it tells its user what happened to their account, or leads back to it: it goes out
    /// before mail that strangers can ask for, however much of that waits.
    pub fn is_urgent(&self) -> bool {
        self.addressee.user_id().is_some() && self.link.as_ref().is_none_or(|link| link.lasting)
    }

    /// Says whom it concerns.
    pub fn concerns(mut self, addressee: Addressee) -> Self {
        self.addressee = addressee;
        self
    }

    /// Says who asked for it.
    pub fn asked_by(mut self, asker: Asker) -> Self {
        self.asker = Some(asker);
        self
    }

    /// Has it carry a link for that purpose, good for so long after it was sent.
    pub fn link(mut self, purpose: &str, lifetime: Span) -> Self {
        self.link = Some(NewLink { purpose: purpose.to_owned(), lifetime, lasting: false });
        self
    }

    /// Has it carry a link that outlives newer ones and changes of its user's credentials. Where it
    /// could not be sent for so long that its link would have expired, it goes out without one: its
    /// template sees no `link` then.
    pub fn lasting_link(mut self, purpose: &str, lifetime: Span) -> Self {
        self.link = Some(NewLink { purpose: purpose.to_owned(), lifetime, lasting: true });
        self
    }

    /// Lets its template see `value` as `name`; in one line, whatever it contains.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }
}

/// Who asked for a mail, as far as the request told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asker {
    /// The client's network address, if it is known.
    pub client: Option<IpAddr>,
    /// The request; none outside requests.
    pub request_id: Option<Uuid>,
    /// How they had proved to be them; `None` for a guest.
    pub authn_via: Option<String>,
}

/// A link to be made when its mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewLink {
    /// What it is for: the stem of the feature, and the first part of its path.
    pub purpose: String,
    /// How long it may be used after it was sent.
    pub lifetime: Span,
    /// Whether its token is [`lasting`](crate::datastore::one_time::OneTimeToken::lasting).
    pub lasting: bool,
}

impl NewLink {
    /// Returns a link whose token is not lasting.
    pub fn new(purpose: impl Into<String>, lifetime: Span) -> Self {
        Self { purpose: purpose.into(), lifetime, lasting: false }
    }
}

/// A mail that was handed out to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMail {
    /// The mail.
    pub mail: NewMail,
    /// How often it was handed out, this time included.
    pub attempts: u32,
}

impl OutboxMail {
    /// Returns a mail that was handed out so often.
    pub fn new(mail: NewMail, attempts: u32) -> Self {
        Self { mail, attempts }
    }
}

/// A mail as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedMail {
    /// The mail.
    pub mail: NewMail,
    /// What becomes of it next.
    pub state: MailState,
    /// How often it was handed out, since it was last made due by
    /// [`retry_mail`](OutboxAdmin::retry_mail) if it was.
    pub attempts: u32,
    /// Why it was not delivered the last time.
    pub fault: Option<String>,
}

impl ListedMail {
    /// Returns a mail that was handed out so often and has not failed yet.
    pub fn new(mail: NewMail, state: MailState, attempts: u32) -> Self {
        Self { mail, state, attempts, fault: None }
    }
}

/// What becomes of a mail next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailState {
    /// It is sent at that time, or as soon as a worker gets to it.
    Waiting {
        /// When it is due.
        due_at: Timestamp,
    },
    /// A worker is sending it, or has died: then another one has it by that time.
    BeingSent {
        /// When its lease is over.
        until: Timestamp,
    },
    /// It was given up: a dead letter.
    GivenUp,
}

impl MailState {
    /// Tells the state of a mail, for stores: when it is due, or due again, if it was not given up,
    /// and whether it was handed out and not settled since.
    pub fn new(next_attempt_at: Option<Timestamp>, is_leased: bool) -> Self {
        match next_attempt_at {
            Some(until) if is_leased => Self::BeingSent { until },
            Some(due_at) => Self::Waiting { due_at },
            None => Self::GivenUp,
        }
    }
}
