//! The process that has the plugin imported, with one thread, and forks: a runner for many sessions, or a child for one
//! call. It takes orders from the host and tells it how each child ended.

use std::{
    fs::File,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    process::ExitCode,
    sync::atomic::Ordering,
};

use hookstorm::runtime::{
    protocol::{
        control::{LoadReply, LoadRequest, command, reply},
        fd_passing,
    },
    sandbox::{
        self, Confinement, MissingProtections, Protection, calls, files, limits, scratch::Scratch, supervisor::Allowed,
    },
};
use pyo3::prelude::*;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{RecvFlags, SendFlags},
    process::{Pid, PidfdFlags, Signal, WaitIdOptions},
};

use crate::{Descriptors, audit, interpreter, plugin::Plugin, runner};

/// Starts CPython and takes orders until the host is gone.
pub(crate) fn run(
    descriptors: Descriptors,
    confinement: Confinement,
    missing: MissingProtections,
    link: OwnedFd,
) -> ExitCode {
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
            request: None,
            plugin: None,
            scratch: None,
            spare: None,
            children: File::open("/proc/thread-self/children").ok(),
            address_space: 0,
        };
        match zygote.obey(py) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("hookstorm-worker: {error}");
                ExitCode::from(3)
            }
        }
    })
}

/// Forks as `os.fork` does: CPython's own state is whole in the child.
fn fork_python(_py: Python<'_>) -> i32 {
    // SAFETY: this thread is attached to the interpreter and is the only one, so the child has the whole of it; the hooks
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

/// A child that runs or waits to.
struct Child {
    pidfd: OwnedFd,
    /// Tells one that waits to begin.
    go: Option<OwnedFd>,
}

struct Zygote {
    descriptors: Descriptors,
    confinement: Confinement,
    missing: MissingProtections,
    /// To the guardian, until it is told what to supervise.
    link: Option<OwnedFd>,
    request: Option<LoadRequest>,
    plugin: Option<Plugin>,
    scratch: Option<Scratch>,
    /// Forked while the last call ran, so that the next one need not wait for it.
    spare: Option<Child>,
    /// Lists the zygote's children, if the kernel does.
    children: Option<File>,
    /// How large the address space is after loading: children are limited to this and the limit.
    address_space: u64,
}

impl Zygote {
    fn obey(&mut self, py: Python<'_>) -> Result<(), String> {
        loop {
            let mut packet = [0_u8; 16];
            let length = match rustix::net::recv(&self.descriptors.control, &mut packet, RecvFlags::empty()) {
                Ok((0, _)) => return Ok(()),
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(format!("the host cannot be heard: {error}")),
            };
            match packet[..length] {
                [command::LOAD] => self.load(py)?,
                [command::CONSTRUCT] => self.fork(py, command::CONSTRUCT)?,
                [command::CALL] => self.call(py)?,
                [command::RUNNER] => self.fork(py, command::RUNNER)?,
                [command::BARE, a, b, c, d] => self.bare(py, u32::from_le_bytes([a, b, c, d]))?,
                // A signal for a child that has just ended.
                [command::SIGNAL, _] => {}
                _ => return Err("the host gave an order that this worker does not know".into()),
            }
        }
    }

    fn tell(&self, packet: &[u8]) -> Result<(), String> {
        loop {
            match rustix::net::send(&self.descriptors.control, packet, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(format!("the host cannot be told: {error}")),
            }
        }
    }

    /// Imports the plugin and writes down what was seen.
    fn load(&mut self, py: Python<'_>) -> Result<(), String> {
        let request: LoadRequest = serde_json::from_slice(&self.descriptors.shared.read_request())
            .map_err(|error| format!("the host's request is malformed: {error}"))?;
        interpreter::set_paths(py, &request).map_err(|error| format!("the paths cannot be set: {error}"))?;
        if !self.confinement.is_off() {
            self.confine(py, &request)?;
        }
        let (plugin, reply) =
            if request.preload { Plugin::load(py, &self.descriptors, &request) } else { (None, LoadReply::default()) };
        self.plugin = plugin;
        self.request = Some(request);
        self.descriptors.shared.clear_reply();
        let json = serde_json::to_vec(&reply).map_err(|error| error.to_string())?;
        if !self.descriptors.shared.append_reply(&json) {
            return Err("what was seen of the plugin is too large".into());
        }
        self.scratch = self.request.as_ref().map(|request| Scratch::new(&request.scratch));
        interpreter::freeze(py);
        self.address_space = runner::address_space();
        self.tell(&[reply::LOADED])
    }

    /// Gives up what the plugin is not to have. From here on only the plugin's code runs in this process, and ours.
    fn confine(&mut self, py: Python<'_>, request: &LoadRequest) -> Result<(), String> {
        let folders = interpreter::folders(py).map_err(|error| format!("the paths cannot be read: {error}"))?;
        let more = folders.paths.into_iter().chain([request.root.clone()]).chain(request.readable.iter().cloned());
        let access = files::access_rules(&request.scratch, request.state.as_deref(), &folders.prefixes, more);
        limits::set().map_err(|error| format!("the limits cannot be set: {error}"))?;
        limits::give_up_rights().map_err(|error| format!("rights cannot be given up: {error}"))?;
        if files::enforce(&access).is_err() {
            self.missing.add(Protection::Files);
        }
        let own_network = self.confinement.is_closed() && !self.missing.has(Protection::Network);
        let mut allowed =
            Allowed { destinations: request.destinations.clone(), folders: vec![request.scratch.clone()], own_network };
        allowed.folders.extend(request.state.clone());
        if calls::refuse(self.missing).is_err() || self.supervise(&allowed).is_err() {
            self.missing.add(Protection::Calls);
            if !self.missing.has(Protection::Processes) {
                let _ = limits::limit_processes();
            }
            // A namespace closes it, or a filter; single destinations only the supervisor can keep apart.
            let is_closed = own_network || self.confinement.is_closed() && calls::refuse_sockets().is_ok();
            if !is_closed && (self.confinement.is_closed() || self.confinement.is_limited()) {
                self.missing.add(Protection::Network);
            } else {
                self.missing.remove(Protection::Network);
            }
        } else {
            // What no namespace closes the supervisor does.
            self.missing.remove(Protection::Network);
        }
        self.link = None;
        self.descriptors.shared.header().missing.store(self.missing.bits(), Ordering::Release);
        audit::install(py, &self.descriptors, self.confinement, self.missing, request, access)
            .map_err(|error| format!("what the plugin tries cannot be watched: {error}"))
    }

    /// Has the guardian supervise this process and its children.
    fn supervise(&self, allowed: &Allowed) -> std::io::Result<()> {
        let link = self.link.as_ref().ok_or(std::io::ErrorKind::NotConnected)?;
        let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        fd_passing::send(link, &serde_json::to_vec(allowed)?, &[own.as_fd()])?;
        // From here on nothing can be handed over without the supervisor's leave. So it takes the listener itself.
        let listener = calls::supervise(self.confinement)?;
        rustix::net::send(link, &listener.as_raw_fd().to_le_bytes(), SendFlags::NOSIGNAL)?;
        // It is not to be closed before it was taken.
        let mut taken = [0];
        rustix::net::recv(link, &mut taken, RecvFlags::empty())?;
        Ok(())
    }

    /// Forks a child, waits until it ended, and tells the host how. Meanwhile it passes on the host's signals.
    fn fork(&mut self, py: Python<'_>, kind: u8) -> Result<(), String> {
        let child = self.start(py, kind, false)?;
        self.see_off(&child)
    }

    /// Has a call made by the child that waits for one, and forks the next one meanwhile.
    fn call(&mut self, py: Python<'_>) -> Result<(), String> {
        let child = match self.spare.take() {
            Some(child) => child,
            None => self.start(py, command::CALL, false)?,
        };
        if let Some(go) = &child.go {
            // A spare that something ended is told as one that ended without a call, and the host asks again.
            let _ = rustix::io::write(go, &[1]);
        }
        // Where each child imports the plugin for itself, it does so under the call's own watch.
        if self.plugin.is_some() {
            self.spare = Some(self.start(py, command::CALL, true)?);
        }
        self.see_off(&child)
    }

    fn start(&mut self, py: Python<'_>, kind: u8, waits: bool) -> Result<Child, String> {
        if self.request.is_none() {
            return Err("nothing is loaded".into());
        }
        let pipe = waits.then(|| rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)).transpose();
        let (read, write) = pipe.map_err(|error| format!("no pipe can be made: {error}"))?.unzip();
        let pid = fork_python(py);
        if pid == 0 {
            let (Some(request), Some(scratch)) = (&self.request, self.scratch.take()) else { interpreter::leave(3) };
            let order = runner::Order { kind, address_space: self.address_space, go: read };
            let status = runner::main(py, &mut self.descriptors, request, self.plugin.take(), scratch, order);
            interpreter::leave(status);
        }
        let pid = Pid::from_raw(pid).filter(|_| pid > 0);
        let pid = pid.ok_or_else(|| format!("no child can be forked: {}", std::io::Error::last_os_error()))?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .map_err(|error| format!("the child cannot be watched: {error}"))?;
        Ok(Child { pidfd, go: write })
    }

    /// Waits until a child ended, ends what it left behind, and tells the host how it ended.
    fn see_off(&mut self, child: &Child) -> Result<(), String> {
        let status = self.wait(&child.pidfd)?;
        self.sweep();
        let mut packet = [reply::ENDED, 0, 0, 0, 0];
        packet[1..].copy_from_slice(&status.to_le_bytes());
        self.tell(&packet)
    }

    /// Forks children that end at once, as Python does it.
    fn bare(&self, py: Python<'_>, times: u32) -> Result<(), String> {
        interpreter::bootstrap(py)
            .and_then(|bootstrap| bootstrap.call_method1("fork_and_exit", (times,)))
            .map_err(|error| format!("no child can be forked: {error}"))?;
        self.tell(&[reply::ENDED, 0, 0, 0, 0])
    }

    /// The exit status of a child when it ended, or the negative of the signal that ended it.
    fn wait(&self, pidfd: &OwnedFd) -> Result<i32, String> {
        loop {
            let mut fds = [PollFd::new(pidfd, PollFlags::IN), PollFd::new(&self.descriptors.control, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(format!("the child cannot be waited for: {error}")),
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
                        let _ = rustix::process::pidfd_send_signal(pidfd, signal);
                    }
                }
                _ => {}
            }
        }
        let id = rustix::process::WaitId::PidFd(pidfd.as_fd());
        let status = match rustix::process::waitid(id, WaitIdOptions::EXITED) {
            Ok(Some(status)) => status,
            // It ended while it waited for its call, and was reaped with the strays.
            Err(Errno::CHILD) => return Ok(-libc::SIGKILL),
            Ok(None) => return Err("the child has not ended".into()),
            Err(error) => return Err(format!("the child cannot be asked: {error}")),
        };
        Ok(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => code,
            (None, Some(signal)) => -signal,
            (None, None) => 0,
        })
    }

    /// Ends what the child left behind.
    fn sweep(&mut self) {
        if !self.has_strays() {
            return;
        }
        // It goes with the rest: nothing tells it from them.
        self.spare = None;
        if self.missing.has(Protection::Processes) {
            sandbox::end_descendants(std::process::id() as i32);
        } else {
            // SAFETY: the zygote is the first process of its namespace, so this reaches what the child started, and
            // nothing else: not itself, and nothing outside.
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
            // A kernel that does not tell has its children ended each time.
            _ => true,
        }
    }
}
