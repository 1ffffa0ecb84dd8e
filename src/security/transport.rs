//! Chooses the mail transport.

use std::sync::Arc;

use url::Url;

use crate::config::Config;
use crate::error::Result;
use crate::mail::capture::CaptureMailer;
use crate::mail::{Mailer, mailer_from_url};

/// A transport, and the captured mail if it is the one for tests.
pub(super) type ChosenMailer = (Arc<dyn Mailer>, Option<CaptureMailer>);

/// Chooses the transport: the one given in code, the configured one, or in the debug profile a folder.
pub(super) fn choose_mailer(
    given: Option<Arc<dyn Mailer>>,
    config: &Config,
    base_url: &Url,
) -> Result<ChosenMailer> {
    if let Some(mailer) = given {
        return Ok((mailer, None));
    }
    let url = config.mail.url.as_ref().map(|url| url.expose().as_str());
    match url {
        Some("capture:") => {
            let capture = CaptureMailer::default();
            Ok((Arc::new(capture.clone()), Some(capture)))
        }
        Some(url) => Ok((mailer_from_url(url, base_url)?, None)),
        // In release, a feature that sends mail has stopped the launch by now.
        None => Ok((mailer_from_url("file:security-mail", base_url)?, None)),
    }
}
