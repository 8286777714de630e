//! The process that has imported the plugin, has one thread, and forks: a runner for many sessions, or a child for one
//! call. It takes commands from the host and reports how each child ended.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    path::PathBuf,
    process::ExitCode,
    sync::atomic::Ordering,
};

use hookstorm::runtime::{
    protocol::{
        control::{command, reply},
        fd_passing,
        loading::{LoadReply, LoadRequest},
    },
    sandbox::{
        self, AllowedConnections, Confinement, MissingProtections, Protection, SessionFolders, landlock, limits,
        seccomp, session_folders,
    },
};
use pyo3::prelude::*;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags, open},
    io::Errno,
    net::{RecvFlags, SendFlags},
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, pidfd_open, pidfd_send_signal, waitid},
};

use crate::{
    Descriptors, Start, audit,
    child::{self, ChildTask},
    interpreter,
    plugin::Plugin,
    services, usage,
};

/// Starts CPython and takes commands until the host is gone.
pub(crate) fn run(start: Start) -> ExitCode {
    let Start { descriptors, confinement, missing, link, scratch } = start;
    if let Err(message) = interpreter::start(&descriptors) {
        eprintln!("{message}");
        return ExitCode::from(3);
    }
    Python::attach(|py| {
        let mut zygote = Zygote {
            descriptors,
            confinement,
            missing,
            link: Some(link),
            scratch,
            request: None,
            plugin: None,
            folders: None,
            spare: None,
            children: File::open("/proc/thread-self/children").ok(),
            address_space: 0,
        };
        match zygote.take_commands(py) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("hookstorm-worker: {error}");
                ExitCode::from(3)
            }
        }
    })
}

/// Forks as `os.fork` does, so that CPython's own state is complete in the child.
fn fork_python(_py: Python<'_>) -> i32 {
    // SAFETY: this thread is attached to the interpreter and is the only one, so the child gets all of it; the hooks
    // are called in CPython's order.
    unsafe {
        pyo3::ffi::PyOS_BeforeFork();
        let pid = libc::fork();
        if pid == 0 {
            pyo3::ffi::PyOS_AfterFork_Child();
        } else {
            pyo3::ffi::PyOS_AfterFork_Parent();
        }
        pid
    }
}

/// A child that runs, or waits for its call.
struct Child {
    pidfd: OwnedFd,
    /// A byte in this pipe tells a waiting child to begin.
    go: Option<OwnedFd>,
}

struct Zygote {
    descriptors: Descriptors,
    confinement: Confinement,
    missing: MissingProtections,
    /// The socket to the guardian, until the guardian knows what to supervise.
    link: Option<OwnedFd>,
    /// The scratch folder.
    scratch: PathBuf,
    request: Option<LoadRequest>,
    plugin: Option<Plugin>,
    folders: Option<SessionFolders>,
    /// Forked while the last call ran, so that the next call need not wait for a fork.
    spare: Option<Child>,
    /// Lists the zygote's children, if the kernel can.
    children: Option<File>,
    /// The size of the address space after loading, to which the limit of children is added.
    address_space: u64,
}

impl Zygote {
    fn take_commands(&mut self, py: Python<'_>) -> Result<(), String> {
        loop {
            let mut packet = [0_u8; 16];
            let length = match rustix::net::recv(&self.descriptors.control, &mut packet, RecvFlags::empty()) {
                Ok((0, _)) => return Ok(()),
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(format!("cannot receive from the host: {error}")),
            };
            match packet[..length] {
                [command::LOAD] => self.load(py)?,
                [command::CONSTRUCT] => self.run_child(py, command::CONSTRUCT)?,
                [command::CALL] => self.call(py)?,
                [command::RUNNER] => self.run_child(py, command::RUNNER)?,
                [command::FORKS, a, b, c, d] => self.time_forks(py, u32::from_le_bytes([a, b, c, d]))?,
                // A signal for a child that has just ended.
                [command::SIGNAL, _] => {}
                _ => return Err("the host sent a command that this worker does not know".into()),
            }
        }
    }

    fn reply(&self, packet: &[u8]) -> Result<(), String> {
        loop {
            match rustix::net::send(&self.descriptors.control, packet, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(format!("cannot send to the host: {error}")),
            }
        }
    }

    /// Imports the plugin and writes what that showed.
    fn load(&mut self, py: Python<'_>) -> Result<(), String> {
        let mut request: LoadRequest = serde_json::from_slice(&self.descriptors.shared.read_request())
            .map_err(|error| format!("the host's request is malformed: {error}"))?;
        request.scratch.clone_from(&self.scratch);
        let kept = session_folders::places_of_mounts(&request.scratch);
        interpreter::set_paths(py, &request).map_err(|error| format!("the paths cannot be set: {error}"))?;
        if !self.confinement.is_off() {
            self.confine(py, &request)?;
        }
        SessionFolders::unwatched(&request.scratch, kept.clone()).fill_appliance(&request.services);
        services::redirect_appliance(py, &request.scratch, &request.root, &request.configuration)
            .map_err(|error| format!("the appliance's files cannot be shown: {error}"))?;
        let (plugin, reply) =
            if request.preload { Plugin::load(py, &self.descriptors, &request) } else { (None, LoadReply::default()) };
        self.plugin = plugin;
        self.folders = Some(SessionFolders::new(&request.scratch, kept));
        self.request = Some(request);
        self.descriptors.shared.clear_reply();
        let json = serde_json::to_vec(&reply).map_err(|error| error.to_string())?;
        if !self.descriptors.shared.append_reply(&json) {
            return Err("the description of the plugin is too large".into());
        }
        interpreter::freeze(py);
        self.address_space = usage::address_space();
        self.reply(&[reply::LOADED])
    }

    /// Confines this process. After this it runs the plugin's code and ours.
    fn confine(&mut self, py: Python<'_>, request: &LoadRequest) -> Result<(), String> {
        let folders = interpreter::folders(py).map_err(|error| format!("the paths cannot be read: {error}"))?;
        let more = folders.paths.into_iter().chain([request.root.clone()]).chain(request.readable.iter().cloned());
        // The scratch folder's own one, or `/tmp` if that is the same.
        let temporary = session_folders::temporary_folder(&request.scratch);
        let own = [request.scratch.clone(), temporary].into_iter().chain(request.state.clone());
        let own: Vec<PathBuf> = own.collect();
        let access = landlock::access_rules(&own, &folders.prefixes, more);
        limits::set().map_err(|error| format!("the limits cannot be set: {error}"))?;
        limits::drop_privileges().map_err(|error| format!("privileges cannot be dropped: {error}"))?;
        if landlock::restrict(&access).is_err() {
            self.missing.add(Protection::Files);
        }
        let own_network = self.confinement.is_closed() && !self.missing.has(Protection::Network);
        let allowed = AllowedConnections { destinations: request.destinations.clone(), folders: own, own_network };
        if seccomp::refuse(self.missing).is_err() || self.supervise(&allowed).is_err() {
            self.missing.add(Protection::Calls);
            if !self.missing.has(Protection::Processes) {
                let _ = limits::limit_processes();
            }
            // A namespace closes the network, or a filter does; only a supervisor can allow single destinations.
            let is_closed = own_network || self.confinement.is_closed() && seccomp::refuse_sockets().is_ok();
            if !is_closed && (self.confinement.is_closed() || self.confinement.is_limited()) {
                self.missing.add(Protection::Network);
            } else {
                self.missing.remove(Protection::Network);
            }
        } else {
            // If no namespace closes the network, the supervisor does.
            self.missing.remove(Protection::Network);
        }
        self.link = None;
        self.descriptors.shared.header().missing.store(self.missing.bits(), Ordering::Release);
        audit::install(py, &self.descriptors, self.confinement, self.missing, request, access)
            .map_err(|error| format!("the audit hook cannot be installed: {error}"))
    }

    /// Lets the guardian supervise this process and its children.
    fn supervise(&self, allowed: &AllowedConnections) -> io::Result<()> {
        let link = self.link.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let own = pidfd_open(getpid(), PidfdFlags::empty())?;
        // The guardian asks processes that execute this program for their Python stacks, and no others.
        let program = open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        fd_passing::send(link, &serde_json::to_vec(allowed)?, &[own.as_fd(), program.as_fd()])?;
        // Once it is supervised, this process can send no descriptor without the guardian. So the guardian takes the
        // listener itself.
        let listener = seccomp::supervise(self.confinement)?;
        rustix::net::send(link, &listener.as_raw_fd().to_le_bytes(), SendFlags::NOSIGNAL)?;
        // The listener must stay open until the guardian has taken it.
        let mut taken = [0];
        rustix::net::recv(link, &mut taken, RecvFlags::empty())?;
        Ok(())
    }

    /// Forks a child, waits until it has ended, and reports how.
    fn run_child(&mut self, py: Python<'_>, kind: u8) -> Result<(), String> {
        let child = self.fork(py, kind, false)?;
        self.finish(&child)
    }

    /// Lets the waiting child make a call, and forks the next one meanwhile.
    fn call(&mut self, py: Python<'_>) -> Result<(), String> {
        let child = match self.spare.take() {
            Some(child) => child,
            None => self.fork(py, command::CALL, false)?,
        };
        if let Some(go) = &child.go {
            // If something has killed the spare, it is reported as a child that ended without a call, and the host
            // tries again.
            let _ = rustix::io::write(go, &[1]);
        }
        // If each child imports the plugin for itself, the call's time limit must cover the import.
        if self.plugin.is_some() {
            self.spare = Some(self.fork(py, command::CALL, true)?);
        }
        self.finish(&child)
    }

    fn fork(&mut self, py: Python<'_>, kind: u8, waits: bool) -> Result<Child, String> {
        if self.request.is_none() {
            return Err("nothing is loaded".into());
        }
        let pipe = waits.then(|| rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)).transpose();
        let (read, write) = pipe.map_err(|error| format!("no pipe can be made: {error}"))?.unzip();
        let pid = fork_python(py);
        if pid == 0 {
            let (Some(request), Some(folders)) = (&self.request, self.folders.take()) else { interpreter::leave(3) };
            let task = ChildTask { kind, address_space: self.address_space, go: read };
            let status = child::main(py, &mut self.descriptors, request, self.plugin.take(), folders, task);
            interpreter::leave(status);
        }
        let pid = Pid::from_raw(pid).filter(|_| pid > 0);
        let pid = pid.ok_or_else(|| format!("no child can be forked: {}", io::Error::last_os_error()))?;
        let pidfd =
            pidfd_open(pid, PidfdFlags::empty()).map_err(|error| format!("the child cannot be watched: {error}"))?;
        Ok(Child { pidfd, go: write })
    }

    /// Waits until a child has ended, kills what it left behind, and reports how it ended.
    fn finish(&mut self, child: &Child) -> Result<(), String> {
        let status = self.wait(&child.pidfd)?;
        self.kill_strays();
        let mut packet = [reply::ENDED, 0, 0, 0, 0];
        packet[1..].copy_from_slice(&status.to_le_bytes());
        self.reply(&packet)
    }

    /// Forks children that exit at once, as Python does it.
    fn time_forks(&self, py: Python<'_>, times: u32) -> Result<(), String> {
        interpreter::bootstrap(py)
            .and_then(|bootstrap| bootstrap.call_method1("fork_and_exit", (times,)))
            .map_err(|error| format!("no child can be forked: {error}"))?;
        self.reply(&[reply::ENDED, 0, 0, 0, 0])
    }

    /// Waits for a child, and meanwhile passes on the host's signals. Returns its exit status, or the negative of the
    /// signal that ended it.
    fn wait(&self, pidfd: &OwnedFd) -> Result<i32, String> {
        loop {
            let mut fds = [PollFd::new(pidfd, PollFlags::IN), PollFd::new(&self.descriptors.control, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(format!("cannot wait for the child: {error}")),
                Ok(_) => {}
            }
            if !fds[0].revents().is_empty() {
                break;
            }
            let mut packet = [0_u8; 16];
            match rustix::net::recv(&self.descriptors.control, &mut packet, RecvFlags::DONTWAIT) {
                Ok((0, _)) => interpreter::leave(0),
                Ok((2, _)) if packet[0] == command::SIGNAL => {
                    if let Some(signal) = Signal::from_named_raw(i32::from(packet[1])) {
                        let _ = pidfd_send_signal(pidfd, signal);
                    }
                }
                _ => {}
            }
        }
        let status = match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
            Ok(Some(status)) => status,
            // A spare was killed while it waited for its call, and `kill_strays` has reaped it.
            Err(Errno::CHILD) => return Ok(-libc::SIGKILL),
            Ok(None) => return Err("the child has not ended".into()),
            Err(error) => return Err(format!("cannot read how the child ended: {error}")),
        };
        Ok(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => code,
            (None, Some(signal)) => -signal,
            (None, None) => 0,
        })
    }

    /// Kills what a child left behind.
    fn kill_strays(&mut self) {
        if !self.has_strays() {
            return;
        }
        // Nothing tells it from the strays, so it is killed with them.
        self.spare = None;
        if self.missing.has(Protection::Processes) {
            sandbox::kill_descendants(std::process::id() as i32);
        } else {
            // SAFETY: this reaches the processes of the zygote's own namespace, which are its descendants: neither the
            // zygote itself nor the first process, nor any process outside.
            unsafe { libc::kill(-1, libc::SIGKILL) };
            sandbox::reap();
        }
    }

    /// Whether there are processes that are not ours: what a child leaves behind becomes a child of the zygote.
    fn has_strays(&self) -> bool {
        let mut listed = [0_u8; 64];
        match self.children.as_ref().map(|children| children.read_at(&mut listed, 0)) {
            Some(Ok(length)) => {
                let listed = listed[..length].split(u8::is_ascii_whitespace).filter(|pid| !pid.is_empty());
                listed.count() > usize::from(self.spare.is_some())
            }
            // If the kernel cannot list them, they are killed each time.
            _ => true,
        }
    }
}
