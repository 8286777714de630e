//! Private folders for unpacked archives, gone when nobody needs them.
//!
//! A folder is readable by its owner only, is removed when its guard is dropped, and stands in a list of the process, so
//! that the path that ends the process at once (a second Ctrl-C) can remove all of them. What a killed process left is
//! found by the next one: the folder's name holds the process id, and a living owner holds a lock on it, which also
//! protects the folders of another container that shares the temporary folder but not the process ids.

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
/// How often a folder is removed in which somebody still writes.
const REMOVE_TRIES: usize = 20;

static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn folders() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scratch folder that lives as long as this guard.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    process: u32,
    /// Held so that others see the owner alive; closed with the guard.
    _lock: File,
}

impl ScratchFolder {
    /// Makes a new one in the system's temporary folder.
    pub fn new() -> io::Result<Self> {
        let process = std::process::id();
        // Held while the folder is made, so that it is on the list before anybody can remove what is listed.
        let mut folders = folders();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{process}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let lock = File::open(folder.path())?;
        // A file system without locks is no reason to fail: the process id still speaks.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let path = folder.keep();
        folders.insert(path.clone());
        Ok(Self { path, process, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // A forked child that unwinds must not take its parent's folder.
        if self.process == std::process::id() {
            // Held until the folder is gone: whoever ends the process must not come between.
            let mut folders = folders();
            if folders.remove(&self.path) {
                let _ = tree::remove_folder(&self.path);
            }
        }
    }
}

/// Removes every scratch folder of this process, for the path that ends it without unwinding. Workers may still be at
/// work in them: each is moved away first, so that none is made anew under its old name, and a file that comes meanwhile
/// is removed in another try. After it none can be made: who tries, or drops one, waits for the end of the process.
pub fn remove_scratch_folders() {
    let mut folders = folders();
    for path in std::mem::take(&mut *folders) {
        let mut gone = path.clone().into_os_string();
        gone.push(".gone");
        let gone = if fs::rename(&path, &gone).is_ok() { PathBuf::from(gone) } else { path };
        let is_left =
            |_: &usize| tree::remove_folder(&gone).is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        let _ = (0..REMOVE_TRIES).take_while(is_left).count();
    }
    // Never given back, so that no thread makes a folder between here and the end.
    std::mem::forget(folders);
}

/// Removes what processes that were killed left in the temporary folder: only folders of the same user, only those whose
/// process is gone and which nobody holds. Follows no symlink.
pub fn clear_stale_scratch() {
    clear_stale_in(&std::env::temp_dir());
}

fn clear_stale_in(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(owner) else { continue };
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        if metadata.is_dir() && metadata.uid() == geteuid().as_raw() && !is_alive(process) && is_free(&entry.path()) {
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

fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_is_private_and_gone_with_its_guard() {
        let scratch = ScratchFolder::new().unwrap();
        let path = scratch.path().to_path_buf();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::create_dir(path.join("lib")).unwrap();
        fs::write(path.join("lib/a.py"), "").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn only_folders_of_dead_processes_that_nobody_holds_are_cleared() {
        let parent = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let stale = parent.path().join(format!("hookstorm-{dead}-aaaa"));
        let held = parent.path().join(format!("hookstorm-{dead}-bbbb"));
        let own = parent.path().join(format!("hookstorm-{}-cccc", std::process::id()));
        let link = parent.path().join(format!("hookstorm-{dead}-dddd"));
        let other = parent.path().join("hookstorm-notes");
        for folder in [&stale, &held, &own, &other] {
            fs::create_dir(folder).unwrap();
        }
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let lock = File::open(&held).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();

        clear_stale_in(parent.path());

        assert!(!stale.exists());
        for kept in [&held, &own, &other, &link] {
            assert!(kept.exists(), "{} should be kept", kept.display());
        }
    }
}
