//! The network: addresses that the plugin may not reach, and names.
//!
//! It allows on purpose: binding to port 0, which no peer can know, and which libraries do to see what the machine
//! supports; and sockets of families that reach no peer, such as a socket pair.

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
    auditor::{Auditor, Refusal},
    methods::family,
    object::{Arguments, Object},
};

/// The exceptions for a resolver that does not answer, read before a plugin could change them.
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
pub(super) fn judge(auditor: &Auditor, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    if event == b"socket.bind" || event == b"socket.connect" || event.starts_with(b"socket.send") {
        let listens = event == b"socket.bind";
        return match family(arguments.get(0)?)? {
            libc::AF_INET | libc::AF_INET6 => internet(auditor, arguments.get(1)?.items()?, listens),
            libc::AF_UNIX => local(auditor, arguments.get(1)?, listens),
            _ => None,
        };
    }
    if matches!(auditor.network, Network::Open) {
        return None;
    }
    match event {
        b"socket.getaddrinfo" => name(auditor, arguments.get(0)?, arguments.get(1)),
        b"socket.gethostbyname" => name(auditor, arguments.get(0)?, None),
        b"socket.gethostbyaddr" => reverse(auditor, &arguments.get(0)?.text()?).map(|()| Refusal::Unnamed),
        _ => None,
    }
}

/// The plugin connects to an address, sends to it or binds it.
fn internet(auditor: &Auditor, address: Arguments, listens: bool) -> Option<Refusal> {
    let host = address.get(0)?.text()?;
    let port = u16::try_from(address.get(1)?.number()?).ok()?;
    if matches!(auditor.network, Network::Open) || (listens && port == 0) {
        return None;
    }
    let host = match host.as_str() {
        "" => "0.0.0.0",
        "<broadcast>" => "255.255.255.255",
        host => host,
    };
    let is_open = match host.parse::<IpAddr>() {
        Ok(address) => auditor.network.reaches(address, port),
        Err(_) => auditor.network.destinations().iter().any(|known| known.port == port && known.host == host),
    };
    if is_open && !listens {
        return None;
    }
    let kind = if listens { AttemptKind::Listen } else { AttemptKind::Connect };
    auditor.note(kind, &with_port(host, port));
    auditor.missing.has(Protection::Network).then_some(Refusal::Unreachable)
}

/// The plugin connects to a Unix socket or binds one. One without a path is in the plugin's own namespace.
fn local(auditor: &Auditor, address: Object, listens: bool) -> Option<Refusal> {
    let bytes = address.bytes().filter(|bytes| !matches!(bytes.first(), None | Some(0)))?;
    let path = Path::new(std::ffi::OsStr::from_bytes(&bytes));
    let path = access_rules::resolve(path, &std::env::current_dir().ok()?);
    if !listens && access_rules::is_service_of_machine(&path) {
        // Without a supervisor it would be reached.
        return auditor.missing.has(Protection::Calls).then_some(Refusal::Absent(address.as_ptr()));
    }
    if !auditor.access.may_write(&path) && (listens || path.symlink_metadata().is_ok()) {
        let kind = if listens { AttemptKind::Listen } else { AttemptKind::Connect };
        auditor.note(kind, &path.to_string_lossy());
        return auditor.missing.has(Protection::Calls).then_some(Refusal::Denied(address.as_ptr()));
    }
    None
}

/// The plugin looks up a host by its name.
pub(super) fn name(auditor: &Auditor, host: Object, port: Option<Object>) -> Option<Refusal> {
    let host = host.text().filter(|host| !is_address(host))?;
    if auditor.network.resolves(&host) {
        return None;
    }
    // The same in every run, whatever the machine's name is.
    let host = if is_own(&host) { "<hostname>".to_owned() } else { host };
    let port = port.and_then(|port| port.number().map(|number| number.to_string()).or_else(|| port.text()));
    match port.filter(|port| !port.is_empty() && port != "0") {
        Some(port) => auditor.note(AttemptKind::Resolve, &format!("{host}:{port}")),
        None => auditor.note(AttemptKind::Resolve, &host),
    }
    Some(Refusal::Unresolved)
}

/// The plugin looks up the name of an address, or of another name. A query for the machine's own full name, as by
/// `socket.getfqdn`, reaches no other machine: it is refused too, so that the answer does not depend on the machine,
/// but it is no attempt.
pub(super) fn reverse(auditor: &Auditor, host: &str) -> Option<()> {
    if auditor.network.resolves(host) {
        return None;
    }
    if !is_own(host) {
        auditor.note(AttemptKind::Resolve, host);
    }
    Some(())
}

/// Whether a name is the name of this machine.
fn is_own(host: &str) -> bool {
    std::fs::read_to_string("/proc/sys/kernel/hostname").is_ok_and(|own| own.trim() == host)
}

/// Whether a host is an address or empty, so that it is not looked up.
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
        // The old forms of C: `127.1`, `0x7f000001`.
        || (host.split('.').count() <= 4 && host.split('.').all(is_number))
}

/// `address:port`, the address in brackets where it has colons of its own.
fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
