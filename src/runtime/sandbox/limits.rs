//! Limits of a worker's processes that do not depend on the plugin, and the privileges that they drop.

use std::io;

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

pub use crate::trace::limits::{DESCRIPTORS, FILE_BYTES, PROCESSES};

/// Sets the limits for this process and all its children.
///
/// # Errors
/// If the kernel refuses one.
pub fn set() -> io::Result<()> {
    for (resource, limit) in [(Resource::Nofile, DESCRIPTORS), (Resource::Fsize, FILE_BYTES), (Resource::Core, 0)] {
        // A lower limit stays.
        let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

/// Limits the processes of this user to as many as a call may start. For a kernel on which the guardian cannot count
/// those of a call. The kernel counts the processes of each user namespace separately, and does not count those of
/// root.
///
/// # Errors
/// If the kernel refuses.
pub fn limit_processes() -> io::Result<()> {
    let limit = Some(u64::from(PROCESSES));
    Ok(setrlimit(Resource::Nproc, Rlimit { current: limit, maximum: limit })?)
}

/// Drops all privileges of root for good, except to read and write files of other users in the allowed folders: a
/// tester who is root may have plugins and virtual environments of other users.
///
/// # Errors
/// If the kernel refuses.
pub fn drop_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    let kept = rustix::thread::capabilities(None)?.permitted & CapabilitySet::DAC_OVERRIDE;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })?;
    Ok(())
}
