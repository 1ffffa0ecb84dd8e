//! Mail: what is sent, and by which transport.
//!
//! | file | what |
//! |---|---|
//! | [`worker`] | takes mail from the outbox, makes its link, sends it, tries again |
//! | [`compose`] | puts a message together from templates |
//! | [`smtp`] | `smtp://…` and `smtps://…` |
//! | [`file`](mod@file) | `file:DIR`: a file for each mail, for development |
//! | [`capture`] | keeps mail in memory, for tests |

pub mod capture;
pub mod compose;
pub mod file;
#[cfg(feature = "smtp")]
pub mod smtp;
pub mod worker;

use std::fmt;
use std::sync::Arc;

use lettre::message::Mailbox;
use lettre::message::MultiPart;
use lettre::message::header::Header;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::error::Result;
use crate::user::Email;

/// Delivers messages.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands a message over; success means that somebody else now answers for it.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`] when it was not taken; it is tried again later.
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
        lettre::Message::builder()
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .date(self.date.into())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&self.subject)
            .header(AutoSubmitted)
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

/// Makes the transport that a URL names.
///
/// # Errors
///
/// [`Error::Config`] naming `security.mail.url` when it names none.
pub fn mailer_from_url(url: &str) -> Result<Arc<dyn Mailer>> {
    if let Some(folder) = url.strip_prefix("file:") {
        return Ok(Arc::new(file::FileMailer::new(folder.into())));
    }
    if url == "capture:" {
        return Ok(Arc::new(capture::CaptureMailer::default()));
    }
    #[cfg(feature = "smtp")]
    if url.starts_with("smtp://") || url.starts_with("smtps://") {
        return Ok(Arc::new(smtp::SmtpMailer::from_url(url)?));
    }
    Err(Error::config(
        "mail.url",
        "names no transport that is compiled in",
        "Write smtp://host:port, smtps://user:password@host, or file:DIR",
    ))
}
