//! The program that holds CPython. Three processes come of it: the guardian, which ends the others when host or zygote is
//! gone; the zygote, which imports the plugin and forks; and runners, which make calls.
//!
//! It is started by the host with descriptors for its arguments and is of no use to people.

mod call;
mod comparisons;
mod convert;
mod coverage;
mod exception;
mod interpreter;
mod plugin;
mod probe;
mod runner;
mod services;
mod state;
mod usage;
mod zygote;

use std::{
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    process::ExitCode,
    sync::atomic::Ordering,
};

use hookstorm::runtime::{
    control::word,
    sandbox::{self, Confinement, Protection},
    shared::{Capture, Shared},
};

/// The descriptors that the host hands over, as numbers in this order, and whether the network is open.
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
    let arguments: Vec<i32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
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
    // A host that is gone already is seen later.
    let _ = rustix::net::send(&control, &[word::STARTED], rustix::net::SendFlags::NOSIGNAL);
    for fd in [control.as_raw_fd(), data.as_raw_fd(), stdout.raw(), stderr.raw(), fault.raw()] {
        // SAFETY: these are open and ours; a program that the plugin executes must not have them.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    let confinement = Confinement::from_bits(confinement as u32);
    guard(Descriptors { control, data, shared, stdout, stderr, fault }, confinement)
}

/// Forks the zygote into its namespaces and stays behind as the guardian.
fn guard(descriptors: Descriptors, confinement: Confinement) -> ExitCode {
    // SAFETY: a flag of this process only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    // SAFETY: the process has one thread: nothing has started another.
    let mut missing = unsafe { sandbox::enter_namespaces(confinement) };

    let guardian = std::process::id();
    // SAFETY: the process has one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => ExitCode::from(3),
        0 => {
            // SAFETY: a flag of this process only. It ends with the guardian, whatever ends that.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            if missing.has(Protection::Processes) {
                // SAFETY: a flag of this process only. What a plugin leaves behind becomes a child of the zygote.
                unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
            }
            if missing.has(Protection::Network) && sandbox::refuse_sockets().is_ok() {
                missing.remove(Protection::Network);
            }
            descriptors.shared.header().missing.store(missing.bits(), Ordering::Release);
            zygote::run(descriptors, missing)
        }
        zygote => watch(&descriptors, zygote, guardian),
    }
}

/// Waits until host or zygote is gone, and ends what is left.
fn watch(descriptors: &Descriptors, zygote: i32, guardian: u32) -> ExitCode {
    use rustix::event::{PollFd, PollFlags, poll};
    let header = descriptors.shared.header();
    header.zygote_pid.store(zygote as u32, Ordering::Release);
    let pid = rustix::process::Pid::from_raw(zygote).expect("fork gave a process id");
    if let Ok(pidfd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        let mut fds = [PollFd::new(&descriptors.control, PollFlags::empty()), PollFd::new(&pidfd, PollFlags::IN)];
        while matches!(poll(&mut fds, None), Err(rustix::io::Errno::INTR)) {}
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let status = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    sandbox::end_descendants(guardian as i32);
    match status {
        Ok(Some((_, status))) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => ExitCode::from(code as u8),
            (None, Some(signal)) => ExitCode::from(128 + signal as u8),
            (None, None) => ExitCode::from(3),
        },
        _ => ExitCode::from(3),
    }
}
