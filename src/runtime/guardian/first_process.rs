//! The first process of a worker's namespaces. No signal from inside ends it, and it waits for processes whose parents
//! are gone. It forks the zygote and ends with it.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::atomic::Ordering,
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{
        Signal, WaitOptions, WaitStatus, getpid, set_child_subreaper, set_parent_process_death_signal, setsid, wait,
    },
};

use super::{
    mounts::{MountedScratch, Needed},
    namespaces::mount_own,
    program::Setup,
};
use crate::runtime::{
    protocol::{
        control::reply,
        fd_passing::{self, path_of},
        start::{GuardianArguments, WorkerArguments, pass_on},
    },
    sandbox::session_folders::temporary_folder,
};

/// Forks the zygote and waits until it ends. Returns its exit status.
pub(super) fn run(mut setup: Setup, link: OwnedFd) -> ExitCode {
    end_with_parent();
    // Opened before the mounts, which may hide its path: a program in `/dev/shm`, for instance.
    let program = open(&setup.arguments.worker, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok();
    let mut scratch = None;
    if !setup.arguments.confinement.is_off() {
        let path = Path::new(&setup.arguments.scratch);
        let GuardianArguments { needed, state, .. } = &setup.arguments;
        let needed = needed.iter().map(|path| Needed { path: Path::new(path), is_writable: false });
        let state = Some(Path::new(state)).filter(|state| !state.as_os_str().is_empty());
        let needed: Vec<_> = needed.chain(state.map(|path| Needed { path, is_writable: true })).collect();
        // SAFETY: the process has one thread.
        scratch = unsafe { mount_own(path, &needed, &mut setup.missing) };
    }
    // SAFETY: the process has one thread, so the child may do anything.
    let zygote = match unsafe { libc::fork() } {
        -1 => {
            eprintln!("the worker's first process cannot fork: {}", io::Error::last_os_error());
            return ExitCode::from(3);
        }
        0 => return become_worker(setup, link, scratch, program.as_ref()),
        zygote => zygote,
    };
    // The host has to see when the zygote closes them.
    drop((setup, link, scratch));
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_pid() == zygote => return exit_code(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return ExitCode::from(3),
        }
    }
}

/// Executes the worker's program in this process, the zygote. Returns only if that fails.
fn become_worker(setup: Setup, link: OwnedFd, mounted: Option<MountedScratch>, program: Option<&OwnedFd>) -> ExitCode {
    end_with_parent();
    let Setup { arguments, shared, missing } = setup;
    shared.header().missing.store(missing.bits(), Ordering::Release);
    // Its own session: a plugin that kills its process group does not kill the guardian. And what the plugin leaves
    // behind becomes a child of the zygote.
    let _ = (setsid(), set_child_subreaper(Some(getpid())));
    let control = arguments.channels.control.try_clone();
    let (scratch_path, scratch) = match mounted {
        Some(MountedScratch { path, folder, .. }) => (path.into_os_string(), Some(folder)),
        None => (arguments.scratch, None),
    };
    let (channels, confinement) = (arguments.channels, arguments.confinement);
    let worker = WorkerArguments { channels, link, scratch_path, scratch, confinement, missing };
    let environment = environment(Path::new(&worker.scratch_path), &arguments.state);
    let execute = |program: &Path| Command::new(program).args(worker.to_words()).envs(environment.clone()).exec();
    let error = match (pass_on(worker.descriptors(), true), program) {
        (Err(error), _) => error,
        (Ok(()), program) => match (execute(Path::new(&arguments.worker)), program) {
            (error, Some(program)) if error.kind() == io::ErrorKind::NotFound => match execute(&path_of(program)) {
                // For a script it means the descriptor, which its interpreter does not get.
                again if again.kind() == io::ErrorKind::NotFound => error,
                again => again,
            },
            (error, _) => error,
        },
    };
    if let Ok(control) = control {
        let _ = report(&control, &error);
    }
    ExitCode::from(3)
}

/// The folders of a worker as its environment names them.
fn environment(scratch: &Path, state: &OsStr) -> [(&'static str, PathBuf); 4] {
    let state_folder = |name: &str| if state.is_empty() { scratch } else { Path::new(state) }.join(name);
    [
        ("HOME", scratch.join("home")),
        ("TMPDIR", temporary_folder(scratch)),
        ("SCB_PLUGIN_STATE_DIRECTORY", state_folder("state")),
        ("EPHEMERAL_PLUGIN_STATE_DIRECTORY", state_folder("ephemeral")),
    ]
}

/// Reports to the host why the worker cannot be executed.
fn report(control: &OwnedFd, error: &io::Error) -> io::Result<()> {
    let mut packet = vec![reply::NOT_STARTED];
    packet.extend(error.raw_os_error().unwrap_or(0).to_le_bytes());
    fd_passing::send(control, &packet, &[])
}

/// Ends this process when its parent ends, however that happens. A program that it executes keeps the setting.
fn end_with_parent() {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// The exit status that tells how a process ended: 128 and its number for a signal.
pub(super) fn exit_code(status: WaitStatus) -> ExitCode {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitCode::from(code as u8),
        (None, Some(signal)) => ExitCode::from(128 + signal as u8),
        (None, None) => ExitCode::from(3),
    }
}
