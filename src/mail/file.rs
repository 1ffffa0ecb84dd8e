//! A mailer that writes mail to files, for development: nothing leaves the machine.

use std::path::PathBuf;

use lettre::{AsyncFileTransport, AsyncTransport, Tokio1Executor};
use rocket::async_trait;
use rocket::tokio::fs;

use crate::error::{Error, Result};
use crate::mail::mailer::Mailer;
use crate::mail::message::Message;

/// Writes each message to a separate file, `<uuid>.eml`, and logs its path and the link in it.
pub struct FileMailer {
    folder: PathBuf,
}

impl FileMailer {
    /// Creates a mailer that writes to `folder`, which is created with the first mail.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, message: &Message) -> Result<()> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        // The mails contain working links.
        #[cfg(unix)]
        folder.mode(0o700);
        folder
            .create(&self.folder)
            .await
            .map_err(|source| Error::File { path: self.folder.display().to_string(), source })?;
        let transport = AsyncFileTransport::<Tokio1Executor>::new(&self.folder);
        let name = transport.send(message.to_lettre()?).await.map_err(Error::mail)?;
        let path = self.folder.join(format!("{name}.eml"));
        // The link is logged because this transport is only for development.
        match &message.link {
            Some(link) => {
                log::info!("mail \"{}\" is in {}: {link}", message.subject, path.display())
            }
            None => log::info!("mail \"{}\" is in {}", message.subject, path.display()),
        }
        Ok(())
    }
}
