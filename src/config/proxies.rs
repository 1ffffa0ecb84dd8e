//! Which reverse proxies name the client, and in which header.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer};

/// An entry of `security.trusted_proxies`: an address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

impl ProxyNetwork {
    /// Checks whether an address belongs to the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Returns the network.
    pub fn network(&self) -> IpNet {
        self.0
    }

    /// Reads an address or a network. An address becomes the network of that address alone.
    fn parse(text: &str) -> Option<Self> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().ok()?,
        };
        Some(Self(canonical(network)))
    }
}

/// Turns an IPv4 network that is written as IPv6 into an IPv4 network, like the addresses that it is compared
/// with.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else {
        return network;
    };
    let address = mapped.addr().to_ipv4_mapped();
    let length = mapped.prefix_len().checked_sub(96);
    let network_of = |(address, length)| Ipv4Net::new(address, length).ok();
    address.zip(length).and_then(network_of).map_or(network, IpNet::V4)
}

impl<'de> Deserialize<'de> for ProxyNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "\"{text}\" is neither an address nor a network. \
                 Write it like \"10.0.0.5\" or \"10.0.0.0/24\""
            ))
        })
    }
}

/// `security.proxy_header`: the only header in which trusted proxies name the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader(String);

impl ProxyHeader {
    /// Returns the name of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if the header has the format of RFC 7239.
    pub fn is_forwarded(&self) -> bool {
        self.0.eq_ignore_ascii_case("Forwarded")
    }
}

impl Default for ProxyHeader {
    fn default() -> Self {
        Self("X-Forwarded-For".to_owned())
    }
}

impl<'de> Deserialize<'de> for ProxyHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if !name.is_empty() && name.chars().all(is_token) {
            return Ok(Self(name));
        }
        Err(serde::de::Error::custom(
            "it is not the name of a header. \
             Write it like \"X-Forwarded-For\", \"Forwarded\" or \"X-Real-IP\"",
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::proxies::{ProxyHeader, ProxyNetwork};

    #[test]
    fn an_address_is_a_network_of_its_own() {
        for (text, network) in [
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
            ("::ffff:10.0.0.5", "10.0.0.5/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            let read: ProxyNetwork = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(read.network().to_string(), network);
        }
    }

    #[test]
    fn what_is_no_network_is_told_with_the_cure() {
        for text in ["", "localhost", "10.0.0.5:80", "10.0.0.0/33", "10.0.0"] {
            let fault = serde_json::from_value::<ProxyNetwork>(json!(text)).unwrap_err();
            let told = fault.to_string();
            assert!(told.contains("is neither an address nor a network. Write it like"), "{told}");
        }
    }

    #[test]
    fn a_header_has_a_name_that_headers_can_have() {
        for name in ["", "X Forwarded", "X-Forwarded-For:", "Ä"] {
            assert!(serde_json::from_value::<ProxyHeader>(json!(name)).is_err(), "{name}");
        }
        let read: ProxyHeader = serde_json::from_value(json!("forwarded")).unwrap();
        assert!(read.is_forwarded());
    }
}
