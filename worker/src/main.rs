//! The program in which CPython and a plugin run. Its first process is the zygote, which imports the plugin and forks:
//! runners for many sessions, or a child for each call.
//!
//! The guardian starts it with descriptors as arguments ([`WorkerArguments`]). Nothing here judges a plugin.

mod audit;
mod call;
mod child;
mod cmp_log;
mod convert;
mod coverage;
mod exception;
mod fork_guard;
mod interpreter;
mod log_watch;
mod plugin;
mod probe;
mod resources;
mod runner;
mod services;
mod state;
mod usage;
mod zygote;

use std::{
    ffi::OsString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    process::ExitCode,
};

use hookstorm::runtime::{
    protocol::{
        control::reply,
        fd_passing,
        shared::{Capture, SharedMemory},
        start::{Started, WorkerArguments, pass_on},
    },
    sandbox::{Confinement, MissingProtections},
};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

/// What the zygote and its children reach the host by.
struct Descriptors {
    control: OwnedFd,
    data: OwnedFd,
    shared: SharedMemory,
    stdout: Capture,
    stderr: Capture,
    fault: Capture,
}

/// What the zygote starts with.
struct Start {
    descriptors: Descriptors,
    confinement: Confinement,
    missing: MissingProtections,
    /// The socket to the guardian.
    link: OwnedFd,
    /// The scratch folder.
    scratch: PathBuf,
}

fn main() -> ExitCode {
    // It was for this program only: programs that a plugin starts must not inherit it.
    // SAFETY: the process has one thread.
    unsafe { std::env::remove_var("LD_BIND_NOW") };
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // Rust's own handler expects the fault again, and returns. After such a signal from `kill` the plugin would go
        // on, while on the platform it dies. SAFETY: nothing here needs that handler, which only explains an overflow
        // of a stack of Rust's.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    // SAFETY: the words are this process's own, and nothing has used a descriptor yet.
    let Some(arguments) = (unsafe { WorkerArguments::from_words(&words) }) else {
        eprintln!("hookstorm-worker is started by hookstorm; run `hookstorm --help`");
        return ExitCode::from(2);
    };
    match start(arguments) {
        Ok(start) => zygote::run(start),
        Err(error) => {
            eprintln!("hookstorm-worker: {error}");
            ExitCode::from(3)
        }
    }
}

/// Takes over the arguments, and reports to the host that this program is a worker.
fn start(arguments: WorkerArguments) -> std::io::Result<Start> {
    // Programs that the plugin executes must not get the descriptors.
    pass_on(arguments.descriptors(), false)?;
    let WorkerArguments { channels, link, scratch_path, scratch, confinement, missing } = arguments;
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let passed: Vec<BorrowedFd<'_>> = std::iter::once(&own).chain(&scratch).map(AsFd::as_fd).collect();
    let mut packet = vec![reply::STARTED];
    serde_json::to_writer(&mut packet, &Started::new(interpreter::own()))?;
    fd_passing::send(&channels.control, &packet, &passed)?;
    let descriptors = Descriptors {
        control: channels.control,
        data: channels.data,
        shared: SharedMemory::map(&channels.shared)?,
        stdout: Capture::of(channels.stdout),
        stderr: Capture::of(channels.stderr),
        fault: Capture::of(channels.fault),
    };
    Ok(Start { descriptors, confinement, missing, link, scratch: scratch_path.into() })
}
