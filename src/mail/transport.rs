//! Finds the transport for a URL.

use std::sync::Arc;

use url::Url;

use crate::error::{Error, Result};
use crate::mail::capture::CaptureMailer;
use crate::mail::file::FileMailer;
use crate::mail::mailer::Mailer;
#[cfg(feature = "smtp")]
use crate::mail::smtp::SmtpMailer;

/// Creates the transport for a URL, for the site at `base_url`.
///
/// # Errors
///
/// [`Error::Config`] naming `security.mail.url` if the URL names no transport.
pub fn mailer_from_url(url: &str, base_url: &Url) -> Result<Arc<dyn Mailer>> {
    #[cfg(not(feature = "smtp"))]
    let _ = base_url;
    if let Some(folder) = url.strip_prefix("file:").filter(|folder| !folder.is_empty()) {
        return Ok(Arc::new(FileMailer::new(folder.into())));
    }
    if url == "capture:" {
        return Ok(Arc::new(CaptureMailer::default()));
    }
    #[cfg(feature = "smtp")]
    if url.starts_with("smtp://") || url.starts_with("smtps://") {
        return Ok(Arc::new(SmtpMailer::from_url(url, base_url)?));
    }
    Err(Error::config(
        "mail.url",
        "does not name a mail transport of this build",
        "Write smtp://host:port, smtps://user:password@host, or file:DIR",
    ))
}
