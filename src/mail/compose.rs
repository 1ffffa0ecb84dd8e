//! Puts a message together from its templates.

use std::sync::Arc;

use lettre::message::Mailbox;
use serde_json::{Value, json};
use url::Url;

use crate::clock::{Timestamp, in_words};
use crate::config::Config;
use crate::crypto::one_time::Token;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserWithPassword;
use crate::error::{Faults, Result};
use crate::mail::mailbox::{mailbox_of_site, read_mailbox};
use crate::mail::message::Message;
use crate::mail::subjects::{Subjects, one_line};
use crate::template::Templates;
use crate::user::UserPayload;

/// From whom mails are, and who gets the answers.
pub struct Originator {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Originator {
    /// Reads it from the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if `security.mail.from` or `security.mail.reply_to` is not an
    /// address.
    pub fn read(config: &Config, base_url: &Url) -> Result<Self> {
        let mut faults = Faults::default();
        let from = faults.note(match &config.mail.from {
            Some(from) => read_mailbox("mail.from", from),
            None => mailbox_of_site(base_url),
        });
        let reply_to = config.mail.reply_to.as_deref();
        let reply_to = reply_to.map(|text| read_mailbox("mail.reply_to", text)).transpose();
        let reply_to = faults.note(reply_to).flatten();
        faults.settle(from.map(|from| Self { from, reply_to }))
    }
}

/// Puts messages together.
pub struct Composer {
    templates: Arc<Templates>,
    base_url: Url,
    site_name: String,
    originator: Originator,
    subjects: Subjects,
    features: Vec<&'static str>,
}

impl Composer {
    /// Takes what was read from the configuration; templates are told which features there are.
    pub fn new(
        config: &Config,
        base_url: Url,
        (originator, subjects): (Originator, Subjects),
        templates: Arc<Templates>,
        features: Vec<&'static str>,
    ) -> Self {
        let site_name = config.site_name.clone();
        Self { templates, base_url, site_name, originator, subjects, features }
    }

    /// Renders a mail that concerns `account`, if it concerns one, with the link that carries `token`.
    ///
    /// # Errors
    ///
    /// [`Error::Template`](crate::Error::Template) when a template fails.
    pub fn compose(
        &self,
        mail: &NewMail,
        account: Option<&UserWithPassword>,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Result<Message> {
        let link = mail.link.as_ref().zip(token).map(|(link, token)| {
            self.absolute(&format!("/{}/{}", link.purpose.replace('_', "-"), token.reveal()))
        });
        let user = account.map(|account| &account.user);
        let closed_until = user.and_then(|user| user.closes_at).map(in_words);
        let within = mail.link.as_ref().filter(|_| link.is_some());
        let lines = mail.context.iter().map(|(name, value)| (name.clone(), json!(one_line(value))));
        let mut context = Value::Object(lines.collect());
        let shared = json!({
            "site_name": self.site_name,
            "user": user.map(UserPayload::from),
            "closed_until": closed_until,
            "has_password": account.map(|account| account.password_hash.is_some()),
            "email": mail.to.as_str(),
            "link": link,
            "within": within.map(|link| link.lifetime.to_string()),
            "login_url": self.absolute("/login"),
            "base_url": self.absolute(""),
            "features": self.features,
        });
        if let (Value::Object(context), Value::Object(shared)) = (&mut context, shared) {
            context.extend(shared);
        }
        let render = |ending: &str| {
            let name = format!("security/email/{}.{ending}", mail.template);
            self.templates.render(&name, &context)
        };
        Ok(Message {
            id: mail.id,
            from: self.originator.from.clone(),
            to: mail.to.clone(),
            reply_to: self.originator.reply_to.clone(),
            subject: self.subjects.of(&mail.template, &mail.subject),
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
