//! The guardian: outside of the namespaces it supervises what is tried inside, waits until host or zygote is gone, and ends
//! what is left.

use std::{os::fd::OwnedFd, process::ExitCode};

use hookstorm::runtime::{
    protocol::fd_passing,
    sandbox::{
        self,
        supervisor::{Allowed, Supervisor},
    },
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::SendFlags,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, WaitOptions, kill_process, pidfd_getfd, pidfd_open, waitpid},
};

use crate::{Descriptors, code_of};

/// Waits until host or zygote is gone, and ends what is left. `first` is the process that ends with the zygote, `guardian`
/// this one, and over `link` the zygote says what is to be supervised.
pub(crate) fn watch(descriptors: &Descriptors, first: i32, guardian: u32, link: OwnedFd) -> ExitCode {
    let pid = Pid::from_raw(first).expect("fork gave a process id");
    if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) {
        supervise(descriptors, &pidfd, link);
        let _ = kill_process(pid, Signal::KILL);
    }
    let status = waitpid(Some(pid), WaitOptions::empty());
    sandbox::end_descendants(guardian as i32);
    match status {
        Ok(Some((_, status))) => code_of(status),
        _ => ExitCode::from(3),
    }
}

fn supervise(descriptors: &Descriptors, first: &OwnedFd, link: OwnedFd) {
    let mut link = Some(link);
    let mut supervisor: Option<Supervisor<'_>> = None;
    loop {
        let mut fds = vec![PollFd::new(&descriptors.control, PollFlags::empty()), PollFd::new(first, PollFlags::IN)];
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
        let Some((&is_heard, connected)) = is_ready[2..].split_first() else { continue };
        let mut is_over = false;
        match &mut supervisor {
            Some(supervisor) => {
                supervisor.connected(connected);
                if events[2].contains(PollFlags::IN) {
                    supervisor.answer();
                } else if is_heard {
                    // Nobody is left who is supervised: it ends, and its end says how.
                    is_over = true;
                }
            }
            // It says so once, before the plugin's first line runs; where it has nothing to say it hangs up.
            None if is_heard => supervisor = link.take().and_then(|link| begin(descriptors, &link)),
            None => {}
        }
        if is_over {
            supervisor = None;
        }
    }
}

fn begin<'a>(descriptors: &'a Descriptors, link: &OwnedFd) -> Option<Supervisor<'a>> {
    let (words, handed) = fd_passing::receive(link).ok()?;
    let allowed: Allowed = serde_json::from_slice(&words).ok()?;
    let zygote = handed.into_iter().next()?;
    let (number, _) = fd_passing::receive(link).ok()?;
    let number = i32::from_le_bytes(number.try_into().ok()?);
    let listener = pidfd_getfd(zygote, number, PidfdGetfdFlags::empty()).ok()?;
    rustix::net::send(link, &[1], SendFlags::NOSIGNAL).ok()?;
    Some(Supervisor::new(listener, &descriptors.shared, &descriptors.fault, allowed))
}
