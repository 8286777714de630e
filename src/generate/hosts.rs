//! Addresses, hosts and ports. Hosts belong to domains; an address is always one that the platform could see, a host's
//! name always one that DNS could give.

use crate::generate::{
    choices::Choices,
    text::{joined, push_random},
};

/// A domain as users type it and as DNS has it.
const DOMAINS: &[(&str, &str)] = &[
    ("example.com", "example.com"),
    ("EXAMPLE", "example.com"),
    ("corp.example.com", "corp.example.com"),
    ("CORP", "corp.example.com"),
    ("example.local", "example.local"),
    ("lan", "lan"),
];

/// First labels of hosts' names.
const HOSTS: &[&str] = &["srv1", "db01", "web-2", "dc1", "WIN2019", "bastion", "jump.eu", "host_3"];

/// Names at the boundary of what DNS has.
const ODD_HOSTNAMES: &[&str] = &[
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

const ODD_ADDRESSES: &[&str] = &[
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

/// Ports that protocols have by custom, the everyday one first.
const PORTS: &[u16] = &[22, 3389, 443, 80, 23, 5900, 1494, 2222, 8080, 1433];

/// The most bytes of a host's name.
const HOSTNAME_BYTES_LIMIT: usize = 253;

/// Whether DNS could give `text` as a host's name. Underscores are no hostname's by the standard, and common.
pub(super) fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= HOSTNAME_BYTES_LIMIT
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// A pair of the same domain: as users type it, as DNS has it.
pub(super) fn domain(choices: &mut Choices<'_, '_>) -> (&'static str, &'static str) {
    *choices.pick(DOMAINS)
}

/// The domains as users type them.
pub(super) const TYPED_DOMAINS: &[&str] =
    &["example.com", "EXAMPLE", "corp.example.com", "CORP", "example.local", "lan"];

/// A host's name, mostly in `dns_domain`.
pub(super) fn hostname(choices: &mut Choices<'_, '_>, dns_domain: &str) -> String {
    if choices.is_odd() {
        let own = &choices.domain.tables().hostnames;
        return match choices.byte() {
            0..128 if !own.is_empty() => choices.pick(own).clone(),
            0..250 => choices.text(ODD_HOSTNAMES).to_owned(),
            // The longest label four times, as far as the limit goes.
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
    joined(&[choices.text(HOSTS), ".", dns_domain])
}

/// An IPv4 or IPv6 address.
pub(super) fn address(choices: &mut Choices<'_, '_>) -> String {
    let mut text = String::with_capacity(24);
    if choices.is_odd() {
        match choices.byte() {
            0..180 => text.push_str(choices.text(ODD_ADDRESSES)),
            180.. => {
                text.push_str("2001:db8::");
                push_hex(choices.two_bytes() | 1, &mut text);
                text.push(':');
                push_hex(choices.two_bytes() | 1, &mut text);
            }
        }
        return text;
    }
    text.push_str(choices.text(&["10.0.0.", "192.168.1.", "172.16.20.", "203.0.113."]));
    push_decimal(u32::from(choices.byte() % 254) + 1, &mut text);
    text
}

/// A server's port.
pub(super) fn server_port(choices: &mut Choices<'_, '_>) -> u16 {
    if choices.is_odd() { odd_port(choices) } else { *choices.pick(PORTS) }
}

/// A client's port: from the ephemeral ones.
pub(super) fn client_port(choices: &mut Choices<'_, '_>) -> u16 {
    if choices.is_odd() { odd_port(choices) } else { 49152 | (choices.two_bytes() & 0x3fff) }
}

fn odd_port(choices: &mut Choices<'_, '_>) -> u16 {
    let own = &choices.domain.tables().ports;
    match choices.byte() {
        0..80 => 65535,
        80..140 => 1,
        140..220 if !own.is_empty() => *choices.pick(own),
        140.. => choices.two_bytes().max(1),
    }
}

/// An id that no other session has: it reads as the platform's own ids do.
pub(super) fn session_id(choices: &mut Choices<'_, '_>, protocol: &str) -> String {
    let mut text = String::with_capacity(40);
    text.push_str("svc/");
    push_random(choices, 16, &mut text);
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
    fn every_name_in_the_tables_is_one_that_the_platform_could_see() {
        assert!(ODD_HOSTNAMES.iter().all(|name| is_hostname(name)));
        assert!(ODD_ADDRESSES.iter().all(|address| address.parse::<IpAddr>().is_ok()));
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
                let mut source = Unstructured::new(&bytes);
                let mut choices = Choices::new(&mut source, &domain);
                assert!(is_hostname(&hostname(&mut choices, "example.com")));
                let mut source = Unstructured::new(&bytes);
                let mut choices = Choices::new(&mut source, &domain);
                let text = address(&mut choices);
                assert!(text.parse::<IpAddr>().is_ok(), "{text}");
                assert_ne!(server_port(&mut choices), 0);
            }
        }
    }
}
