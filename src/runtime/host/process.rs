//! A worker's processes as the host sees them: started, spoken to, waited for under a time limit, asked where they are.

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType},
    process::{Signal, pidfd_send_signal},
};

use super::{RuntimeError, programs};
use crate::{
    case::Value,
    contract::Hook,
    package::tree,
    runtime::{
        Target,
        protocol::{
            control::{command, reply},
            interpreter::Interpreter,
            shared::{Capture, Phase, Shared, now_ns},
            stack,
        },
        sandbox::{
            Confinement, MissingProtections,
            scratch::{CARRIED, CARRIED_LIMIT, FOLDERS, Scratch},
        },
    },
    trace::{CallTrace, Ending, Frame},
};

/// How long the host sleeps at most before it looks at a worker again.
const LOOK: Duration = Duration::from_millis(20);
/// How long a worker may take for what is not the plugin's: far more than it ever does.
const OURS: Duration = Duration::from_secs(60);
/// How long an end is waited for that was asked for. Who stops the worker's own processes makes them deaf.
const HEARING: Duration = Duration::from_secs(5);
/// How far below the host's the priority of a worker is that serves many sessions at once.
const YIELDING: i32 = 10;
/// How long a process is given to write down where it is.
const STACK: Duration = Duration::from_millis(200);

/// How a CPython begins its last words that cannot start, without its standard library for instance.
const LIFELESS: [&str; 2] = ["Fatal Python error: ", "CPython cannot be initialized: "];

/// What a worker did at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// Zygote or runner said a word.
    Said(u8),
    /// The zygote's child ended: its exit status, or the negative of the signal.
    Ended(i32),
    /// The plugin's code ran longer than the limit, and still does.
    TimedOut,
    /// The zygote itself is gone: its exit status, or the negative of the signal.
    Gone(i32),
    /// Nothing of the plugin's runs, by what is in the shared memory, and nobody says a word.
    Silent,
}

/// Guardian, zygote and child.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) program: PathBuf,
    pub(super) guardian: Child,
    pub(super) control: OwnedFd,
    data: OwnedFd,
    pub(super) shared: Shared,
    stdout: Capture,
    stderr: Capture,
    fault: Capture,
    scratch: crate::package::ScratchFolder,
    /// The path at which the host reaches the scratch folder: that one's, or another where the worker has mounted its own.
    pub(super) root: PathBuf,
    /// The zygote's process.
    pub(super) zygote: Option<OwnedFd>,
    /// The scratch folder that the worker has mounted, held open.
    pub(super) own: Option<OwnedFd>,
    /// The Python that the worker embeds, once the worker has told it.
    pub(super) python: Option<Interpreter>,
}

impl Process {
    /// Starts the program beside this one. `state` holds the plugin's state folders, where they are not its own.
    pub(super) fn spawn(target: &Target, state: Option<&Path>) -> Result<Self, RuntimeError> {
        let program = programs::worker()?;
        let start = || -> Result<Self, RuntimeError> {
            let scratch = crate::package::ScratchFolder::new()
                .map_err(|source| RuntimeError::Scratch { path: std::env::temp_dir(), source })?;
            for folder in FOLDERS {
                std::fs::create_dir(scratch.path().join(folder))?;
            }
            let pair = || {
                rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                    .map_err(io::Error::from)
            };
            let (control, their_control) = pair()?;
            let (data, their_data) = pair()?;
            let shared = Shared::new()?;
            let (stdout, stderr, fault) =
                (Capture::new("hookstorm-out")?, Capture::new("hookstorm-err")?, Capture::new("hookstorm-fault")?);
            let handed = [
                their_control.as_raw_fd(),
                their_data.as_raw_fd(),
                shared.fd().as_raw_fd(),
                stdout.raw(),
                stderr.raw(),
                fault.raw(),
            ];
            let folder = |name: &str| scratch.path().join(name);
            let state_folder = |name: &str| state.unwrap_or(scratch.path()).join(name);
            let mut command = Command::new(&program);
            command
                .args(handed.map(|fd| fd.to_string()))
                .arg(Confinement::of(target).bits().to_string())
                .arg(scratch.path())
                .env_clear()
                // Whatever is looked up before the first fork need not be looked up in each child.
                .env("LD_BIND_NOW", "1")
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .env("LANG", "C.UTF-8")
                .env("TZ", "UTC")
                .env("HOME", folder("home"))
                .env("TMPDIR", folder("tmp"))
                .env("SCB_PLUGIN_STATE_DIRECTORY", state_folder("state"))
                .env("EPHEMERAL_PLUGIN_STATE_DIRECTORY", state_folder("ephemeral"))
                .stdin(Stdio::null())
                .stdout(stdout.as_fd().try_clone_to_owned()?)
                .stderr(stderr.as_fd().try_clone_to_owned()?);
            // Those that serve many sessions at once leave the processor to who keeps their schedule, whenever he wants it.
            let yields = state.is_some();
            // SAFETY: between fork and exec only `setsid`, `setpriority` and `fcntl` are called, which may be, the latter on
            // descriptors that are open here.
            unsafe {
                command.pre_exec(move || {
                    // Out of the terminal's reach before it is a program of its own: Ctrl-C is the host's.
                    libc::setsid();
                    if yields {
                        libc::setpriority(libc::PRIO_PROCESS, 0, YIELDING);
                    }
                    for fd in handed {
                        if libc::fcntl(fd, libc::F_SETFD, 0) == -1 {
                            return Err(io::Error::last_os_error());
                        }
                    }
                    Ok(())
                });
            }
            let guardian = command.spawn().map_err(|source| RuntimeError::Program { path: program.clone(), source })?;
            // Held by the worker alone from here on, so that its end is seen.
            drop((their_control, their_data));
            let root = scratch.path().to_owned();
            let (zygote, own, python) = (None, None, None);
            let program = program.clone();
            Ok(Self {
                program,
                guardian,
                control,
                data,
                shared,
                stdout,
                stderr,
                fault,
                scratch,
                root,
                zygote,
                own,
                python,
            })
        };
        let mut process = start()?;
        process.await_first_word()?;
        Ok(process)
    }

    /// The folder for what the plugin writes.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Empties that folder, if anything was seen in it. False where the plugin took away what this worker stands on.
    pub(super) fn clear_scratch(&mut self) -> bool {
        match self.shared.header().scratch_used.swap(0, Ordering::Relaxed) {
            0 => true,
            1 => Scratch::unwatched(&self.root).clear(),
            // A runner has put new folders in the place of those that it did not find.
            _ => false,
        }
    }

    /// Makes the empty folder as it is when a session of isolated calls begins.
    pub(super) fn fill_scratch(&mut self, services: &Value) {
        let _ = std::fs::remove_file(self.root.join(CARRIED));
        if Scratch::unwatched(&self.root).fill(services) {
            self.distrust_scratch();
        }
    }

    /// Leaves the memory cache of a session for its next call.
    pub(super) fn hand_over(&self, carried: &[u8]) {
        let _ = std::fs::remove_file(self.root.join(CARRIED));
        // What cannot be written is not there, which the plugin sees and may tell. What its last call put there is not ours.
        if !carried.is_empty() {
            let _ = tree::write_file(&self.root, Path::new(CARRIED), carried);
        }
    }

    /// The memory cache that a call left.
    pub(super) fn take_over(&self) -> Vec<u8> {
        tree::read_file(rustix::fs::CWD, self.root.join(CARRIED), CARRIED_LIMIT).unwrap_or_default()
    }

    /// Takes it that something lies in that folder.
    pub(super) fn distrust_scratch(&mut self) {
        self.shared.header().scratch_used.store(1, Ordering::Relaxed);
    }

    /// Gives an order to the zygote. False where it is gone.
    pub(super) fn command(&mut self, packet: &[u8]) -> bool {
        self.send(true, packet)
    }

    /// Tells the runner that a batch is there. False where nobody hears it.
    pub(super) fn send_batch(&mut self) -> bool {
        self.send(false, &[reply::BATCH])
    }

    fn send(&mut self, control: bool, packet: &[u8]) -> bool {
        if packet[0] != command::SIGNAL {
            // What an earlier child did when it died says nothing about this one.
            self.shared.header().since_ns.store(0, Ordering::Relaxed);
            self.shared.header().phase.store(Phase::Idle as u32, Ordering::Release);
        }
        loop {
            let socket = if control { &self.control } else { &self.data };
            // One whose buffer is full is not read any more.
            match rustix::net::send(socket, packet, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Sends a signal to the zygote's child.
    pub(super) fn signal(&mut self, signal: Signal) -> bool {
        self.command(&[command::SIGNAL, signal.as_raw() as u8])
    }

    /// Waits for a word or an end, while the plugin's code may run for `limit` at a time, `times` times in all.
    pub(super) fn wait(&mut self, limit: Duration, times: usize) -> Result<Waited, RuntimeError> {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let begin = Instant::now();
        // The times in the shared memory are the worker's word, and a plugin can write over them.
        let most = OURS.saturating_add(limit.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX)));
        let mut quiet_since = begin;
        loop {
            let since_ns = self.shared.header().since_ns.load(Ordering::Acquire);
            if since_ns > now_ns() {
                // No worker writes what is still to come.
                return Ok(Waited::Silent);
            }
            let left = match since_ns {
                0 => LOOK,
                _ => Duration::from_nanos((since_ns.saturating_add(limit_ns)).saturating_sub(now_ns())),
            };
            match self.look(left.min(LOOK))? {
                Some(waited) => return Ok(waited),
                None if begin.elapsed() > most => {
                    return Ok(if since_ns == 0 { Waited::Silent } else { Waited::TimedOut });
                }
                None if since_ns == 0 => {
                    if quiet_since.elapsed() > OURS {
                        return Ok(Waited::Silent);
                    }
                }
                None => {
                    quiet_since = Instant::now();
                    let header = self.shared.header();
                    self.stdout.trim(header.stdout_start.load(Ordering::Relaxed));
                    self.stderr.trim(header.stderr_start.load(Ordering::Relaxed));
                    let still = header.since_ns.load(Ordering::Acquire) == since_ns;
                    if still && now_ns().saturating_sub(since_ns) > limit_ns {
                        return Ok(Waited::TimedOut);
                    }
                }
            }
        }
    }

    /// What was said within `time`, if anything was.
    pub(super) fn look(&mut self, time: Duration) -> Result<Option<Waited>, RuntimeError> {
        let timeout =
            rustix::event::Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.data, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(RuntimeError::Start(error.into())),
        }
        let (data, control) = (fds[0].revents(), fds[1].revents());
        let mut packet = [0_u8; 16];
        if data.contains(PollFlags::IN)
            && let Ok((1.., _)) = rustix::net::recv(&self.data, &mut packet, RecvFlags::DONTWAIT)
        {
            return Ok(Some(Waited::Said(packet[0])));
        }
        if !control.is_empty() {
            match rustix::net::recv(&self.control, &mut packet, RecvFlags::DONTWAIT) {
                Ok((5, _)) if packet[0] == reply::ENDED => {
                    let status = i32::from_le_bytes([packet[1], packet[2], packet[3], packet[4]]);
                    return Ok(Some(Waited::Ended(status)));
                }
                Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(Some(Waited::Gone(self.status()))),
                Ok((_, _)) => return Ok(Some(Waited::Said(packet[0]))),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Waits until the child that is about to end has ended. False where that is not told in time.
    pub(super) fn wait_for_end(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < HEARING {
            match self.look(LOOK) {
                Ok(Some(Waited::Ended(_))) => {
                    // A word that it still said.
                    let mut packet = [0_u8; 16];
                    while rustix::net::recv(&self.data, &mut packet, RecvFlags::DONTWAIT).is_ok_and(|(n, _)| n > 0) {}
                    return true;
                }
                Ok(Some(Waited::Gone(_))) | Err(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// How the guardian ended; it passes on how the zygote did.
    pub(super) fn status(&mut self) -> i32 {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            match self.guardian.try_wait() {
                Ok(Some(status)) => {
                    return match (status.code(), status.signal()) {
                        (Some(code @ 129..=192), _) => 128 - code,
                        (Some(code), _) => code,
                        (None, Some(signal)) => -signal,
                        (None, None) => 0,
                    };
                }
                Ok(None) => std::thread::yield_now(),
                Err(_) => return 0,
            }
        }
        let _ = self.guardian.kill();
        0
    }

    /// The error for a worker that ended by itself.
    pub(super) fn died(&self, status: i32) -> RuntimeError {
        let stderr = self.said_on_stderr();
        if stderr.contains("error while loading shared libraries") {
            let detail =
                stderr.trim().rsplit_once("libraries: ").map_or(stderr.trim(), |(_, detail)| detail).to_owned();
            let version = detail.strip_prefix("libpython").and_then(|rest| rest.split_once(".so"));
            let version = version.map_or_else(|| self.python_version(), |(version, _)| version).to_owned();
            return RuntimeError::NoLibpython { version, detail };
        }
        // An interpreter without its standard library dies with pages of words.
        if self.phase() == Phase::Idle
            && let Some(detail) = stderr.lines().find(|line| LIFELESS.iter().any(|words| line.starts_with(words)))
        {
            return RuntimeError::NoLibpython { version: self.python_version().to_owned(), detail: detail.to_owned() };
        }
        let status = if status < 0 { format!("signal {}", -status) } else { format!("exit status {status}") };
        RuntimeError::Died { status, stderr }
    }

    /// The version of Python that the worker embeds, `3.11`; `3` before it has told it.
    pub(super) fn python_version(&self) -> &str {
        self.python.as_ref().map_or("3", |python| &python.version)
    }

    /// What it wrote to standard error.
    pub(super) fn said_on_stderr(&self) -> String {
        self.stderr.read(0, self.stderr.size()).text
    }

    /// What the sandbox could not do.
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

    /// The call that the worker makes, or made when it died, with how it ended.
    pub(super) fn call_that_runs(&self, ending: Ending) -> CallTrace {
        let header = self.shared.header();
        let number = |field: &std::sync::atomic::AtomicU32| field.load(Ordering::Relaxed) as usize;
        let since_ns = header.since_ns.load(Ordering::Relaxed);
        let output = |capture: &Capture, start: &std::sync::atomic::AtomicU64| {
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
        }
    }

    /// Asks the child where it is, and ends it. Whether it was told that it ended.
    pub(super) fn stack_of_child(&mut self, root: &Path, standard_library: &str) -> (Vec<Frame>, bool) {
        self.fault.clear();
        self.signal(Signal::USR2);
        let frames = self.await_stack(root, standard_library);
        let ended = self.end_child();
        (frames, ended)
    }

    /// Ends the child. False where nobody tells that it ended.
    pub(super) fn end_child(&mut self) -> bool {
        self.signal(Signal::KILL) && self.wait_for_end()
    }

    /// Asks the zygote where it is, and ends it.
    pub(super) fn stack_of_zygote(&mut self, root: &Path, standard_library: &str) -> Vec<Frame> {
        self.fault.clear();
        let Some(zygote) = &self.zygote else { return Vec::new() };
        let _ = pidfd_send_signal(zygote, Signal::USR2);
        let frames = self.await_stack(root, standard_library);
        let _ = pidfd_send_signal(zygote, Signal::KILL);
        frames
    }

    fn await_stack(&self, root: &Path, standard_library: &str) -> Vec<Frame> {
        let begin = Instant::now();
        let mut size = 0;
        while begin.elapsed() < STACK {
            std::thread::sleep(Duration::from_millis(5));
            let now = self.fault.size();
            if now > 0 && now == size {
                break;
            }
            size = now;
        }
        self.fault_frames(root, standard_library)
    }

    /// The frames of the last stack that was written.
    pub(super) fn fault_frames(&self, root: &Path, standard_library: &str) -> Vec<Frame> {
        let text = self.fault.read(0, self.fault.size()).text;
        stack::frames(&text, root, standard_library)
    }

    /// Empties what was captured, before a child that begins anew.
    pub(super) fn forget_output(&mut self) {
        if self.stdout.size() > 0 {
            self.stdout.clear();
        }
        if self.stderr.size() > 0 {
            self.stderr.clear();
        }
        if self.fault.size() > 0 {
            self.fault.clear();
        }
    }

    /// What was captured since then.
    pub(super) fn output_since_start(&self) -> String {
        let mut text = self.stdout.read(0, self.stdout.size()).text;
        text.push_str(&self.stderr.read(0, self.stderr.size()).text);
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The zygote ends when its host is gone, and then the guardian ends what is left.
        let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
        let begin = Instant::now();
        while begin.elapsed() < HEARING {
            if !matches!(self.guardian.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
    }
}
