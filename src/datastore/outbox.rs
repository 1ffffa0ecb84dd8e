//! The outbox: mail that was decided on and is not delivered yet.
//!
//! A mail is written in the transaction of the change that calls for it, and sent by a worker
//! afterwards, so that no request waits for a mail server and no crash loses a mail. The link a
//! mail carries does not stand here: the worker makes its token when it sends.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::error::Result;
use crate::user::Email;
use crate::user::UserId;

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
    async fn push_mail(&self, mail: &NewMail) -> Result<()>;

    /// Hands out at most `limit` mails that are due, and hides them until `until`.
    ///
    /// Of any number of callers at once, one gets a mail. Whoever has not settled it by `until`
    /// has died, and it is handed out again.
    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>>;

    /// Hides a mail that is being sent until `until`: its worker is alive.
    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()>;

    /// Deletes a mail that was delivered.
    async fn delete_mail(&self, id: Uuid) -> Result<()>;

    /// Notes that a mail could not be delivered: due again at `next_attempt_at`, or never.
    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()>;
}

/// A mail to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// The identifier, random; also the `Message-ID`, the same however often it is sent.
    pub id: Uuid,
    /// The template, for example `confirmation_instructions`.
    pub template: String,
    /// The subject line.
    pub subject: String,
    /// Who gets it.
    pub to: Email,
    /// The user it concerns. None with a link: whoever goes by the address when it is sent, and if
    /// nobody does, it is dropped, so that asking for mail is the same work for any address. None
    /// without a link: the address, whoever that is.
    pub user_id: Option<UserId>,
    /// Whether it is dropped when the address was proved meanwhile.
    pub only_unconfirmed: bool,
    /// The link it carries, if any.
    pub link: Option<NewLink>,
    /// The time of writing.
    pub created_at: Timestamp,
}

/// A link to be made when its mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// What it is for: the stem of the feature, and the first part of its path.
    pub purpose: String,
    /// How long it may be used after it was sent.
    pub lifetime: Span,
}

/// A mail that was handed out to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMail {
    /// The mail.
    pub mail: NewMail,
    /// How often it was handed out, this time included.
    pub attempts: u32,
}
