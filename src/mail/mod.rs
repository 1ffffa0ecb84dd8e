//! Mail: what is sent, and by which transport.
//!
//! | file | what |
//! |---|---|
//! | [`worker`] | takes mail from the outbox, makes its link, sends it, tries again |
//! | `outage` | says when a failure that lasts is logged |
//! | [`compose`] | puts a message together from templates |
//! | `subjects` | reads the configured subjects, and keeps what somebody typed in one line |
//! | `mailbox` | reads the addresses that mail comes from and is answered to |
//! | [`smtp`] | `smtp://…` and `smtps://…` |
//! | [`file`](mod@file) | `file:DIR`: a file for each mail, for development |
//! | [`capture`] | keeps mail in memory, for tests |
//!
//! # Headers
//!
//! | header | why |
//! |---|---|
//! | `Message-ID` | the mail's id in the outbox at the sender's domain: a mail that arrives twice is known for the same |
//! | `Auto-Submitted: auto-generated` | RFC 3834: holiday notices do not answer |
//! | `X-Auto-Response-Suppress: OOF, AutoReply` | the same for Exchange, which has its own word; bounces are wanted |
//! | `Reply-To` | `security.mail.reply_to`, if it is set |
//!
//! There is no `List-Unsubscribe`, and so no `List-Unsubscribe-Post` (RFC 8058): they are for mail
//! that goes to many and that its reader can do without. Each of ours answers something that was done
//! with one account; whoever could turn them off for a victim would do so before taking the account
//! over. An application that sends newsletters sends them by its own means, best from another domain.
//! Nor is there a tracking pixel, or a link that leads anywhere but to `base_url`.

pub mod capture;
pub mod compose;
pub mod file;
mod mailbox;
mod outage;
#[cfg(feature = "smtp")]
pub mod smtp;
pub(crate) mod subjects;
pub mod worker;

use std::fmt;
use std::sync::Arc;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use rocket::async_trait;
use url::Url;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::user::Email;

/// Delivers messages.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands a message over; success means that somebody else now answers for it.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`] when it was not taken; it is tried again later, for days.
    /// [`Error::MailRefused`] when the refusal concerns this message or its recipient and is for good:
    /// it is a dead letter soon.
    async fn send(&self, message: &Message) -> Result<()>;
}

#[async_trait]
impl<M: Mailer + ?Sized> Mailer for Arc<M> {
    async fn send(&self, message: &Message) -> Result<()> {
        (**self).send(message).await
    }
}

/// A message, ready to be sent. It holds a live link, and so does not print.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The mail's id in the outbox; with the sender's domain it makes the `Message-ID`, which
    /// stays the same however often the message is sent.
    pub id: Uuid,
    /// The sender.
    pub from: Mailbox,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// The recipient.
    pub to: Email,
    /// The subject line.
    pub subject: String,
    /// The part for people who read plain text.
    pub text: String,
    /// The part for everybody else.
    pub html: String,
    /// The link it carries, if any.
    pub link: Option<String>,
    /// The time of sending.
    pub date: Timestamp,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl Message {
    /// Gives the message in lettre's type, for transports.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`] when lettre does not take an address.
    pub fn to_lettre(&self) -> Result<lettre::Message> {
        let to = self.to.as_str().parse().map_err(Error::mail)?;
        let domain = self.from.email.domain();
        let builder = match &self.reply_to {
            Some(reply_to) => lettre::Message::builder().reply_to(reply_to.clone()),
            None => lettre::Message::builder(),
        };
        builder
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .date(self.date.into())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&self.subject)
            .header(AutoSubmitted)
            .header(AutoResponseSuppress)
            .multipart(MultiPart::alternative_plain_html(self.text.clone(), self.html.clone()))
            .map_err(Error::mail)
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834, section 5), so that nobody's holiday notice answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `X-Auto-Response-Suppress` (\[MS-OXCMAIL\], section 2.1.3.2.20): what Exchange heeds instead.
#[derive(Clone)]
struct AutoResponseSuppress;

impl Header for AutoResponseSuppress {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "OOF, AutoReply".to_owned())
    }
}

/// Makes the transport that a URL names, for the site at `base_url`.
///
/// # Errors
///
/// [`Error::Config`] naming `security.mail.url` when it names none.
pub fn mailer_from_url(url: &str, base_url: &Url) -> Result<Arc<dyn Mailer>> {
    #[cfg(not(feature = "smtp"))]
    let _ = base_url;
    if let Some(folder) = url.strip_prefix("file:").filter(|folder| !folder.is_empty()) {
        return Ok(Arc::new(file::FileMailer::new(folder.into())));
    }
    if url == "capture:" {
        return Ok(Arc::new(capture::CaptureMailer::default()));
    }
    #[cfg(feature = "smtp")]
    if url.starts_with("smtp://") || url.starts_with("smtps://") {
        return Ok(Arc::new(smtp::SmtpMailer::from_url(url, base_url)?));
    }
    Err(Error::config(
        "mail.url",
        "names no transport that is compiled in",
        "Write smtp://host:port, smtps://user:password@host, or file:DIR",
    ))
}
