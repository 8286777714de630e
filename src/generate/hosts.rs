//! Addresses, hosts and ports. Hosts belong to domains. The platform could see every address, and DNS could return
//! every host name.

use crate::generate::{
    source::DomainSource,
    text::{joined, push_random},
};

/// Domains as users type them, each with its name in DNS.
const DOMAINS: &[(&str, &str)] = &[
    ("example.com", "example.com"),
    ("EXAMPLE", "example.com"),
    ("corp.example.com", "corp.example.com"),
    ("CORP", "corp.example.com"),
    ("example.local", "example.local"),
    ("lan", "lan"),
];

/// First labels of host names.
const HOSTS: &[&str] = &["srv1", "db01", "web-2", "dc1", "WIN2019", "bastion", "jump.eu", "host_3"];

/// Unusual names that DNS allows.
const UNUSUAL_HOSTNAMES: &[&str] = &[
    "a",
    "localhost",
    "srv1",
    "srv1.example.com.",
    "SRV1.EXAMPLE.COM",
    "xn--bcher-kva.example",
    "123",
    "1.example.com",
    "10.0.0.1.example.com",
    "_ldap._tcp.example.com",
    "ip-10-0-0-1.ec2.internal",
    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
];

const UNUSUAL_ADDRESSES: &[&str] = &[
    "::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2001:db8:0:1:1:1:1:1",
    "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    "2001:db8::",
    "fd00::a:1",
    "ff02::1",
    "64:ff9b::192.0.2.33",
    "::",
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "169.254.1.1",
    "1.1.1.1",
    "::ffff:1.2.3.4",
];

/// Usual ports of protocols, the most common one first.
const PORTS: &[u16] = &[22, 3389, 443, 80, 23, 5900, 1494, 2222, 8080, 1433];

/// The longest host name, in bytes.
const HOSTNAME_BYTES_LIMIT: usize = 253;

/// Whether DNS could return `text` as a host name. The standard forbids underscores, but they are common.
pub(super) fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= HOSTNAME_BYTES_LIMIT
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// A domain as users type it, and its name in DNS.
pub(super) fn domain(source: &mut DomainSource<'_, '_>) -> (&'static str, &'static str) {
    *source.pick(DOMAINS)
}

/// The domains as users type them.
pub(super) const TYPED_DOMAINS: &[&str] =
    &["example.com", "EXAMPLE", "corp.example.com", "CORP", "example.local", "lan"];

/// A host name, mostly in `dns_domain`.
pub(super) fn hostname(source: &mut DomainSource<'_, '_>, dns_domain: &str) -> String {
    if source.is_unusual() {
        let own = &source.domain.tables().hostnames;
        return match source.byte() {
            0..128 if !own.is_empty() => source.pick(own).clone(),
            0..250 => source.text(UNUSUAL_HOSTNAMES).to_owned(),
            // Four labels of the greatest length, within the limit for the whole name.
            250.. => {
                let mut name = "a".repeat(63);
                for _ in 0..3 {
                    name.push('.');
                    name.push_str(&"b".repeat(if name.len() > 128 { 61 } else { 63 }));
                }
                name
            }
        };
    }
    joined(&[source.text(HOSTS), ".", dns_domain])
}

/// An IPv4 or IPv6 address.
pub(super) fn address(source: &mut DomainSource<'_, '_>) -> String {
    let mut text = String::with_capacity(24);
    if source.is_unusual() {
        match source.byte() {
            0..180 => text.push_str(source.text(UNUSUAL_ADDRESSES)),
            180.. => {
                text.push_str("2001:db8::");
                push_hex(source.two_bytes() | 1, &mut text);
                text.push(':');
                push_hex(source.two_bytes() | 1, &mut text);
            }
        }
        return text;
    }
    text.push_str(source.text(&["10.0.0.", "192.168.1.", "172.16.20.", "203.0.113."]));
    push_decimal(u32::from(source.byte() % 254) + 1, &mut text);
    text
}

/// A server's port.
pub(super) fn server_port(source: &mut DomainSource<'_, '_>) -> u16 {
    if source.is_unusual() { unusual_port(source) } else { *source.pick(PORTS) }
}

/// A client's port, mostly an ephemeral one.
pub(super) fn client_port(source: &mut DomainSource<'_, '_>) -> u16 {
    if source.is_unusual() { unusual_port(source) } else { 49152 | (source.two_bytes() & 0x3fff) }
}

fn unusual_port(source: &mut DomainSource<'_, '_>) -> u16 {
    let own = &source.domain.tables().ports;
    match source.byte() {
        0..80 => 65535,
        80..140 => 1,
        140..220 if !own.is_empty() => *source.pick(own),
        140.. => source.two_bytes().max(1),
    }
}

/// An id that no other session has, in the form of the platform's ids.
pub(super) fn session_id(source: &mut DomainSource<'_, '_>, protocol: &str) -> String {
    let mut text = String::with_capacity(40);
    text.push_str("svc/");
    push_random(source, 16, &mut text);
    text.push_str("/connection:1/");
    text.push_str(protocol);
    text
}

fn push_decimal(number: u32, out: &mut String) {
    if number >= 10 {
        push_decimal(number / 10, out);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

fn push_hex(number: u16, out: &mut String) {
    if number >= 16 {
        push_hex(number / 16, out);
    }
    out.push(char::from(b"0123456789abcdef"[usize::from(number % 16)]));
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use arbitrary::Unstructured;

    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::Domain,
        trace::PluginTokens,
    };

    #[test]
    fn the_platform_could_see_every_name_in_the_tables() {
        assert!(UNUSUAL_HOSTNAMES.iter().all(|name| is_hostname(name)));
        assert!(UNUSUAL_ADDRESSES.iter().all(|address| address.parse::<IpAddr>().is_ok()));
        assert!(DOMAINS.iter().zip(TYPED_DOMAINS).all(|((typed, dns), same)| typed == same && is_hostname(dns)));
        for wrong in ["", ".", "a..b", "a b", "straße", &"a".repeat(64), &"a.".repeat(140)] {
            assert!(!is_hostname(wrong), "{wrong}");
        }
    }

    #[test]
    fn hosts_and_addresses_stay_valid_for_any_bytes() {
        let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), Vec::new(), PluginTokens::default());
        for seed in 0..=255_u8 {
            for class in 0..=255_u8 {
                let bytes = [255, 255, class, seed, class, seed, 255, class, seed, 7];
                let mut unstructured = Unstructured::new(&bytes);
                let mut source = DomainSource::new(&mut unstructured, &domain);
                assert!(is_hostname(&hostname(&mut source, "example.com")));
                let mut unstructured = Unstructured::new(&bytes);
                let mut source = DomainSource::new(&mut unstructured, &domain);
                let text = address(&mut source);
                assert!(text.parse::<IpAddr>().is_ok(), "{text}");
                assert_ne!(server_port(&mut source), 0);
            }
        }
    }
}
