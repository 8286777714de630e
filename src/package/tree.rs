//! Trees that a stranger fills: read, written to and removed without following a link. What is closed to its owner is opened
//! to be removed, and neither depth nor number costs more than time, where a walk that calls itself would overflow its stack.

use std::{
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

/// How a file is read: never through a link, and without waiting for who writes to a pipe.
pub(crate) const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The beginning of the file `name` in a folder, at most `limit` bytes; `None` where there is none, or something else of
/// that name.
pub(crate) fn read_file<P: rustix::path::Arg>(at: impl AsFd, name: P, limit: u64) -> Option<Vec<u8>> {
    let file = File::from(rustix::fs::openat(at, name, FILE, Mode::empty()).ok()?);
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = file.take(limit).read_to_end(&mut bytes);
    Some(bytes)
}

/// Writes a file below `root`, a folder of ours, with the folders on the way to it.
///
/// # Errors
/// Where it cannot be written, leads out of the folder, or where a link or something else stands on the way.
pub(crate) fn write_file(root: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let outside = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let (parent, name) = path.parent().zip(path.file_name()).ok_or_else(outside)?;
    // What the root's own name leads through is ours.
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_file_is_written_and_read_where_it_lies_and_never_through_a_link() {
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
