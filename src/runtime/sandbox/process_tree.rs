//! Which process descends from which, as `/proc` has it, and how to kill all descendants.

use std::collections::BTreeMap;

/// What `/proc` says about a process. The numbers are those of that `/proc`'s namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// The first fifteen bytes of its name.
    pub name: String,
    /// Whether it has ended and its parent has not waited for it.
    pub is_zombie: bool,
    /// Its parent.
    pub parent: i32,
    /// Its session.
    pub session: i32,
}

impl ProcessStat {
    /// Reads it for a process, a number or `self`; `None` if there is no such process.
    pub fn of(process: impl std::fmt::Display) -> Option<Self> {
        Self::read(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        // The name is in brackets and may contain anything, brackets too.
        let (begin, end) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(end + 2..)?.split(' ').take(4).collect();
        let [state, parent, _group, session] = fields[..] else { return None };
        Some(Self {
            name: text.get(begin + 1..end)?.to_owned(),
            is_zombie: state == "Z",
            parent: parent.parse().ok()?,
            session: session.parse().ok()?,
        })
    }
}

/// Kills every process that descends from `ancestor`, but not `ancestor` itself.
pub fn kill_descendants(ancestor: i32) {
    // A process can start another one between two looks. So this ends when a look finds none, or after a bound.
    for _ in 0..100 {
        let found = descendants(ancestor);
        if found.is_empty() {
            return;
        }
        for pid in found {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        reap();
    }
}

/// Waits for the children that have ended.
pub fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
}

/// The living descendants of `ancestor`.
fn descendants(ancestor: i32) -> Vec<i32> {
    let mut parents: BTreeMap<i32, i32> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(stat) = ProcessStat::of(pid).filter(|stat| !stat.is_zombie) {
            parents.insert(pid, stat.parent);
        }
    }
    let descends = |mut pid: i32| {
        while let Some(&parent) = parents.get(&pid) {
            if parent == ancestor {
                return true;
            }
            pid = parent;
        }
        false
    };
    parents.keys().copied().filter(|&pid| descends(pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_nothing() {
        let stat = ProcessStat::read("7 (a) Z (b) S 3 4 5 0 -1").unwrap();
        assert_eq!(stat, ProcessStat { name: "a) Z (b".into(), is_zombie: false, parent: 3, session: 5 });
        assert_eq!(ProcessStat::read("7 (a"), None);
        assert_eq!(ProcessStat::read(""), None);
    }

    #[test]
    fn a_child_is_a_descendant_until_it_is_killed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id() as i32;
        assert!(descendants(std::process::id() as i32).contains(&pid));
        assert!(!descendants(pid).contains(&(std::process::id() as i32)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descendants(std::process::id() as i32).contains(&pid));
    }
}
