//! The audit hook and what it judges by.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    sync::atomic::{AtomicPtr, Ordering},
};

use hookstorm::{
    runtime::{
        Network,
        protocol::{loading::LoadRequest, shared::SharedMemory},
        sandbox::{AccessRules, Confinement, MissingProtections},
    },
    trace::AttemptKind,
};
use pyo3::{
    ffi::{self, PyObject},
    prelude::*,
};

use super::{
    files, methods, network,
    object::{self, Arguments},
    signals::{self, set_own_process},
    stack,
};
use crate::Descriptors;

/// What CPython calls at each event, on an attached thread, with the event's name and a tuple of its arguments.
pub(crate) type Hook = unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int;

unsafe extern "C" {
    fn PySys_AddAuditHook(hook: Hook, data: *mut c_void) -> c_int;
}

/// Adds a hook, which nothing can remove again.
pub(crate) fn add(py: Python<'_>, hook: Hook) -> PyResult<()> {
    // SAFETY: this thread is attached, and the function has the type that CPython calls.
    match unsafe { PySys_AddAuditHook(hook, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// What the events are judged by. It is set up before the plugin's first line, since a plugin can write over shared
/// memory.
pub(super) struct Auditor {
    shared: SharedMemory,
    pub(super) network: Network,
    pub(super) missing: MissingProtections,
    pub(super) access: AccessRules,
    /// The package's root and the scratch folder, whose paths differ from run to run.
    root: String,
    scratch: String,
    errors: network::Errors,
}

/// The auditor of this process; null if there is none. It is never freed.
static AUDITOR: AtomicPtr<Auditor> = AtomicPtr::new(std::ptr::null_mut());

/// Why an event is refused.
pub(super) enum Refusal {
    /// No resolver answers.
    Unresolved,
    /// No resolver answers a query for the name of an address.
    Unnamed,
    /// There is no network.
    Unreachable,
    /// A path outside of the plugin's folders.
    Denied(*mut PyObject),
    /// A path that looks as if nothing were there.
    Absent(*mut PyObject),
    /// A process that is not the plugin's.
    NotPermitted,
}

/// Installs the hook for the plugin that `request` describes.
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
    let auditor = Auditor {
        shared: descriptors.shared.map_again()?,
        network,
        missing,
        access,
        root: request.root.to_string_lossy().into_owned(),
        scratch: request.scratch.to_string_lossy().into_owned(),
        errors: network::Errors::of(py)?,
    };
    set_own_process();
    methods::prepare(py, !matches!(auditor.network, Network::Open))?;
    AUDITOR.store(Box::leak(Box::new(auditor)), Ordering::Release);
    add(py, hook)
}

/// The auditor, while code of the plugin runs.
pub(super) fn active() -> Option<&'static Auditor> {
    // SAFETY: the pointer is null, or points to what was leaked and lives for ever.
    let auditor = unsafe { AUDITOR.load(Ordering::Acquire).as_ref() }?;
    (auditor.shared.header().since_ns.load(Ordering::Relaxed) != 0).then_some(auditor)
}

/// The hook.
unsafe extern "C" fn hook(event: *const c_char, arguments: *mut PyObject, _: *mut c_void) -> c_int {
    // SAFETY: the event's name is a C string, which has a second byte if the first one is not its end.
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
    let Some(auditor) = active() else { return 0 };
    // SAFETY: as above; CPython calls this on an attached thread with a tuple that stays alive, or with null.
    let (event, arguments) = unsafe { (CStr::from_ptr(event).to_bytes(), Arguments::of(arguments)) };
    let Some(arguments) = arguments else { return 0 };
    let refusal = match event.split(|&byte| byte == b'.').next() {
        Some(b"socket") => network::judge(auditor, event, arguments),
        Some(b"os") if event.starts_with(b"os.kill") => signals::judge(auditor, event, arguments),
        _ => files::judge(auditor, event, arguments),
    };
    match refusal {
        None => 0,
        Some(refusal) => {
            auditor.raise(refusal);
            -1
        }
    }
}

impl Auditor {
    /// Notes an attempt, with the current stack.
    pub(super) fn note(&self, kind: AttemptKind, target: &str) {
        let named = [(&self.scratch, "<scratch>"), (&self.root, "<package>")]
            .into_iter()
            .filter(|(folder, _)| folder.len() > 1)
            .find_map(|(folder, name)| {
                let inside = target.strip_prefix(folder.as_str())?;
                (inside.is_empty() || inside.starts_with('/')).then(|| format!("{name}{inside}"))
            });
        self.shared.note_attempt(kind, named.as_deref().unwrap_or(target), &stack::written(&self.root));
    }

    /// Sets the exception for a refusal.
    pub(super) fn raise(&self, refusal: Refusal) {
        // SAFETY: hooks and methods run on an attached thread; the types are the interpreter's own, whose constructors
        // are in C. The event's arguments keep the path alive.
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
                Refusal::Absent(path) => {
                    let class = ffi::PyExc_FileNotFoundError;
                    object::raise(class, libc::ENOENT, c"No such file or directory", Some(path));
                }
                Refusal::NotPermitted => {
                    object::raise(ffi::PyExc_PermissionError, libc::EPERM, c"Operation not permitted", None);
                }
            }
        }
    }
}
