//! What stands between a plugin and the machine: process and network namespaces where the kernel gives them, a filter on
//! sockets where it gives no network namespace, writes to its own folders only where the kernel has Landlock, and a
//! guardian that outlives neither host nor worker.

use std::{collections::BTreeMap, io, path::Path};

use crate::runtime::{Network, Target};

mod missing;
pub mod reach;

pub use missing::{Missing, Protection};
pub use reach::Reach;

/// How a worker is held: what the host tells the worker's program when it starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement(u32);

impl Confinement {
    /// How `target` wants it.
    pub fn of(target: &Target) -> Self {
        let network = match target.network {
            Network::Closed => 0,
            Network::Only(_) => 1,
            Network::Open => 2,
        };
        Self(network | u32::from(target.sandbox.is_off) << 2)
    }

    /// As bits, for the command line.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether nothing of the network is open.
    pub const fn is_closed(self) -> bool {
        self.0 & 3 == 0 && !self.is_off()
    }

    /// Whether some destinations are open.
    pub const fn is_limited(self) -> bool {
        self.0 & 3 == 1 && !self.is_off()
    }

    /// Whether nothing holds the plugin.
    pub const fn is_off(self) -> bool {
        self.0 & 4 != 0
    }
}

/// Moves this process, or the children that it will have, into namespaces of their own, as far as the kernel lets it.
///
/// # Safety
/// The process must have one thread.
pub unsafe fn enter_namespaces(confinement: Confinement) -> Missing {
    let net = if confinement.is_closed() { libc::CLONE_NEWNET } else { 0 };
    // SAFETY: `unshare` changes only this process, which has one thread, as the caller promises.
    let unshare = |flags: i32| unsafe { libc::unshare(flags) } == 0;
    if unshare(libc::CLONE_NEWPID | net) {
        return Missing::default();
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID | net) {
        // Without the maps every file would belong to nobody; where they are refused the namespaces hold all the same.
        let _ = std::fs::write("/proc/self/setgroups", "deny");
        let _ = std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"));
        let _ = std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"));
        return Missing::default();
    }
    let mut missing = Missing::default();
    missing.add(Protection::Processes);
    if confinement.is_closed() {
        missing.add(Protection::Network);
    }
    missing
}

/// Refuses sockets of the internet families to this process and all its children, with `ENETUNREACH`, as a machine
/// without a network does.
///
/// # Errors
/// Where the kernel has no such filter.
pub fn refuse_sockets() -> io::Result<()> {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };
    let family = |family: i32| {
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family as u64)
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(|error| io::Error::other(error.to_string()))
    };
    let rules = BTreeMap::from([(
        libc::SYS_socket,
        vec![family(libc::AF_INET)?, family(libc::AF_INET6)?, family(libc::AF_PACKET)?],
    )]);
    let arch = std::env::consts::ARCH.try_into().map_err(|error| io::Error::other(format!("{error}")))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENETUNREACH as u32), arch)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let program: BpfProgram = filter.try_into().map_err(|error| io::Error::other(format!("{error}")))?;
    seccompiler::apply_filter(&program).map_err(|error| io::Error::other(error.to_string()))
}

/// Where programs write without being asked; `/dev` for `/dev/null` and shared memory.
const OPEN_FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev"];

/// Lets this process and all its children write below `scratch` and `state`, and in the folders for temporary files, and nowhere else:
/// elsewhere it gets `EACCES`, as somebody who does not own the machine does. A user name such as `/etc/passwd` that a
/// plugin makes a file's name of must not leave a file there only because the one who tests is root.
///
/// # Errors
/// Where the kernel has no Landlock.
pub fn refuse_writes(scratch: &Path, state: Option<&Path>) -> io::Result<()> {
    use landlock::{ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules};
    // What the kernel does not know of these it leaves out.
    let writing = AccessFs::from_write(ABI::V3);
    let open = OPEN_FOLDERS.map(Path::new).into_iter().chain([scratch]).chain(state);
    let status = Ruleset::default()
        .handle_access(writing)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(open, writing)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(()),
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
