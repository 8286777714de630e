//! The folders that a plugin may write to: empty when a session begins, looked at after each call, emptied after the
//! session.

use std::{
    fs,
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::inotify;

use crate::{case::Value, runtime::FileLeft};

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

/// A session's folders.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    /// Tells that something was created or written directly in one of the folders; without it each look is a search.
    notify: Option<OwnedFd>,
    used: bool,
    /// What lay there when the session began: nobody left it.
    given: Vec<FileLeft>,
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
            let path = self.root.join(&file.path);
            // What cannot be written is not there, which the plugin sees and may tell.
            if let Some(folder) = path.parent() {
                let _ = fs::create_dir_all(folder);
            }
            let _ = fs::write(&path, &file.text);
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
                Some(FileLeft { path: format!("{folder}/{path}"), text: text.as_str()?.to_owned() })
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
    pub fn look(&mut self) -> Vec<FileLeft> {
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
        for folder in FOLDERS {
            collect(&self.root.join(folder), Path::new(folder), &mut files);
        }
        self.used |= !files.is_empty();
        files.retain(|file| !self.given.contains(file));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// Empties the folders, if anything was ever in them.
    pub fn clear(&mut self) {
        if self.notify.is_some() && !self.used {
            return;
        }
        for folder in FOLDERS {
            let folder = self.root.join(folder);
            let Ok(entries) = fs::read_dir(&folder) else {
                // The plugin took the folder itself away. Where the root is gone too, the host is ending.
                let _ = fs::remove_file(&folder);
                let _ = fs::create_dir(&folder);
                continue;
            };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let _ = fs::remove_dir_all(entry.path());
                } else {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        self.used = false;
        // Events that the removal itself made, or that came since the last look.
        if let Some(notify) = &self.notify {
            let mut events = [0_u8; 4096];
            while let Ok(1..) = rustix::io::read(notify, &mut events) {}
        }
    }
}

fn collect(folder: &Path, name: &Path, files: &mut Vec<FileLeft>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if files.len() >= FILES_LIMIT {
            return;
        }
        let name = name.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), &name, files),
            Ok(kind) if kind.is_file() => {
                let mut bytes = Vec::new();
                if let Ok(file) = fs::File::open(entry.path()) {
                    let _ = file.take(BYTES_LIMIT).read_to_end(&mut bytes);
                }
                files.push(FileLeft {
                    path: name.to_string_lossy().into_owned(),
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                });
            }
            _ => {}
        }
    }
}
