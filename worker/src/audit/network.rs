//! The network: addresses that are not open to the plugin, and names.
//!
//! Lets pass on purpose: what is bound to port 0, which nobody can know of and which libraries do to see what the machine
//! speaks; and sockets of families that reach nobody, a pair of them included.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use hookstorm::{
    runtime::{
        Network,
        sandbox::{Protection, access_rules},
    },
    trace::AttemptKind,
};
use pyo3::{ffi::PyObject, prelude::*};

use super::{
    Refusal, Watch,
    methods::family,
    object::{Arguments, Held},
};

/// What is raised where no resolver answers, as it was before a plugin could change it.
pub(super) struct Errors {
    pub(super) resolver: *mut PyObject,
    pub(super) reverse: *mut PyObject,
}

impl Errors {
    pub(super) fn of(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("_socket")?;
        let get = |name| Ok::<_, PyErr>(module.getattr(name)?.into_ptr());
        Ok(Self { resolver: get("gaierror")?, reverse: get("herror")? })
    }
}

/// Judges an event of sockets.
pub(super) fn judge(watch: &Watch, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    if event == b"socket.bind" || event == b"socket.connect" || event.starts_with(b"socket.send") {
        let listens = event == b"socket.bind";
        return match family(arguments.get(0)?)? {
            libc::AF_INET | libc::AF_INET6 => internet(watch, arguments.get(1)?.items()?, listens),
            libc::AF_UNIX => local(watch, arguments.get(1)?, listens),
            _ => None,
        };
    }
    if matches!(watch.network, Network::Open) {
        return None;
    }
    match event {
        b"socket.getaddrinfo" => name(watch, arguments.get(0)?, arguments.get(1)),
        b"socket.gethostbyname" => name(watch, arguments.get(0)?, None),
        b"socket.gethostbyaddr" => reverse(watch, &arguments.get(0)?.text()?).map(|()| Refusal::Unnamed),
        _ => None,
    }
}

/// An address is connected to, sent to or bound.
fn internet(watch: &Watch, address: Arguments, listens: bool) -> Option<Refusal> {
    let host = address.get(0)?.text()?;
    let port = u16::try_from(address.get(1)?.number()?).ok()?;
    if matches!(watch.network, Network::Open) || (listens && port == 0) {
        return None;
    }
    let host = match host.as_str() {
        "" => "0.0.0.0",
        "<broadcast>" => "255.255.255.255",
        host => host,
    };
    let is_open = match host.parse::<IpAddr>() {
        Ok(address) => watch.network.reaches(address, port),
        Err(_) => watch.network.destinations().iter().any(|known| known.port == port && known.host == host),
    };
    if is_open && !listens {
        return None;
    }
    let kind = if listens { AttemptKind::Listen } else { AttemptKind::Connect };
    watch.note(kind, &with_port(host, port));
    watch.missing.has(Protection::Network).then_some(Refusal::Unreachable)
}

/// A Unix socket outside of the plugin's folders is connected to or bound. What has no path is in a namespace of its own.
fn local(watch: &Watch, address: Held, listens: bool) -> Option<Refusal> {
    let bytes = address.bytes().filter(|bytes| !matches!(bytes.first(), None | Some(0)))?;
    let path = Path::new(std::ffi::OsStr::from_bytes(&bytes));
    let path = access_rules::resolve(path, &std::env::current_dir().ok()?);
    if !watch.access.may_write(&path) && (listens || path.symlink_metadata().is_ok()) {
        let kind = if listens { AttemptKind::Listen } else { AttemptKind::Connect };
        watch.note(kind, &path.to_string_lossy());
        return watch.missing.has(Protection::Calls).then_some(Refusal::Denied(address.as_ptr()));
    }
    None
}

/// A host is looked for by its name.
pub(super) fn name(watch: &Watch, host: Held, port: Option<Held>) -> Option<Refusal> {
    let host = host.text().filter(|host| !is_address(host))?;
    if watch.network.resolves(&host) {
        return None;
    }
    // In every run the same, whatever the machine is called.
    let host = if is_own(&host) { "<hostname>".to_owned() } else { host };
    let port = port.and_then(|port| port.number().map(|number| number.to_string()).or_else(|| port.text()));
    match port.filter(|port| !port.is_empty() && port != "0") {
        Some(port) => watch.note(AttemptKind::Resolve, &format!("{host}:{port}")),
        None => watch.note(AttemptKind::Resolve, &host),
    }
    Some(Refusal::Unresolved)
}

/// A name is looked for by an address, or by another name. Who asks for the machine's own full name, as `socket.getfqdn`
/// does, asks nobody else for anything: that is refused as well, so that the answer does not depend on the machine, but it
/// is no attempt.
pub(super) fn reverse(watch: &Watch, host: &str) -> Option<()> {
    if watch.network.resolves(host) || watch.network.destinations().iter().any(|known| is_one_of(host, known)) {
        return None;
    }
    if !is_own(host) {
        watch.note(AttemptKind::Resolve, host);
    }
    Some(())
}

/// Whether a name is this machine's.
fn is_own(host: &str) -> bool {
    std::fs::read_to_string("/proc/sys/kernel/hostname").is_ok_and(|own| own.trim() == host)
}

fn is_one_of(host: &str, known: &hookstorm::runtime::Destination) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| known.addresses.contains(&address.to_canonical()))
}

/// Whether a host is told as an address, or not at all, and so is not looked up.
pub(super) fn is_address(host: &str) -> bool {
    let is_number = |part: &str| {
        let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        match digits {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
        }
    };
    matches!(host, "" | "<broadcast>")
        || host.parse::<Ipv4Addr>().is_ok()
        || host.split('%').next().is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        // As C has read addresses for ever: `127.1`, `0x7f000001`.
        || (host.split('.').count() <= 4 && host.split('.').all(is_number))
}

/// `address:port`, the address in brackets where it has colons of its own.
fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
