//! Mail by SMTP.

use std::net::IpAddr;
use std::time::Duration;

use lettre::AsyncSmtpTransport;
use lettre::AsyncTransport;
use lettre::Tokio1Executor;
use lettre::transport::smtp::response::Category;
use rocket::async_trait;
use url::Host;
use url::Url;

use crate::error::Error;
use crate::error::Result;
use crate::mail::Mailer;
use crate::mail::Message;

/// Sends by SMTP, over a connection for each mail: lettre's pool cannot be dropped once the runtime
/// has ended, which is when Rocket drops what it manages.
pub struct SmtpMailer(AsyncSmtpTransport<Tokio1Executor>);

impl SmtpMailer {
    /// Reads `smtps://user:password@host` (TLS from the start) or `smtp://host:587` (STARTTLS).
    ///
    /// `smtp://` without TLS is taken for a loopback host only; elsewhere STARTTLS is required
    /// unless the URL says `?tls=none` itself.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the URL is not one of these.
    pub fn from_url(url: &str) -> Result<Self> {
        let wrong = |fault: String| {
            Error::config("mail.url", fault, "Write smtp://host:port or smtps://user:password@host")
        };
        // The text may hold a password: only its fault is told.
        let mut url = Url::parse(url).map_err(|fault| wrong(format!("is no URL: {fault}")))?;
        let names_tls = url.query_pairs().any(|(key, _)| key == "tls");
        if url.scheme() == "smtp" && !names_tls && !is_loopback(&url) {
            url.query_pairs_mut().append_pair("tls", "required");
        } else if url.query_pairs().any(|(key, value)| key == "tls" && value == "none") {
            url.set_query(None);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|fault| wrong(fault.to_string()))?
            .timeout(Some(Duration::from_secs(30)))
            .build();
        Ok(Self(transport))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, message: &Message) -> Result<()> {
        let Err(fault) = self.0.send(message.to_lettre()?).await else {
            log::info!("mail {} was handed to the mail server", message.id);
            return Ok(());
        };
        let summary = summary(&fault);
        if is_verdict(&fault) && self.is_welcome().await {
            return Err(Error::mail_refused(summary));
        }
        Err(Error::mail(summary))
    }
}

impl SmtpMailer {
    /// Tells whether the mail server takes us in. The greeting, or the login, is refused by the same
    /// codes as a recipient is, and lettre does not say what was: a server that refuses everybody says
    /// nothing about a mail.
    async fn is_welcome(&self) -> bool {
        self.0.test_connection().await.unwrap_or(false)
    }
}

/// Tells whether an answer can be about the mail: 55z, "the status of the receiver mail system
/// vis-a-vis the requested transfer". 50z and 53z are about the conversation and the login (RFC 5321,
/// section 4.2.1; RFC 4954, section 6).
fn is_verdict(fault: &lettre::transport::smtp::Error) -> bool {
    fault.is_permanent() && fault.status().is_some_and(|code| code.category == Category::MailSystem)
}

/// Says what went wrong without the server's own words, which repeat the recipient's address.
fn summary(fault: &lettre::transport::smtp::Error) -> String {
    match fault.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if fault.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if fault.is_tls() => "the mail server's TLS was refused".to_owned(),
        None if fault.is_client() => "the mail server does not offer what is required".to_owned(),
        None => "the mail server could not be reached".to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Outside http, the URL Standard leaves an IPv4 address a mere name.
        Some(Host::Domain("localhost")) => true,
        Some(Host::Domain(name)) => name.parse().is_ok_and(|it: IpAddr| it.is_loopback()),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
