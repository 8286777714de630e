//! Whether what was started is a worker at all: its program says a word as soon as it runs, before anything else. A program
//! that is none, or that dies or hangs at its start, ends the run with the reason within seconds, and is not tried again.

use std::{io, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
    process::{Pid, Signal, kill_process_group},
};

use super::{RuntimeError, process::Process};
use crate::runtime::{
    protocol::{
        control::{Started, reply},
        fd_passing,
    },
    sandbox::namespaces::path_of,
};

/// How long the first word may take: a program that is loaded from a slow disk on a busy machine takes one second.
const FIRST_WORD: Duration = Duration::from_secs(10);

impl Process {
    /// Waits for the first word, and takes what comes with it: the zygote, and its scratch folder.
    pub(super) fn await_first_word(&mut self) -> Result<(), RuntimeError> {
        let timeout = Timespec { tv_sec: FIRST_WORD.as_secs() as i64, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.control, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut fds, Some(&timeout))).map_err(io::Error::from)? == 0 {
            return Err(self.ended_as_none(format!("did not say a word within {} seconds", FIRST_WORD.as_secs())));
        }
        // Where the other end is gone, no word comes.
        let (words, handed) = fd_passing::receive(&self.control).unwrap_or_default();
        if words.is_empty() {
            let status = self.status();
            return Err(self.was_none(status));
        }
        let started =
            words.strip_prefix(&[reply::STARTED]).and_then(|json| serde_json::from_slice::<Started>(json).ok());
        let Some(started) = started else {
            return Err(self.ended_as_none("says what no worker says".to_owned()));
        };
        if !started.is_of_this_version() {
            let own = env!("CARGO_PKG_VERSION");
            return Err(self.ended_as_none(format!("has version {}, and hookstorm has version {own}", started.version)));
        }
        self.python = Some(started.python);
        let mut handed = handed.into_iter();
        self.zygote = handed.next();
        self.own = handed.next();
        if let Some(own) = &self.own {
            self.root = path_of(own);
        }
        Ok(())
    }

    /// The error for a program that ended before its first word.
    fn was_none(&self, status: i32) -> RuntimeError {
        match self.died(status) {
            RuntimeError::Died { status, stderr } => self.no_worker(format!("ended at its start ({status})"), &stderr),
            other => other,
        }
    }

    /// Ends the program and all that it started, which is in its group, and gives the error.
    fn ended_as_none(&mut self, what: String) -> RuntimeError {
        // It has not been waited for, so that the number is still its own.
        if let Some(group) = i32::try_from(self.guardian.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.no_worker(what, &self.said_on_stderr())
    }

    fn no_worker(&self, what: String, stderr: &str) -> RuntimeError {
        RuntimeError::NotAWorker { path: self.program.clone(), what, stderr: first_lines(stderr) }
    }
}

/// The beginning of what a program said: enough to see what it is.
fn first_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().take(5).collect();
    lines.join("\n")
}
