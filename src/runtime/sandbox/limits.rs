//! Limits of a worker's processes that do not depend on the plugin, and rights that they give up.

use std::io;

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

/// How many descriptors a process may have open: what a login on Debian has.
pub const DESCRIPTORS: u64 = 1024;
/// How large a file may be, in bytes.
pub const FILE_BYTES: u64 = 1 << 30;
/// How many processes a call may start. No hook needs so many, and a fork bomb of so many harms nobody.
pub const PROCESSES: u32 = 256;

/// Sets the limits for this process and all its children.
///
/// # Errors
/// Where the kernel refuses one.
pub fn set() -> io::Result<()> {
    for (resource, limit) in [(Resource::Nofile, DESCRIPTORS), (Resource::Fsize, FILE_BYTES), (Resource::Core, 0)] {
        // One that is lower already stays.
        let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

/// Limits the processes of this user to as many as a call may start, where nobody counts those of a call. The kernel
/// counts them for each user namespace by itself, and not at all those of root.
///
/// # Errors
/// Where the kernel refuses.
pub fn limit_processes() -> io::Result<()> {
    let limit = Some(u64::from(PROCESSES));
    Ok(setrlimit(Resource::Nproc, Rlimit { current: limit, maximum: limit })?)
}

/// Gives up, for good, all that root may do and others may not, except to read and write files of others in the folders
/// that are open to it: who tests as root has plugins and virtual environments of other users.
///
/// # Errors
/// Where the kernel refuses.
pub fn give_up_rights() -> io::Result<()> {
    set_no_new_privs(true)?;
    let kept = rustix::thread::capabilities(None)?.permitted & CapabilitySet::DAC_OVERRIDE;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })?;
    Ok(())
}
