//! [`AllowedDestination`]: what a plugin may reach. Names are looked up once, when the plugin is opened. In the sandbox
//! only these names resolve, to these addresses.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::Error;
use crate::runtime::{Destination, Network};

/// A destination that a plugin may reach, parsed from `vault.example.com:8200`, `[::1]:8200` or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedDestination {
    /// Every destination that the machine can reach.
    All,
    /// One destination.
    To {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

impl FromStr for AllowedDestination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "write `vault.example.com:8200`, `[::1]:8200` or `all`";
        if text == "all" {
            return Ok(Self::All);
        }
        let neither = || format!("`{text}` is neither a destination nor `all`: {FORMS}");
        let (host, port) = text.rsplit_once(':').ok_or_else(neither)?;
        if text.parse::<Ipv6Addr>().is_ok() || (host.contains(':') && !host.starts_with('[') && !host.contains("//")) {
            return Err(format!("`{text}`: write an IPv6 address in brackets, and a port after it: `[::1]:8200`"));
        }
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                rest.strip_suffix(']').filter(|inside| inside.parse::<Ipv6Addr>().is_ok()).ok_or_else(neither)?
            }
            None => host,
        };
        let is_strange =
            |character: char| character.is_whitespace() || character.is_control() || "/@[]?#".contains(character);
        if host.is_empty() || host.contains(is_strange) {
            return Err(neither());
        }
        match port.parse() {
            Ok(port @ 1..) if !text.contains(":+") => Ok(Self::To { host: host.to_owned(), port }),
            _ => Err(format!("`{text}`: `{port}` is not a port: from 1 to 65535")),
        }
    }
}

impl fmt::Display for AllowedDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::To { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::To { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// The network that the destinations allow. Looks names up.
pub(super) fn network(allowed: &[AllowedDestination]) -> Result<Network, Error> {
    let mut destinations = Vec::new();
    for destination in allowed {
        match destination {
            AllowedDestination::All => return Ok(Network::Open),
            AllowedDestination::To { host, port } => {
                let found = Destination::look_up(host, *port).map_err(|source| Error::Unresolved {
                    destination: destination.clone(),
                    host: host.clone(),
                    source,
                })?;
                destinations.push(found);
            }
        }
    }
    Ok(if destinations.is_empty() { Network::Closed } else { Network::Only(destinations) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(text: &str) -> Result<AllowedDestination, String> {
        text.parse()
    }

    fn to(host: &str, port: u16) -> Result<AllowedDestination, String> {
        Ok(AllowedDestination::To { host: host.to_owned(), port })
    }

    #[test]
    fn a_destination_is_a_host_and_a_port_and_is_written_as_it_was_read() {
        assert_eq!(opening("all"), Ok(AllowedDestination::All));
        assert_eq!(opening("vault.example.com:8200"), to("vault.example.com", 8200));
        assert_eq!(opening("192.0.2.1:1"), to("192.0.2.1", 1));
        assert_eq!(opening("[::1]:65535"), to("::1", 65535));
        for text in ["all", "vault.example.com:8200", "[fe80::1]:22"] {
            assert_eq!(opening(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invalid_destination_is_answered_with_valid_ones() {
        let wrong = [
            "",
            "ALL",
            "vault",
            "my-plugin/",
            "a/b:8200",
            "https://vault:8200",
            ":8200",
            "::1",
            "fe80::1:22",
            "[::1]",
            "[vault]:1",
            "vault:0",
            "vault:65536",
            "vault:https",
            "vault:",
            "vault:+1",
            "a b:1",
        ];
        let messages: Vec<String> = wrong.iter().map(|text| opening(text).expect_err(text)).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn destinations_are_looked_up_and_all_includes_every_one() {
        assert_eq!(network(&[]).unwrap(), Network::Closed);
        let [one, all] = ["127.0.0.1:80", "all"].map(|text| opening(text).unwrap());
        assert_eq!(network(&[one.clone(), all]).unwrap(), Network::Open);
        let addresses = vec!["127.0.0.1".parse().unwrap()];
        let wanted = Destination { host: "127.0.0.1".into(), port: 80, addresses };
        assert_eq!(network(&[one]).unwrap(), Network::Only(vec![wanted]));
    }

    #[test]
    fn a_name_that_does_not_resolve_is_wrong_use() {
        // Reserved for this by RFC 6761.
        let error = network(&[opening("vault.invalid:8200").unwrap()]).expect_err("it resolves nowhere");
        assert!(
            error.to_string().starts_with("`vault.invalid:8200` cannot be allowed: `vault.invalid` does not resolve: "),
            "{error}"
        );
    }
}
