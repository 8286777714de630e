//! Namespaces for processes, network and System V memory, and one for mounts ([`mounts`]), which vanish with the
//! worker.

use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use super::mounts::{self, MountedScratch, Needed};
use crate::runtime::sandbox::{Confinement, MissingProtections, Protection};

/// Moves this process, or its future children, into namespaces of their own, as far as the kernel allows it.
///
/// # Safety
/// The process must have one thread.
pub(super) unsafe fn enter(confinement: Confinement) -> MissingProtections {
    let network = if confinement.is_closed() { libc::CLONE_NEWNET } else { 0 };
    let memory = if confinement.is_off() { 0 } else { libc::CLONE_NEWIPC };
    let wanted = libc::CLONE_NEWPID | network | memory;
    // SAFETY: `unshare` changes only this process, which has one thread, as the caller promises.
    let unshare = |flags: i32| unsafe { libc::unshare(flags) } == 0;
    if unshare(wanted) {
        return MissingProtections::default();
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if unshare(libc::CLONE_NEWUSER | wanted) {
        // Without the maps every file would belong to nobody. If the kernel refuses them, the namespaces work all the
        // same.
        let _ = std::fs::write("/proc/self/setgroups", "deny");
        let _ = std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"));
        let _ = std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"));
        return MissingProtections::default();
    }
    let mut missing = MissingProtections::default();
    missing.add(Protection::Processes);
    if confinement.is_closed() {
        missing.add(Protection::Network);
    }
    missing
}

/// Mounts the folders of a worker, and a `/proc` that shows the namespace's own processes. Only this process and its
/// children see these mounts. Returns the scratch folder, and adds to `missing` what the kernel refused. What is needed
/// stays visible.
///
/// # Safety
/// The process must have one thread.
pub(super) unsafe fn mount_own(
    scratch: &Path,
    needed: &[Needed<'_>],
    missing: &mut MissingProtections,
) -> Option<MountedScratch> {
    // SAFETY: `unshare` changes only this process, which has one thread, as the caller promises.
    if missing.has(Protection::Processes) || unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        missing.add(Protection::Mounts);
        missing.add(Protection::ProcessList);
        return None;
    }
    let private = mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC);
    let mounted = private.map_err(Into::into).and_then(|()| mounts::mount_folders(scratch, needed));
    let Ok(mounted) = mounted else {
        missing.add(Protection::Mounts);
        missing.add(Protection::ProcessList);
        return None;
    };
    if !mounted.has_memory {
        missing.add(Protection::Mounts);
    }
    // In a container that hides parts of its own /proc, the kernel refuses a whole one.
    let harmless = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    if mount("proc", "/proc", "proc", harmless, None).is_err() {
        missing.add(Protection::ProcessList);
    }
    Some(mounted)
}
