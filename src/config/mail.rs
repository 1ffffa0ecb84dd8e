//! How mail is sent.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::secret::Secret;

/// `[default.security.mail]`: how mail is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MailConfig {
    /// Sets where mail is sent: `smtp://host:port`, `smtps://user:password@host`, or `file:DIR`. The path of
    /// an `smtp` or `smtps` URL is the name that the mail server is greeted with, instead of the host of
    /// `base_url`. An invalid value stops the launch. _Default:_ `file:security-mail` in the debug profile;
    /// in any other, required if a feature sends mail.
    pub url: Option<Secret<String>>,
    /// Sets the sender of every mail: `name@example.org` or `Name <name@example.org>`. An invalid value stops
    /// the launch. _Default:_ `no-reply@` followed by the host of `base_url`.
    pub from: Option<String>,
    /// Sets the address that replies go to, in the same format. An invalid value stops the
    /// launch. _Default:_ none: replies go to the sender.
    pub reply_to: Option<String>,
    /// Sets the subjects of mails by the names of their templates, for example
    /// `reset_instructions = "Your new password for {{ site_name }}"`. A name without a mail, and a subject that is not one line
    /// of 1 to 255 bytes, stop the launch. _Default:_ the subjects of the features.
    pub subjects: BTreeMap<String, String>,
    /// Set by the launch if no transport is configured: no `url`, no transport of the application, and not
    /// the debug profile.
    #[serde(skip)]
    pub(crate) lacks_transport: bool,
}
