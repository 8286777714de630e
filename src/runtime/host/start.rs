//! The start of a worker: its program reports itself before it does anything else. A program that is no worker, or that
//! dies or hangs at its start, ends the run with the reason within seconds, and the host does not try it again.

use std::{io, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
};

use super::{RuntimeError, process::Process};
use crate::runtime::{
    protocol::{
        control::reply,
        fd_passing::{self, path_of},
        start::Started,
    },
    sandbox::session_folders,
};

/// How long the start may take: a program that is loaded from a slow disk on a busy machine takes one second.
const START_TIME: Duration = Duration::from_secs(10);

impl Process {
    /// Waits for the first packet, and takes over its descriptors: the zygote's process and its scratch folder.
    pub(super) fn await_start(&mut self) -> Result<(), RuntimeError> {
        let timeout = Timespec { tv_sec: START_TIME.as_secs() as i64, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.control, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut fds, Some(&timeout))).map_err(io::Error::from)? == 0 {
            return Err(self.no_worker(format!("did not answer within {} seconds", START_TIME.as_secs())));
        }
        // An empty packet means that the other end is closed.
        let (packet, descriptors) = fd_passing::receive(&self.control).unwrap_or_default();
        let started = match packet.split_first() {
            None => {
                let status = self.status();
                return Err(self.ended_at_start(status));
            }
            Some((&reply::NOT_STARTED, errno)) => {
                let errno = errno.try_into().map(i32::from_le_bytes).unwrap_or(0);
                let source = io::Error::from_raw_os_error(errno);
                return Err(RuntimeError::Program { path: self.program.clone(), source });
            }
            Some((&reply::STARTED, json)) => Started::read(json),
            Some(_) => None,
        };
        let Some(started) = started else {
            return Err(self.no_worker("sent what no worker sends".to_owned()));
        };
        if started.version != Started::VERSION {
            let what = format!("has version {}, and hookstorm has version {}", started.version, Started::VERSION);
            return Err(self.no_worker(what));
        }
        self.python = Some(started.python);
        let mut descriptors = descriptors.into_iter();
        self.zygote = descriptors.next();
        self.mounted_scratch = descriptors.next();
        if let Some(scratch) = &self.mounted_scratch {
            self.root = path_of(scratch);
            self.kept = session_folders::places_of_mounts(&self.root);
        }
        Ok(())
    }

    /// The error for a program that ended before its first packet.
    fn ended_at_start(&self, status: i32) -> RuntimeError {
        match self.died(status) {
            RuntimeError::Died { status, .. } => self.no_worker(format!("ended at its start ({status})")),
            other => other,
        }
    }

    /// The error for a program that is no worker. What it started is killed with the guardian, when this is dropped.
    fn no_worker(&self, what: String) -> RuntimeError {
        RuntimeError::NotAWorker { path: self.program.clone(), what, stderr: self.stderr_beginning(5) }
    }
}
