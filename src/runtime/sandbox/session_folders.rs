//! The folders that a plugin may write to. They are empty when a session begins; hookstorm looks at them after each
//! call and empties them after the session.
//!
//! A plugin can put anything there: links that lead out, folders without permissions, a hundred thousand folders inside
//! each other. This code follows no link, and neither depth nor number of files costs more than time.

use std::{
    ffi::CString,
    fs,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, inotify};

use crate::{
    case::{APPLIANCE_FILES, Value},
    package::tree::{self, FOLDER, each_entry, is_folder},
    trace::ScratchFile,
};

/// The names of the folders: the working folder, the home, temporary files, and the two that the contract has \[G\].
pub const FOLDERS: [&str; 5] = ["work", "home", "tmp", "state", "ephemeral"];

/// Where programs put temporary files.
pub const MACHINE_TEMPORARY: &str = "/tmp";

/// The folder for temporary files, which is the worker's `/tmp` too if it can have mounts of its own.
pub const TEMPORARY: &str = "tmp";

/// The folders that a session's services may fill: their keys in the services and their names here.
pub const SERVICE_FOLDERS: [(&str, &str); 2] = [("state", "state"), ("ephemeral", "ephemeral")];

/// The folder in the root for the files of the appliance, outside of all folders that a plugin knows.
pub const APPLIANCE: &str = "appliance";

/// The folders of the appliance whose files a session's services may have, and where they are in the root.
pub const APPLIANCE_FOLDERS: [(&str, &str); 2] = [("/etc/spp", "appliance/spp"), ("/usr/share/zorp", "appliance/zorp")];

/// The file in the root, outside of all folders, in which an isolated call leaves the memory cache for the next one.
pub const MEMORY_CACHE: &str = "memory-cache";

/// The largest memory cache that one call leaves to the next, in bytes.
pub const MEMORY_CACHE_LIMIT: u64 = 16 << 20;

/// How many files are reported.
const FILES_LIMIT: usize = 32;
/// How many bytes of each file are reported.
const BYTES_LIMIT: u64 = 64 << 10;
/// How deep the search for them goes, and how many entries it looks at.
const DEPTH_LIMIT: usize = 32;
const ENTRIES_LIMIT: usize = 4096;

/// The folders of a worker.
#[derive(Debug)]
pub struct SessionFolders {
    root: PathBuf,
    /// Reports that something was created or written directly in one of the folders; without it each look is a search.
    notify: Option<OwnedFd>,
    is_used: bool,
    /// The files of the session's services: the plugin did not write them.
    service_files: Vec<ScratchFile>,
    /// The entries of the folder for temporary files that are not the plugin's: see [`places_of_mounts`].
    kept: Vec<CString>,
    /// Whether there may be files of the appliance.
    has_appliance: bool,
}

/// The folder for temporary files of a worker whose scratch folder is `root`: `/tmp`, if that is the same folder.
pub fn temporary_folder(root: &Path) -> PathBuf {
    let own = root.join(TEMPORARY);
    if is_same(&own, Path::new(MACHINE_TEMPORARY)) { MACHINE_TEMPORARY.into() } else { own }
}

/// Whether two paths lead to the same folder.
pub fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// The entries of the folder for temporary files before the plugin's first line runs. This folder is the worker's
/// `/tmp`, and where the machine's one contains something that the worker needs, it contains places to mount that at.
/// If one of them were removed from outside, the mount would be gone.
pub fn places_of_mounts(root: &Path) -> Vec<CString> {
    let mut places = Vec::new();
    if let Ok(folder) = rustix::fs::open(root.join(TEMPORARY), FOLDER, Mode::empty()) {
        each_entry(&folder, |name| {
            places.push(name.to_owned());
            true
        });
    }
    places
}

impl SessionFolders {
    /// The folders under `root`, which exist and are empty but for the `kept` entries: see [`places_of_mounts`].
    pub fn new(root: &Path, kept: Vec<CString>) -> Self {
        let notify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
        let notify = notify.filter(|notify| {
            FOLDERS.iter().all(|folder| {
                let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::MODIFY;
                inotify::add_watch(notify, root.join(folder), events).is_ok()
            })
        });
        let service_files = Vec::new();
        Self { root: root.to_owned(), notify, is_used: false, service_files, kept, has_appliance: true }
    }

    /// The folders under `root`, with whatever is in them, for a process that looks at them once.
    pub fn unwatched(root: &Path, kept: Vec<CString>) -> Self {
        let service_files = Vec::new();
        Self { root: root.to_owned(), notify: None, is_used: true, service_files, kept, has_appliance: true }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes the files of a session's services into their folders, which are empty. Returns whether there are any.
    pub fn fill(&mut self, services: &Value) -> bool {
        self.expect(services);
        for file in &self.service_files {
            // If a file cannot be written, the plugin does not find it. If the folders are not emptied between
            // sessions, an earlier session may have put a link there.
            let _ = tree::write_file(&self.root, Path::new(&file.path), file.text.as_bytes());
        }
        self.is_used |= !self.service_files.is_empty();
        !self.service_files.is_empty()
    }

    /// Writes the files of the appliance that a session's services have, and removes all others.
    pub fn fill_appliance(&mut self, services: &Value) {
        let files = services.get("appliance_files").and_then(Value::as_dict).unwrap_or_default();
        if files.is_empty() && !self.has_appliance {
            return;
        }
        self.has_appliance = !files.is_empty();
        for (at, folder) in APPLIANCE_FOLDERS {
            for path in APPLIANCE_FILES {
                let Some(name) = path.strip_prefix(at).and_then(|name| name.strip_prefix('/')) else { continue };
                let own = Path::new(folder).join(name);
                // If the plugin made this impossible, it finds no file.
                let _ = match files.iter().find(|(known, _)| known == path).and_then(|(_, text)| text.as_str()) {
                    Some(text) => tree::write_file(&self.root, &own, text.as_bytes()),
                    None => fs::remove_file(self.root.join(own)),
                };
            }
        }
    }

    /// Expects the files of a session's services, which an earlier process has written.
    pub fn expect(&mut self, services: &Value) {
        self.service_files.clear();
        for (key, folder) in SERVICE_FOLDERS {
            let files = services.get(key).and_then(Value::as_dict).unwrap_or_default();
            let text = |(path, text): &(String, Value)| {
                Some(ScratchFile { path: format!("{folder}/{path}"), text: text.as_str()?.to_owned() })
            };
            self.service_files.extend(files.iter().filter_map(text));
        }
    }

    /// Sets whether an earlier process of the session saw files.
    pub fn set_used(&mut self, is_used: bool) {
        self.is_used = is_used;
    }

    /// Whether files were ever seen.
    pub const fn is_used(&self) -> bool {
        self.is_used
    }

    /// The files that the plugin wrote: all that are there, without those of the services that are unchanged.
    pub fn files(&mut self) -> Vec<ScratchFile> {
        if let Some(notify) = &self.notify {
            let mut events = [0_u8; 4096];
            while let Ok(1..) = rustix::io::read(notify, &mut events) {
                self.is_used = true;
            }
            if !self.is_used {
                return Vec::new();
            }
        }
        let mut files = Vec::new();
        let mut entries_left = ENTRIES_LIMIT;
        for folder in FOLDERS {
            if let Ok(opened) = rustix::fs::open(self.root.join(folder), FOLDER, Mode::empty()) {
                let kept = if folder == TEMPORARY { &self.kept[..] } else { &[] };
                collect(&opened, Path::new(folder), kept, DEPTH_LIMIT, &mut entries_left, &mut files);
            }
        }
        self.is_used |= !files.is_empty();
        files.retain(|file| !self.service_files.contains(file));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// Empties the folders, if anything was ever in them. False if the plugin removed a folder itself or took away its
    /// permissions: then there is a new folder in its place, which is not watched.
    pub fn clear(&mut self) -> bool {
        if self.notify.is_some() && !self.is_used {
            return true;
        }
        let mut whole = true;
        for folder in FOLDERS {
            let path = self.root.join(folder);
            match tree::open_folder(rustix::fs::CWD, &path) {
                Ok(opened) => tree::empty(&opened, if folder == TEMPORARY { &self.kept } else { &[] }),
                Err(_) => {
                    whole = false;
                    // If the root is gone too, nothing can be done here.
                    let _ = fs::remove_file(&path);
                    let _ = fs::create_dir(&path);
                }
            }
        }
        self.is_used = false;
        // Discard the events of the removal itself and those since the last look.
        if let Some(notify) = &self.notify {
            let mut events = [0_u8; 4096];
            while let Ok(1..) = rustix::io::read(notify, &mut events) {}
        }
        whole
    }
}

fn collect(
    folder: &OwnedFd,
    name: &Path,
    kept: &[CString],
    depth: usize,
    entries_left: &mut usize,
    files: &mut Vec<ScratchFile>,
) {
    use std::os::unix::ffi::OsStrExt;
    let Some(depth) = depth.checked_sub(1) else { return };
    each_entry(folder, |entry| {
        if files.len() >= FILES_LIMIT || *entries_left == 0 {
            return false;
        }
        *entries_left -= 1;
        if kept.iter().any(|kept| **kept == *entry) {
            return true;
        }
        let name = name.join(std::ffi::OsStr::from_bytes(entry.to_bytes()));
        if is_folder(folder, entry) {
            if let Ok(inner) = rustix::fs::openat(folder, entry, FOLDER, Mode::empty()) {
                collect(&inner, &name, &[], depth, entries_left, files);
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

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        FOLDERS.iter().for_each(|folder| fs::create_dir(root.path().join(folder)).unwrap());
        root
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_link_is_removed_and_never_what_it_leads_to() {
        let (root, outside) = (root(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("kept"), "").unwrap();
        symlink(outside.path(), root.path().join("tmp/link")).unwrap();
        // A folder itself is a link.
        fs::remove_dir(root.path().join("work")).unwrap();
        symlink(outside.path(), root.path().join("work")).unwrap();
        let mut folders = SessionFolders::unwatched(root.path(), Vec::new());
        assert!(folders.files().is_empty(), "nothing is read through a link");
        assert!(!folders.clear());
        assert_eq!(names(outside.path()), ["kept"]);
        assert!(names(&root.path().join("tmp")).is_empty());
        assert!(fs::symlink_metadata(root.path().join("work")).unwrap().is_dir());
        assert!(folders.clear());
    }

    #[test]
    fn a_tree_deeper_than_there_are_descriptors_is_removed() {
        let root = root();
        let top = fs::File::open(root.path().join("tmp")).unwrap();
        let mut folder = OwnedFd::from(top);
        for at in 0..3000 {
            fs::write(format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&folder)), "x").unwrap();
            let name = if at % 2 == 0 { "d" } else { "e" };
            rustix::fs::mkdirat(&folder, name, Mode::RWXU).unwrap();
            folder = rustix::fs::openat(&folder, name, FOLDER, Mode::empty()).unwrap();
        }
        let mut folders = SessionFolders::unwatched(root.path(), Vec::new());
        assert!(folders.files().len() <= FILES_LIMIT);
        assert!(folders.clear());
        assert!(names(&root.path().join("tmp")).is_empty());
    }

    #[test]
    fn what_is_closed_to_its_owner_and_what_blocks_a_reader_is_removed() {
        let root = root();
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
        let mut folders = SessionFolders::unwatched(root.path(), Vec::new());
        assert!(folders.files().len() <= FILES_LIMIT);
        assert!(folders.clear());
        for folder in ["home", "tmp"] {
            assert!(names(&root.path().join(folder)).is_empty(), "{folder}");
        }
    }

    #[test]
    fn places_of_mounts_stay_and_are_no_files_of_the_plugins() {
        let root = root();
        fs::create_dir(root.path().join("tmp/place")).unwrap();
        let kept = places_of_mounts(root.path());
        // The same name elsewhere is the plugin's.
        for path in ["tmp/new", "home/place"] {
            fs::write(root.path().join(path), "x").unwrap();
        }
        let mut folders = SessionFolders::unwatched(root.path(), kept);
        let files: Vec<_> = folders.files().into_iter().map(|file| file.path).collect();
        assert_eq!(files, ["home/place", "tmp/new"]);
        assert!(folders.clear());
        assert_eq!(
            (names(&root.path().join("tmp")), names(&root.path().join("home")).len()),
            (vec!["place".into()], 0)
        );
    }

    #[test]
    fn files_of_the_appliance_are_those_of_the_session_alone() {
        let root = root();
        let mut folders = SessionFolders::unwatched(root.path(), Vec::new());
        let services = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let both = r#"{"appliance_files": {"/etc/spp/join.json": "{}", "/usr/share/zorp/dictionary": "a"}}"#;
        folders.fill_appliance(&services(both));
        let read = |path: &str| fs::read_to_string(root.path().join("appliance").join(path)).ok();
        assert_eq!((read("spp/join.json"), read("zorp/dictionary")), (Some("{}".into()), Some("a".into())));
        folders.fill_appliance(&services(r#"{"appliance_files": {"/etc/spp/join.json": "{ }"}}"#));
        assert_eq!((read("spp/join.json"), read("zorp/dictionary")), (Some("{ }".into()), None));
        folders.fill_appliance(&Value::empty_dict());
        assert_eq!(read("spp/join.json"), None);
        assert!(folders.files().is_empty());
    }

    #[test]
    fn the_folder_for_temporary_files_is_named_by_its_own_path_unless_it_is_the_machines() {
        let root = root();
        assert_eq!(temporary_folder(root.path()), root.path().join("tmp"));
        assert!(is_same(root.path(), &root.path().join("tmp/..")));
        assert!(!is_same(root.path(), &root.path().join("absent")));
    }
}
