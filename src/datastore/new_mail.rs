//! A mail to send, as a change of the store carries it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::random_uuid;
use crate::error::Result;
use crate::text::Text;
use crate::user::{Email, UserId};

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
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.context.insert(name.to_owned(), value.to_string());
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
