//! Where a request comes from.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use ipnet::IpNet;
use rocket::Request;

/// Gives the network address of the client.
///
/// It is whoever opened the connection. When that is one of the trusted proxies,
/// `X-Forwarded-For` is read from its end, and the first address that is not a trusted proxy is
/// the client: what stands before it was written by the client itself. `X-Real-IP` is not looked
/// at.
pub fn client_ip(request: &Request<'_>, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.remote()?.ip().to_canonical();
    let forwarded: Vec<&str> =
        request.headers().get("X-Forwarded-For").flat_map(|line| line.split(',')).collect();
    Some(find_client(peer, &forwarded, trusted))
}

/// Gives what attempts from an address are counted by: the address, or for IPv6 its /64, which is
/// what one subscriber gets (RFC 6177, section 2).
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from_bits(prefix))
        }
    }
}

fn find_client(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    for hop in forwarded.iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use crate::web::client_ip::find_client;
    use crate::web::client_ip::network_of;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        find_client(peer.parse().unwrap(), forwarded, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_clients_own_words_are_skipped() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["1.1.1.1", " 203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "10.0.0.2"], &trusted), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["10.0.0.2"], &trusted), "203.0.113.9");
    }

    #[test]
    fn garbage_leaves_the_last_address_that_is_known() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "unknown"], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn ipv6_is_counted_by_subscriber() {
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1");
    }
}
