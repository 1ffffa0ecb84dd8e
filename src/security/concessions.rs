//! Reports settings that weaken protection, at each launch outside the debug profile.
//!
//! Some settings are meant for load tests, development or private networks, and weaken protection elsewhere.
//! Each of them is logged at error level when the application launches. Those that leave passwords or
//! accounts open stop the launch, unless `security.allow_insecure` lists them.

use rocket::figment::Figment;
use url::{Host, Url};

use crate::config::{Config, ProxyNetwork, Span, instead_of, is_debug};
use crate::error::{Error, Faults, Result};
#[cfg(feature = "smtp")]
use crate::mail::smtp::may_be_read_on_the_way;

/// The settings that stop a launch unless `security.allow_insecure` lists them.
const NEED_CONSENT: [&str; 5] =
    ["base_url", "mail.url", "password.min_length", "throttle.enabled", "throttle.scale"];

/// The highest `throttle.scale` that still limits attempts.
const LARGEST_SCALE: u32 = 10;

/// The minimal length of a password that is the only factor (NIST SP 800-63B-4, section 3.1.1.2).
const SHORTEST_PASSWORD: usize = 15;

/// The longest lifetime of a login that is not reported.
const LONGEST_LOGIN: Span = Span::hours(366 * 24);

/// The shortest prefixes of a private network: none is larger than 10.0.0.0/8 (RFC 1918) or fc00::/7 (RFC
/// 4193).
const SHORTEST_IPV4: u8 = 8;
const SHORTEST_IPV6: u8 = 7;

/// A setting that weakens protection.
struct Concession {
    setting: &'static str,
    gives_up: &'static str,
    cure: &'static str,
}

/// Reports the settings that weaken protection.
///
/// # Errors
///
/// [`Error::Config`] for each setting that must be allowed and is not, and for each entry of
/// `security.allow_insecure` that is not such a setting.
pub(super) fn check(config: &Config, figment: &Figment, has_own_mailer: bool) -> Result<()> {
    let mut faults = Faults::default();
    let names = config.allow_insecure.iter().enumerate();
    for (at, name) in names.filter(|(_, name)| !NEED_CONSENT.contains(&name.as_str())) {
        let fault = format!("names \"{name}\", which is not a setting that needs to be allowed");
        faults.push(Error::config(
            format!("allow_insecure[{at}]"),
            fault,
            instead_of(name, &NEED_CONSENT),
        ));
    }
    if is_debug(figment) {
        return faults.finish();
    }
    let mail = config.mail.url.as_ref().map(|url| url.expose().as_str());
    let mail = mail.filter(|_| !has_own_mailer).unwrap_or_default();
    for Concession { setting, gives_up, cure } in needing_consent(config, mail) {
        if config.allow_insecure.iter().any(|name| name == setting) {
            log::error!("security.{setting}: {gives_up}. security.allow_insecure allows it");
        } else {
            let cure = format!("{cure}, or allow it: security.allow_insecure = [\"{setting}\"]");
            faults.push(Error::config(setting, gives_up, cure));
        }
    }
    for Concession { setting, gives_up, cure } in others(config, mail) {
        log::error!("security.{setting}: {gives_up}. {cure}");
    }
    faults.finish()
}

/// The settings that stop a launch unless they are allowed.
fn needing_consent(config: &Config, mail: &str) -> Vec<Concession> {
    given_up([
        (
            config.base_url.as_ref().is_some_and(is_plain),
            "base_url",
            "is http, so others on the network can read passwords and take over sessions",
            "Serve the application by https and set its address",
        ),
        (
            mail.starts_with("file:") || mail.starts_with("capture:"),
            "mail.url",
            "is not a mail server, so no mail reaches users and its links are kept on this machine",
            "Set it to your mail server, for example \"smtps://user:password@mail.example.org\"",
        ),
        (
            (8..SHORTEST_PASSWORD).contains(&config.password.min_length),
            "password.min_length",
            "is below 15, too short for passwords without a second factor (NIST SP 800-63B-4, section \
             3.1.1.2)",
            "Remove it",
        ),
        (
            !config.throttle.enabled,
            "throttle.enabled",
            "is false, so that passwords can be guessed without limit",
            "Remove it",
        ),
        (
            config.throttle.scale > LARGEST_SCALE,
            "throttle.scale",
            "is above 10, so that passwords can be guessed almost without limit",
            "Remove it: it is meant for load tests",
        ),
    ])
}

/// The settings that are only logged.
fn others(config: &Config, mail: &str) -> Vec<Concession> {
    given_up([
        (
            trusts_everybody(config),
            "trusted_proxies",
            "names a network that covers much of the internet, so that clients can forge their address and \
             escape the limits",
            "Name the addresses of your proxies",
        ),
        (
            config.session.absolute > LONGEST_LOGIN,
            "session.absolute",
            "is longer than a year, so that a stolen cookie works for years",
            "Set it to \"30days\" or less",
        ),
        (
            config.tokens.refresh_lifetime > LONGEST_LOGIN,
            "tokens.refresh_lifetime",
            "is longer than a year, so that a stolen refresh token works for years",
            "Set it to \"30days\" or less",
        ),
        (
            may_be_read_on_the_way(mail),
            "mail.url",
            "lets mail to another host travel unencrypted, so that its links can be read on the way",
            "Remove the parameter tls",
        ),
    ])
}

/// Whether a setting weakens protection, its name, the consequence, and the cure.
type Rule = (bool, &'static str, &'static str, &'static str);

fn given_up(rules: impl IntoIterator<Item = Rule>) -> Vec<Concession> {
    let broken = rules.into_iter().filter(|(is_given_up, ..)| *is_given_up);
    broken.map(|(_, setting, gives_up, cure)| Concession { setting, gives_up, cure }).collect()
}

fn trusts_everybody(config: &Config) -> bool {
    let networks = config.trusted_proxies.iter().flatten().map(ProxyNetwork::network);
    networks.into_iter().any(|network| {
        let shortest = if network.addr().is_ipv4() { SHORTEST_IPV4 } else { SHORTEST_IPV6 };
        network.prefix_len() < shortest
    })
}

fn is_plain(base_url: &Url) -> bool {
    let is_local = match base_url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    base_url.scheme() == "http" && !is_local
}

/// Without the SMTP transport there is no such mail.
#[cfg(not(feature = "smtp"))]
fn may_be_read_on_the_way(_url: &str) -> bool {
    false
}
