//! Who descends from whom, by /proc, and how to end them all.

use std::collections::BTreeMap;

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
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name stands in brackets and may hold anything, brackets included.
        let Some(rest) = stat.rfind(')').and_then(|at| stat.get(at + 2..)) else { continue };
        let mut fields = rest.split(' ');
        let state = fields.next();
        if let Some(parent) = fields.next().and_then(|field| field.parse().ok())
            && state != Some("Z")
        {
            parents.insert(pid, parent);
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
