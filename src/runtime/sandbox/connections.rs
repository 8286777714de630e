//! What a plugin may connect to. The zygote sends it to the guardian, which decides by it.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::runtime::Destination;

/// The port of name servers.
pub(crate) const NAME_SERVER_PORT: u16 = 53;

/// What a plugin may connect to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AllowedConnections {
    /// Destinations on the network.
    pub destinations: Vec<Destination>,
    /// Folders with Unix sockets of the plugin's own.
    pub folders: Vec<PathBuf>,
    /// Whether the worker has a network namespace of its own, which no other process is in.
    pub own_network: bool,
}

impl AllowedConnections {
    /// Whether the plugin may reach `address`.
    pub(crate) fn allows(&self, address: SocketAddr) -> bool {
        self.destinations.iter().any(|one| one.is_at(address.ip(), address.port())) || self.is_name_server(address)
    }

    /// Whether this is a name server, and a destination is a name whose addresses the plugin has to look up.
    fn is_name_server(&self, address: SocketAddr) -> bool {
        address.port() == NAME_SERVER_PORT
            && self.destinations.iter().any(Destination::is_name)
            && name_servers().contains(&address.ip().to_canonical())
    }
}

fn name_servers() -> Vec<IpAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.filter_map(|rest| rest.trim().split('%').next()?.parse().ok()).collect()
}
