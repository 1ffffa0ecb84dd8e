//! What delivers messages.

use std::sync::Arc;

use rocket::async_trait;

use crate::error::Result;
use crate::mail::message::Message;

/// Delivers messages.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands a message over; success means that somebody else now answers for it.
    ///
    /// # Errors
    ///
    /// [`Error::Mail`](crate::Error::Mail) when it was not taken; it is tried again later, for days.
    /// [`Error::MailRefused`](crate::Error::MailRefused) when the refusal concerns this message or its recipient and is for good:
    /// it is a dead letter soon.
    async fn send(&self, message: &Message) -> Result<()>;
}

#[async_trait]
impl<M: Mailer + ?Sized> Mailer for Arc<M> {
    async fn send(&self, message: &Message) -> Result<()> {
        (**self).send(message).await
    }
}
