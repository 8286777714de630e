//! What stands between a plugin and the machine: namespaces, a filter on calls of the kernel with a supervisor outside,
//! Landlock, limits, and a guardian that outlives neither host nor worker.
//!
//! Each is taken where the kernel gives it, and [`MissingProtections`] says what it withheld. Nothing here knows Python.

pub mod access_rules;
pub mod calls;
pub mod files;
pub mod limits;
mod missing;
pub mod namespaces;
mod process_tree;
pub mod scratch;
pub mod supervisor;

pub use access_rules::AccessRules;
pub use missing::{MissingProtections, Protection};
pub use process_tree::{Stat, end_descendants, reap};

use crate::runtime::{Network, Target};

/// How a worker is held: what the host tells the worker's program when it starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement(u32);

impl Confinement {
    /// How `target` wants it.
    pub fn of(target: &Target) -> Self {
        let network = match target.network {
            Network::Closed => 0,
            Network::Only(_) => 1,
            Network::Open => 2,
        };
        Self(network | u32::from(target.sandbox.is_off) << 2)
    }

    /// As bits, for the command line.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether nothing of the network is open.
    pub const fn is_closed(self) -> bool {
        self.0 & 3 == 0 && !self.is_off()
    }

    /// Whether some destinations are open.
    pub const fn is_limited(self) -> bool {
        self.0 & 3 == 1 && !self.is_off()
    }

    /// Whether nothing holds the plugin.
    pub const fn is_off(self) -> bool {
        self.0 & 4 != 0
    }
}
