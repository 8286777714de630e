//! Sees what a plugin tries from Python, with its line: a hook on the interpreter's own audit events, which no Python
//! can take away.
//!
//! Notes what the sandbox does not allow, and refuses what can be refused better here than by the kernel: names are not
//! resolved, as on a machine without a resolver, and what the kernel lets through because it lacks a protection is
//! refused here. It is the one who tells, not the one who holds: what is not Python passes it by. Nothing of the plugin's
//! is called, and while nothing of the plugin's runs nothing is looked at. An event that concerns nobody costs a few
//! nanoseconds; most of them are such.

mod files;
mod methods;
mod network;
mod object;
mod signals;
pub(crate) mod stack;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    sync::atomic::{AtomicPtr, Ordering},
};

use hookstorm::{
    runtime::{
        Network,
        protocol::{control::LoadRequest, shared::Shared},
        sandbox::{AccessRules, Confinement, MissingProtections},
    },
    trace::AttemptKind,
};
use pyo3::{
    ffi::{self, PyObject},
    prelude::*,
};

use crate::Descriptors;
use object::Arguments;
pub(crate) use signals::is_own_from_here;

/// What CPython calls at each of its events, attached, with the event's name and a tuple of its arguments.
pub(crate) type Hook = unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int;

unsafe extern "C" {
    fn PySys_AddAuditHook(hook: Hook, data: *mut c_void) -> c_int;
}

/// Has CPython call `hook`, which nobody can take away again.
pub(crate) fn add(py: Python<'_>, hook: Hook) -> PyResult<()> {
    // SAFETY: this thread is attached, and the function has the type that CPython calls.
    match unsafe { PySys_AddAuditHook(hook, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// What attempts are measured by. Taken before the plugin's first line, since a plugin can write over shared memory.
struct Watch {
    shared: Shared,
    network: Network,
    missing: MissingProtections,
    access: AccessRules,
    /// The package's root and the scratch folder, whose paths are other ones in each run.
    root: String,
    scratch: String,
    errors: network::Errors,
}

/// The watch of this process; null where nothing is watched. It is never given back.
static WATCH: AtomicPtr<Watch> = AtomicPtr::new(std::ptr::null_mut());

/// Why an event does not come about.
enum Refusal {
    /// No resolver answers.
    Unresolved,
    /// No resolver answers who asks for an address's name.
    Unnamed,
    /// There is no network.
    Unreachable,
    /// A path that belongs to somebody else.
    Denied(*mut PyObject),
    /// A process that belongs to somebody else.
    NotPermitted,
}

/// Watches what the plugin that `request` describes will try.
pub(crate) fn install(
    py: Python<'_>,
    descriptors: &Descriptors,
    confinement: Confinement,
    missing: MissingProtections,
    request: &LoadRequest,
    access: AccessRules,
) -> PyResult<()> {
    let network = if confinement.is_closed() {
        Network::Closed
    } else if confinement.is_limited() {
        Network::Only(request.destinations.clone())
    } else {
        Network::Open
    };
    let watch = Watch {
        shared: descriptors.shared.again()?,
        network,
        missing,
        access,
        root: request.root.to_string_lossy().into_owned(),
        scratch: request.scratch.to_string_lossy().into_owned(),
        errors: network::Errors::of(py)?,
    };
    is_own_from_here();
    methods::prepare(py, !matches!(watch.network, Network::Open))?;
    WATCH.store(Box::leak(Box::new(watch)), Ordering::Release);
    add(py, hook)
}

/// The watch, while something of the plugin's runs.
fn watching() -> Option<&'static Watch> {
    // SAFETY: null, or what was leaked and so lives for ever.
    let watch = unsafe { WATCH.load(Ordering::Acquire).as_ref() }?;
    (watch.shared.header().since_ns.load(Ordering::Relaxed) != 0).then_some(watch)
}

/// What CPython calls at each event.
unsafe extern "C" fn hook(event: *const c_char, arguments: *mut PyObject, _: *mut c_void) -> c_int {
    // SAFETY: an event's name is a C string, of which the second byte is there where the first is not its end.
    let is_of_interest = unsafe {
        match *event as u8 {
            b'o' => matches!(*event.add(1) as u8, b'p' | b's'),
            b's' => matches!(*event.add(1) as u8, b'o' | b'q'),
            _ => false,
        }
    };
    if !is_of_interest {
        return 0;
    }
    let Some(watch) = watching() else { return 0 };
    // SAFETY: as above; CPython calls this on an attached thread with a tuple that it holds, or with null.
    let (event, arguments) = unsafe { (CStr::from_ptr(event).to_bytes(), Arguments::of(arguments)) };
    let Some(arguments) = arguments else { return 0 };
    let refusal = match event.split(|&byte| byte == b'.').next() {
        Some(b"socket") => network::judge(watch, event, arguments),
        Some(b"os") if event.starts_with(b"os.kill") => signals::judge(watch, event, arguments),
        _ => files::judge(watch, event, arguments),
    };
    match refusal {
        None => 0,
        Some(refusal) => {
            watch.raise(refusal);
            -1
        }
    }
}

impl Watch {
    /// Notes an attempt, with the stack of this moment.
    fn note(&self, kind: AttemptKind, target: &str) {
        let named = [(&self.scratch, "<scratch>"), (&self.root, "<package>")]
            .into_iter()
            .filter(|(folder, _)| folder.len() > 1)
            .find_map(|(folder, name)| {
                let inside = target.strip_prefix(folder.as_str())?;
                (inside.is_empty() || inside.starts_with('/')).then(|| format!("{name}{inside}"))
            });
        self.shared.note_attempt(kind, named.as_deref().unwrap_or(target), &stack::written(&self.root));
    }

    /// Sets the exception that a refusal is.
    fn raise(&self, refusal: Refusal) {
        // SAFETY: hooks and methods run on an attached thread; the types are those of the interpreter itself, whose
        // constructors are C. The path is held by the event's arguments.
        unsafe {
            match refusal {
                Refusal::Unresolved => {
                    object::raise(self.errors.resolver, libc::EAI_AGAIN, c"Temporary failure in name resolution", None);
                }
                Refusal::Unnamed => object::raise(self.errors.reverse, 2, c"Host name lookup failure", None),
                Refusal::Unreachable => {
                    object::raise(ffi::PyExc_OSError, libc::ENETUNREACH, c"Network is unreachable", None);
                }
                Refusal::Denied(path) => {
                    object::raise(ffi::PyExc_PermissionError, libc::EACCES, c"Permission denied", Some(path));
                }
                Refusal::NotPermitted => {
                    object::raise(ffi::PyExc_PermissionError, libc::EPERM, c"Operation not permitted", None);
                }
            }
        }
    }
}
