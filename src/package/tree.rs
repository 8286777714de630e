//! Removes trees that a stranger made: no link is followed, what is closed to its owner is opened, and neither depth nor
//! number costs more than time, where a walk that calls itself would overflow its stack.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

/// How a folder is opened: never through a link.
pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How often a folder is looked through before what is still in it is left.
const LOOKS_LIMIT: usize = 1_000_000;

/// Removes a folder with everything in it.
///
/// # Errors
/// Where it is none, or stays.
pub(crate) fn remove_folder(path: &Path) -> std::io::Result<()> {
    empty(&open_folder(rustix::fs::CWD, path)?);
    std::fs::remove_dir(path)
}

/// Opens a folder, one whose owner may not even read it too.
pub(crate) fn open_folder<P: rustix::path::Arg + Copy>(at: impl AsFd + Copy, name: P) -> rustix::io::Result<OwnedFd> {
    let open = || rustix::fs::openat(at, name, FOLDER, Mode::empty());
    open().or_else(|error| {
        // What is no folder is not made one by this, and a link to one is no folder either.
        if error != Errno::ACCESS || !is_folder(at, name) {
            return Err(error);
        }
        rustix::fs::chmodat(at, name, Mode::RWXU, AtFlags::empty())?;
        open()
    })
}

pub(crate) fn is_folder<P: rustix::path::Arg>(at: impl AsFd, name: P) -> bool {
    rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
}

/// Removes everything in a folder. A folder in it that holds folders gives them to the one above before it goes, so that
/// two are open at a time however deep they lie.
pub(crate) fn empty(folder: &OwnedFd) {
    let _ = rustix::fs::fchmod(folder, Mode::RWXU);
    let mut moved = 0_u64;
    // What stays is what the kernel does not let go; a look that changes nothing is the last one. A folder that holds folders
    // costs a look for each level, and a process that still writes must not keep us for ever.
    for _ in 0..LOOKS_LIMIT {
        let mut changed = false;
        each_entry(folder, |name| {
            changed |= remove(folder, name, &mut moved);
            true
        });
        if !changed {
            return;
        }
    }
}

/// Takes one entry away. Whether anything changed.
fn remove(folder: &OwnedFd, name: &std::ffi::CStr, moved: &mut u64) -> bool {
    if rustix::fs::unlinkat(folder, name, AtFlags::empty()).is_ok()
        || rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR).is_ok()
    {
        return true;
    }
    let Ok(inner) = open_folder(folder.as_fd(), name) else { return false };
    let _ = rustix::fs::fchmod(&inner, Mode::RWXU);
    let mut changed = false;
    each_entry(&inner, |entry| {
        let gone = rustix::fs::unlinkat(&inner, entry, AtFlags::empty()).is_ok()
            || rustix::fs::unlinkat(&inner, entry, AtFlags::REMOVEDIR).is_ok();
        changed |= gone || hoist(folder.as_fd(), &inner, entry, moved);
        true
    });
    rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR).is_ok() || changed
}

/// Moves a folder up, under a name that nobody has.
fn hoist(folder: BorrowedFd<'_>, inner: &OwnedFd, entry: &std::ffi::CStr, moved: &mut u64) -> bool {
    // Who moves a folder writes to it: its way up becomes another one.
    if is_folder(inner, entry) {
        let _ = rustix::fs::chmodat(inner, entry, Mode::RWXU, AtFlags::empty());
    }
    (0..16).any(|_| {
        *moved += 1;
        let name = format!(".hookstorm-moved-{moved}");
        rustix::fs::renameat_with(inner, entry, folder, name, rustix::fs::RenameFlags::NOREPLACE).is_ok()
    })
}

/// Calls `see` with the name of each entry of a folder until it gives false.
pub(crate) fn each_entry(folder: &OwnedFd, mut see: impl FnMut(&std::ffi::CStr) -> bool) {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") && !see(name) {
            return;
        }
    }
}
