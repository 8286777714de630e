//! Which files a plugin may use: the folders that it may read and those that it may write to. These are pure lists. The
//! file system is asked only if a path seems to lie outside of all of them, since a link may lead inside after all.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

/// The files and folders that a plugin may use.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
}

impl AccessRules {
    /// Rules that allow these files and folders, with everything below them. What may be written may be read.
    pub fn new(readable: impl IntoIterator<Item = PathBuf>, writable: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { readable: with_real(readable), writable: with_real(writable) }
    }

    /// What the plugin may read.
    pub(super) fn readable(&self) -> &[PathBuf] {
        &self.readable
    }

    /// What the plugin may write to.
    pub(super) fn writable(&self) -> &[PathBuf] {
        &self.writable
    }

    /// Whether the plugin may read `path`, an absolute one.
    pub fn may_read(&self, path: &Path) -> bool {
        holds(path, |path| depth(&self.readable, path).max(depth(&self.writable, path)).is_some())
    }

    /// Whether the plugin may write to `path`, an absolute one, create or remove it. If the path is inside of several
    /// folders, the innermost one counts: a package in `/tmp` can only be read.
    pub fn may_write(&self, path: &Path) -> bool {
        holds(path, |path| {
            let writable = depth(&self.writable, path);
            writable.is_some() && writable >= depth(&self.readable, path)
        })
    }
}

/// Whether something holds for a path or for where it leads. What is open already is always allowed.
fn holds(path: &Path, is_allowed: impl Fn(&Path) -> bool) -> bool {
    is_descriptor(path) || is_allowed(path) || real(path).is_some_and(|real| is_descriptor(&real) || is_allowed(&real))
}

/// The number of parts of the innermost of `folders` that `path` is in.
fn depth(folders: &[PathBuf], path: &Path) -> Option<usize> {
    let containing = folders.iter().filter(|folder| path.starts_with(folder));
    containing.map(|folder| folder.components().count()).max()
}

/// `path` from `base`, an absolute one, without `.` and `..`.
pub fn resolve(path: &Path, base: &Path) -> PathBuf {
    let mut resolved = PathBuf::from("/");
    for component in base.join(path).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir => {
                resolved.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    resolved
}

/// The sockets of services of the machine that libraries look for by themselves: to look up hosts and users, to log, to
/// make identifiers. An appliance has services of its own there. In the sandbox they look absent, as on a machine
/// without them, and that is no attempt.
const SERVICES: &[&str] = &[
    "dev/log",
    "run/avahi-daemon",
    "run/dbus",
    "run/nscd",
    "run/nslcd",
    "run/pcscd",
    "run/samba/winbindd",
    "run/syslog",
    "run/systemd",
    "run/uuidd",
    "run/winbindd",
    "tmp/.X11-unix",
    "tmp/.winbindd",
    "var/lib/sss/pipes",
];

/// Whether this is the socket of such a service; `path` is absolute.
pub fn is_service_of_machine(path: &Path) -> bool {
    let path = path.strip_prefix("/").unwrap_or(path);
    let path = path.strip_prefix("var").ok().filter(|rest| rest.starts_with("run")).unwrap_or(path);
    SERVICES.iter().any(|service| path.starts_with(service))
}

/// Whether a path means a descriptor that is open already, whatever it leads to.
fn is_descriptor(path: &Path) -> bool {
    if ["/dev/stdin", "/dev/stdout", "/dev/stderr"].into_iter().any(|known| path == Path::new(known)) {
        return true;
    }
    let mut parts = path.components().skip(1).map(Component::as_os_str);
    match (parts.next().and_then(OsStr::to_str), parts.next(), parts.next().and_then(OsStr::to_str)) {
        (Some("dev"), Some(folder), Some(_)) => folder == "fd",
        (Some("proc"), Some(_), Some(folder)) => folder == "fd",
        _ => false,
    }
}

/// Where `path` leads, or would lead if it were there.
fn real(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    // A write through a link that leads nowhere creates its target, which is unknown here.
    if path.symlink_metadata().is_ok() {
        return None;
    }
    Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
}

/// Folders by their given paths and by their real paths, which a process has as its working folder.
fn with_real(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in folders {
        let real = folder.canonicalize().ok().filter(|real| *real != folder);
        all.push(folder);
        all.extend(real);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> AccessRules {
        AccessRules::new(["/usr/lib/python3".into()], ["/scratch".into(), "/dev/null".into()])
    }

    #[test]
    fn what_lies_below_a_folder_is_allowed_and_its_neighbours_are_not() {
        let rules = rules();
        for path in ["/scratch/home/a", "/scratch", "/dev/null", "/proc/self/fd/7", "/dev/fd/2", "/dev/stderr"] {
            assert!(rules.may_write(Path::new(path)) && rules.may_read(Path::new(path)), "{path}");
        }
        for path in ["/scratch2/a", "/", "/usr/lib/python3/os.py", "/dev/null2", "/proc/self/fdinfo/7", "/dev/fdx/1"] {
            assert!(!rules.may_write(Path::new(path)), "{path}");
        }
        assert!(rules.may_read(Path::new("/usr/lib/python3/os.py")));
        assert!(!rules.may_read(Path::new("/usr/lib/python3.11/os.py")));
    }

    #[test]
    fn the_innermost_folder_decides_what_may_be_written() {
        let rules =
            AccessRules::new(["/tmp/deep/plugin".into(), "/data".into()], ["/tmp".into(), "/data/state".into()]);
        for (path, is_writable) in [
            ("/tmp/new", true),
            ("/tmp/deep/beside", true),
            ("/tmp/deep/plugin", false),
            ("/tmp/deep/plugin/main.py", false),
            ("/tmp/deep/plugin2", true),
            ("/data/state/lease", true),
            ("/data/ca.pem", false),
        ] {
            assert_eq!(rules.may_write(Path::new(path)), is_writable, "{path}");
            assert!(rules.may_read(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn services_of_the_machine_are_known_by_their_folders() {
        for path in
            ["/dev/log", "/run/nscd/socket", "/var/run/nscd/socket", "/run/uuidd/request", "/var/lib/sss/pipes/nss"]
        {
            assert!(is_service_of_machine(Path::new(path)), "{path}");
        }
        for path in ["/run/docker.sock", "/dev/logs", "/var/nscd/socket", "/home/me/run/nscd/socket", "/run"] {
            assert!(!is_service_of_machine(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_path_is_resolved_from_the_working_folder() {
        let resolved = |path: &str| resolve(Path::new(path), Path::new("/scratch/home"));
        assert_eq!(resolved("a/./b"), Path::new("/scratch/home/a/b"));
        assert_eq!(resolved("../../etc/passwd"), Path::new("/etc/passwd"));
        assert_eq!(resolved("/../etc"), Path::new("/etc"));
        assert_eq!(resolved("/etc//"), Path::new("/etc"));
    }

    #[test]
    fn a_link_that_leads_inside_is_followed_from_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, link) = (folder.path().join("inside"), folder.path().join("link"));
        std::fs::create_dir(&inside).unwrap();
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        let by_name = AccessRules::new([], [inside.clone()]);
        assert!(by_name.may_write(&link.join("new")));
        assert!(!by_name.may_write(&folder.path().join("new")));
        let by_link = AccessRules::new([], [link]);
        assert!(by_link.may_write(&inside.join("new")));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_allowed_if_it_lies_outside() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
        assert!(!AccessRules::new([], [inside]).may_write(&link));
    }
}
