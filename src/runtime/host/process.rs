//! A worker's processes as the host sees them: how they are started, what they wrote, and where their code is.

use std::{
    ffi::{CString, OsString},
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Signal, pidfd_send_signal},
};

use super::{RuntimeError, programs, wait::REACTION_TIME};
use crate::{
    case::Value,
    contract::Hook,
    package::{ScratchFolder, tree},
    runtime::{
        Target, guardian,
        protocol::{
            interpreter::Interpreter,
            shared::{Capture, Phase, SharedMemory, now_ns},
            stack,
            start::{Channels, GuardianArguments, pass_on},
        },
        sandbox::{
            Confinement, MissingProtections, SessionFolders,
            session_folders::{APPLIANCE, APPLIANCE_FOLDERS, FOLDERS, MEMORY_CACHE, MEMORY_CACHE_LIMIT},
        },
    },
    trace::{CallTrace, Ending, Frame, Origin},
};

/// The `nice` value of workers that serve many sessions at once: the load test must get the processor when it wants it.
const NICE_OF_SERVERS: i32 = 10;
/// How long a process may take to write down its stack: a few milliseconds, and longer on a machine that is overloaded.
const STACK_TIME: Duration = Duration::from_secs(1);
/// After such a pause the stack is complete: it is written line by line, and nothing marks its end.
const STACK_PAUSE: Duration = Duration::from_millis(10);

/// How many characters of a line of standard error a message shows.
const LINE_CHARS: usize = 400;

/// How the last words of a CPython begin that cannot start, without its standard library for instance.
const FAILED_STARTS: [&str; 2] = ["Fatal Python error: ", "CPython cannot be initialized: "];

/// Guardian, zygote and child.
#[derive(Debug)]
pub(super) struct Process {
    /// The worker's program.
    pub(super) program: PathBuf,
    pub(super) guardian: Child,
    pub(super) control: OwnedFd,
    pub(super) data: OwnedFd,
    pub(super) shared: SharedMemory,
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
    fault: Capture,
    /// Removes the scratch folder at the end.
    _scratch: ScratchFolder,
    /// The path at which the host reaches the scratch folder: its own path, or another one if the worker has mounted
    /// its own file system there.
    pub(super) root: PathBuf,
    /// The zygote's process.
    pub(super) zygote: Option<OwnedFd>,
    /// The scratch folder that the worker has mounted.
    pub(super) mounted_scratch: Option<OwnedFd>,
    /// What the scratch folder's folder for temporary files contained before the plugin ran.
    pub(super) kept: Vec<CString>,
    /// The Python that the worker embeds, once the worker has reported it.
    pub(super) python: Option<Interpreter>,
}

impl Process {
    /// Starts a guardian, which starts the worker. `state` is the folder with the plugin's state folders, if they are
    /// not the worker's own.
    pub(super) fn spawn(target: &Target, state: Option<&Path>) -> Result<Self, RuntimeError> {
        let program = programs::worker()?;
        let guardian_program = programs::guardian(&program)?;
        let scratch =
            ScratchFolder::new().map_err(|source| RuntimeError::Scratch { path: std::env::temp_dir(), source })?;
        for folder in FOLDERS.into_iter().chain([APPLIANCE]).chain(APPLIANCE_FOLDERS.map(|(_, folder)| folder)) {
            std::fs::create_dir(scratch.path().join(folder))?;
        }
        let pair = || {
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(io::Error::from)
        };
        let ((control, their_control), (data, their_data)) = (pair()?, pair()?);
        let shared = SharedMemory::new()?;
        let (stdout, stderr, fault) =
            (Capture::new("hookstorm-out")?, Capture::new("hookstorm-err")?, Capture::new("hookstorm-fault")?);
        let copy = |capture: &Capture| capture.as_fd().try_clone_to_owned();
        let arguments = GuardianArguments {
            channels: Channels {
                control: their_control,
                data: their_data,
                shared: shared.fd().try_clone()?,
                stdout: copy(&stdout)?,
                stderr: copy(&stderr)?,
                fault: copy(&fault)?,
            },
            confinement: Confinement::of(target),
            scratch: scratch.path().into(),
            worker: program.clone().into(),
            state: state.map(Into::into).unwrap_or_default(),
            needed: needed(target, &program),
        };
        let mut command = Command::new(&guardian_program);
        command.arg0("hookstorm").arg(guardian::COMMAND).args(arguments.to_words()).env_clear();
        command.envs(ENVIRONMENT);
        command.stdin(Stdio::null()).stdout(copy(&stdout)?).stderr(copy(&stderr)?);
        let is_server = state.is_some();
        // Only the guardian and the worker have these descriptors after this, so that the host sees when they end.
        let channels = arguments.channels;
        let passed = channels.all().map(|fd| std::os::fd::AsRawFd::as_raw_fd(&fd));
        // SAFETY: between fork and exec the child calls only `setsid`, `setpriority` and `fcntl`, which are safe there,
        // the last one on descriptors that are open until after `spawn`.
        unsafe {
            command.pre_exec(move || {
                // Out of the terminal's reach before it is another program: Ctrl-C is for the host.
                libc::setsid();
                if is_server {
                    libc::setpriority(libc::PRIO_PROCESS, 0, NICE_OF_SERVERS);
                }
                pass_on(passed.map(|fd| std::os::fd::BorrowedFd::borrow_raw(fd)), true)
            });
        }
        let guardian = command.spawn().map_err(|source| RuntimeError::Program { path: guardian_program, source })?;
        drop(channels);
        let mut process = Self {
            root: scratch.path().to_owned(),
            program,
            guardian,
            control,
            data,
            shared,
            stdout,
            stderr,
            fault,
            _scratch: scratch,
            zygote: None,
            mounted_scratch: None,
            kept: Vec::new(),
            python: None,
        };
        process.await_start()?;
        Ok(process)
    }

    /// Empties that folder, if a file was seen in it. False if the plugin removed a folder in which the worker works.
    pub(super) fn clear_scratch(&mut self) -> bool {
        match self.shared.header().scratch_used.swap(0, Ordering::Relaxed) {
            0 => true,
            1 => SessionFolders::unwatched(&self.root, self.kept.clone()).clear(),
            // A runner has made new folders in place of those that it did not find.
            _ => false,
        }
    }

    /// Fills the empty folder for a session of isolated calls.
    pub(super) fn fill_scratch(&mut self, services: &Value) {
        let _ = std::fs::remove_file(self.root.join(MEMORY_CACHE));
        if SessionFolders::unwatched(&self.root, Vec::new()).fill(services) {
            self.mark_scratch_used();
        }
    }

    /// Remembers to empty that folder, since the plugin may have written to it.
    pub(super) fn mark_scratch_used(&mut self) {
        self.shared.header().scratch_used.store(1, Ordering::Relaxed);
    }

    /// Writes the memory cache of a session for its next call.
    pub(super) fn write_memory_cache(&self, cache: &[u8]) {
        let _ = std::fs::remove_file(self.root.join(MEMORY_CACHE));
        // If it cannot be written, the plugin finds an empty cache.
        if !cache.is_empty() {
            let _ = tree::write_file(&self.root, Path::new(MEMORY_CACHE), cache);
        }
    }

    /// The memory cache that a call left.
    pub(super) fn read_memory_cache(&self) -> Vec<u8> {
        tree::read_file(rustix::fs::CWD, self.root.join(MEMORY_CACHE), MEMORY_CACHE_LIMIT).unwrap_or_default()
    }

    /// The version of Python that the worker embeds, `3.11`; `3` before the worker has reported it.
    pub(super) fn python_version(&self) -> &str {
        self.python.as_ref().map_or("3", |python| &python.version)
    }

    /// The error for a worker that ended by itself.
    pub(super) fn died(&self, status: i32) -> RuntimeError {
        let stderr = self.stderr_text();
        if stderr.contains("error while loading shared libraries") {
            let detail =
                stderr.trim().rsplit_once("libraries: ").map_or(stderr.trim(), |(_, detail)| detail).to_owned();
            let version = detail.strip_prefix("libpython").and_then(|rest| rest.split_once(".so"));
            let version = version.map_or_else(|| self.python_version(), |(version, _)| version).to_owned();
            return RuntimeError::NoLibpython { version, detail };
        }
        // An interpreter without its standard library writes pages before it ends.
        if self.phase() == Phase::Idle
            && let Some(detail) = stderr.lines().find(|line| FAILED_STARTS.iter().any(|words| line.starts_with(words)))
        {
            let version = self.python_version().to_owned();
            return RuntimeError::NoLibpython { version, detail: detail.to_owned() };
        }
        let status = if status < 0 { format!("signal {}", -status) } else { format!("exit status {status}") };
        RuntimeError::Died { status, stderr: self.stderr_beginning(20) }
    }

    /// The beginning of what the worker wrote to standard error, for a message: so many lines, none of them too long.
    pub(super) fn stderr_beginning(&self, lines: usize) -> String {
        let cut = |line: &str| line.chars().take(LINE_CHARS).collect::<String>();
        self.stderr_text().trim().lines().take(lines).map(cut).collect::<Vec<_>>().join("\n")
    }

    /// What the worker wrote to standard error.
    pub(super) fn stderr_text(&self) -> String {
        self.stderr.read(0, self.stderr.size()).text
    }

    /// The protections that the machine withheld.
    pub(super) fn missing(&self) -> MissingProtections {
        MissingProtections::from_bits(self.shared.header().missing.load(Ordering::Acquire))
    }

    /// What the worker does, or did when it died.
    pub(super) fn phase(&self) -> Phase {
        Phase::numbered(self.shared.header().phase.load(Ordering::Acquire))
    }

    /// Whether any of the plugin's code ever ran in this worker.
    pub(super) fn has_begun(&self) -> bool {
        self.shared.header().has_begun.load(Ordering::Acquire) != 0
    }

    /// The hook that the worker calls, and for how long it has done so.
    pub(super) fn current_hook(&self) -> Option<(Hook, Duration)> {
        let header = self.shared.header();
        let since_ns = header.since_ns.load(Ordering::Acquire);
        let hook = Hook::numbered(u8::try_from(header.hook.load(Ordering::Relaxed)).ok()?)?;
        let is_call = self.phase() == Phase::Call && since_ns != 0;
        is_call.then(|| (hook, Duration::from_nanos(now_ns().saturating_sub(since_ns))))
    }

    /// The call that the worker makes, or made when it died, with its ending.
    pub(super) fn current_call(&self, ending: Ending) -> CallTrace {
        let header = self.shared.header();
        let number = |field: &AtomicU32| field.load(Ordering::Relaxed) as usize;
        let since_ns = header.since_ns.load(Ordering::Relaxed);
        let output = |capture: &Capture, start: &AtomicU64| {
            let end = capture.size();
            capture.read(start.load(Ordering::Relaxed).min(end), end)
        };
        CallTrace {
            call: number(&header.call),
            round: number(&header.round),
            hook: u8::try_from(number(&header.hook)).ok().and_then(Hook::numbered).unwrap_or(Hook::SessionEnded),
            answer_is_secret: number(&header.answer_is_secret) != 0,
            ending,
            stdout: output(&self.stdout, &header.stdout_start),
            stderr: output(&self.stderr, &header.stderr_start),
            elapsed: Duration::from_nanos(now_ns().saturating_sub(since_ns)),
            files: Vec::new(),
            attempts: Vec::new(),
            leftovers: Vec::new(),
            changed_types: Vec::new(),
        }
    }

    /// Asks the child where it is: its stack, at least up to the innermost frame of the plugin. It goes on meanwhile.
    pub(super) fn ask_child_for_place(&mut self, root: &Path, standard_library: &str) -> Vec<Frame> {
        self.fault.clear();
        self.signal(Signal::USR2);
        self.await_stack(true, root, standard_library)
    }

    /// Asks the child for its stack, and kills it. Returns whether its end was reported too.
    pub(super) fn stack_of_child(&mut self, root: &Path, standard_library: &str) -> (Vec<Frame>, bool) {
        self.fault.clear();
        self.signal(Signal::USR2);
        let frames = self.await_stack(false, root, standard_library);
        let ended = self.kill_child();
        (frames, ended)
    }

    /// Asks the zygote for its stack, and kills it.
    pub(super) fn stack_of_zygote(&mut self, root: &Path, standard_library: &str) -> Vec<Frame> {
        self.fault.clear();
        let Some(zygote) = &self.zygote else { return Vec::new() };
        let _ = pidfd_send_signal(zygote, Signal::USR2);
        let frames = self.await_stack(false, root, standard_library);
        let _ = pidfd_send_signal(zygote, Signal::KILL);
        frames
    }

    /// Waits for a stack. If only the place matters, the innermost frame of the plugin ends the wait.
    fn await_stack(&self, is_place: bool, root: &Path, standard_library: &str) -> Vec<Frame> {
        let begin = Instant::now();
        let (mut size, mut since) = (0, begin);
        while begin.elapsed() < STACK_TIME {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.fault.size();
            if now != size {
                (size, since) = (now, Instant::now());
                let text = self.fault.read(0, now).text;
                let lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
                let frames = if is_place { stack::frames(lines, root, standard_library) } else { Vec::new() };
                if frames.iter().any(|frame| frame.origin == Origin::Plugin) {
                    return frames;
                }
            } else if now > 0 && since.elapsed() >= STACK_PAUSE {
                break;
            }
        }
        self.fault_frames(root, standard_library)
    }

    /// The frames of the last stack that was written.
    pub(super) fn fault_frames(&self, root: &Path, standard_library: &str) -> Vec<Frame> {
        let text = self.fault.read(0, self.fault.size()).text;
        stack::frames(&text, root, standard_library)
    }

    /// Empties the captured output, before a new child.
    pub(super) fn clear_output(&mut self) {
        for capture in [&self.stdout, &self.stderr, &self.fault] {
            if capture.size() > 0 {
                capture.clear();
            }
        }
    }

    /// The output that was captured since then.
    pub(super) fn output(&self) -> String {
        let mut text = self.stdout.read(0, self.stdout.size()).text;
        text.push_str(&self.stderr_text());
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // When the host is gone the guardian kills all processes of the worker.
        let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
        let begin = Instant::now();
        while begin.elapsed() < REACTION_TIME {
            if !matches!(self.guardian.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
    }
}

/// What a worker needs beside its scratch folder and its state folders: the plugin, its packages, what the tester
/// allows, and the programs and libraries that it consists of.
fn needed(target: &Target, worker: &Path) -> Vec<OsString> {
    let folders = [Some(&*target.root), target.venv.as_deref(), worker.parent()].into_iter().flatten();
    let readable = target.sandbox.readable.iter().map(PathBuf::as_path);
    folders.chain(readable).map(OsString::from).chain(python_of(worker).map(OsString::from)).collect()
}

/// The folder in which the Python of a worker's program is installed. It is read once for each program.
fn python_of(worker: &Path) -> Option<PathBuf> {
    static KNOWN: Mutex<Vec<(PathBuf, Option<PathBuf>)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, folder)) = known.iter().find(|(program, _)| program == worker) {
        return folder.clone();
    }
    let python = programs::built_against(worker).and_then(|python| python.executable.canonicalize().ok());
    // Above the folder of programs.
    let folder = python.and_then(|python| python.ancestors().nth(2).map(Path::to_owned));
    let folder = folder.filter(|folder| folder.parent().is_some());
    known.push((worker.to_owned(), folder.clone()));
    folder
}

/// The environment of a worker: nothing of the tester's. The guardian adds the paths of its folders.
const ENVIRONMENT: [(&str, &str); 4] = [
    // Symbols that are looked up before the first fork need not be looked up in each child.
    ("LD_BIND_NOW", "1"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("LANG", "C.UTF-8"),
    ("TZ", "UTC"),
];
