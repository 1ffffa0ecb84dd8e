//! The sender of a mail: an address by our own rules, and a name.

use lettre::Address;
use lettre::message::Mailbox;
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::user::Email;

/// Reads `name@example.org` or `Name <name@example.org>`, the value of the setting `key`. The address must be
/// an [`Email`]: what else lettre accepts confuses mail software.
///
/// # Errors
///
/// [`Error::Config`] naming `key`.
pub(super) fn read_mailbox(key: &str, text: &str) -> Result<Mailbox> {
    let wrong = |fault: String| {
        Error::config(key, fault, "Write name@example.org or Name <name@example.org>")
    };
    if text.contains(char::is_control) {
        return Err(wrong("contains a control character".to_owned()));
    }
    let named = text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let (name, address) = named.unwrap_or(("", text));
    let email = Email::parse(address).map_err(|_| wrong("is not an address".to_owned()))?;
    let address: Address =
        email.as_str().parse().map_err(|_| wrong("is not an address".to_owned()))?;
    let name = name.trim();
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let name = quoted.unwrap_or(name);
    Ok(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address))
}

/// Returns the default sender of a site: `no-reply` at its domain. A host without a domain, as in
/// development, sends from `localhost`.
///
/// # Errors
///
/// [`Error::Config`] if mail cannot be sent from the domain.
pub(super) fn mailbox_of_site(base_url: &Url) -> Result<Mailbox> {
    match base_url.host() {
        Some(Host::Domain(domain)) if domain.contains('.') => {
            read_mailbox("mail.from", &format!("no-reply@{domain}"))
        }
        _ => Address::new("no-reply", "localhost")
            .map(|address| Mailbox::new(None, address))
            .map_err(Error::mail),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use crate::mail::mailbox::{mailbox_of_site, read_mailbox};

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, name, address) in [
            ("hello@harbour.example", None, "hello@harbour.example"),
            (" hello@harbour.example ", None, "hello@harbour.example"),
            ("<hello@harbour.example>", None, "hello@harbour.example"),
            ("Harbour <hello@harbour.example>", Some("Harbour"), "hello@harbour.example"),
            ("\"Harbour, Ltd.\" <a@b.example>", Some("Harbour, Ltd."), "a@b.example"),
            ("H\u{e4}fen <a@b.example>", Some("H\u{e4}fen"), "a@b.example"),
            ("A <b> <a@b.example>", Some("A <b>"), "a@b.example"),
        ] {
            let mailbox = read_mailbox("mail.from", text).unwrap();
            assert_eq!(mailbox.name.as_deref(), name, "{text:?}");
            assert_eq!(mailbox.email.to_string(), address, "{text:?}");
        }
    }

    #[test]
    fn a_sender_that_fools_mail_software_is_refused() {
        for text in [
            "",
            "Harbour",
            "Harbour <>",
            "\"x@evil.example\"@victim.example",
            "Harbour <\"x@evil.example\"@victim.example>",
            "-oQfile@x.example",
            "a%evil@b.example",
            "a@[127.0.0.1]",
            "a@localhost",
            "\u{430}nn@example.org",
            "ann@example.org, bob@example.org",
            "ann@example.org\n",
            "Ann\r\nBcc: eve@example.org <ann@example.org>",
            "ann@example.org <ann@example.org",
        ] {
            let fault = read_mailbox("mail.from", text).unwrap_err().to_string();
            assert!(fault.starts_with("security.mail.from: "), "{text:?}: {fault}");
            assert!(fault.contains("Write name@example.org"), "{text:?}: {fault}");
        }
    }

    #[test]
    fn a_site_without_a_sender_sends_from_its_domain() {
        for (url, address) in [
            ("https://harbour.example", "no-reply@harbour.example"),
            ("http://127.0.0.1:8000", "no-reply@localhost"),
            ("http://[::1]:8000", "no-reply@localhost"),
            ("http://localhost:8000", "no-reply@localhost"),
        ] {
            let mailbox = mailbox_of_site(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(mailbox.to_string(), address);
        }
    }
}
