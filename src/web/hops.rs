//! Parses the addresses that proxies write into a request, in all formats they use.
//!
//! A hop that is not an address is `None`: it ends the search for the client, and no other hop counts in its
//! place.

use std::net::IpAddr;

/// Returns the hops in a header that is a list of addresses, such as `X-Forwarded-For`.
pub(super) fn of_list<'h>(lines: impl Iterator<Item = &'h str>) -> Vec<Option<IpAddr>> {
    lines.flat_map(|line| line.split(',')).map(|hop| address_of(unquoted(hop))).collect()
}

/// Returns the hops in the header `Forwarded` (RFC 7239, section 4): the value of `for` in each element.
///
/// A client could send an unclosed quote, so that the text a proxy adds becomes part of the client's own
/// element. A line with an unclosed quote is therefore one hop that is not an address.
pub(super) fn of_forwarded<'h>(lines: impl Iterator<Item = &'h str>) -> Vec<Option<IpAddr>> {
    lines.flat_map(hops_of_line).collect()
}

fn hops_of_line(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split_outside_quotes(line, ',') else {
        return vec![None];
    };
    elements.into_iter().map(named_by_for).collect()
}

fn named_by_for(element: &str) -> Option<IpAddr> {
    let pairs = split_outside_quotes(element, ';')?;
    let named = pairs.into_iter().filter_map(|pair| pair.split_once('='));
    let mut nodes = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    // A parameter can occur only once in an element.
    match (nodes.next(), nodes.next()) {
        (Some((_, node)), None) => address_of(unquoted(node)),
        _ => None,
    }
}

/// Splits a text at a character outside quotes. Returns `None` if a quote is not closed.
fn split_outside_quotes(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => return c == at && !is_quoted,
        }
        false
    });
    let parts = parts.collect();
    (!is_quoted).then_some(parts)
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(text).trim()
}

/// Parses an address as proxies write it: `198.51.100.7`, `198.51.100.7:50123`, `2001:db8::7`,
/// `[2001:db8::7]`, `[2001:db8::7]:50123`. Each IPv6 address can have a zone.
fn address_of(hop: &str) -> Option<IpAddr> {
    if let Some(rest) = hop.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return parse_v6(address).filter(|_| is_port);
    }
    if let Some(address) = parse_v6(hop) {
        return Some(address);
    }
    let address = match hop.split_once(':') {
        Some((address, port)) if is_port(port) => address,
        Some(_) => return None,
        None => hop,
    };
    address.parse().ok().map(IpAddr::V4)
}

fn parse_v6(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        Some(_) => return None,
        None => text,
    };
    address.parse().ok().map(|address| IpAddr::V6(address).to_canonical())
}

/// Checks whether a text is a port, or an obfuscated one (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let is_named = |name: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty() && name.chars().all(is_plain)
    };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    is_number || text.strip_prefix('_').is_some_and(is_named)
}

#[cfg(test)]
mod tests {
    use crate::web::hops::{of_forwarded, of_list};

    fn shown(hops: Vec<Option<std::net::IpAddr>>) -> Vec<String> {
        hops.iter().map(|hop| hop.map_or_else(|| "-".to_owned(), |it| it.to_string())).collect()
    }

    #[test]
    fn every_form_that_proxies_write_is_read() {
        for (written, read) in [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:50123", "198.51.100.7"),
            (" \t198.51.100.7 ", "198.51.100.7"),
            ("\"198.51.100.7\"", "198.51.100.7"),
            ("\"198.51.100.7:50123\"", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:50123", "2001:db8::7"),
            ("\"[2001:db8::7]:50123\"", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("[::ffff:198.51.100.7]:80", "198.51.100.7"),
        ] {
            assert_eq!(shown(of_list([written].into_iter())), [read], "{written}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for written in [
            "",
            "unknown",
            "_hidden",
            "localhost",
            "198.51.100.7:",
            "198.51.100.7:99999",
            "1.2.3",
            "198.51.100.7:+80",
            "[198.51.100.7]",
            "[2001:db8::7",
            "2001:db8::7]",
            "[2001:db8::7]x",
            "[2001:db8::7]:",
            "fe80::1%",
            "\"198.51.100.7",
            "for=198.51.100.7",
            "1.2.3.4 5.6.7.8",
            "198.51.100.7/32",
        ] {
            assert_eq!(shown(of_list([written].into_iter())), ["-"], "{written}");
        }
    }

    #[test]
    fn forwarded_names_a_client_in_each_element() {
        for (written, read) in [
            ("for=192.0.2.43", vec!["192.0.2.43"]),
            ("For=\"[2001:db8:cafe::17]:4711\"", vec!["2001:db8:cafe::17"]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", vec!["192.0.2.60"]),
            ("proto=https; for=\"192.0.2.60:80\" ;by=203.0.113.43", vec!["192.0.2.60"]),
            ("for=192.0.2.43, for=198.51.100.17", vec!["192.0.2.43", "198.51.100.17"]),
            ("for=unknown, for=_hidden, by=192.0.2.1", vec!["-", "-", "-"]),
            ("for=192.0.2.43:_port", vec!["192.0.2.43"]),
            ("host=\"a, for=1.1.1.1\";for=192.0.2.43", vec!["192.0.2.43"]),
            ("for=1.1.1.1;for=2.2.2.2", vec!["-"]),
        ] {
            assert_eq!(shown(of_forwarded([written].into_iter())), read, "{written}");
        }
    }

    #[test]
    fn a_quote_that_a_client_leaves_open_hides_no_hop_behind_an_address_of_its_choice() {
        for sent in ["for=\"1.1.1.1", "for=1.1.1.1;x=\"", "x=\"\\", "for=\"a\\\""] {
            for added in ["for=192.0.2.43", "for=\"[2001:db8::7]:80\""] {
                let line = format!("{sent}, {added}");
                assert_eq!(shown(of_forwarded([line.as_str()].into_iter())), ["-"], "{line}");
            }
        }
    }
}
