//! The guardian as a program.

use std::{
    ffi::OsString,
    io,
    os::fd::OwnedFd,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{getpid, set_child_subreaper},
};

use super::{first_process, namespaces, watch};
use crate::runtime::{
    protocol::{
        shared::SharedMemory,
        start::{GuardianArguments, pass_on},
    },
    sandbox::MissingProtections,
};

/// The first argument of a process that is a guardian. No help mentions it, since only the host uses it.
pub(in crate::runtime) const COMMAND: &str = "__guardian";

/// Whether `main` of this program calls [`guardian_main`].
static IS_CALLED: AtomicBool = AtomicBool::new(false);

/// Whether this program can be started as a guardian.
pub(in crate::runtime) fn is_this_program() -> bool {
    IS_CALLED.load(Ordering::Relaxed)
}

/// Serves as the guardian of a worker if the host started this process for that, and returns its exit status. Otherwise
/// returns `None`.
///
/// A program whose `main` begins with this call can run plugins without the program `hookstorm` beside the worker. It
/// must call it before it starts a thread.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if let Some(status) = hookstorm::runtime::guardian_main() {
///         return status;
///     }
///     // What the program is for.
///     ExitCode::SUCCESS
/// }
/// ```
pub fn guardian_main() -> Option<ExitCode> {
    IS_CALLED.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == COMMAND).then(|| run(&arguments.collect::<Vec<_>>()))
}

/// What guardian and first process need of the arguments.
pub(super) struct Setup {
    pub(super) arguments: GuardianArguments,
    pub(super) shared: SharedMemory,
    pub(super) missing: MissingProtections,
}

fn run(words: &[OsString]) -> ExitCode {
    // SAFETY: the words are this process's own, and nothing has used a descriptor yet.
    let Some(arguments) = (unsafe { GuardianArguments::from_words(words) }) else {
        eprintln!("error: `{COMMAND}` is for hookstorm itself\n  hint: run `hookstorm --help`");
        return ExitCode::from(2);
    };
    start(arguments).unwrap_or_else(|error| {
        // The host reads it from the captured standard error, and shows it.
        eprintln!("the guardian cannot start: {error}");
        ExitCode::from(3)
    })
}

/// Forks the first process of the namespaces, and stays outside as the guardian.
fn start(arguments: GuardianArguments) -> io::Result<ExitCode> {
    pass_on(arguments.channels.all(), false)?;
    let shared = SharedMemory::map(&arguments.channels.shared)?;
    let guardian = getpid();
    let _ = set_child_subreaper(Some(guardian));
    // SAFETY: the process has one thread: nothing has started another.
    let missing = unsafe { namespaces::enter(arguments.confinement) };
    let (link, their_link): (OwnedFd, OwnedFd) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let setup = Setup { arguments, shared, missing };
    // SAFETY: the process has one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(link);
            Ok(first_process::run(setup, their_link))
        }
        first => {
            drop(their_link);
            Ok(watch::run(&setup, first, guardian, link))
        }
    }
}
