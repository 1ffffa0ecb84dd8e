//! How mail is sent.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::secret::Secret;

/// `[default.security.mail]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MailConfig {
    /// `smtp://host:port`, `smtps://user:password@host`, or `file:DIR`. A path of the first two is the
    /// name that the mail server is greeted with, instead of the host of `base_url`.
    /// _Default:_ `file:security-mail` in the debug profile; required in any other when a feature
    /// sends mail.
    pub url: Option<Secret<String>>,
    /// The sender of every mail, `name@example.org` or `Name <name@example.org>`.
    /// _Default:_ `no-reply@` and the host of `base_url`.
    pub from: Option<String>,
    /// Where answers go, written alike. _Default:_ to the sender.
    pub reply_to: Option<String>,
    /// The subjects of mails by the names of their templates, for example
    /// `welcome = "Welcome to {{ site_name }}"`. _Default:_ those of the features.
    pub subjects: BTreeMap<String, String>,
    /// Whether a launch found nothing that sends mail: no `url`, no transport of the application's, and no
    /// debug profile.
    #[serde(skip)]
    pub(crate) lacks_transport: bool,
}
