//! The protections of the sandbox, and the risk if a machine withholds one.

/// A protection of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Protection {
    /// A process namespace.
    Processes = 1,
    /// A network that is closed, by a namespace or by supervision.
    Network = 2,
    /// Supervision of system calls: seccomp with a listener.
    Calls = 4,
    /// Access to the files that Python and the package need, and to no others: Landlock.
    Files = 8,
    /// A mount namespace: a scratch folder of limited size, shared memory and `/proc` of its own.
    Mounts = 16,
    /// A `/proc` that shows the worker's own processes only.
    ProcessList = 32,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Processes, Self::Network, Self::Calls, Self::Files, Self::Mounts, Self::ProcessList];

    /// Its name, as reports have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processes => "process namespaces",
            Self::Network => "a closed network",
            Self::Calls => "seccomp listeners",
            Self::Files => "Landlock",
            Self::Mounts => "mount namespaces",
            Self::ProcessList => "a /proc of its own",
        }
    }

    /// The risk if it is missing.
    pub const fn leaves_open(self) -> &'static str {
        match self {
            Self::Processes => {
                "a plugin can signal your other processes, before Linux 6.12 and from code that is not Python"
            }
            Self::Network => "a plugin can reach the network from code that is not Python",
            Self::Calls => {
                "what a plugin tries from code that is not Python is not seen, and Unix sockets are in reach"
            }
            Self::Files => "a plugin can read and write what you can, from code that is not Python",
            Self::Mounts => "a plugin can fill the disk and leave shared memory behind",
            Self::ProcessList => "a plugin can read the command lines of other processes",
        }
    }
}

/// The protections that the machine withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingProtections(u32);

impl MissingProtections {
    /// Adds one.
    pub const fn add(&mut self, protection: Protection) {
        self.0 |= protection as u32;
    }

    /// Removes one.
    pub const fn remove(&mut self, protection: Protection) {
        self.0 &= !(protection as u32);
    }

    /// Whether this one is missing.
    pub const fn has(self, protection: Protection) -> bool {
        self.0 & protection as u32 != 0
    }

    /// Whether none is missing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that are missing.
    pub fn protections(self) -> impl Iterator<Item = Protection> {
        Protection::ALL.into_iter().filter(move |&protection| self.has(protection))
    }

    /// As bits, for the shared memory.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}
