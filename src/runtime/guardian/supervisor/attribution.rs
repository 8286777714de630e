//! Which thread can tell where in the plugin a system call comes from: the caller itself if it runs Python for us, or
//! else its nearest ancestor that does and waits for it.

use std::{fs, os::fd::BorrowedFd, path::Path};

use rustix::{
    fs::{Stat, fstat, stat},
    process::Signal,
};

/// The signal at which `faulthandler` writes down the stack of a thread.
const ASK: Signal = Signal::USR2;

/// How many ancestors are looked at.
const ANCESTORS_LIMIT: usize = 64;

/// A program's file: its device and inode, which are the same in every mount namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct ProgramId(u64, u64);

impl ProgramId {
    /// The program that is open there.
    pub(in super::super) fn of(file: BorrowedFd<'_>) -> Option<Self> {
        fstat(file).ok().map(Self::new)
    }

    /// The program that a process executes.
    fn of_process(process: i32) -> Option<Self> {
        stat(Path::new("/proc").join(process.to_string()).join("exe")).ok().map(Self::new)
    }

    fn new(stat: Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

/// A thread that writes down its Python stack when it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct PythonThread {
    process: i32,
    thread: i32,
}

impl PythonThread {
    /// The one that can tell where `caller` was called from; `program` is the worker's.
    pub(super) fn of_caller(caller: u32, program: ProgramId) -> Option<Self> {
        let mut thread = i32::try_from(caller).ok()?;
        for _ in 0..ANCESTORS_LIMIT {
            let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
            let process = field(&status, "Tgid:")?.parse().ok()?;
            // A program that the plugin executed may catch the signal for something else.
            if catches_signal(&status) && ProgramId::of_process(process) == Some(program) {
                return Some(Self { process, thread });
            }
            thread = field(&status, "PPid:")?.parse().ok().filter(|&parent| parent > 1)?;
        }
        None
    }

    /// Whether this is the thread that made the call.
    pub(super) fn is_caller(self, caller: u32) -> bool {
        u32::try_from(self.thread) == Ok(caller)
    }

    /// Asks it for its stack. Returns whether the signal was sent.
    pub(super) fn ask_for_stack(self) -> bool {
        // SAFETY: this sends a signal to a thread that has a handler for it; if the thread is gone, nothing gets the
        // signal.
        unsafe { libc::syscall(libc::SYS_tgkill, self.process, self.thread, ASK.as_raw()) == 0 }
    }
}

/// The process that a thread belongs to.
pub(super) fn process_of(thread: u32) -> Option<i32> {
    field(&fs::read_to_string(format!("/proc/{thread}/status")).ok()?, "Tgid:")?.parse().ok()
}

/// Whether a thread catches the signal and does not block it.
fn catches_signal(status: &str) -> bool {
    let has = |name: &str| {
        let mask = field(status, name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
        mask >> (ASK.as_raw() - 1) & 1 != 0
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
        assert!(catches_signal(&status("0000000000000800", "0000000000000000")));
        assert!(!catches_signal(&status("0000000000000800", "0000000000000800")));
        assert!(!catches_signal(&status("0000000000000400", "0000000000000000")));
        assert!(!catches_signal(""));
    }

    #[test]
    fn a_program_is_known_by_its_file_whatever_its_path() {
        use std::os::fd::AsFd;
        let own = ProgramId::of_process(std::process::id() as i32).unwrap();
        let file = fs::File::open("/proc/self/exe").unwrap();
        assert_eq!(ProgramId::of(file.as_fd()), Some(own));
        assert_ne!(ProgramId::of(fs::File::open("/proc/self/status").unwrap().as_fd()), Some(own));
    }
}
