//! What workers are started for: a plugin, the platform that is played, and the limits.

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

/// A plugin ready to be loaded, and how to run it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The folder with the plugin's files: the package root, which is on `sys.path`.
    pub root: PathBuf,
    /// The module's file in the root, `main.py`.
    pub entry_point: String,
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform that is played.
    pub platform: &'static Platform,
    /// The configuration text that `Plugin` is constructed with.
    pub configuration: String,
    /// What the platform's services hold while `Plugin` is constructed as a step of loading \[S\]; an empty dict where it
    /// uses none.
    pub services: Value,
    /// A virtual environment whose packages the plugin may import, after its own.
    pub venv: Option<PathBuf>,
    /// The limits of a call.
    pub limits: Limits,
    /// What of the network is open.
    pub network: Network,
    /// What else it is held by.
    pub sandbox: Sandbox,
    /// Whether lines of the plugin's own files are counted.
    pub coverage: bool,
    /// Whether the plugin's own code is instrumented, so that [`crate::runtime::Executor::run_observed`] sees its edges and
    /// comparisons. Never for seeing a finding again: that runs the code as it is.
    pub instrument: bool,
}

/// What a call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take.
    pub timeout: Duration,
    /// How many bytes of memory a process may take beyond what it has after loading.
    pub memory_bytes: u64,
    /// How long importing the module may take, and how long constructing `Plugin` as a step of loading.
    pub loading: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), memory_bytes: 512 << 20, loading: Duration::from_secs(60) }
    }
}

/// What of the network a plugin reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing, loopback included.
    #[default]
    Closed,
    /// These destinations and nothing else.
    Only(Vec<Destination>),
    /// Everything that the machine reaches.
    Open,
}

impl Network {
    /// What may be reached, where it is neither everything nor nothing.
    pub fn destinations(&self) -> &[Destination] {
        match self {
            Self::Only(destinations) => destinations,
            Self::Closed | Self::Open => &[],
        }
    }

    /// Whether `address` may be reached at `port`.
    pub fn reaches(&self, address: IpAddr, port: u16) -> bool {
        matches!(self, Self::Open) || self.destinations().iter().any(|known| known.is_at(address, port))
    }

    /// Whether `host`, a name, may be resolved.
    pub fn resolves(&self, host: &str) -> bool {
        let plain = |host: &str| host.strip_suffix('.').unwrap_or(host).to_lowercase();
        matches!(self, Self::Open) || self.destinations().iter().any(|known| plain(&known.host) == plain(host))
    }
}

/// A destination that a plugin may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// A name or an address, as it was given.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses of `host` when the run began.
    pub addresses: Vec<IpAddr>,
}

impl Destination {
    /// `host`, a name or an address without brackets, at `port`, with the addresses that it has now.
    ///
    /// # Errors
    /// Where the name does not resolve.
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

    /// Whether it is at `address`, which may be one of IPv4 inside one of IPv6, and `port`.
    pub fn is_at(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.port == port && self.addresses.iter().any(|known| known.to_canonical() == address)
    }

    /// Whether it was given as a name.
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

/// What holds a plugin beside the network that it does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether nothing does: it reads, writes, signals and reaches what the user may.
    pub is_off: bool,
    /// Files and folders that it may read beside those that Python and the package need.
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
