//! The trait of mail transports.

use std::sync::Arc;

use rocket::async_trait;

use crate::error::Result;
use crate::mail::message::Message;

/// Delivers messages. Implement it to send mail by other means than SMTP, and pass it to
/// [`Security::mailer`](crate::Security::mailer).
///
/// ```
/// use rocket::async_trait;
/// use rocket_security::Error;
/// use rocket_security::Result;
/// use rocket_security::mail::Mailer;
/// use rocket_security::mail::Message;
/// # async fn post(_subject: &str, _text: &str) -> std::io::Result<()> { Ok(()) }
///
/// struct ApiMailer;
///
/// #[async_trait]
/// impl Mailer for ApiMailer {
///     async fn send(&self, message: &Message) -> Result<()> {
///         post(&message.subject, &message.text).await.map_err(Error::mail)
///     }
/// }
/// ```
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Sends a message. Success means that another system is now responsible for delivering it.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`](crate::Error::Mail) if the message was not accepted; sending is tried again, for days.
    /// [`Error::MailRefused`](crate::Error::MailRefused) if this message or its recipient is refused
    /// permanently; after a few more attempts the mail is given up.
    async fn send(&self, message: &Message) -> Result<()>;
}

#[async_trait]
impl<M: Mailer + ?Sized> Mailer for Arc<M> {
    async fn send(&self, message: &Message) -> Result<()> {
        (**self).send(message).await
    }
}
