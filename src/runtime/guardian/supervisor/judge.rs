//! What a plugin's system calls may do.

use std::{
    net::SocketAddr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, ResolveFlags, fcntl_getfl, fcntl_setfl, open, openat2},
    io::Errno,
    net::{SocketAddrUnix, addr::SocketAddrArg},
};

use super::{
    address::{self, Address},
    attribution::{ProgramId, PythonThread},
    notification::{Answer, WaitingCall, receive, respond, wake_on_same_processor},
};
use crate::{
    runtime::{
        protocol::{
            fd_passing::path_of,
            shared::{Capture, SharedMemory},
        },
        sandbox::{AllowedConnections, NAME_SERVER_PORT, access_rules, limits::PROCESSES},
    },
    trace::AttemptKind,
};

/// How long a process may take to write down its stack. It takes a few milliseconds, and longer only on a machine that
/// is overloaded.
const STACK_TIME: Duration = Duration::from_millis(500);

/// The supervisor.
#[derive(Debug)]
pub(in super::super) struct Supervisor<'a> {
    listener: OwnedFd,
    /// The worker's program.
    program: ProgramId,
    shared: &'a SharedMemory,
    fault: &'a Capture,
    allowed: AllowedConnections,
    /// When the call that runs began, and how many processes it has started.
    started: (u64, u32),
    /// Sockets that are being connected, and the calls that wait for it.
    connecting: Vec<(OwnedFd, u64)>,
}

impl<'a> Supervisor<'a> {
    /// One that listens there.
    pub(in super::super) fn new(
        listener: OwnedFd,
        program: ProgramId,
        shared: &'a SharedMemory,
        fault: &'a Capture,
        allowed: AllowedConnections,
    ) -> Self {
        wake_on_same_processor(&listener);
        Self { listener, program, shared, fault, allowed, started: (0, 0), connecting: Vec::new() }
    }

    /// The descriptor on which it listens.
    pub(in super::super) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Receives the call that waits, and answers it.
    pub(in super::super) fn answer(&mut self) {
        let Some(call) = receive(&self.listener) else { return };
        let answer = self.judge(&call);
        respond(&self.listener, call.id(), answer);
    }

    fn judge(&mut self, call: &WaitingCall) -> Answer {
        let arguments = call.arguments();
        match call.number() {
            libc::SYS_connect => self.sends(call, &[(arguments[1], arguments[2])], true),
            libc::SYS_sendto => self.sends(call, &[(arguments[4], arguments[5])], false),
            libc::SYS_sendmsg => self.sends_messages(call, 1, 0),
            // Behind each header are the number of bytes that were sent, and four bytes of padding.
            libc::SYS_sendmmsg => self.sends_messages(call, arguments[2], size_of::<libc::msghdr>() as u64 + 8),
            libc::SYS_listen => self.listens(call),
            _ => self.starts_process(call),
        }
    }

    fn starts_process(&mut self, call: &WaitingCall) -> Answer {
        let since_ns = self.shared.header().since_ns.load(Ordering::Acquire);
        if self.started.0 != since_ns {
            self.started = (since_ns, 0);
        }
        self.started.1 += u32::from(since_ns != 0);
        if self.started.1 <= PROCESSES {
            return Answer::Proceed;
        }
        self.refuse(call, AttemptKind::Start, &format!("more than {PROCESSES} processes"), libc::EAGAIN)
    }

    /// Messages are sent whose headers are in a row, `stride` bytes apart.
    fn sends_messages(&mut self, call: &WaitingCall, count: u64, stride: u64) -> Answer {
        let mut addresses = Vec::new();
        for number in 0..count.min(1024) {
            let at = call.arguments()[1] + number * stride;
            let Some(header) = address::bytes(call.thread(), at, 16) else { return Answer::Proceed };
            let (name, length) = header.split_at(8);
            let name = u64::from_ne_bytes(name.try_into().unwrap_or_default());
            if name != 0 {
                addresses.push((name, u64::from(u32::from_ne_bytes(length[..4].try_into().unwrap_or_default()))));
            }
        }
        self.sends(call, &addresses, false)
    }

    /// Something is sent to addresses, or connected with one.
    fn sends(&mut self, call: &WaitingCall, addresses: &[(u64, u64)], connects: bool) -> Answer {
        for &(at, length) in addresses {
            // If the address cannot be read, the kernel reports that itself.
            let Some(address) = Address::read(call.thread(), at, length) else { continue };
            match address {
                Address::Internet(address) if self.allowed.allows(address) => {
                    if connects {
                        return self.connect(call, &address);
                    }
                }
                // This sends nothing: the C library orders addresses by the one that it would send from. A query to a
                // name server begins in the same way, so that this port is an attempt.
                Address::Internet(address) if connects && address.port() != NAME_SERVER_PORT && call.is_datagram() => {
                    return Answer::End(libc::ENETUNREACH);
                }
                Address::Internet(address) => {
                    return self.refuse(call, AttemptKind::Connect, &address.to_string(), libc::ENETUNREACH);
                }
                Address::Path(path) => {
                    let path = resolved(call.thread(), &path);
                    match self.own_socket(call.thread(), &path) {
                        // Connect what was opened, whatever has that path by now.
                        Some(Ok(socket)) if connects => return self.connect_unix(call, &socket),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Answer::End(error.raw_os_error()),
                        // What is not there is no attempt.
                        None if is_absent(call.thread(), &path) || access_rules::is_service_of_machine(&path) => {
                            return Answer::End(libc::ENOENT);
                        }
                        None => {
                            return self.refuse(call, AttemptKind::Connect, &path.to_string_lossy(), libc::EACCES);
                        }
                    }
                }
                Address::Abstract(name) if !self.allowed.own_network => {
                    return self.refuse(call, AttemptKind::Connect, &format!("@{name}"), libc::ECONNREFUSED);
                }
                Address::Abstract(_) | Address::Other => {}
            }
        }
        Answer::Proceed
    }

    /// A Unix socket in a folder of the plugin's own, opened as the process sees it. `None` if it lies elsewhere or is
    /// reached through a link, since the link may lead elsewhere next time.
    fn own_socket(&self, thread: u32, path: &Path) -> Option<rustix::io::Result<OwnedFd>> {
        let inside = |folder: &PathBuf| Some((folder.clone(), path.strip_prefix(folder).ok()?));
        let (folder, rest) = self.allowed.folders.iter().find_map(inside)?;
        let opened = || {
            let a_folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = open(format!("/proc/{thread}/root"), a_folder, Mode::empty())?;
            let folder = openat2(&root, folder, a_folder, Mode::empty(), ResolveFlags::IN_ROOT)?;
            let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            openat2(&folder, rest, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), within)
        };
        match opened() {
            Ok(socket) => Some(Ok(socket)),
            // No such socket exists, here or elsewhere.
            Err(Errno::NOENT) => Some(Err(Errno::NOENT)),
            Err(_) => None,
        }
    }

    /// A socket of the internet begins to listen.
    fn listens(&mut self, call: &WaitingCall) -> Answer {
        let address = call.socket().and_then(|socket| rustix::net::getsockname(&socket).ok());
        let address = address.and_then(|address| SocketAddr::try_from(address).ok());
        match address {
            Some(address) => self.refuse(call, AttemptKind::Listen, &address.to_string(), libc::EACCES),
            None => Answer::Proceed,
        }
    }

    /// Connects the socket of a process with that address. If the process waits for it, [`Self::finish_connections`]
    /// answers: the guardian has one thread, and other calls must not wait too.
    fn connect(&mut self, call: &WaitingCall, address: &impl SocketAddrArg) -> Answer {
        let Some(socket) = call.socket() else { return Answer::End(libc::EPERM) };
        let Ok(flags) = fcntl_getfl(&socket) else { return Answer::End(libc::EPERM) };
        let waits = !flags.contains(OFlags::NONBLOCK);
        if waits {
            let _ = fcntl_setfl(&socket, flags | OFlags::NONBLOCK);
        }
        let result = rustix::net::connect(&socket, address);
        if waits {
            let _ = fcntl_setfl(&socket, flags);
        }
        match result {
            Ok(()) => Answer::End(0),
            Err(Errno::INPROGRESS) if waits => {
                self.connecting.push((socket, call.id()));
                Answer::Later
            }
            Err(error) => Answer::End(error.raw_os_error()),
        }
    }

    /// Connects it with a Unix socket that was opened.
    fn connect_unix(&mut self, call: &WaitingCall, other: &OwnedFd) -> Answer {
        match SocketAddrUnix::new(path_of(other)) {
            Ok(address) => self.connect(call, &address),
            Err(error) => Answer::End(error.raw_os_error()),
        }
    }

    /// The sockets that are being connected: each becomes writable when it is connected or failed.
    pub(in super::super) fn connecting(&self) -> impl Iterator<Item = &OwnedFd> {
        self.connecting.iter().map(|(socket, _)| socket)
    }

    /// Answers for those sockets of [`Self::connecting`], by their index, that are ready.
    pub(in super::super) fn finish_connections(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let listener = &self.listener;
        self.connecting.retain(|(socket, id)| {
            if ready.next() != Some(&true) {
                return true;
            }
            let errno = match rustix::net::sockopt::socket_error(socket) {
                Ok(Ok(())) => 0,
                Ok(Err(error)) | Err(error) => error.raw_os_error(),
            };
            respond(listener, *id, Answer::End(errno));
            false
        });
    }

    /// Refuses an attempt, and notes it unless the audit hook of Python has done so already.
    fn refuse(&mut self, call: &WaitingCall, kind: AttemptKind, target: &str, errno: i32) -> Answer {
        let noted = self.shared.attempts();
        if noted.iter().any(|one| one.kind == kind && one.target == target) {
            return Answer::End(errno);
        }
        let Some(python) = PythonThread::of_caller(call.thread(), self.program) else {
            self.shared.note_attempt(kind, target, "");
            return Answer::End(errno);
        };
        let before = self.fault.size();
        let is_asked = python.ask_for_stack();
        if is_asked && python.is_caller(call.thread()) {
            // The signal has ended the wait. After its handler the thread makes the call again, which waits again.
            let again = self.next_of(call.thread());
            self.shared.note_attempt(kind, target, &self.stack(before, Duration::ZERO));
            if let Some(again) = again {
                respond(&self.listener, again.id(), Answer::End(errno));
                return Answer::Later;
            }
            return Answer::End(errno);
        }
        let stack = if is_asked { self.stack(before, STACK_TIME) } else { String::new() };
        self.shared.note_attempt(kind, target, &stack);
        Answer::End(errno)
    }

    /// The next call of this thread, if it comes soon. Calls of other threads that come first are answered meanwhile.
    fn next_of(&mut self, thread: u32) -> Option<WaitingCall> {
        let begin = Instant::now();
        while let Some(left) = STACK_TIME.checked_sub(begin.elapsed()) {
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&timeout)), Ok(1..)) {
                continue;
            }
            let Some(call) = receive(&self.listener) else { continue };
            if call.thread() == thread {
                return Some(call);
            }
            // Attempts of other threads are not noted while this one is. Starting a process is no attempt.
            let is_start = !matches!(
                call.number(),
                libc::SYS_connect | libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg | libc::SYS_listen
            );
            let answer = if is_start { Answer::Proceed } else { Answer::End(libc::ENETUNREACH) };
            respond(&self.listener, call.id(), answer);
        }
        None
    }

    /// The stack that was written since `before`, if one comes within `time`.
    fn stack(&self, before: u64, time: Duration) -> String {
        let begin = Instant::now();
        let mut size = before;
        loop {
            let now = self.fault.size();
            if now > before && now == size || begin.elapsed() >= time {
                return self.fault.read(before.min(now), now).text;
            }
            size = now;
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A path from the working folder of a process.
fn resolved(thread: u32, path: &Path) -> PathBuf {
    let working_folder = || std::fs::read_link(format!("/proc/{thread}/cwd")).unwrap_or_default();
    access_rules::resolve(path, &if path.is_absolute() { PathBuf::from("/") } else { working_folder() })
}

/// Whether nothing is at this path, as the process sees it.
fn is_absent(thread: u32, path: &Path) -> bool {
    let opened = || {
        let root = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(format!("/proc/{thread}/root"), root, Mode::empty())?;
        openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
    };
    matches!(opened(), Err(Errno::NOENT | Errno::NOTDIR))
}
