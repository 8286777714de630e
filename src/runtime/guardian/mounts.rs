//! Mounts that only a worker sees: its scratch folder, shared memory and `/tmp` of its own, and the files of the
//! appliance.
//!
//! A folder that is covered by a mount hides what the machine has there. What the worker needs stays visible in it, as
//! mounts of its own: plugins, virtual environments and programs may lie in `/tmp` or in shared memory. They become
//! read-only, because a plugin may write to the folder around them.

use std::{
    ffi::CString,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, open},
    mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, unmount},
};

use crate::{
    package::tree::each_entry,
    runtime::{
        protocol::fd_passing::path_of,
        sandbox::session_folders::{APPLIANCE, APPLIANCE_FOLDERS, FOLDERS, MACHINE_TEMPORARY, TEMPORARY},
    },
};

/// Where shared memory is.
const MEMORY: &str = "/dev/shm";
/// The place of the scratch folder in shared memory, which a plugin does not list, unlike `/tmp`.
const SCRATCH_IN_MEMORY: &str = "/dev/shm/.hookstorm";

/// How many bytes and files fit into the scratch folder of a worker, with its `/tmp`.
const SCRATCH_OPTIONS: &std::ffi::CStr = c"size=256m,nr_inodes=65536,mode=0700";
/// The same for shared memory.
const MEMORY_OPTIONS: &std::ffi::CStr = c"size=64m,nr_inodes=4096,mode=1777";
/// For a folder that contains only places for mounts.
const PLACES_OPTIONS: &std::ffi::CStr = c"size=1m,nr_inodes=4096,mode=0755";

/// No mount of a worker has more rights than these.
const HARMLESS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

const A_FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What a worker needs, wherever it lies.
pub(super) struct Needed<'a> {
    pub(super) path: &'a Path,
    pub(super) is_writable: bool,
}

/// A scratch folder that was mounted.
pub(super) struct MountedScratch {
    /// Its path in the worker.
    pub(super) path: PathBuf,
    /// The folder itself, by which the host reaches it from outside.
    pub(super) folder: OwnedFd,
    /// Whether shared memory was mounted too.
    pub(super) has_memory: bool,
}

/// Mounts shared memory, and a scratch folder of limited size: in that shared memory, or else at `scratch`. Its folder
/// for temporary files becomes `/tmp`, and its folder for files of the appliance appears where the appliance has them.
/// If one of these two is impossible, that is no error: the worker sees it, and does without.
pub(super) fn mount_folders(scratch: &Path, needed: &[Needed<'_>]) -> io::Result<MountedScratch> {
    let own = Needed { path: scratch, is_writable: true };
    let mut needed: Vec<&Needed<'_>> = needed.iter().collect();
    let memory = cover(Path::new(MEMORY), &[&needed[..], &[&own]].concat(), |folder| {
        Ok(mount("tmpfs", folder, "tmpfs", HARMLESS, MEMORY_OPTIONS)?)
    });
    let in_memory = PathBuf::from(SCRATCH_IN_MEMORY);
    let path = match &memory {
        Ok(true) if std::fs::create_dir(&in_memory).is_ok() => in_memory,
        _ => {
            needed.push(&own);
            scratch.to_owned()
        }
    };
    mount("tmpfs", &path, "tmpfs", HARMLESS, SCRATCH_OPTIONS)?;
    let appliance = APPLIANCE_FOLDERS.iter().map(|(_, folder)| *folder);
    for folder in FOLDERS.into_iter().chain([APPLIANCE]).chain(appliance) {
        std::fs::create_dir(path.join(folder))?;
    }
    let folder = open(&path, A_FOLDER, Mode::empty())?;
    // If the machine's own `/tmp` was allowed, or contains the plugin itself, it stays.
    let temporary = Path::new(MACHINE_TEMPORARY);
    let contains_it = |path: &Path| temporary.canonicalize().is_ok_and(|temporary| temporary.starts_with(path));
    let is_needed = |path: &Path| contains_it(path) || path.canonicalize().is_ok_and(|real| contains_it(&real));
    if !needed.iter().any(|one| is_needed(one.path)) {
        let _ = cover(temporary, &needed, |folder| Ok(mount_bind_recursive(path.join(TEMPORARY), folder)?));
    }
    for (at, folder) in APPLIANCE_FOLDERS {
        let _ = add_folder(Path::new(at), &path.join(folder));
    }
    Ok(MountedScratch { path, folder, has_memory: memory.is_ok() })
}

/// Mounts something over `folder`, in which the needed files and folders stay visible. Returns false if the machine has
/// no such folder. If it fails, the folder is as before.
fn cover(folder: &Path, needed: &[&Needed<'_>], mount_over: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<bool> {
    let Ok(folder) = folder.canonicalize() else { return Ok(false) };
    let hidden = hidden_by(&folder, needed)?;
    mount_over(&folder)?;
    let shown = show_again(&folder, &hidden);
    if shown.is_err() {
        let _ = unmount(&folder, UnmountFlags::DETACH);
    }
    shown.map(|()| true)
}

/// Something that a mount hides: its path, itself, and whether it stays writable.
type Hidden = (PathBuf, OwnedFd, bool);

/// What a mount over `folder` hides of the needed files and folders, by their given paths and their real ones; folders
/// come before what is in them.
fn hidden_by(folder: &Path, needed: &[&Needed<'_>]) -> io::Result<Vec<Hidden>> {
    let mut hidden = Vec::new();
    for Needed { path, is_writable } in needed {
        let Ok(real) = path.canonicalize() else { continue };
        let mut paths = vec![path.to_path_buf(), real];
        paths.dedup();
        for path in paths.into_iter().filter(|path| path.starts_with(folder) && path != folder) {
            let file = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            hidden.push((path, file, *is_writable));
        }
    }
    hidden.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    Ok(hidden)
}

/// Mounts what is hidden at its own place, read-only unless it is writable.
fn show_again(folder: &Path, hidden: &[Hidden]) -> io::Result<()> {
    // The folders on the way are mounts too: a plugin can neither move nor remove those.
    let mut on_the_way: Vec<PathBuf> = Vec::new();
    for (path, file, is_writable) in hidden {
        if (path.is_dir() || path.is_file()) && !is_writable {
            // It lies in one that is mounted already.
            continue;
        }
        let first = folder.join(path.strip_prefix(folder).ok().and_then(|rest| rest.iter().next()).unwrap_or_default());
        if first != *path && !first.is_dir() {
            std::fs::create_dir(&first)?;
            mount("tmpfs", &first, "tmpfs", HARMLESS, PLACES_OPTIONS)?;
            on_the_way.push(first);
        }
        make_place(path, path_of(file).is_dir())?;
        mount_bind_recursive(path_of(file), path)?;
        if !is_writable {
            set_read_only(path, true);
        }
    }
    on_the_way.iter().for_each(|folder| set_read_only(folder, false));
    Ok(())
}

/// Makes `at` show the content of `folder`, read-only. If the machine has nothing there, the folder above is replaced
/// by one with the same entries and this one more.
fn add_folder(at: &Path, folder: &Path) -> io::Result<()> {
    if !at.is_dir() {
        let above = at.parent().ok_or(io::ErrorKind::InvalidInput)?;
        copy_by_mounts(above).and_then(|()| std::fs::create_dir(at))?;
        set_read_only(above, false);
    }
    mount_bind_recursive(folder, at)?;
    set_read_only(at, true);
    Ok(())
}

/// Mounts a folder over `folder` that has the same entries, each of them a mount or a copy of a link. A file system
/// that shows both (overlayfs) would hide what is mounted there: in a container `/etc/hosts` is a mount.
fn copy_by_mounts(folder: &Path) -> io::Result<()> {
    let before = open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    mount("tmpfs", folder, "tmpfs", HARMLESS, PLACES_OPTIONS)?;
    let mut copied = Ok(());
    each_entry(&before, |name| {
        let name = std::ffi::OsStr::from_bytes(name.to_bytes());
        copied = copy_entry(&path_of(&before).join(name), &folder.join(name));
        copied.is_ok()
    });
    if copied.is_err() {
        let _ = unmount(folder, UnmountFlags::DETACH);
    }
    copied
}

fn copy_entry(from: &Path, to: &Path) -> io::Result<()> {
    let kind = std::fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(std::fs::read_link(from)?, to);
    }
    make_place(to, kind.is_dir())?;
    Ok(mount_bind_recursive(from, to)?)
}

/// Makes an empty file or folder to mount something at, unless there is one.
fn make_place(path: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return std::fs::create_dir_all(path);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::File::options().create(true).append(true).open(path).map(drop)
}

/// Makes a mount read-only, if the kernel can (Linux 5.12). An older one has no Landlock either, and there the report
/// says that the plugin can write to what the tester can.
fn set_read_only(path: &Path, with_inner_ones: bool) {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return };
    let attributes = libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = if with_inner_ones { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string and the attributes have the size that is given; both outlive the call, which only
    // reads them.
    unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        );
    }
}
