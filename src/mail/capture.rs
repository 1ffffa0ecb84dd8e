//! A mailer that keeps mail in memory, for tests.

use std::sync::{Arc, Mutex, PoisonError};

use rocket::async_trait;

use crate::error::Result;
use crate::mail::mailer::Mailer;
use crate::mail::message::Message;

/// Keeps every message in memory for a test to read. Clones share their messages.
#[derive(Clone, Debug, Default)]
pub struct CaptureMailer {
    messages: Arc<Mutex<Vec<Message>>>,
}

impl CaptureMailer {
    /// Returns all messages so far, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Mailer for CaptureMailer {
    async fn send(&self, message: &Message) -> Result<()> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        Ok(())
    }
}
