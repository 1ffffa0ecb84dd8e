//! Mail into files, for development: nothing leaves the machine.

use std::path::PathBuf;

use lettre::{AsyncFileTransport, AsyncTransport, Tokio1Executor};
use rocket::async_trait;
use rocket::tokio::fs;

use crate::error::{Error, Result};
use crate::mail::mailer::Mailer;
use crate::mail::message::Message;

/// Writes each message to a file of its own, `<uuid>.eml`, and logs where it lies and the link it
/// carries.
pub struct FileMailer {
    folder: PathBuf,
}

impl FileMailer {
    /// Writes into `folder`, which is made when the first mail comes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, message: &Message) -> Result<()> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        // The mails hold links that work.
        #[cfg(unix)]
        folder.mode(0o700);
        folder
            .create(&self.folder)
            .await
            .map_err(|source| Error::File { path: self.folder.display().to_string(), source })?;
        let transport = AsyncFileTransport::<Tokio1Executor>::new(&self.folder);
        let name = transport.send(message.to_lettre()?).await.map_err(Error::mail)?;
        let path = self.folder.join(format!("{name}.eml"));
        // The link is shown because this transport is for development alone.
        match &message.link {
            Some(link) => {
                log::info!("mail \"{}\" is in {}: {link}", message.subject, path.display())
            }
            None => log::info!("mail \"{}\" is in {}", message.subject, path.display()),
        }
        Ok(())
    }
}
