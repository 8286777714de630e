//! Reads, writes and removes folders that a plugin fills, without following a link. Folders that their owner may not
//! read are opened for removal. Neither depth nor number of files costs more than time: a recursive walk would overflow
//! its stack.

use std::{
    ffi::CString,
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

/// How a folder is opened: never through a link.
pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How a file is opened: never through a link, and without waiting for the writer of a pipe.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The beginning of the file `name` in a folder, at most `limit` bytes; `None` if there is none, or if it is not a
/// file.
pub(crate) fn read_file<P: rustix::path::Arg>(at: impl AsFd, name: P, limit: u64) -> Option<Vec<u8>> {
    let file = File::from(rustix::fs::openat(at, name, FILE, Mode::empty()).ok()?);
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = file.take(limit).read_to_end(&mut bytes);
    Some(bytes)
}

/// Writes a file below `root`, which hookstorm made, and makes the folders above it.
///
/// # Errors
/// If it cannot be written, if it is outside of `root`, or if a part of its path is a link or not a folder.
pub(crate) fn write_file(root: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let outside = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let (parent, name) = path.parent().zip(path.file_name()).ok_or_else(outside)?;
    // The path of the root itself may contain links, because the plugin did not make it.
    let mut folder = rustix::fs::open(root, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?;
    for part in parent.components() {
        let Component::Normal(part) = part else { return Err(outside()) };
        match rustix::fs::mkdirat(&folder, part, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        folder = rustix::fs::openat(&folder, part, FOLDER, Mode::empty())?;
    }
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    File::from(rustix::fs::openat(&folder, name, new, Mode::RUSR | Mode::WUSR)?).write_all(bytes)
}

/// How often a folder is read before removal gives up.
const PASSES_LIMIT: usize = 1_000_000;

/// Removes a folder with everything in it.
///
/// # Errors
/// If it is not a folder, or cannot be removed.
pub(crate) fn remove_folder(path: &Path) -> std::io::Result<()> {
    empty(&open_folder(rustix::fs::CWD, path)?, &[]);
    std::fs::remove_dir(path)
}

/// Opens a folder, even one whose owner may not read it.
pub(crate) fn open_folder<P: rustix::path::Arg + Copy>(at: impl AsFd + Copy, name: P) -> rustix::io::Result<OwnedFd> {
    let open = || rustix::fs::openat(at, name, FOLDER, Mode::empty());
    open().or_else(|error| {
        // Only a folder is changed, and a link to a folder is not one.
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

/// Removes everything in a folder but the `kept` entries. Folders inside of a folder in it are moved up before that one
/// is removed, so that two folders are open at a time, however deep they are.
pub(crate) fn empty(folder: &OwnedFd, kept: &[CString]) {
    let _ = rustix::fs::fchmod(folder, Mode::RWXU);
    let mut moved = 0_u64;
    // A pass that removes nothing is the last one: the kernel does not allow more. Each level of folders needs a pass,
    // and the limit is for a process that still writes.
    for _ in 0..PASSES_LIMIT {
        let mut changed = false;
        each_entry(folder, |name| {
            changed |= !kept.iter().any(|kept| **kept == *name) && remove(folder, name, &mut moved);
            true
        });
        if !changed {
            return;
        }
    }
}

/// Removes one entry, or a part of it. Returns whether anything changed.
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

/// Moves a folder up, under a new name.
fn hoist(folder: BorrowedFd<'_>, inner: &OwnedFd, entry: &std::ffi::CStr, moved: &mut u64) -> bool {
    // Moving a folder changes its `..`, which needs permission to write.
    if is_folder(inner, entry) {
        let _ = rustix::fs::chmodat(inner, entry, Mode::RWXU, AtFlags::empty());
    }
    (0..16).any(|_| {
        *moved += 1;
        let name = format!(".hookstorm-moved-{moved}");
        rustix::fs::renameat_with(inner, entry, folder, name, rustix::fs::RenameFlags::NOREPLACE).is_ok()
    })
}

/// Calls `visit` with the name of each entry of a folder until it returns false.
pub(crate) fn each_entry(folder: &OwnedFd, mut visit: impl FnMut(&std::ffi::CStr) -> bool) {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") && !visit(name) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_file_is_written_and_read_but_never_through_a_link() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [root, outside] = [&root, &outside].map(tempfile::TempDir::path);
        let write = |path: &str| write_file(root, Path::new(path), b"new").is_ok();
        let folder = File::open(root).unwrap();
        assert!(write("a/b/c") && write("a/b/c"));
        assert_eq!(read_file(&folder, "a/b/c", 2).unwrap(), b"ne");

        fs::write(outside.join("kept"), "kept").unwrap();
        symlink(outside.join("kept"), root.join("link")).unwrap();
        symlink(outside, root.join("folder")).unwrap();
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(&folder, "pipe", pipe, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in ["link", "folder/kept", "folder/new", "../kept", "/kept", "", "pipe"] {
            assert!(!write(path), "{path}");
        }
        for name in ["link", "folder", "pipe", "nothing"] {
            assert_eq!(read_file(&folder, name, 9), None, "{name}");
        }
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
        assert!(!outside.join("new").exists());
    }
}
