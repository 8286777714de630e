//! The limits under which a plugin runs. The runtime sets them, and an oracle names the one that a plugin reached.

/// How many descriptors a process may have open: as many as a login on Debian.
pub const DESCRIPTORS: u64 = 1024;
/// How large a file may be, in bytes. What a process writes to standard output or error is a file too.
pub const FILE_BYTES: u64 = 1 << 30;
/// How much the plugin's folders may contain, in MB.
pub const FOLDERS_MB: u64 = 256;
/// How many processes a call may start. No hook needs so many, and a fork bomb of so many does no harm.
pub const PROCESSES: u32 = 256;
