//! How a worker is to be confined, as bits on the command line of guardian and worker.

use crate::runtime::{Network, Target};

/// How to confine a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement(u32);

impl Confinement {
    /// As `target` wants it.
    pub(crate) fn of(target: &Target) -> Self {
        let network = match target.network {
            Network::Closed => 0,
            Network::Only(_) => 1,
            Network::Open => 2,
        };
        Self(network | u32::from(target.sandbox.is_off) << 2)
    }

    /// As bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether the plugin may not use the network at all.
    pub const fn is_closed(self) -> bool {
        self.0 & 3 == 0 && !self.is_off()
    }

    /// Whether the plugin may reach some destinations.
    pub const fn is_limited(self) -> bool {
        self.0 & 3 == 1 && !self.is_off()
    }

    /// Whether the sandbox is off.
    pub const fn is_off(self) -> bool {
        self.0 & 4 != 0
    }
}
