//! What a worker is started for: a plugin, the platform to simulate, the limits and the sandbox.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    contract::{Platform, PluginType},
};

/// A plugin and how to run it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The folder with the plugin's files: the package root, which is on `sys.path`.
    pub root: PathBuf,
    /// The module's file in the root, `main.py`.
    pub entry_point: String,
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform to simulate.
    pub platform: &'static Platform,
    /// The configuration text that `Plugin` is constructed with.
    pub configuration: String,
    /// What the platform's services contain while `Plugin` is constructed as a step of loading \[S\]; an empty dict if
    /// the plugin uses none.
    pub services: Value,
    /// A virtual environment whose packages the plugin may import, after its own.
    pub venv: Option<PathBuf>,
    /// The limits of a call.
    pub limits: Limits,
    /// What the plugin may reach on the network.
    pub network: Network,
    /// What else confines it.
    pub sandbox: Sandbox,
    /// Whether lines of the plugin's own files are marked when they run.
    pub coverage: bool,
    /// Whether the plugin's own code is instrumented, so that [`crate::runtime::Executor::run_observed`] sees its edges
    /// and comparisons. Findings are reproduced without it.
    pub instrument: bool,
}

/// The limits of a call and of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take.
    pub timeout: Duration,
    /// How many bytes of memory a process may allocate beyond what it has after loading.
    pub memory_bytes: u64,
    /// How long importing the module may take, and how long constructing `Plugin`, as steps of loading.
    pub loading: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), memory_bytes: 512 << 20, loading: Duration::from_secs(60) }
    }
}

/// What a plugin may reach on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing, not even loopback.
    #[default]
    Closed,
    /// Only these destinations.
    Only(Vec<Destination>),
    /// Everything that the machine can reach.
    Open,
}

impl Network {
    /// The destinations, if it is neither closed nor open.
    pub fn destinations(&self) -> &[Destination] {
        match self {
            Self::Only(destinations) => destinations,
            Self::Closed | Self::Open => &[],
        }
    }

    /// Whether the plugin may reach `address` at `port`.
    pub fn reaches(&self, address: IpAddr, port: u16) -> bool {
        matches!(self, Self::Open) || self.destinations().iter().any(|known| known.is_at(address, port))
    }

    /// Whether the plugin may ask a name server about `host`: a name, or an address whose name it wants to know.
    ///
    /// Only a destination that is a name opens the name servers, see [`Destination::is_name`].
    pub fn resolves(&self, host: &str) -> bool {
        let plain = |host: &str| host.strip_suffix('.').unwrap_or(host).to_lowercase();
        let is_of = |known: &Destination| {
            let is_address =
                || host.parse::<IpAddr>().is_ok_and(|address| known.addresses.contains(&address.to_canonical()));
            known.is_name() && (plain(&known.host) == plain(host) || is_address())
        };
        matches!(self, Self::Open) || self.destinations().iter().any(is_of)
    }
}

/// A destination that a plugin may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// A name or an address, as the user wrote it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses that `host` had when the run began.
    pub addresses: Vec<IpAddr>,
}

impl Destination {
    /// `host`, a name or an address without brackets, at `port`, with the addresses that it has now.
    ///
    /// # Errors
    /// If the name does not resolve.
    pub fn look_up(host: &str, port: u16) -> io::Result<Self> {
        let mut addresses = Vec::new();
        for address in (host, port).to_socket_addrs()?.map(|found| found.ip()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        match addresses.is_empty() {
            true => Err(io::Error::other("it has no address")),
            false => Ok(Self { host: host.to_owned(), port, addresses }),
        }
    }

    /// Whether it has this address and port. The address may be one of IPv4 mapped into IPv6.
    pub fn is_at(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.port == port && self.addresses.iter().any(|known| known.to_canonical() == address)
    }

    /// Whether the user wrote a name.
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

/// What confines a plugin, beside its network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether the sandbox is off: the plugin may do whatever the user may.
    pub is_off: bool,
    /// Files and folders that the plugin may read beside those that Python and the package need.
    pub readable: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_reached_by_its_name_and_its_addresses_at_its_port() {
        let vault = Destination {
            host: "vault.example.com".into(),
            port: 443,
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        };
        let network = Network::Only(vec![vault]);
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            assert!(network.reaches(address.parse().unwrap(), 443), "{address}");
            assert!(
                !network.reaches(address.parse().unwrap(), 80)
                    && !Network::Closed.reaches(address.parse().unwrap(), 443)
            );
        }
        assert!(!network.reaches("192.0.2.2".parse().unwrap(), 443));
        assert!(network.resolves("Vault.Example.com.") && !network.resolves("example.com"));
        assert!(Network::Open.resolves("example.com") && !Network::Closed.resolves("vault.example.com"));
    }
}
