//! The guardian's loop: it waits until host or zygote is gone, answers system calls meanwhile, and kills what is left.

use std::{
    os::fd::{AsFd, OwnedFd},
    process::ExitCode,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::SendFlags,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, WaitOptions, kill_process, pidfd_getfd, pidfd_open, waitpid},
};

use super::{
    first_process::exit_code,
    program::Setup,
    supervisor::{ProgramId, Supervisor},
};
use crate::runtime::{
    protocol::{fd_passing, shared::Capture},
    sandbox::{AllowedConnections, kill_descendants},
};

/// Waits until the host or the zygote is gone, and kills what is left. `first` is the process that ends with the
/// zygote, `own` this one. Over `link` the zygote sends what to supervise.
pub(super) fn run(setup: &Setup, first: i32, own: Pid, link: OwnedFd) -> ExitCode {
    let first = Pid::from_raw(first).expect("`fork` returned a process id");
    if let Ok(pidfd) = pidfd_open(first, PidfdFlags::empty()) {
        supervise(setup, &pidfd, link);
        let _ = kill_process(first, Signal::KILL);
    }
    let status = waitpid(Some(first), WaitOptions::empty());
    kill_descendants(own.as_raw_pid());
    match status {
        Ok(Some((_, status))) => exit_code(status),
        _ => ExitCode::from(3),
    }
}

fn supervise(setup: &Setup, first: &OwnedFd, link: OwnedFd) {
    let Ok(fault) = setup.arguments.channels.fault.try_clone().map(Capture::of) else { return };
    let control = &setup.arguments.channels.control;
    let mut link = Some(link);
    let mut supervisor: Option<Supervisor<'_>> = None;
    loop {
        let mut fds = vec![PollFd::new(control, PollFlags::empty()), PollFd::new(first, PollFlags::IN)];
        match (&supervisor, &link) {
            (Some(supervisor), _) => {
                fds.push(PollFd::new(supervisor.listener(), PollFlags::IN));
                fds.extend(supervisor.connecting().map(|socket| PollFd::new(socket, PollFlags::OUT)));
            }
            (None, Some(link)) => fds.push(PollFd::new(link, PollFlags::IN)),
            (None, None) => {}
        }
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        let events: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let is_ready: Vec<bool> = events.iter().map(|events| !events.is_empty()).collect();
        if is_ready[0] || is_ready[1] {
            return;
        }
        let Some((&has_event, connected)) = is_ready[2..].split_first() else { continue };
        let mut is_over = false;
        match &mut supervisor {
            Some(supervisor) => {
                supervisor.finish_connections(connected);
                if events[2].contains(PollFlags::IN) {
                    supervisor.answer();
                } else if has_event {
                    // No supervised process is left. The zygote is about to end, and its end is reported.
                    is_over = true;
                }
            }
            // The zygote sends this once, before the plugin's first line runs. If there is nothing to supervise, it
            // closes the link.
            None if has_event => {
                supervisor = link.take().and_then(|link| begin(setup, &fault, &link));
            }
            None => {}
        }
        if is_over {
            supervisor = None;
        }
    }
}

/// Receives what the plugin may connect to, the zygote's process and program, and the number of its listener.
fn begin<'a>(setup: &'a Setup, fault: &'a Capture, link: &OwnedFd) -> Option<Supervisor<'a>> {
    let (json, descriptors) = fd_passing::receive(link).ok()?;
    let allowed: AllowedConnections = serde_json::from_slice(&json).ok()?;
    let mut descriptors = descriptors.into_iter();
    let (zygote, program) = (descriptors.next()?, descriptors.next()?);
    let program = ProgramId::of(program.as_fd())?;
    let (number, _) = fd_passing::receive(link).ok()?;
    let number = i32::from_le_bytes(number.try_into().ok()?);
    let listener = pidfd_getfd(zygote, number, PidfdGetfdFlags::empty()).ok()?;
    rustix::net::send(link, &[1], SendFlags::NOSIGNAL).ok()?;
    Some(Supervisor::new(listener, program, &setup.shared, fault, allowed))
}
