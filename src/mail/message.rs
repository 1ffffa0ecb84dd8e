//! A message with its headers, ready to be sent.

use std::fmt;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::user::Email;

/// A message, ready to be sent. It contains a working link, so its `Debug` text shows only its id and
/// subject.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The mail's id in the outbox. With the sender's domain it makes the `Message-ID`, which stays the same
    /// however often the message is sent.
    pub id: Uuid,
    /// The sender.
    pub from: Mailbox,
    /// The address that replies go to, if not the sender.
    pub reply_to: Option<Mailbox>,
    /// The recipient.
    pub to: Email,
    /// The subject line.
    pub subject: String,
    /// The plain-text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The link in the message, if any.
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
    /// Converts the message to lettre's type, for transports.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`] if lettre does not accept an address.
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

/// `Auto-Submitted: auto-generated` (RFC 3834, section 5), so that out-of-office notices do not answer.
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

/// `X-Auto-Response-Suppress` (\[MS-OXCMAIL\], section 2.1.3.2.20): the header that Exchange reads instead.
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
