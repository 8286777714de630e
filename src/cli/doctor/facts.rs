//! Reads the facts of this machine and tries to start a worker. `advice` judges them.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    api::{self, Probed, probe, reason, worker_program},
    cli::error::CliError,
    package::ScratchFolder,
    runtime::{
        Network, built_against,
        kernel::{NoLandlock, landlock_version},
        sandbox::MissingProtections,
    },
    trace::LoadEnding,
};

/// The facts of this machine.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) kernel: String,
    /// The user id; 0 is root.
    pub(super) user: u32,
    /// The kind of container that this process is in, if any.
    pub(super) container: Option<String>,
    /// Whether a seccomp filter applies to this process.
    pub(super) is_filtered: bool,
    pub(super) namespaces: Namespaces,
    /// Whether the kernel supports seccomp listeners; `None` if unknown.
    pub(super) has_listeners: Option<bool>,
    /// The version of Landlock.
    pub(super) landlock: Result<u32, NoLandlock>,
    /// The kernel's security modules, if they can be read.
    pub(super) modules: Option<String>,
    pub(super) cores: usize,
    pub(super) memory_bytes: Option<u64>,
    /// The folder in which scratch folders are made.
    pub(super) scratch: PathBuf,
    /// The bytes that are free there, or why no folder can be made there.
    pub(super) free_bytes: Result<u64, String>,
    pub(super) worker: Result<Worker, Problem>,
    /// The interpreter that the worker was built with, and why this user cannot read it; `None` if they can.
    pub(super) interpreter: Option<(PathBuf, String)>,
    pub(super) sdk: Sdk,
}

/// The kernel's settings for namespaces of ordinary users; `None` if this kernel has no such setting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Namespaces {
    /// `kernel.unprivileged_userns_clone`.
    pub(super) are_for_all: Option<bool>,
    /// `user.max_user_namespaces`.
    pub(super) most: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    pub(super) are_restricted: Option<bool>,
}

/// A worker that answered.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) program: PathBuf,
    /// CPython's version.
    pub(super) python: String,
    /// Its shared library, if the linker shows it.
    pub(super) library: Option<PathBuf>,
    pub(super) standard_library: PathBuf,
    pub(super) missing: MissingProtections,
}

/// Why something does not work, and what to do.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) problem: String,
    pub(super) hint: Option<String>,
}

/// The Plugin SDK.
#[derive(Clone, Debug)]
pub(super) enum Sdk {
    /// No virtual environment is set.
    NoVenv,
    /// Unknown, because no worker starts.
    NotTried,
    /// The SDK is in the environment.
    Found { venv: PathBuf, version: String },
    /// The SDK is not in the environment.
    NotThere { venv: PathBuf },
    /// The SDK is in the environment, but importing it fails.
    Broken { venv: PathBuf, problem: String },
    /// The environment cannot be used.
    NoUse(Problem),
}

/// Reads the facts. Starts a worker and, with a virtual environment, a second one.
pub(super) fn gather(venv: Option<PathBuf>) -> Facts {
    let scratch = std::env::temp_dir();
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let number = |path: &str| read(path).and_then(|text| text.parse::<u64>().ok());
    let worker = worker();
    Facts {
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
        user: rustix::process::geteuid().as_raw(),
        container: container(|path| Path::new(path).exists(), read),
        is_filtered: read("/proc/self/status").is_some_and(|status| status.contains("\nSeccomp:\t2")),
        namespaces: Namespaces {
            are_for_all: number("/proc/sys/kernel/unprivileged_userns_clone").map(|value| value != 0),
            most: number("/proc/sys/user/max_user_namespaces"),
            are_restricted: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").map(|value| value != 0),
        },
        has_listeners: read("/proc/sys/kernel/seccomp/actions_avail")
            .map(|actions| actions.split(' ').any(|action| action == "user_notif")),
        landlock: landlock_version(),
        modules: read("/sys/kernel/security/lsm").filter(|text| !text.is_empty()),
        cores: std::thread::available_parallelism().map_or(1, NonZero::get),
        memory_bytes: memory(read),
        free_bytes: free_bytes(&scratch),
        scratch,
        interpreter: interpreter(),
        sdk: match (&worker, venv) {
            (_, None) => Sdk::NoVenv,
            (Err(_), Some(_)) => Sdk::NotTried,
            (Ok(_), Some(venv)) => sdk(venv),
        },
        worker,
    }
}

/// The kind of container that this process is in.
fn container(exists: impl Fn(&str) -> bool, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    const OF_CONTAINERS: [&str; 6] = ["kubepods", "docker", "libpod", "containerd", "lxc", "garden"];
    let of_groups = || {
        let groups = read("/proc/self/cgroup")?;
        OF_CONTAINERS.into_iter().find(|name| groups.contains(name))
    };
    let kind = match () {
        () if exists("/run/.containerenv") => "Podman",
        () if exists("/.dockerenv") => "Docker",
        () => of_groups()?,
    };
    Some(kind.to_owned())
}

/// The memory of the machine, or the limit of this control group if that is less.
fn memory(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let all = read("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())?
        << 10;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    Some(limits.into_iter().filter_map(|path| read(path)?.parse().ok()).fold(all, u64::min))
}

/// The bytes that are free in `folder`, if a scratch folder can be made there.
fn free_bytes(folder: &Path) -> Result<u64, String> {
    let reason = |error: std::io::Error| reason(&error);
    drop(ScratchFolder::new().map_err(reason)?);
    let free = rustix::fs::statvfs(folder).map_err(|error| reason(error.into()))?;
    Ok(free.f_bavail.saturating_mul(free.f_frsize))
}

fn interpreter() -> Option<(PathBuf, String)> {
    let path = built_against(&worker_program().ok()?)?.executable;
    let problem = fs::metadata(&path).err()?;
    Some((path, reason(&problem)))
}

fn problem(error: api::Error) -> Problem {
    let error = CliError::from(error);
    Problem { problem: error.to_string(), hint: error.hint() }
}

/// Starts a worker on a plugin of ours.
fn worker() -> Result<Worker, Problem> {
    let program = worker_program().map_err(problem)?;
    let Probed { loading, standard_library, missing } = probe(None, Network::Closed, false).map_err(problem)?;
    match loading.import {
        LoadEnding::Done => {
            let library = library(&program);
            Ok(Worker { program, python: loading.python, library, standard_library, missing })
        }
        // An empty module cannot fail because of the user.
        other => {
            Err(Problem { problem: format!("an empty plugin cannot be imported: {}", failure(&other)), hint: None })
        }
    }
}

/// The path at which the dynamic linker finds CPython for the worker. With this variable it lists libraries instead of
/// starting the program.
fn library(program: &Path) -> Option<PathBuf> {
    let listed = Command::new(program)
        .env_clear()
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    python_library(&String::from_utf8_lossy(&listed.stdout))
}

/// The line `libpython3.11.so.1.0 => /usr/lib/libpython3.11.so.1.0 (0x…)`.
fn python_library(listed: &str) -> Option<PathBuf> {
    let line = listed.lines().map(str::trim).find(|line| line.starts_with("libpython"))?;
    let path = line.split_once(" => ").map(|(_, path)| path).filter(|path| path.starts_with('/'))?;
    Some(path.rsplit_once(" (").map_or(path, |(path, _)| path).into())
}

fn sdk(venv: PathBuf) -> Sdk {
    if !venv.is_dir() {
        return Sdk::NoUse(Problem {
            problem: format!("`{}` is not a virtual environment: no such folder", venv.display()),
            hint: Some("make one with `python3 -m venv DIR`, or omit `--venv` and unset VIRTUAL_ENV".into()),
        });
    }
    let loading = match probe(Some(&venv), Network::Closed, true) {
        Ok(probed) => probed.loading,
        Err(error) => return Sdk::NoUse(problem(error)),
    };
    match loading.import {
        LoadEnding::Done => {
            Sdk::Found { venv, version: loading.sdk_version.unwrap_or_else(|| "of an unknown version".into()) }
        }
        LoadEnding::Raised(exception) if exception.message.starts_with("No module named 'safeguard") => {
            Sdk::NotThere { venv }
        }
        other => Sdk::Broken { venv, problem: failure(&other) },
    }
}

/// How a failed import ended.
fn failure(ending: &LoadEnding) -> String {
    match ending {
        LoadEnding::Done => "it succeeded".to_owned(),
        LoadEnding::Raised(exception) => format!("{}: {}", exception.type_name, exception.message),
        LoadEnding::Exited { status, .. } => format!("it ended the process with status {status}"),
        LoadEnding::Signalled { signal, .. } => format!("signal {signal} killed the process"),
        LoadEnding::Corrupted => "the process overwrote memory of hookstorm".to_owned(),
        LoadEnding::TimedOut { limit_seconds, .. } => format!("it took longer than {limit_seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_detected_by_its_files_and_control_groups() {
        let kind = |there: &str, groups: &str| container(|path| path == there, |_| Some(groups.to_owned()));
        assert_eq!(kind("/.dockerenv", "0::/").as_deref(), Some("Docker"));
        assert_eq!(kind("/run/.containerenv", "0::/").as_deref(), Some("Podman"));
        assert_eq!(kind("", "4:memory:/kubepods/burstable/pod1").as_deref(), Some("kubepods"));
        assert_eq!(kind("", "0::/user.slice/user-1000.slice"), None);
        assert_eq!(container(|_| false, |_| None), None);
    }

    #[test]
    fn memory_is_the_less_of_machine_and_control_group() {
        let machine = |limit: Option<&str>| {
            memory(|path| match path {
                "/proc/meminfo" => Some("MemTotal:       2048 kB\nMemFree:  1 kB".to_owned()),
                "/sys/fs/cgroup/memory.max" => limit.map(str::to_owned),
                _ => None,
            })
        };
        assert_eq!(machine(None), Some(2 << 20));
        assert_eq!(machine(Some("max")), Some(2 << 20));
        assert_eq!(machine(Some("4096")), Some(4096));
    }

    #[test]
    fn the_list_of_the_linker_is_parsed() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibpython3.11.so.1.0 => /opt/python (3)/lib/libpython3.11.so.1.0 (0x00007f1c)\n";
        let found = python_library(listed);
        assert_eq!(found.as_deref(), Some(Path::new("/opt/python (3)/lib/libpython3.11.so.1.0")));
        assert_eq!(python_library("\tstatically linked\n"), None);
    }
}
