//! Namespaces for processes, network and System V memory, and one for mounts: a scratch folder of limited size, shared
//! memory and a `/proc`, which vanish with the worker.

use std::{ffi::OsString, io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{Mode, OFlags},
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change},
};

use crate::runtime::{
    protocol::fd_passing::path_of,
    sandbox::{Confinement, MissingProtections, Protection, session_folders::FOLDERS},
};

/// Where shared memory is.
const MEMORY: &str = "/dev/shm";

/// How many bytes and files fit into the scratch folder of a worker.
const SCRATCH_OPTIONS: &std::ffi::CStr = c"size=256m,nr_inodes=65536,mode=0700";
/// The same for shared memory.
const MEMORY_OPTIONS: &std::ffi::CStr = c"size=64m,nr_inodes=4096,mode=1777";

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

/// Mounts a scratch folder of limited size at `scratch`, shared memory at `/dev/shm`, and a `/proc` that shows the
/// namespace's own processes. Only this process and its children see these mounts. Returns the scratch folder, so that
/// the host can reach it from outside, and adds to `missing` what the kernel refused. The paths in `needed` stay
/// visible.
///
/// # Safety
/// The process must have one thread.
pub(super) unsafe fn mount_own(
    scratch: &Path,
    needed: &[OsString],
    missing: &mut MissingProtections,
) -> Option<OwnedFd> {
    // SAFETY: `unshare` changes only this process, which has one thread, as the caller promises.
    if missing.has(Protection::Processes) || unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        missing.add(Protection::Mounts);
        missing.add(Protection::ProcessList);
        return None;
    }
    let harmless = MountFlags::NOSUID | MountFlags::NODEV;
    let mut has_memory = Ok(());
    let mut own = || -> io::Result<OwnedFd> {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        // First, since the scratch folder may lie in there.
        let needed = needed.iter().map(Path::new).chain([scratch]);
        has_memory = mount_memory(needed, harmless);
        mount("tmpfs", scratch, "tmpfs", harmless, SCRATCH_OPTIONS)?;
        for folder in FOLDERS {
            std::fs::create_dir(scratch.join(folder))?;
        }
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(scratch, folder, Mode::empty())?)
    };
    let Ok(root) = own() else {
        missing.add(Protection::Mounts);
        missing.add(Protection::ProcessList);
        return None;
    };
    if has_memory.is_err() {
        missing.add(Protection::Mounts);
    }
    // In a container that hides parts of its own /proc, the kernel refuses a whole one.
    if mount("proc", "/proc", "proc", harmless | MountFlags::NOEXEC, None).is_err() {
        missing.add(Protection::ProcessList);
    }
    Some(root)
}

/// Mounts shared memory of limited size at `/dev/shm`, if the machine has it there, with those of the `needed` files
/// and folders that it would hide: a tester may have put plugins, or `TMPDIR`, into memory.
fn mount_memory<'a>(needed: impl Iterator<Item = &'a Path>, flags: MountFlags) -> io::Result<()> {
    let Ok(memory) = Path::new(MEMORY).canonicalize() else { return Ok(()) };
    let mut hidden = Vec::new();
    for path in needed.filter_map(|path| path.canonicalize().ok()).filter(|path| path.starts_with(&memory)) {
        let file = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        hidden.push((path, file));
    }
    mount("tmpfs", &memory, "tmpfs", flags, MEMORY_OPTIONS)?;
    for (path, file) in hidden {
        if path.is_dir() || path.is_file() {
            // It lies in one that is mounted already.
            continue;
        }
        let is_folder = path_of(&file).is_dir();
        std::fs::create_dir_all(if is_folder { &path } else { path.parent().unwrap_or(&memory) })?;
        if !is_folder {
            std::fs::File::create(&path)?;
        }
        mount_bind_recursive(path_of(&file), &path)?;
    }
    Ok(())
}
