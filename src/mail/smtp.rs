//! A mailer that sends mail by SMTP.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Category;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use rocket::async_trait;
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::mail::mailer::Mailer;
use crate::mail::message::Message;

/// Sends mail by SMTP, over a separate connection for each mail. Lettre's connection pool cannot be dropped
/// after the runtime has ended, which is when Rocket drops its managed state.
pub struct SmtpMailer(AsyncSmtpTransport<Tokio1Executor>);

impl SmtpMailer {
    /// Reads `smtps://user:password@host` (TLS from the start) or `smtp://host:587` (STARTTLS).
    ///
    /// `smtp://` without TLS is accepted only for a loopback host. For any other host STARTTLS is required,
    /// unless the URL itself says `?tls=none` or `?tls=opportunistic`.
    ///
    /// The mail server is greeted (`EHLO`) with the host of `base_url`, or with the name in the path:
    /// `smtps://user:password@host/outbound.example.org`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the URL has another form, or has parts without a meaning.
    pub fn from_url(url: &str, base_url: &Url) -> Result<Self> {
        // The URL may contain a password, so it is not quoted.
        let mut url = Url::parse(url).map_err(|fault| wrong(format!("is no URL: {fault}")))?;
        check_parts(&url)?;
        let name = hello_name(&url, base_url)?;
        let names_tls = url.query_pairs().any(|(key, _)| key == "tls");
        if url.scheme() == "smtp" && !names_tls && !is_loopback(&url) {
            url.query_pairs_mut().append_pair("tls", "required");
        } else if url.query_pairs().any(|(key, value)| key == "tls" && value == "none") {
            url.set_query(None);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|fault| wrong(fault.to_string()))?
            .hello_name(name)
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
    /// Returns `true` if the mail server accepts a connection from us. It refuses the greeting or the login
    /// with the same codes as a recipient, and lettre does not say which of them was refused. A server that
    /// refuses every connection says nothing about a mail.
    async fn is_welcome(&self) -> bool {
        self.0.test_connection().await.unwrap_or(false)
    }
}

/// Returns `true` if an answer can be about the mail: 55z, "the status of the receiver mail system vis-a-vis
/// the requested transfer". 50z and 53z are about the conversation and the login (RFC 5321, section 4.2.1;
/// RFC 4954, section 6).
fn is_verdict(fault: &lettre::transport::smtp::Error) -> bool {
    fault.is_permanent() && fault.status().is_some_and(|code| code.category == Category::MailSystem)
}

/// Describes an error without the server's own text, which repeats the recipient's address.
fn summary(fault: &lettre::transport::smtp::Error) -> String {
    match fault.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if fault.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if fault.is_tls() => "the mail server's TLS was refused".to_owned(),
        None if fault.is_client() => "the mail server does not offer what is required".to_owned(),
        None => "the mail server could not be reached".to_owned(),
    }
}

fn wrong(fault: impl Into<String>) -> Error {
    Error::config("mail.url", fault, "Write smtp://host:port or smtps://user:password@host")
}

/// Refuses parameters that would be ignored: an operator who sets one expects an effect.
fn check_parts(url: &Url) -> Result<()> {
    let mut names_tls = false;
    for (name, value) in url.query_pairs() {
        let is_known = matches!(&*value, "none" | "required" | "opportunistic");
        if name != "tls" {
            return Err(wrong(format!(
                "has the parameter \"{name}\", and \"tls\" is the only one"
            )));
        } else if url.scheme() == "smtps" {
            return Err(wrong("has the parameter \"tls\", and smtps:// is TLS from the start"));
        } else if names_tls {
            return Err(wrong("has the parameter \"tls\" twice"));
        } else if !is_known {
            return Err(wrong("has a \"tls\" other than none, required and opportunistic"));
        }
        names_tls = true;
    }
    if url.fragment().is_some() {
        return Err(wrong("has a part behind #, which means nothing; in a password, # is %23"));
    }
    if !url.username().is_empty() && url.password().is_none() {
        return Err(wrong("has a user without a password"));
    }
    Ok(())
}

/// Finds the name that the mail server is greeted with (RFC 5321, section 4.1.1.1).
fn hello_name(url: &Url, base_url: &Url) -> Result<ClientId> {
    let given = url.path().trim_matches('/');
    if !given.is_empty() {
        let host = Host::parse(given).ok().filter(|_| !given.contains('/'));
        return host
            .map(client_id)
            .ok_or_else(|| wrong("has a path that is no host name to greet with"));
    }
    match base_url.host() {
        Some(host) => Ok(client_id(host.to_owned())),
        None => {
            Err(Error::config("base_url", "has no host", "Write it like \"https://example.org\""))
        }
    }
}

fn client_id(host: Host) -> ClientId {
    match host {
        Host::Domain(name) => ClientId::Domain(name),
        Host::Ipv4(address) => ClientId::Ipv4(address),
        Host::Ipv6(address) => ClientId::Ipv6(address),
    }
}

/// Returns `true` if mail to another host may be sent unencrypted.
pub(crate) fn may_be_read_on_the_way(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let is_weak = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        name == "tls" && matches!(&*value, "none" | "opportunistic")
    };
    url.scheme() == "smtp" && !is_loopback(&url) && url.query_pairs().any(is_weak)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // For schemes other than http, the URL Standard treats an IPv4 address as a name.
        Some(Host::Domain("localhost")) => true,
        Some(Host::Domain(name)) => name.parse().is_ok_and(|it: IpAddr| it.is_loopback()),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use crate::mail::smtp::{SmtpMailer, may_be_read_on_the_way};

    fn fault_of(url: &str) -> String {
        let site = Url::parse("https://example.org").unwrap();
        SmtpMailer::from_url(url, &site).err().map_or(String::new(), |fault| fault.to_string())
    }

    #[test]
    fn a_part_of_the_url_that_means_nothing_is_refused_and_no_password_is_told() {
        for (url, fault) in [
            (
                "smtp://u:hunter2@h?tsl=none",
                "has the parameter \"tsl\", and \"tls\" is the only one",
            ),
            ("smtp://u:hunter2@h?timeout=5&tls=none", "has the parameter \"timeout\""),
            ("smtp://h?tls=off", "has a \"tls\" other than none, required and opportunistic"),
            ("smtp://h?tls=none&tls=required", "has the parameter \"tls\" twice"),
            ("smtps://u:hunter2@h?tls=required", "has the parameter \"tls\", and smtps:// is TLS"),
            ("smtps://u:hunter2@h#2", "has a part behind #"),
            ("smtps://u@h", "has a user without a password"),
            ("smtps://u:hunter2@h/a/b", "has a path that is no host name"),
            ("smtps://u:hunter2@h/a%20b", "has a path that is no host name"),
        ] {
            let told = fault_of(url);
            assert!(told.starts_with(&format!("security.mail.url: {fault}")), "{url}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        for url in ["smtp://h", "smtp://h:587?tls=opportunistic", "smtps://u:p@h/out.example.org"] {
            assert_eq!(fault_of(url), "", "{url}");
        }
    }

    #[test]
    fn mail_may_be_read_on_the_way_to_another_host_alone() {
        for (url, expected) in [
            ("smtp://mail.example.org?tls=none", true),
            ("smtp://mail.example.org?tls=opportunistic", true),
            ("smtp://mail.example.org", false),
            ("smtps://mail.example.org", false),
            ("smtp://127.0.0.1?tls=none", false),
            ("smtp://localhost", false),
            ("file:mail", false),
        ] {
            assert_eq!(may_be_read_on_the_way(url), expected, "{url}");
        }
    }
}
