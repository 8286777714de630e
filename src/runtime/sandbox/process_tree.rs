//! Who descends from whom, by /proc, and how to end them all.

use std::collections::BTreeMap;

/// What `/proc` says of a process, in the numbers of that `/proc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its name, of which the kernel keeps fifteen bytes.
    pub name: String,
    /// Whether it has ended and nobody has waited for it.
    pub is_zombie: bool,
    /// Its parent.
    pub parent: i32,
    /// Its session.
    pub session: i32,
}

impl Stat {
    /// Of that process, a number or `self`; `None` where there is none.
    pub fn of(process: impl std::fmt::Display) -> Option<Self> {
        Self::read(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        // The name stands in brackets and may hold anything, brackets included.
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

/// Ends every process that descends from `ancestor`, which itself stays.
pub fn end_descendants(ancestor: i32) {
    // A process can start another between two looks; it gives up only when a look finds nothing, or after a bound.
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

/// Takes note of children that ended.
pub fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
}

/// The living descendants of `ancestor`, by /proc.
fn descendants(ancestor: i32) -> Vec<i32> {
    let mut parents: BTreeMap<i32, i32> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(stat) = Stat::of(pid).filter(|stat| !stat.is_zombie) {
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
        let stat = Stat::read("7 (a) Z (b) S 3 4 5 0 -1").unwrap();
        assert_eq!(stat, Stat { name: "a) Z (b".into(), is_zombie: false, parent: 3, session: 5 });
        assert_eq!(Stat::read("7 (a"), None);
        assert_eq!(Stat::read(""), None);
    }

    #[test]
    fn a_child_is_a_descendant_until_it_is_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id() as i32;
        assert!(descendants(std::process::id() as i32).contains(&pid));
        assert!(!descendants(pid).contains(&(std::process::id() as i32)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descendants(std::process::id() as i32).contains(&pid));
    }
}
