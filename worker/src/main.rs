//! The program that holds CPython. Four kinds of processes come of it: the guardian, which looks at what the others try
//! and ends them when host or zygote is gone; the first one of the process namespace; the zygote, which imports the plugin
//! and forks; and runners, which make calls.
//!
//! It is started by the host with descriptors for its arguments and is of no use to people.

mod audit;
mod call;
mod comparisons;
mod convert;
mod coverage;
mod exception;
mod guardian;
mod interpreter;
mod left;
mod plugin;
mod probe;
mod runner;
mod services;
mod state;
mod usage;
mod zygote;

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use hookstorm::runtime::{
    protocol::{
        control::{Started, reply},
        fd_passing,
        shared::{Capture, Shared},
    },
    sandbox::{Confinement, MissingProtections, namespaces},
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{PidfdFlags, WaitOptions, WaitStatus},
};

/// The descriptors that the host hands over, as numbers in this order; after them how the plugin is held, as bits, and the
/// scratch folder.
struct Descriptors {
    control: OwnedFd,
    data: OwnedFd,
    shared: Shared,
    stdout: Capture,
    stderr: Capture,
    fault: Capture,
}

fn main() -> ExitCode {
    // It was for this program only; nothing that a plugin starts is to inherit it.
    // SAFETY: the process has one thread.
    unsafe { std::env::remove_var("LD_BIND_NOW") };
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // Rust's own handler takes such a signal for a fault that will come again and returns. One that a plugin sends
        // itself does not, and the plugin would live on, which it does not on the platform.
        // SAFETY: nothing here relies on that handler: it only words the overflow of a stack of Rust's.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let scratch = PathBuf::from(arguments.pop().unwrap_or_default());
    let arguments: Vec<i32> = arguments.iter().filter_map(|argument| argument.to_str()?.parse().ok()).collect();
    let [control, data, shared, stdout, stderr, fault, confinement] = arguments[..] else {
        eprintln!("hookstorm-worker is started by hookstorm; run `hookstorm --help`");
        return ExitCode::from(2);
    };
    // SAFETY: the host opened these for us, and nobody else in this process knows them.
    let (control, data, shared, stdout, stderr, fault) = unsafe {
        (
            OwnedFd::from_raw_fd(control),
            OwnedFd::from_raw_fd(data),
            OwnedFd::from_raw_fd(shared),
            Capture::from_raw(stdout),
            Capture::from_raw(stderr),
            Capture::from_raw(fault),
        )
    };
    let Ok(shared) = Shared::map(shared) else { return ExitCode::from(3) };
    for fd in [control.as_raw_fd(), data.as_raw_fd(), stdout.raw(), stderr.raw(), fault.raw()] {
        // SAFETY: these are open and ours; a program that the plugin executes must not have them.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    let confinement = Confinement::from_bits(confinement as u32);
    guard(Descriptors { control, data, shared, stdout, stderr, fault }, confinement, &scratch)
}

/// Forks the first process of the namespaces and stays outside as the guardian.
fn guard(descriptors: Descriptors, confinement: Confinement, scratch: &Path) -> ExitCode {
    // SAFETY: a flag of this process only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    // SAFETY: the process has one thread: nothing has started another.
    let missing = unsafe { namespaces::enter(confinement) };
    let Ok((link, their_link)) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
    else {
        return ExitCode::from(3);
    };
    let guardian = std::process::id();
    // SAFETY: the process has one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => ExitCode::from(3),
        0 => {
            drop(link);
            init(descriptors, confinement, missing, their_link, scratch)
        }
        first => {
            drop(their_link);
            guardian::watch(&descriptors, first, guardian, link)
        }
    }
}

/// Forks the zygote and waits for it, as the first process of its namespace: one that no signal from inside ends, and that
/// takes note of those whose parents are gone. The zygote can end itself as any process can, and with it this one ends.
fn init(
    descriptors: Descriptors,
    confinement: Confinement,
    mut missing: MissingProtections,
    link: OwnedFd,
    scratch: &Path,
) -> ExitCode {
    ends_with_parent();
    let mut own = None;
    if !confinement.is_off() {
        // SAFETY: the process has one thread.
        own = unsafe { namespaces::mount_own(scratch, &mut missing) };
    }
    // SAFETY: the process has one thread, so the child may do anything.
    let zygote = match unsafe { libc::fork() } {
        -1 => return ExitCode::from(3),
        0 => {
            ends_with_parent();
            // SAFETY: this process leaves its group and nothing else, so that who kills his group does not reach the guardian.
            unsafe { libc::setsid() };
            // SAFETY: a flag of this process only. What a plugin leaves behind becomes a child of the zygote.
            unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
            descriptors.shared.header().missing.store(missing.bits(), Ordering::Release);
            if tell_host(&descriptors, own.as_ref()).is_err() {
                return ExitCode::from(3);
            }
            drop(own);
            return zygote::run(descriptors, confinement, missing, link);
        }
        zygote => zygote,
    };
    // The host is to see that the zygote is gone.
    drop((descriptors, link, own));
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_pid() == zygote => return code_of(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return ExitCode::from(3),
        }
    }
}

/// Has this process end when its parent does, whatever ends that.
fn ends_with_parent() {
    // SAFETY: a flag of this process only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Says that the zygote is there, and hands over what the host reaches it and its scratch folder by.
fn tell_host(descriptors: &Descriptors, scratch: Option<&OwnedFd>) -> std::io::Result<()> {
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    let handed: Vec<BorrowedFd<'_>> = std::iter::once(&own).chain(scratch).map(AsFd::as_fd).collect();
    let mut packet = vec![reply::STARTED];
    serde_json::to_writer(&mut packet, &Started::new(interpreter::own()))?;
    fd_passing::send(&descriptors.control, &packet, &handed)
}

/// The exit status that says how a process ended: that of a signal is 128 and its number.
fn code_of(status: WaitStatus) -> ExitCode {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitCode::from(code as u8),
        (None, Some(signal)) => ExitCode::from(128 + signal as u8),
        (None, None) => ExitCode::from(3),
    }
}
