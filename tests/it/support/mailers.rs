//! Transports of mail, and the worker that uses them.

use std::sync::Arc;

use rocket::async_trait;
use rocket_security::Result;
use rocket_security::mail::worker::Worker;
use rocket_security::mail::{Mailer, Message};
use rocket_security::testing::TestApp;

/// One that never has a mail taken.
pub(crate) struct Hanging;

#[async_trait]
impl Mailer for Hanging {
    async fn send(&self, _: &Message) -> Result<()> {
        std::future::pending().await
    }
}

/// Has the worker look now.
pub(crate) async fn deliver(app: &TestApp) {
    let worker = app.client().rocket().state::<Arc<Worker>>().unwrap();
    worker.deliver_due().await.unwrap();
}
