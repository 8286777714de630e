//! The folders that a plugin may write to: empty when a session begins, looked at after each call, emptied after the
//! session.
//!
//! What lies there is a plugin's: links that lead out, folders that nobody may read, a hundred thousand of them one in
//! another. No link is followed, and neither depth nor number costs more than time.

use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, inotify};

use crate::{
    case::Value,
    package::tree::{self, FOLDER, each_entry, is_folder},
    trace::ScratchFile,
};

/// The folders: the working folder, the home, the one for temporary files, and the two that the contract names \[G\].
pub const FOLDERS: [&str; 5] = ["work", "home", "tmp", "state", "ephemeral"];

/// The folders that a session's services may fill, by their keys there and their names here.
pub const FILLED: [(&str, &str); 2] = [("state", "state"), ("ephemeral", "ephemeral")];

/// The file in the root, outside of all folders, in which an isolated call leaves the memory cache for the next one.
pub const CARRIED: &str = "carried";

/// The most that one call hands to the next, in bytes.
pub const CARRIED_LIMIT: u64 = 16 << 20;

/// How many files are told.
const FILES_LIMIT: usize = 32;
/// How much of each is told.
const BYTES_LIMIT: u64 = 64 << 10;
/// How deep and among how many entries is looked for them.
const DEPTH_LIMIT: usize = 32;
const ENTRIES_LIMIT: usize = 4096;

/// A session's folders.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    /// Tells that something was created or written directly in one of the folders; without it each look is a search.
    notify: Option<OwnedFd>,
    used: bool,
    /// What lay there when the session began: nobody left it.
    given: Vec<ScratchFile>,
}

impl Scratch {
    /// The folders under `root`, which exist.
    pub fn new(root: &Path) -> Self {
        let notify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
        let notify = notify.filter(|notify| {
            FOLDERS.iter().all(|folder| {
                let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::MODIFY;
                inotify::add_watch(notify, root.join(folder), events).is_ok()
            })
        });
        Self { root: root.to_owned(), notify, used: false, given: Vec::new() }
    }

    /// The folders under `root`, whatever is in them and whoever is to look.
    pub fn unwatched(root: &Path) -> Self {
        Self { root: root.to_owned(), notify: None, used: true, given: Vec::new() }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts the files of a session's services into their folders, which are empty. Whether there were any.
    pub fn fill(&mut self, services: &Value) -> bool {
        self.given(services);
        for file in &self.given {
            // What cannot be written is not there, which the plugin sees and may tell. Where the folders are not emptied
            // between sessions, an earlier one may have put a link there.
            let _ = tree::write_file(&self.root, Path::new(&file.path), file.text.as_bytes());
        }
        self.used |= !self.given.is_empty();
        !self.given.is_empty()
    }

    /// Takes it that those files were put there before.
    pub fn given(&mut self, services: &Value) {
        self.given.clear();
        for (key, folder) in FILLED {
            let files = services.get(key).and_then(Value::as_dict).unwrap_or_default();
            let text = |(path, text): &(String, Value)| {
                Some(ScratchFile { path: format!("{folder}/{path}"), text: text.as_str()?.to_owned() })
            };
            self.given.extend(files.iter().filter_map(text));
        }
    }

    /// Takes it that something lies there, or that nothing does: what an earlier process of the session saw.
    pub fn set_used(&mut self, used: bool) {
        self.used = used;
    }

    /// Whether something was ever seen there.
    pub const fn is_used(&self) -> bool {
        self.used
    }

    /// The files that lie there now, without those that were there from the beginning and are as they were.
    pub fn look(&mut self) -> Vec<ScratchFile> {
        if let Some(notify) = &self.notify {
            let mut events = [0_u8; 4096];
            while let Ok(1..) = rustix::io::read(notify, &mut events) {
                self.used = true;
            }
            if !self.used {
                return Vec::new();
            }
        }
        let mut files = Vec::new();
        let mut entries_left = ENTRIES_LIMIT;
        for folder in FOLDERS {
            if let Ok(opened) = rustix::fs::open(self.root.join(folder), FOLDER, Mode::empty()) {
                collect(&opened, Path::new(folder), DEPTH_LIMIT, &mut entries_left, &mut files);
            }
        }
        self.used |= !files.is_empty();
        files.retain(|file| !self.given.contains(file));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// Empties the folders, if anything was ever in them. False where a folder itself was taken away or is closed to us: then
    /// nobody watches the one that stands there now.
    pub fn clear(&mut self) -> bool {
        if self.notify.is_some() && !self.used {
            return true;
        }
        let mut whole = true;
        for folder in FOLDERS {
            let path = self.root.join(folder);
            match tree::open_folder(rustix::fs::CWD, &path) {
                Ok(folder) => tree::empty(&folder),
                Err(_) => {
                    whole = false;
                    // Where the root is gone too, there is nothing to be done from here.
                    let _ = fs::remove_file(&path);
                    let _ = fs::create_dir(&path);
                }
            }
        }
        self.used = false;
        // Events that the removal itself made, or that came since the last look.
        if let Some(notify) = &self.notify {
            let mut events = [0_u8; 4096];
            while let Ok(1..) = rustix::io::read(notify, &mut events) {}
        }
        whole
    }
}

fn collect(folder: &OwnedFd, name: &Path, depth: usize, entries_left: &mut usize, files: &mut Vec<ScratchFile>) {
    use std::os::unix::ffi::OsStrExt;
    let Some(depth) = depth.checked_sub(1) else { return };
    each_entry(folder, |entry| {
        if files.len() >= FILES_LIMIT || *entries_left == 0 {
            return false;
        }
        *entries_left -= 1;
        let name = name.join(std::ffi::OsStr::from_bytes(entry.to_bytes()));
        if is_folder(folder, entry) {
            if let Ok(inner) = rustix::fs::openat(folder, entry, FOLDER, Mode::empty()) {
                collect(&inner, &name, depth, entries_left, files);
            }
        } else if let Some(bytes) = tree::read_file(folder, entry, BYTES_LIMIT) {
            files.push(ScratchFile {
                path: name.to_string_lossy().into_owned(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folders() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        FOLDERS.iter().for_each(|folder| fs::create_dir(root.path().join(folder)).unwrap());
        root
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_link_is_removed_and_never_what_it_leads_to() {
        let (root, outside) = (folders(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("kept"), "").unwrap();
        symlink(outside.path(), root.path().join("tmp/link")).unwrap();
        // The folder itself is one.
        fs::remove_dir(root.path().join("work")).unwrap();
        symlink(outside.path(), root.path().join("work")).unwrap();
        let mut scratch = Scratch::unwatched(root.path());
        assert!(scratch.look().is_empty(), "nothing is read through a link");
        assert!(!scratch.clear());
        assert_eq!(names(outside.path()), ["kept"]);
        assert!(names(&root.path().join("tmp")).is_empty());
        assert!(fs::symlink_metadata(root.path().join("work")).unwrap().is_dir());
        assert!(scratch.clear());
    }

    #[test]
    fn a_tree_deeper_than_there_are_descriptors_is_removed() {
        let root = folders();
        let top = fs::File::open(root.path().join("tmp")).unwrap();
        let mut folder = OwnedFd::from(top);
        for at in 0..3000 {
            fs::write(format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&folder)), "x").unwrap();
            let name = if at % 2 == 0 { "d" } else { "e" };
            rustix::fs::mkdirat(&folder, name, Mode::RWXU).unwrap();
            folder = rustix::fs::openat(&folder, name, FOLDER, Mode::empty()).unwrap();
        }
        let mut scratch = Scratch::unwatched(root.path());
        assert!(scratch.look().len() <= FILES_LIMIT);
        assert!(scratch.clear());
        assert!(names(&root.path().join("tmp")).is_empty());
    }

    #[test]
    fn what_is_closed_to_its_owner_and_what_blocks_a_reader_is_removed() {
        let root = folders();
        let closed = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
        fs::create_dir_all(root.path().join("home/a/b/c")).unwrap();
        fs::write(root.path().join("home/a/b/c/file"), "x").unwrap();
        for path in ["home/a/b/c", "home/a/b", "home/a", "home"] {
            closed(&root.path().join(path));
        }
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("tmp/pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        for at in 0..5000 {
            fs::write(root.path().join(format!("tmp/{at}")), "").unwrap();
        }
        let mut scratch = Scratch::unwatched(root.path());
        assert!(scratch.look().len() <= FILES_LIMIT);
        assert!(scratch.clear());
        for folder in ["home", "tmp"] {
            assert!(names(&root.path().join(folder)).is_empty(), "{folder}");
        }
    }
}
