//! Signals to processes that are not the plugin's own. Without this a plugin could kill the zygote.

use std::sync::atomic::{AtomicI32, Ordering};

use hookstorm::{runtime::sandbox::ProcessStat, trace::AttemptKind};

use super::{
    auditor::{Auditor, Refusal},
    object::{Arguments, Object},
};

/// The process that runs the plugin. It and its descendants are the plugin's own.
static OWN: AtomicI32 = AtomicI32::new(0);

/// How many generations are looked at.
const GENERATIONS_LIMIT: usize = 64;

/// Makes this process the one that runs the plugin.
pub(crate) fn set_own_process() {
    OWN.store(std::process::id() as i32, Ordering::Relaxed);
}

/// Judges an event of signals.
pub(super) fn judge(auditor: &Auditor, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    let number = |index| arguments.get(index).and_then(Object::number).and_then(|number| i32::try_from(number).ok());
    let (id, signal) = (number(0)?, number(1)?);
    // Signal 0 only asks whether the process exists.
    if signal == 0 {
        return None;
    }
    let target = match event {
        b"os.kill" if id == -1 => "every process".to_owned(),
        b"os.kill" if id > 0 => process(id)?,
        b"os.kill" | b"os.killpg" => group(id.checked_abs()?)?,
        _ => return None,
    };
    auditor.note(AttemptKind::Signal, &target);
    Some(Refusal::NotPermitted)
}

/// The name of a process, the same in every run if possible; `None` for one of the plugin's own.
fn process(id: i32) -> Option<String> {
    match id {
        _ if is_own(id) => None,
        1 => Some("process 1".to_owned()),
        _ if id == parent() => Some("its parent process".to_owned()),
        _ => Some(format!("process {id}")),
    }
}

/// The name of a process group; `None` for one of the plugin's own.
fn group(id: i32) -> Option<String> {
    // SAFETY: the call only reads.
    let current = unsafe { libc::getpgrp() };
    let id = if id == 0 { current } else { id };
    match id {
        _ if is_own(id) => None,
        _ if id == current => Some("the process group of its parent".to_owned()),
        _ => Some(format!("process group {id}")),
    }
}

fn parent() -> i32 {
    // SAFETY: the call only reads.
    unsafe { libc::getppid() }
}

/// Whether a process is the plugin's own, or does not exist, which the kernel reports itself.
fn is_own(id: i32) -> bool {
    let own = OWN.load(Ordering::Relaxed);
    let here = std::process::id() as i32;
    if id == here || id == own {
        return true;
    }
    if id == 1 || (here == own && id == parent()) {
        return false;
    }
    // SAFETY: signal 0 reaches no process, and the state of a child is only read.
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
    // If `/proc` belongs to another namespace, its numbers mean other processes.
    let is_ours = std::fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&here.to_string()));
    if !is_ours {
        return true;
    }
    let mut ancestor = id;
    for _ in 0..GENERATIONS_LIMIT {
        match ProcessStat::of(ancestor).map(|stat| stat.parent) {
            Some(parent) if parent == own => return true,
            Some(parent) if parent > 1 => ancestor = parent,
            _ => return false,
        }
    }
    false
}
