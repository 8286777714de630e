//! The children of this process.

use hookstorm::{
    runtime::sandbox::ProcessStat,
    trace::{Leftover, LeftoverKind},
};

use super::{bounded, starts};
use crate::exception::Origins;

/// Programs that `multiprocessing` starts once, and that end with the process.
const KEPT_PROGRAMS: [&str; 2] = ["multiprocessing.resource_tracker", "multiprocessing.forkserver"];

/// A child of this process, as the kernel reports it.
pub(super) struct Child {
    pub(super) pid: i32,
    name: String,
    words: Vec<String>,
    pub(super) is_zombie: bool,
    /// Whether it is in another session than this process and does not lead it, as daemons are.
    is_daemon: bool,
}

/// Whether this process has children, also ones that have ended.
pub(super) fn has_children() -> bool {
    // SAFETY: all zeros are a valid `siginfo_t`, and the kernel writes nothing but one.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        libc::waitid(libc::P_ALL, 0, &raw mut info, options) == 0
    }
}

/// The children of this process.
pub(super) fn children() -> Vec<Child> {
    let mut found = Vec::new();
    // The kernel lists them for each thread.
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(listed.split_ascii_whitespace().filter_map(|pid| child(pid.parse().ok()?)));
    }
    found.sort_by_key(|child| child.pid);
    found
}

fn child(pid: i32) -> Option<Child> {
    let ProcessStat { name, is_zombie, session, .. } = ProcessStat::of(pid)?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut words: Vec<String> = words.collect();
    // A NUL ends each word.
    words.pop();
    let is_daemon = session != pid && ProcessStat::of("self").is_some_and(|own| session != own.session);
    Some(Child { pid, name, words, is_zombie, is_daemon })
}

impl Child {
    /// Whether it is no leftover.
    pub(super) fn is_ignored(&self) -> bool {
        let is_kept = self.words.iter().any(|word| KEPT_PROGRAMS.iter().any(|program| word.contains(program)));
        is_kept || self.is_zombie && self.is_daemon
    }

    /// The leftover that it is.
    pub(super) fn leftover(&self, origins: &Origins) -> Leftover {
        let (mut words, frames) = starts::of_process(&self.name, &self.words, origins);
        let own: Vec<String> = std::env::args().collect();
        if words == own {
            // A fork that runs the plugin's own code.
            words.clear();
        } else if words.is_empty() && ProcessStat::of("self").is_none_or(|own| own.name != self.name) {
            words.push(self.name.clone());
        }
        let what = bounded(&origins.with_names(words.join(" ")));
        Leftover { kind: LeftoverKind::Process, what, frames }
    }
}
