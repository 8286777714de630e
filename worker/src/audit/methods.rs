//! Names that C code resolves before its audit event: `connect`, `bind` and `sendto` with the name of a host, and the
//! name of an address. So the functions behind these methods of `_socket` are replaced by functions that look at the
//! address first. Python sees the same objects as before.

use std::{ffi::c_int, sync::OnceLock};

use pyo3::{
    exceptions::PyRuntimeError,
    ffi::{self, PyObject},
    prelude::*,
    types::PyModule,
};

use super::{
    auditor::{Auditor, Refusal, active},
    network,
    object::{Arguments, Object},
};

/// The class `_socket.socket`.
struct SocketClass(*mut ffi::PyTypeObject);

// SAFETY: the class lives for ever and is used on attached threads only.
unsafe impl Send for SocketClass {}
// SAFETY: as above.
unsafe impl Sync for SocketClass {}

static SOCKET: OnceLock<SocketClass> = OnceLock::new();

/// The beginning of a socket object. `socketmodule.h` has it in every version, for other modules to read.
#[repr(C)]
struct Socket {
    base: PyObject,
    descriptor: c_int,
    family: c_int,
}

/// The family of a socket.
pub(super) fn family(socket: Object) -> Option<c_int> {
    let class = SOCKET.get()?;
    // SAFETY: the object is alive, and it is read as a socket only if its class is that one or a subclass of it.
    unsafe {
        let is_one = ffi::PyType_IsSubtype(ffi::Py_TYPE(socket.as_ptr()), class.0) != 0;
        is_one.then(|| (*socket.as_ptr().cast::<Socket>()).family)
    }
}

/// The original functions.
static ORIGINAL: [OnceLock<ffi::PyCFunction>; 5] = [const { OnceLock::new() }; 5];
const CONNECT: usize = 0;
const CONNECT_EX: usize = 1;
const BIND: usize = 2;
const SENDTO: usize = 3;
const NAME_OF: usize = 4;

/// Looks up the class of sockets, and replaces the functions if `replaces`. A function that this interpreter defines
/// otherwise stays.
pub(super) fn prepare(py: Python<'_>, replaces: bool) -> PyResult<()> {
    let module = PyModule::import(py, "_socket")?;
    let class = module.getattr("socket")?;
    // SAFETY: the object is a class, which lives for ever, since its reference is never released.
    unsafe {
        if ffi::PyType_Check(class.as_ptr()) == 0 {
            return Err(PyRuntimeError::new_err("`_socket.socket` is no class"));
        }
        let _ = SOCKET.set(SocketClass(class.clone().into_ptr().cast()));
    }
    if !replaces {
        return Ok(());
    }
    let methods: [(&str, usize, c_int, ffi::PyCFunction); 4] = [
        ("connect", CONNECT, ffi::METH_O, at_address::<CONNECT>),
        ("connect_ex", CONNECT_EX, ffi::METH_O, at_address::<CONNECT_EX>),
        ("bind", BIND, ffi::METH_O, at_address::<BIND>),
        ("sendto", SENDTO, ffi::METH_VARARGS, at_address::<SENDTO>),
    ];
    for (name, place, flags, function) in methods {
        let method = class.getattr(name)?;
        // SAFETY: the object is read as a method in C only if its type is that of one.
        unsafe {
            if ffi::Py_TYPE(method.as_ptr()) == &raw mut ffi::PyMethodDescr_Type {
                exchange((*method.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method, place, flags, function);
            }
        }
    }
    let name_of = module.getattr("getnameinfo")?;
    // SAFETY: the object is read as a function in C only if its type is that of one.
    unsafe {
        if ffi::PyCFunction_CheckExact(name_of.as_ptr()) != 0 {
            let definition = (*name_of.as_ptr().cast::<ffi::PyCFunctionObject>()).m_ml;
            exchange(definition, NAME_OF, ffi::METH_VARARGS, name_of_address);
        }
    }
    Ok(())
}

/// Puts `function` into a definition of that calling convention.
///
/// # Safety
/// The definition must be alive for ever, and the thread attached.
unsafe fn exchange(definition: *mut ffi::PyMethodDef, place: usize, flags: c_int, function: ffi::PyCFunction) {
    // SAFETY: the definition is a static of the module, which is not const; with those flags it has such a function.
    unsafe {
        if (*definition).ml_flags == flags && ORIGINAL[place].set((*definition).ml_meth.PyCFunction).is_ok() {
            (*definition).ml_meth = ffi::PyMethodDefPointer { PyCFunction: function };
        }
    }
}

/// A method of a socket with an address: its only argument, or the last one of a tuple.
unsafe extern "C" fn at_address<const PLACE: usize>(socket: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this as it called the original: with living objects, on an attached thread.
    unsafe {
        if let Some(auditor) = active() {
            let refusal = refuses::<PLACE>(auditor, socket, argument);
            if let Some(refusal) = refusal {
                auditor.raise(refusal);
                return std::ptr::null_mut();
            }
        }
        call_original(PLACE, socket, argument)
    }
}

/// The refusal of a call with the name of a host that the plugin may not resolve.
///
/// # Safety
/// Both must be alive, and the thread attached.
unsafe fn refuses<const PLACE: usize>(
    auditor: &Auditor,
    socket: *mut PyObject,
    argument: *mut PyObject,
) -> Option<Refusal> {
    // SAFETY: the caller promises it.
    let (socket, argument) = unsafe { (Object::of(socket), Object::of(argument)) };
    if !matches!(family(socket)?, libc::AF_INET | libc::AF_INET6) {
        return None;
    }
    let address = match PLACE {
        SENDTO => {
            let arguments = argument.items()?;
            arguments.get(arguments.len().checked_sub(1)?)?
        }
        _ => argument,
    };
    let address = address.items()?;
    network::name(auditor, address.get(0)?, address.get(1))
}

/// `getnameinfo(sockaddr, flags)`.
unsafe extern "C" fn name_of_address(module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this as it called the original: with living objects, on an attached thread.
    unsafe {
        if let Some(auditor) = active()
            && let Some(given) = Arguments::of(arguments)
            && let Some(flags) = given.get(1).and_then(Object::number)
            && flags & i64::from(libc::NI_NUMERICHOST) == 0
            && let Some(host) = given.get(0).and_then(|address| address.items()?.get(0)?.text())
            && network::reverse(auditor, &host).is_some()
        {
            auditor.raise(Refusal::Unresolved);
            return std::ptr::null_mut();
        }
        call_original(NAME_OF, module, arguments)
    }
}

/// Calls the original.
///
/// # Safety
/// Both must be alive, and the thread attached.
unsafe fn call_original(place: usize, owner: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    match ORIGINAL[place].get() {
        // SAFETY: the caller promises it; CPython would have called this function.
        Some(original) => unsafe { original(owner, argument) },
        None => std::ptr::null_mut(),
    }
}
