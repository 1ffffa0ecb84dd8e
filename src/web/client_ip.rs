//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use rocket::Request;

use crate::config::{Config, ProxyHeader, ProxyNetwork};
use crate::web::hops;

/// The headers in which proxies usually name the client.
const USUAL: [&str; 3] = ["X-Forwarded-For", "Forwarded", "X-Real-IP"];

/// Finds the network address of the client. Logs once what prevents this.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<ProxyNetwork>,
    header: ProxyHeader,
    has_told_untrusted: AtomicBool,
    has_told_unread: AtomicBool,
}

impl Proxies {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            trusted: config.trusted_proxies.clone().unwrap_or_default(),
            header: config.proxy_header.clone(),
            has_told_untrusted: AtomicBool::new(false),
            has_told_unread: AtomicBool::new(false),
        }
    }

    /// Returns the network address of the client.
    ///
    /// It is the address of the peer that opened the connection. If this is a trusted proxy, the header named
    /// by `security.proxy_header` is read from its end, and the first address that is not a trusted proxy is
    /// the client: everything before it was written by the client itself. No other header is read.
    pub fn client(&self, request: &Request<'_>) -> Option<IpAddr> {
        let peer = request.remote()?.ip().to_canonical();
        Some(self.found(request, peer).client)
    }

    /// Logs, once each, a proxy that is not trusted and a hop that is not an address.
    pub(crate) fn inspect(&self, request: &Request<'_>) {
        let Some(peer) = request.remote().map(|remote| remote.ip().to_canonical()) else {
            return;
        };
        let brings = |name: &str| request.headers().contains(name);
        if !self.trusts(peer) {
            let brought =
                USUAL.iter().copied().chain([self.header.as_str()]).find(|name| brings(name));
            if let Some(header) = brought.filter(|_| is_near(peer))
                && !self.has_told_untrusted.swap(true, Ordering::Relaxed)
            {
                log::error!(
                    "security.trusted_proxies: a request from {peer} brings {header}, but {peer} is \
                     not a trusted proxy, so all visitors who come through it count as one network, \
                     and a few wrong passwords of one of them lock out the others. Set \
                     trusted_proxies = [\"{peer}\"] if that is your reverse proxy"
                );
            }
            return;
        }
        let header = self.header.as_str();
        let is_other = |name: &&&str| !name.eq_ignore_ascii_case(header) && brings(name);
        let other = USUAL.iter().find(is_other);
        let fault = match (brings(header), other) {
            (false, Some(other)) => format!("brings {other} and no {header}"),
            _ if self.found(request, peer).is_unread => {
                format!("brings {header} with a hop that is not an IP address")
            }
            _ => return,
        };
        if !self.has_told_unread.swap(true, Ordering::Relaxed) {
            log::warn!(
                "security.proxy_header: the trusted proxy {peer} {fault}, so the client counts as \
                 the last address that could be read. Have the proxy write each client's address \
                 into {header}, or set proxy_header to the header that it writes"
            );
        }
    }

    fn found(&self, request: &Request<'_>, peer: IpAddr) -> Found {
        let lines = request.headers().get(self.header.as_str());
        let hops = if self.header.is_forwarded() {
            hops::of_forwarded(lines)
        } else {
            hops::of_list(lines)
        };
        find_client(peer, &hops, |address| self.trusts(address))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// Returns the key under which attempts from an address are counted: the address, or for IPv6 its /64, the
/// smallest network that a subscriber gets (RFC 6177, section 2).
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => prefix_of(address, 64),
    }
}

/// Returns the networks for which attempts from an address are counted, the smallest first. Each comes with
/// the factor by which its limit is higher than that of one address. The larger networks are counted because
/// an attacker gets one of them as easily as a single address.
///
/// For IPv6 these are the /64, and the /56 and /48 that a provider assigns to a customer (RFC 6177, section
/// 2; RIPE-690). For IPv4 they are the address and its /24, the smallest block that is routed on its own.
pub fn networks_of(address: IpAddr) -> Vec<(String, u32)> {
    let own = (network_of(address), 1);
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            vec![own, (format!("{}/24", Ipv4Addr::new(a, b, c, 0)), 16)]
        }
        IpAddr::V6(address) => {
            vec![own, (prefix_of(address, 56), 4), (prefix_of(address, 48), 16)]
        }
    }
}

fn prefix_of(address: Ipv6Addr, length: u32) -> String {
    let rest = u128::MAX.checked_shr(length).unwrap_or_default();
    format!("{}/{length}", Ipv6Addr::from_bits(address.to_bits() & !rest))
}

/// The client, and whether a hop on the way to it was not an address.
struct Found {
    client: IpAddr,
    is_unread: bool,
}

fn find_client(peer: IpAddr, hops: &[Option<IpAddr>], trusts: impl Fn(IpAddr) -> bool) -> Found {
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !trusts(client) {
            break;
        }
        let Some(address) = hop else {
            return Found { client, is_unread: true };
        };
        client = *address;
    }
    Found { client, is_unread: false }
}

/// Checks whether an address cannot belong to a stranger on the Internet: loopback, private, or link-local.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_loopback() || it.is_private() || it.is_link_local(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::web::client_ip::{find_client, is_near, network_of, networks_of};
    use crate::web::hops;

    fn client(peer: &str, forwarded: &[&str], trusted: &str) -> String {
        let hops = hops::of_list(forwarded.iter().copied());
        let trusts = |address: IpAddr| address.to_string().starts_with(trusted);
        find_client(peer.parse().unwrap(), &hops, trusts).client.to_string()
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], "10."), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_clients_own_words_are_skipped() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1", " 203.0.113.9"], "10."), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 10.0.0.2"], "10."), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["10.0.0.2"], "10."), "203.0.113.9");
    }

    #[test]
    fn garbage_leaves_the_last_address_that_is_known() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "unknown"], "10."), "10.0.0.1");
    }

    #[test]
    fn ipv6_is_counted_by_subscriber_and_by_what_a_subscriber_may_have() {
        let address = "2001:db8:1:234:3:4:5:6".parse().unwrap();
        assert_eq!(network_of(address), "2001:db8:1:234::/64");
        let networks = ["2001:db8:1:234::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"];
        assert_eq!(networks_of(address).into_iter().map(|it| it.0).collect::<Vec<_>>(), networks);
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network_of(mapped), "192.0.2.1");
        assert_eq!(
            networks_of(mapped).into_iter().map(|it| it.0).collect::<Vec<_>>(),
            ["192.0.2.1", "192.0.2.0/24"]
        );
    }

    #[test]
    fn a_proxy_is_near() {
        for near in
            ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "fd00::1", "fe80::1"]
        {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["203.0.113.9", "172.15.0.1", "2001:db8::1"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
