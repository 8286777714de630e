//! Private folders for unpacked archives, which are always removed.
//!
//! Only the owner can read such a folder. It is removed when its guard is dropped. It is in a list of the process, so
//! that a second Ctrl-C, which ends the process at once, can remove all folders. The next process finds the folders of
//! a killed one: the name of a folder contains the process id, and a running owner holds a lock on it. The lock also
//! protects folders of another container that shares the temporary folder but not the process ids.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::{Pid, geteuid, test_kill_process},
};

use super::tree;

const PREFIX: &str = "hookstorm-";
/// How often the removal of a folder is tried if another process still writes to it.
const REMOVE_TRIES: usize = 20;

static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn folders() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scratch folder that lives as long as this guard.
#[derive(Debug)]
pub(crate) struct ScratchFolder {
    path: PathBuf,
    process: u32,
    /// Shows other processes that the owner runs; released with the guard.
    _lock: File,
}

impl ScratchFolder {
    /// Makes a new one in the system's temporary folder.
    ///
    /// # Errors
    /// If the folder cannot be made or opened.
    pub(crate) fn new() -> io::Result<Self> {
        let process = std::process::id();
        // Locked while the folder is made, so that the folder is in the list before another thread removes all of them.
        let mut folders = folders();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{process}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let lock = File::open(folder.path())?;
        // On a file system without locks the process id must suffice.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let path = folder.keep();
        folders.insert(path.clone());
        Ok(Self { path, process, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // A forked child that unwinds must not remove its parent's folder.
        if self.process == std::process::id() {
            // Locked until the folder is removed, so that no other thread ends the process meanwhile.
            let mut folders = folders();
            if folders.remove(&self.path) {
                let _ = tree::remove_folder(&self.path);
            }
        }
    }
}

/// Removes every scratch folder of this process, before it ends without unwinding. Workers may still use them, so each
/// folder is renamed first, and removed again if a new file appears meanwhile. Afterwards no folder can be made: a
/// thread that tries to make or drop one waits until the process ends.
pub(crate) fn remove_scratch_folders() {
    let mut folders = folders();
    for path in std::mem::take(&mut *folders) {
        let mut gone = path.clone().into_os_string();
        gone.push(".gone");
        let gone = if fs::rename(&path, &gone).is_ok() { PathBuf::from(gone) } else { path };
        let is_left =
            |_: &usize| tree::remove_folder(&gone).is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        let _ = (0..REMOVE_TRIES).take_while(is_left).count();
    }
    // Never unlocked, so that no thread makes a folder before the process ends.
    std::mem::forget(folders);
}

/// Removes the scratch folders that killed processes left in the temporary folder: only folders of the same user whose
/// process has ended and which are not locked. Follows no symlink.
pub(crate) fn clear_stale_scratch() {
    clear_stale_in(&std::env::temp_dir());
}

fn clear_stale_in(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(owner) else { continue };
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        if metadata.is_dir() && metadata.uid() == geteuid().as_raw() && !is_alive(process) && is_unlocked(&entry.path())
        {
            let _ = tree::remove_folder(&entry.path());
        }
    }
}

/// The process id in the name of a scratch folder.
fn owner(name: &str) -> Option<Pid> {
    let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Pid::from_raw(process.parse().ok()?)
}

fn is_alive(process: Pid) -> bool {
    test_kill_process(process) != Err(Errno::SRCH)
}

/// Whether no process has locked the folder.
fn is_unlocked(path: &Path) -> bool {
    File::open(path).is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_is_private_and_removed_with_its_guard() {
        let scratch = ScratchFolder::new().unwrap();
        let path = scratch.path().to_path_buf();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::create_dir(path.join("lib")).unwrap();
        fs::write(path.join("lib/a.py"), "").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn only_unlocked_folders_of_ended_processes_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let stale = parent.path().join(format!("hookstorm-{dead}-aaaa"));
        let locked = parent.path().join(format!("hookstorm-{dead}-bbbb"));
        let own = parent.path().join(format!("hookstorm-{}-cccc", std::process::id()));
        let link = parent.path().join(format!("hookstorm-{dead}-dddd"));
        let other = parent.path().join("hookstorm-notes");
        for folder in [&stale, &locked, &own, &other] {
            fs::create_dir(folder).unwrap();
        }
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let lock = File::open(&locked).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();

        clear_stale_in(parent.path());

        assert!(!stale.exists());
        for kept in [&locked, &own, &other, &link] {
            assert!(kept.exists(), "{} should be kept", kept.display());
        }
    }
}
