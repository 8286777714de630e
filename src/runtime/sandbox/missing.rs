//! What a machine withholds of the sandbox, and what that leaves open.

/// One thing that the sandbox stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Protection {
    /// A process namespace.
    Processes = 1,
    /// A network that is closed, by a namespace or by the supervision of calls.
    Network = 2,
    /// Calls of the kernel are supervised: seccomp with a listener.
    Calls = 4,
    /// Reading and writing are refused outside of what is needed: Landlock.
    Files = 8,
    /// A mount namespace: a scratch folder of limited size, shared memory and `/proc` of its own.
    Mounts = 16,
    /// A `/proc` that shows nobody else's processes.
    ProcessList = 32,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Processes, Self::Network, Self::Calls, Self::Files, Self::Mounts, Self::ProcessList];

    /// What it is.
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

    /// What is open where it is missing.
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

/// What the machine withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingProtections(u32);

impl MissingProtections {
    /// Takes it that this is missing.
    pub const fn add(&mut self, protection: Protection) {
        self.0 |= protection as u32;
    }

    /// Takes it that this is there after all.
    pub const fn remove(&mut self, protection: Protection) {
        self.0 &= !(protection as u32);
    }

    /// Whether this is missing.
    pub const fn has(self, protection: Protection) -> bool {
        self.0 & protection as u32 != 0
    }

    /// Whether nothing is.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that is missing.
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
