//! Who made a call, and who can say where in the plugin: the process itself where it is one that runs Python for us, or the
//! nearest of its ancestors that does and that waits for it.

use std::{fs, path::Path};

/// How many ancestors are looked at.
const ANCESTORS: usize = 64;

/// A thread that writes its Python stack down when it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribution {
    process: i32,
    thread: i32,
}

impl Attribution {
    /// Who can say where the thread `pid` was called from.
    pub(super) fn who_answers(pid: u32) -> Option<Self> {
        let mut thread = i32::try_from(pid).ok()?;
        for _ in 0..ANCESTORS {
            let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
            let process = field(&status, "Tgid:")?.parse().ok()?;
            if answers(&status) && is_runner(process as u32) {
                return Some(Self { process, thread });
            }
            thread = field(&status, "PPid:")?.parse().ok().filter(|&parent| parent > 1)?;
        }
        None
    }

    /// Whether this is the thread that made the call.
    pub(super) fn is_caller(self, pid: u32) -> bool {
        u32::try_from(self.thread) == Ok(pid)
    }

    /// Asks it. Whether it could be asked.
    pub(super) fn ask(self) -> bool {
        // SAFETY: a signal to a thread that has a handler for it, as was just seen; where it is gone nobody gets it.
        unsafe { libc::syscall(libc::SYS_tgkill, self.process, self.thread, super::ASK.as_raw()) == 0 }
    }
}

/// Whether this process is one of our program's, rather than one that the plugin executed.
fn is_runner(process: u32) -> bool {
    let of = |whose: &str| fs::read_link(Path::new("/proc").join(whose).join("exe")).ok();
    of("self").is_some_and(|own| of(&process.to_string()) == Some(own))
}

/// The process that a thread belongs to.
pub(super) fn process_of(thread: u32) -> Option<i32> {
    field(&fs::read_to_string(format!("/proc/{thread}/status")).ok()?, "Tgid:")?.parse().ok()
}

/// Whether the signal is caught and not blocked.
fn answers(status: &str) -> bool {
    let has = |name: &str| {
        let mask = field(status, name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
        mask >> (super::ASK.as_raw() - 1) & 1 != 0
    };
    has("SigCgt:") && !has("SigBlk:")
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_caught_and_not_blocked_is_answered() {
        let status = |caught: &str, blocked: &str| format!("Name:\tx\nSigBlk:\t{blocked}\nSigCgt:\t{caught}\n");
        assert!(answers(&status("0000000000000800", "0000000000000000")));
        assert!(!answers(&status("0000000000000800", "0000000000000800")));
        assert!(!answers(&status("0000000000000400", "0000000000000000")));
        assert!(!answers(""));
    }
}
