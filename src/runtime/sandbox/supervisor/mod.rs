//! Looks from outside at calls of the kernel that wait for it: lets them go on, refuses them, or makes them itself; and
//! notes what was tried, with the place in the plugin where that can be had.
//!
//! What a process shows of its memory can change after it was looked at. So no connection to the network is made by the
//! call itself: the supervisor connects the socket, to the address that it has read. Only datagrams go on.

mod address;
mod attribution;

use std::{
    io,
    mem::MaybeUninit,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, ResolveFlags, fcntl_getfl, fcntl_setfl, open, openat2},
    io::Errno,
    net::{SocketAddrUnix, addr::SocketAddrArg},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal},
};
use serde::{Deserialize, Serialize};

use self::{address::Address, attribution::Attribution};
use super::{access_rules, limits::PROCESSES, namespaces::path_of};
use crate::{
    runtime::{
        Destination,
        protocol::shared::{Capture, Shared},
    },
    trace::AttemptKind,
};

/// How long it may take until a process has written down where it is. It takes a few milliseconds, and longer only where
/// the machine has more to do than it can.
const STACK: Duration = Duration::from_millis(500);

/// The port at which servers of names listen.
const NAMES: u16 = 53;

/// What may be reached.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Allowed {
    /// Destinations on the network.
    pub destinations: Vec<Destination>,
    /// Folders below which Unix sockets are the plugin's own.
    pub folders: Vec<PathBuf>,
    /// Whether the network is the worker's own, with nobody else in it.
    pub own_network: bool,
}

impl Allowed {
    fn allows(&self, address: SocketAddr) -> bool {
        self.destinations.iter().any(|one| one.is_at(address.ip(), address.port())) || self.asks_for_names(address)
    }

    /// Whether this is a server of names, and a destination is a name: then its addresses are asked for.
    fn asks_for_names(&self, address: SocketAddr) -> bool {
        address.port() == NAMES
            && self.destinations.iter().any(Destination::is_name)
            && name_servers().contains(&address.ip().to_canonical())
    }
}

fn name_servers() -> Vec<IpAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.filter_map(|rest| rest.trim().split('%').next()?.parse().ok()).collect()
}

/// What becomes of a call.
enum Answer {
    /// It goes on.
    GoOn,
    /// It ends with this `errno`.
    Refuse(i32),
    /// It was made.
    Done,
    /// Somebody else answers.
    Later,
}

/// The supervisor.
#[derive(Debug)]
pub struct Supervisor<'a> {
    listener: OwnedFd,
    shared: &'a Shared,
    fault: &'a Capture,
    allowed: Allowed,
    /// How many processes were started since when.
    started: (u64, u32),
    /// Sockets that are being connected, and the calls that wait for it.
    connecting: Vec<(OwnedFd, u64)>,
}

impl<'a> Supervisor<'a> {
    /// One that listens there.
    pub fn new(listener: OwnedFd, shared: &'a Shared, fault: &'a Capture, allowed: Allowed) -> Self {
        /// Wakes up who waits on the same processor: a call that waits costs half of it otherwise. Since Linux 6.6.
        const SYNC_WAKE_UP: libc::c_ulong = 1;
        // SAFETY: a flag of that descriptor; a kernel that does not know it refuses.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        Self { listener, shared, fault, allowed, started: (0, 0), connecting: Vec::new() }
    }

    /// What it listens at.
    pub fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Takes the call that waits, and answers it.
    pub fn answer(&mut self) {
        let Some(call) = receive(&self.listener) else { return };
        let answer = self.judge(&call);
        match answer {
            Answer::GoOn => respond(&self.listener, call.id, Err(0)),
            Answer::Refuse(errno) => respond(&self.listener, call.id, Ok(-errno)),
            Answer::Done => respond(&self.listener, call.id, Ok(0)),
            Answer::Later => {}
        }
    }

    fn judge(&mut self, call: &libc::seccomp_notif) -> Answer {
        let arguments = call.data.args;
        match i64::from(call.data.nr) {
            libc::SYS_connect => self.sends(call, &[(arguments[1], arguments[2])], true),
            libc::SYS_sendto => self.sends(call, &[(arguments[4], arguments[5])], false),
            libc::SYS_sendmsg => self.sends_message(call, 1, 0),
            // A header is followed by the count of bytes that were sent, and by four that fill it up.
            libc::SYS_sendmmsg => self.sends_message(call, arguments[2], size_of::<libc::msghdr>() as u64 + 8),
            libc::SYS_listen => self.listens(call),
            _ => self.starts(call),
        }
    }

    /// A process is to be started.
    fn starts(&mut self, call: &libc::seccomp_notif) -> Answer {
        let since_ns = self.shared.header().since_ns.load(Ordering::Acquire);
        if self.started.0 != since_ns {
            self.started = (since_ns, 0);
        }
        self.started.1 += u32::from(since_ns != 0);
        if self.started.1 <= PROCESSES {
            return Answer::GoOn;
        }
        self.note(call, AttemptKind::Start, &format!("more than {PROCESSES} processes"), libc::EAGAIN)
    }

    /// Messages are to be sent, whose headers lie in a row.
    fn sends_message(&mut self, call: &libc::seccomp_notif, count: u64, stride: u64) -> Answer {
        let mut addresses = Vec::new();
        for number in 0..count.min(1024) {
            let Some(header) = address::bytes(call.pid, call.data.args[1] + number * stride, 16) else {
                return Answer::GoOn;
            };
            let (name, length) = header.split_at(8);
            let name = u64::from_ne_bytes(name.try_into().unwrap_or_default());
            if name != 0 {
                addresses.push((name, u64::from(u32::from_ne_bytes(length[..4].try_into().unwrap_or_default()))));
            }
        }
        self.sends(call, &addresses, false)
    }

    /// Something is to be sent to addresses, or connected with one.
    fn sends(&mut self, call: &libc::seccomp_notif, addresses: &[(u64, u64)], connects: bool) -> Answer {
        for &(at, length) in addresses {
            // The kernel says itself what is wrong with one that cannot be read.
            let Some(address) = Address::read(call.pid, at, length) else { continue };
            match address {
                Address::Internet(address) if self.allowed.allows(address) => {
                    if connects {
                        return self.connect(call, &address);
                    }
                }
                // It sends nothing: the C library orders addresses by what it would send from. Who asks a server of names
                // begins so too.
                Address::Internet(address) if connects && address.port() != NAMES && is_datagram(call) => {
                    return Answer::Refuse(libc::ENETUNREACH);
                }
                Address::Internet(address) => {
                    return self.note(call, AttemptKind::Connect, &address.to_string(), libc::ENETUNREACH);
                }
                Address::Path(path) => {
                    let whole = whole(call.pid, &path);
                    match self.own_socket(call.pid, &whole) {
                        // By what was opened, whatever has that name by now.
                        Some(Ok(socket)) if connects => return self.connect_with(call, &socket),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Answer::Refuse(error.raw_os_error()),
                        None if is_asked_by_libraries(&whole) => return Answer::Refuse(libc::ENOENT),
                        None => {
                            return self.note(call, AttemptKind::Connect, &whole.to_string_lossy(), libc::EACCES);
                        }
                    }
                }
                Address::Abstract(name) if !self.allowed.own_network => {
                    return self.note(call, AttemptKind::Connect, &format!("@{name}"), libc::ECONNREFUSED);
                }
                Address::Abstract(_) | Address::Other => {}
            }
        }
        Answer::GoOn
    }

    /// A Unix socket in a folder of the plugin's own, opened as the process sees it; `None` for one that lies elsewhere,
    /// or that a link leads to: nobody knows where such a one leads next.
    fn own_socket(&self, pid: u32, path: &Path) -> Option<rustix::io::Result<OwnedFd>> {
        let inside = |folder: &PathBuf| Some((folder.clone(), path.strip_prefix(folder).ok()?));
        let (folder, rest) = self.allowed.folders.iter().find_map(inside)?;
        let opened = || {
            let a_folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = open(format!("/proc/{pid}/root"), a_folder, Mode::empty())?;
            let folder = openat2(&root, folder, a_folder, Mode::empty(), ResolveFlags::IN_ROOT)?;
            let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            openat2(&folder, rest, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), within)
        };
        match opened() {
            Ok(socket) => Some(Ok(socket)),
            // What is not there is nobody's.
            Err(Errno::NOENT) => Some(Err(Errno::NOENT)),
            Err(_) => None,
        }
    }

    /// A socket of the internet is to be listened at.
    fn listens(&mut self, call: &libc::seccomp_notif) -> Answer {
        let address = socket_of(call).and_then(|socket| rustix::net::getsockname(&socket).ok());
        let address = address.and_then(|address| SocketAddr::try_from(address).ok());
        match address {
            Some(address) => self.note(call, AttemptKind::Listen, &address.to_string(), libc::EACCES),
            None => Answer::GoOn,
        }
    }

    /// Connects the socket of a process with that address. Where the process waits for it, the answer comes with
    /// [`Self::connected`]: this process cannot have threads, and others are not to wait too.
    fn connect(&mut self, call: &libc::seccomp_notif, address: &impl SocketAddrArg) -> Answer {
        let Some(socket) = socket_of(call) else { return Answer::Refuse(libc::EPERM) };
        let Ok(flags) = fcntl_getfl(&socket) else { return Answer::Refuse(libc::EPERM) };
        let waits = !flags.contains(OFlags::NONBLOCK);
        if waits {
            let _ = fcntl_setfl(&socket, flags | OFlags::NONBLOCK);
        }
        let result = rustix::net::connect(&socket, address);
        if waits {
            let _ = fcntl_setfl(&socket, flags);
        }
        match result {
            Ok(()) => Answer::Done,
            Err(Errno::INPROGRESS) if waits => {
                self.connecting.push((socket, call.id));
                Answer::Later
            }
            Err(error) => Answer::Refuse(error.raw_os_error()),
        }
    }

    /// The same with a Unix socket that was opened.
    fn connect_with(&mut self, call: &libc::seccomp_notif, other: &OwnedFd) -> Answer {
        match SocketAddrUnix::new(path_of(other)) {
            Ok(address) => self.connect(call, &address),
            Err(error) => Answer::Refuse(error.raw_os_error()),
        }
    }

    /// The sockets that are being connected: each can be written to when it is.
    pub fn connecting(&self) -> impl Iterator<Item = &OwnedFd> {
        self.connecting.iter().map(|(socket, _)| socket)
    }

    /// Answers for those sockets of [`Self::connecting`], by their places, that are connected, or cannot be.
    pub fn connected(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let listener = &self.listener;
        self.connecting.retain(|(socket, id)| {
            if ready.next() != Some(&true) {
                return true;
            }
            let error = match rustix::net::sockopt::socket_error(socket) {
                Ok(Ok(())) => 0,
                Ok(Err(error)) | Err(error) => error.raw_os_error(),
            };
            respond(listener, *id, Ok(-error));
            false
        });
    }

    /// Notes what was tried, unless Python has said it already, and refuses it.
    fn note(&mut self, call: &libc::seccomp_notif, kind: AttemptKind, target: &str, errno: i32) -> Answer {
        let noted = self.shared.attempts();
        if noted.iter().any(|one| one.kind == kind && one.target == target) {
            return Answer::Refuse(errno);
        }
        let Some(witness) = Attribution::who_answers(call.pid) else {
            self.shared.note_attempt(kind, target, "");
            return Answer::Refuse(errno);
        };
        let before = self.fault.size();
        let is_asked = witness.ask();
        if is_asked && witness.is_caller(call.pid) {
            // The signal has ended the wait; after its handler the call is made again, and waits again.
            let again = self.next_of(call.pid);
            self.shared.note_attempt(kind, target, &self.stack(before, Duration::ZERO));
            if let Some(again) = again {
                respond(&self.listener, again.id, Ok(-errno));
                return Answer::Later;
            }
            return Answer::Refuse(errno);
        }
        let stack = if is_asked { self.stack(before, STACK) } else { String::new() };
        self.shared.note_attempt(kind, target, &stack);
        Answer::Refuse(errno)
    }

    /// The next call that this thread makes, if it comes soon. Others that come first are let go on or refused meanwhile.
    fn next_of(&mut self, pid: u32) -> Option<libc::seccomp_notif> {
        let begin = std::time::Instant::now();
        while let Some(left) = STACK.checked_sub(begin.elapsed()) {
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&timeout)), Ok(1..)) {
                continue;
            }
            let Some(call) = receive(&self.listener) else { continue };
            if call.pid == pid {
                return Some(call);
            }
            // Nobody else's attempt is told while one is being told; a process that is started is nobody's attempt.
            let is_start = !matches!(
                i64::from(call.data.nr),
                libc::SYS_connect | libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg | libc::SYS_listen
            );
            respond(&self.listener, call.id, if is_start { Err(0) } else { Ok(-libc::ENETUNREACH) });
        }
        None
    }

    /// The stack that was written since `before`, if one comes within `time`.
    fn stack(&self, before: u64, time: Duration) -> String {
        let begin = std::time::Instant::now();
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

/// A path as a process means it.
fn whole(pid: u32, path: &Path) -> PathBuf {
    let works_in = || std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    access_rules::resolve(path, &if path.is_absolute() { PathBuf::from("/") } else { works_in() })
}

/// Sockets that the C library looks for by itself, to have names of hosts and users resolved.
fn is_asked_by_libraries(path: &Path) -> bool {
    ["/run/nscd", "/var/run/nscd", "/run/systemd", "/var/run/systemd", "/run/avahi-daemon", "/var/run/avahi-daemon"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// Whether a call is made on a socket for datagrams.
fn is_datagram(call: &libc::seccomp_notif) -> bool {
    let kind = socket_of(call).and_then(|socket| rustix::net::sockopt::socket_type(&socket).ok());
    kind == Some(rustix::net::SocketType::DGRAM)
}

/// A copy of the socket that a call is made on.
fn socket_of(call: &libc::seccomp_notif) -> Option<OwnedFd> {
    let process = attribution::process_of(call.pid)?;
    let process = rustix::process::pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()?;
    let number = i32::try_from(call.data.args[0]).ok()?;
    rustix::process::pidfd_getfd(process.as_fd(), number, PidfdGetfdFlags::empty()).ok()
}

/// The next call that waits.
fn receive(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    let mut call = MaybeUninit::<libc::seccomp_notif>::zeroed();
    // SAFETY: the kernel wants a notification of zeros and writes nothing but one.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, call.as_mut_ptr()) };
    // SAFETY: all zeros are a notification, and so is what the kernel wrote.
    (result == 0).then(|| unsafe { call.assume_init() })
}

/// Ends a call with that result, or lets it go on.
fn respond(listener: &OwnedFd, id: u64, result: Result<i32, i32>) {
    let mut response = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: 0 };
    match result {
        Ok(error) => response.error = error,
        Err(_) => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    }
    // SAFETY: the kernel reads the response. One that nobody waits for any more is refused.
    while unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) } != 0 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// How `Signal` is sent to ask a process where it is.
const ASK: Signal = Signal::USR2;
