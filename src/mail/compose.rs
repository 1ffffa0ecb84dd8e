//! Puts a message together from its templates.

use std::sync::Arc;

use lettre::message::Mailbox;
use serde_json::json;
use url::Url;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::crypto::one_time::Token;
use crate::datastore::outbox::NewMail;
use crate::error::Error;
use crate::error::Result;
use crate::mail::Message;
use crate::template::Templates;

/// Puts messages together.
pub struct Composer {
    templates: Arc<Templates>,
    base_url: Url,
    site_name: String,
    from: Mailbox,
}

impl Composer {
    /// Takes the sender and the site from the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when `security.mail.from` is not an address.
    pub fn new(config: &Config, base_url: Url, templates: Arc<Templates>) -> Result<Self> {
        let host = base_url.host_str().unwrap_or("localhost");
        let from = config.mail.from.clone().unwrap_or_else(|| format!("no-reply@{host}"));
        // An IPv4 host, as in development, is no domain to send from.
        let from = from.replace("@127.0.0.1", "@localhost");
        let from = from.parse().map_err(|fault| {
            Error::config(
                "mail.from",
                format!("is not an address: {fault}"),
                "Write name@example.org or Name <name@example.org>",
            )
        })?;
        Ok(Self { templates, base_url, site_name: config.site_name.clone(), from })
    }

    /// Renders a mail, with the link that carries `token`.
    ///
    /// # Errors
    ///
    /// [`Error::Template`] when a template fails.
    pub fn compose(
        &self,
        mail: &NewMail,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Result<Message> {
        let link = mail.link.as_ref().zip(token).map(|(link, token)| {
            self.absolute(&format!("/{}/{}", link.purpose.replace('_', "-"), token.reveal()))
        });
        let context = json!({
            "site_name": self.site_name,
            "email": mail.to.as_str(),
            "link": link,
            "within": mail.link.as_ref().map(|link| link.lifetime.to_string()),
            "login_url": self.absolute("/login"),
        });
        let render = |ending: &str| {
            let name = format!("security/email/{}.{ending}", mail.template);
            self.templates.render(&name, &context)
        };
        Ok(Message {
            id: mail.id,
            from: self.from.clone(),
            to: mail.to.clone(),
            subject: mail.subject.clone(),
            text: render("txt")?,
            html: render("html")?,
            link,
            date: now,
        })
    }

    fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.base_url.as_str().trim_end_matches('/'))
    }
}
