//! The kernel's side: system calls that wait, and the answers to them.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::attribution::process_of;

/// A system call that waits for an answer.
#[derive(Debug)]
pub(super) struct WaitingCall(libc::seccomp_notif);

/// The answer to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The kernel makes it.
    Proceed,
    /// It ends with this `errno`; with 0 it succeeds, since the supervisor has made it.
    End(i32),
    /// The answer comes later.
    Later,
}

impl WaitingCall {
    /// What the supervisor answers by.
    pub(super) const fn id(&self) -> u64 {
        self.0.id
    }

    /// The thread that made the call.
    pub(super) const fn thread(&self) -> u32 {
        self.0.pid
    }

    /// The number of the system call.
    pub(super) fn number(&self) -> i64 {
        i64::from(self.0.data.nr)
    }

    /// Its arguments.
    pub(super) const fn arguments(&self) -> &[u64; 6] {
        &self.0.data.args
    }

    /// A copy of the socket that is its first argument.
    pub(super) fn socket(&self) -> Option<OwnedFd> {
        let process = pidfd_open(Pid::from_raw(process_of(self.thread())?)?, PidfdFlags::empty()).ok()?;
        let number = i32::try_from(self.arguments()[0]).ok()?;
        pidfd_getfd(process.as_fd(), number, PidfdGetfdFlags::empty()).ok()
    }

    /// Whether that socket is one for datagrams.
    pub(super) fn is_datagram(&self) -> bool {
        let kind = self.socket().and_then(|socket| rustix::net::sockopt::socket_type(&socket).ok());
        kind == Some(rustix::net::SocketType::DGRAM)
    }
}

/// Makes a waiting call cheap: the kernel wakes the guardian on the processor of the caller, which otherwise costs half
/// of the time. Since Linux 6.6; an older kernel ignores it.
pub(super) fn wake_on_same_processor(listener: &OwnedFd) {
    const SYNC_WAKE_UP: libc::c_ulong = 1;
    // SAFETY: this sets a flag of the descriptor and touches no memory.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
}

/// The next call that waits.
pub(super) fn receive(listener: &OwnedFd) -> Option<WaitingCall> {
    let mut call = MaybeUninit::<libc::seccomp_notif>::zeroed();
    // SAFETY: the kernel expects a notification of zeros, and writes nothing but one.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, call.as_mut_ptr()) };
    // SAFETY: all zeros are a valid notification, and so is what the kernel wrote.
    (result == 0).then(|| WaitingCall(unsafe { call.assume_init() }))
}

/// Answers the call with that id.
pub(super) fn respond(listener: &OwnedFd, id: u64, answer: Answer) {
    let mut response = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: 0 };
    match answer {
        Answer::Proceed => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        Answer::End(errno) => response.error = -errno,
        Answer::Later => return,
    }
    // SAFETY: the kernel reads the response, which lives until after the call. If the thread is gone, it refuses.
    while unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) } != 0 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}
