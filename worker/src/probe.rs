//! What instrumented code calls: builtins that count the edges that the plugin's code takes, and do what was in their
//! place.
//!
//! They are raw functions of C's calling convention. One costs some 30 ns, makes no object, and calls only what the
//! original code would have called. An edge is a hash of two numbers of `instrument.py`: that of the call before and
//! that of this one. The first call in a function starts again. Outside of sessions, and in a child that a plugin
//! forked, nothing is counted.

use std::{
    ffi::{CStr, c_int},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use hookstorm::{
    runtime::protocol::{
        loading::LoadRequest,
        shared::{SharedMemory, flag},
        wire::{Writer, record},
    },
    trace::{CmpKind, Edge},
};
use pyo3::{
    ffi::{self, Py_ssize_t, PyObject},
    prelude::*,
    types::PyModule,
};

use crate::{Descriptors, cmp_log, interpreter};

/// Where edges are counted; null while they are not.
static COUNTS_IN: AtomicPtr<SharedMemory> = AtomicPtr::new(std::ptr::null_mut());
/// The mapping that [`COUNTS_IN`] points to while a session runs. It is never unmapped.
static SHARED: AtomicPtr<SharedMemory> = AtomicPtr::new(std::ptr::null_mut());
/// A hash of the last call, for the next one.
static BEFORE: AtomicU32 = AtomicU32::new(0);
/// Whether comparisons are noted.
static COMPARES: AtomicBool = AtomicBool::new(false);

/// The code of `instrument.py`.
const INSTRUMENT: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("instrument.py"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("instrument.py holds a NUL"),
};

/// The instrumentation of the plugin's own code.
pub(crate) struct Instrument<'py> {
    module: Bound<'py, PyModule>,
    /// The class that loads the plugin's own files.
    pub(crate) loader: Bound<'py, PyAny>,
}

impl<'py> Instrument<'py> {
    /// Instruments everything that is imported from the package from now on.
    pub(crate) fn install(py: Python<'py>, descriptors: &Descriptors, request: &LoadRequest) -> PyResult<Self> {
        let shared = Box::leak(Box::new(descriptors.shared.map_again()?));
        SHARED.store(shared, Ordering::Relaxed);
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::pthread_atfork(None, None, Some(stop)) };
        cmp_log::prepare(py)?;
        let builtins = py.import("builtins")?;
        let plain = |&(name, function)| (name, ffi::PyMethodDefPointer { PyCFunctionFast: function }, 0);
        let with_keywords = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call };
        let call = (c"__hookstorm_call__", with_keywords, ffi::METH_KEYWORDS);
        for (name, ml_meth, flags) in BUILTINS.iter().map(plain).chain([call]) {
            let definition = Box::leak(Box::new(ffi::PyMethodDef {
                ml_name: name.as_ptr(),
                ml_meth,
                ml_flags: ffi::METH_FASTCALL | flags,
                ml_doc: std::ptr::null(),
            }));
            // SAFETY: the definition lives for ever and has the function's calling convention; the result is a new
            // reference or null.
            let function =
                unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCFunction_New(definition, std::ptr::null_mut()))? };
            builtins.setattr(name, function)?;
        }
        let module = interpreter::own_module(py, INSTRUMENT, c"<hookstorm-instrument>", c"hookstorm_instrument")?;
        let loader = module.call_method1("install", (request.root.as_os_str(),))?;
        Ok(Self { module, loader })
    }

    /// The number of probes in the files that were imported.
    pub(crate) fn places(&self) -> usize {
        self.module.getattr("places").and_then(|places| places.get_item(0)?.extract()).unwrap_or(0)
    }
}

extern "C" fn stop() {
    COUNTS_IN.store(std::ptr::null_mut(), Ordering::Relaxed);
    COMPARES.store(false, Ordering::Relaxed);
}

/// Begins a session; bits of [`flag`] say what to note.
pub(crate) fn begin(flags: u32) {
    let shared = SHARED.load(Ordering::Relaxed);
    if shared.is_null() || flags & flag::EDGES == 0 {
        return;
    }
    // SAFETY: the mapping was leaked, so it lives for ever.
    unsafe { (*shared).clear_edges() };
    BEFORE.store(0, Ordering::Relaxed);
    COUNTS_IN.store(shared, Ordering::Relaxed);
    if flags & flag::COMPARISONS != 0 {
        cmp_log::begin();
        COMPARES.store(true, Ordering::Relaxed);
    }
}

/// Ends a session, and writes what was noted if the flags want it. Returns the edges, which count as seen once the host
/// has them.
pub(crate) fn end(flags: u32, writer: &mut Writer) -> Vec<Edge> {
    let shared = COUNTS_IN.load(Ordering::Relaxed);
    stop();
    if shared.is_null() {
        return Vec::new();
    }
    // SAFETY: the mapping was leaked, so it lives for ever.
    let shared = unsafe { &*shared };
    let compares = flags & flag::COMPARISONS != 0;
    if !compares && !shared.has_new_edges() {
        return Vec::new();
    }
    let edges = shared.edges();
    writer.byte(record::EDGES);
    writer.edges(&edges);
    if compares {
        writer.byte(record::COMPARISONS);
        cmp_log::end(writer);
    }
    edges
}

/// Counts the edge to a place. `way` distinguishes the branches that begin there.
#[inline]
fn count_edge(number: u32, way: u32) {
    let shared = COUNTS_IN.load(Ordering::Relaxed);
    if shared.is_null() {
        return;
    }
    let here = number << 1 | way;
    let edge = (here ^ BEFORE.load(Ordering::Relaxed)).wrapping_mul(0x9e37_79b1) >> 16;
    // An edge differs from the one in the other direction.
    BEFORE.store(here.wrapping_mul(0x85eb_ca6b), Ordering::Relaxed);
    // SAFETY: the mapping was leaked, so it lives for ever.
    unsafe { (*shared).count_edge(edge as u16) };
}

type Builtin = ffi::PyCFunctionFast;

const BUILTINS: &[(&CStr, Builtin)] = &[
    (c"__hookstorm_enter__", enter),
    (c"__hookstorm_reach__", reach),
    (c"__hookstorm_test__", test),
    (c"__hookstorm_value__", value),
    (c"__hookstorm_compare__", compare),
    (c"__hookstorm_item__", item),
    (c"__hookstorm_subject__", subject),
];

/// A new reference.
///
/// # Safety
/// `object` must be alive, and this thread attached.
unsafe fn new(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller promises it.
    unsafe { ffi::Py_INCREF(object) };
    object
}

/// The arguments of a builtin: a number and `N` objects. `None` with an exception set for a call that is not ours.
///
/// # Safety
/// `arguments` must hold `count` living objects, and this thread be attached.
unsafe fn taken<'a, const N: usize>(
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> Option<(u32, &'a [*mut PyObject; N])> {
    // SAFETY: the slice is as long as the caller promises; the lower bits of an exact int can be read without an
    // exception.
    unsafe {
        let all = std::slice::from_raw_parts(arguments, count as usize);
        if let [number, rest @ ..] = all
            && ffi::PyLong_CheckExact(*number) != 0
            && let Some(rest) = rest.first_chunk::<N>()
        {
            return Some((ffi::PyLong_AsUnsignedLongMask(*number) as u32, rest));
        }
        ffi::PyErr_SetString(ffi::PyExc_TypeError, c"this is called by hookstorm only".as_ptr());
        None
    }
}

/// A function was entered.
unsafe extern "C" fn enter(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    BEFORE.store(0, Ordering::Relaxed);
    // SAFETY: CPython calls this with living objects on an attached thread.
    unsafe { reach(std::ptr::null_mut(), arguments, count) }
}

/// A place was reached.
unsafe extern "C" fn reach(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread.
    unsafe {
        let Some((number, [])) = taken(arguments, count) else { return std::ptr::null_mut() };
        count_edge(number, 0);
        new(ffi::Py_None())
    }
}

/// Returns the truth of an object, on which a branch depends.
unsafe extern "C" fn test(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread.
    unsafe {
        let Some((number, [object])) = taken(arguments, count) else { return std::ptr::null_mut() };
        match ffi::PyObject_IsTrue(*object) {
            truth @ 0..=1 => {
                count_edge(number, truth as u32);
                new(if truth == 1 { ffi::Py_True() } else { ffi::Py_False() })
            }
            _ => std::ptr::null_mut(),
        }
    }
}

/// An operand of `and` or `or`, whose result depends on its truth. Counts only if reading the truth has no side effect.
unsafe extern "C" fn value(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread. The truth of these types is their length or
    // their value, and reading it never raises.
    unsafe {
        let Some((number, [object])) = taken(arguments, count) else { return std::ptr::null_mut() };
        let object = *object;
        let plain = ffi::Py_IsNone(object) != 0
            || ffi::PyUnicode_CheckExact(object) != 0
            || ffi::PyBool_Check(object) != 0
            || ffi::PyDict_CheckExact(object) != 0
            || ffi::PyList_CheckExact(object) != 0
            || ffi::PyLong_CheckExact(object) != 0
            || ffi::PyTuple_CheckExact(object) != 0
            || ffi::PyBytes_CheckExact(object) != 0;
        if plain {
            count_edge(number, u32::from(ffi::PyObject_IsTrue(object) == 1));
        }
        new(object)
    }
}

/// The operators of `instrument.py` as `PyObject_RichCompare` numbers them.
const RICH: [c_int; 6] = [ffi::Py_EQ, ffi::Py_NE, ffi::Py_LT, ffi::Py_LE, ffi::Py_GT, ffi::Py_GE];

/// A comparison with one operator.
unsafe extern "C" fn compare(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread; each result is a new reference or null with
    // an exception set, and is read only if it is an object.
    unsafe {
        let Some((code, [left, right])) = taken(arguments, count) else { return std::ptr::null_mut() };
        let (number, operator) = (code >> 4, code & 15);
        let (left, right) = (*left, *right);
        let of = |truth: bool| if truth { ffi::Py_True() } else { ffi::Py_False() };
        let result = match operator {
            0..=5 => ffi::PyObject_RichCompare(left, right, RICH[operator as usize]),
            6 | 7 => new(of((left == right) == (operator == 6))),
            _ => match ffi::PySequence_Contains(right, left) {
                truth @ 0..=1 => new(of((truth == 1) == (operator == 8))),
                _ => std::ptr::null_mut(),
            },
        };
        // If the result is no bool, reading its truth could run code of the plugin.
        if result == ffi::Py_True() || result == ffi::Py_False() {
            let truth = result == ffi::Py_True();
            count_edge(number, u32::from(truth));
            if COMPARES.load(Ordering::Relaxed) {
                let negated = matches!(operator, 1 | 7 | 9);
                let kind = match operator {
                    0 | 1 | 6 | 7 => CmpKind::Equal,
                    8 | 9 => CmpKind::Contains,
                    _ => CmpKind::Order,
                };
                cmp_log::note(number, kind, left, right, truth != negated);
            }
        }
        result
    }
}

/// `container[key]`.
unsafe extern "C" fn item(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread.
    unsafe {
        let Some((number, [container, key])) = taken(arguments, count) else { return std::ptr::null_mut() };
        if COMPARES.load(Ordering::Relaxed) && ffi::PyDict_Check(*container) != 0 {
            cmp_log::note_key(number, *key, *container);
        }
        ffi::PyObject_GetItem(*container, *key)
    }
}

/// A call of a method whose name is one of those that compare.
unsafe extern "C" fn call(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    keywords: *mut PyObject,
) -> *mut PyObject {
    let arguments = arguments.cast_mut();
    // SAFETY: CPython calls this with living objects on an attached thread; the arguments of the method come after it,
    // then those with a keyword, and the call gets their number. The tuple of keywords is null if there are none.
    unsafe {
        let Some((code, [method, first])) = taken(arguments, count) else { return std::ptr::null_mut() };
        let (number, kind) = (code >> 4, code & 15);
        let compares = COMPARES.load(Ordering::Relaxed);
        if compares && kind == 2 {
            cmp_log::note_get(number, *method, *first);
        }
        let result = ffi::PyObject_Vectorcall(*method, arguments.add(2), (count - 2) as usize, keywords);
        if compares && kind < 2 && !result.is_null() {
            cmp_log::note_affix(number, kind, *method, *first, result);
        } else if compares && kind > 2 && !result.is_null() {
            let by_keyword = if keywords.is_null() { 0 } else { ffi::PyTuple_Size(keywords) };
            let all = std::slice::from_raw_parts(arguments.add(2), (count - 2 + by_keyword) as usize);
            cmp_log::note_match_call(number, kind, *method, all, (count - 2) as usize, result);
        }
        result
    }
}

/// The subject of a `match`.
unsafe extern "C" fn subject(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this with living objects on an attached thread.
    unsafe {
        let Some((number, [object, wanted])) = taken(arguments, count) else { return std::ptr::null_mut() };
        count_edge(number, 0);
        if COMPARES.load(Ordering::Relaxed) {
            cmp_log::note_match(number, *object, *wanted);
        }
        new(*object)
    }
}
