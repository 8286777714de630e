//! How much an archive may cost.

/// How much an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// How many bytes all its files together may have when unpacked.
    pub unpacked_bytes: u64,
    /// How many entries it may have.
    pub entries: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { unpacked_bytes: 200_000_000, entries: 100_000 }
    }
}
