//! Transports of mail.

use rocket::async_trait;
use rocket_security::Result;
use rocket_security::mail::{Mailer, Message};

/// One that never has a mail taken.
pub(crate) struct Hanging;

#[async_trait]
impl Mailer for Hanging {
    async fn send(&self, _: &Message) -> Result<()> {
        std::future::pending().await
    }
}
