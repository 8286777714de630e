//! Signals to processes that are not the plugin's own. Without this a plugin could end the process that forks the others.

use std::sync::atomic::{AtomicI32, Ordering};

use hookstorm::{runtime::sandbox::Stat, trace::AttemptKind};

use super::{
    Refusal, Watch,
    object::{Arguments, Held},
};

/// The process that runs the plugin: it and what descends from it is the plugin's own.
static OWN: AtomicI32 = AtomicI32::new(0);

/// The most generations that are looked at.
const GENERATIONS_LIMIT: usize = 64;

/// Takes this process for the one that runs the plugin.
pub(crate) fn is_own_from_here() {
    OWN.store(std::process::id() as i32, Ordering::Relaxed);
}

/// Judges an event of signals.
pub(super) fn judge(watch: &Watch, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    let number = |index| arguments.get(index).and_then(Held::number).and_then(|number| i32::try_from(number).ok());
    let (id, signal) = (number(0)?, number(1)?);
    // Whether somebody is there may be asked of everybody.
    if signal == 0 {
        return None;
    }
    let target = match event {
        b"os.kill" if id == -1 => "every process".to_owned(),
        b"os.kill" if id > 0 => process(id)?,
        b"os.kill" | b"os.killpg" => group(id.checked_abs()?)?,
        _ => return None,
    };
    watch.note(AttemptKind::Signal, &target);
    Some(Refusal::NotPermitted)
}

/// A process, by a name that is the same in every run where there is one; `None` for an own one.
fn process(id: i32) -> Option<String> {
    match id {
        _ if is_own(id) => None,
        1 => Some("process 1".to_owned()),
        _ if id == parent() => Some("its parent process".to_owned()),
        _ => Some(format!("process {id}")),
    }
}

/// A group of processes; `None` for one of own ones.
fn group(id: i32) -> Option<String> {
    // SAFETY: it only asks.
    let current = unsafe { libc::getpgrp() };
    let id = if id == 0 { current } else { id };
    match id {
        _ if is_own(id) => None,
        _ if id == current => Some("the process group of its parent".to_owned()),
        _ => Some(format!("process group {id}")),
    }
}

fn parent() -> i32 {
    // SAFETY: it only asks.
    unsafe { libc::getppid() }
}

/// Whether a process is the plugin's own, or none at all: then it is the kernel who says so.
fn is_own(id: i32) -> bool {
    let own = OWN.load(Ordering::Relaxed);
    let here = std::process::id() as i32;
    if id == here || id == own {
        return true;
    }
    if id == 1 || (here == own && id == parent()) {
        return false;
    }
    // SAFETY: signal 0 reaches nobody, and the state of a child is only looked at.
    unsafe {
        if libc::kill(id, 0) == -1 && *libc::__errno_location() == libc::ESRCH {
            return true;
        }
        let mut seen: libc::siginfo_t = std::mem::zeroed();
        let looks = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::WNOWAIT;
        if libc::waitid(libc::P_PID, id as libc::id_t, &raw mut seen, looks) == 0 {
            return true;
        }
    }
    // Where `/proc` is another namespace's, it does not know whom a number means here.
    let is_ours = std::fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&here.to_string()));
    if !is_ours {
        return true;
    }
    let mut ancestor = id;
    for _ in 0..GENERATIONS_LIMIT {
        match Stat::of(ancestor).map(|stat| stat.parent) {
            Some(parent) if parent == own => return true,
            Some(parent) if parent > 1 => ancestor = parent,
            _ => return false,
        }
    }
    false
}
