//! Notes where threads and processes are started while a call runs, so that what is left of them can be placed. CPython's
//! own audit events tell; before 3.12 there is none for threads, and the function that starts them is gone through instead.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use hookstorm::trace::Frame;
use pyo3::{
    ffi::{self, PyObject},
    prelude::*,
    types::{PyList, PyString, PyTuple},
};

use crate::{
    audit,
    exception::{Origins, lossy},
};

/// How many starts of one call are noted: a bomb of threads needs no more to be placed.
const STARTS_LIMIT: usize = 128;
/// How many frames are noted of each, innermost first.
const FRAMES_LIMIT: usize = 64;

unsafe extern "C" {
    static PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Self(method: *mut PyObject) -> *mut PyObject;
    fn PyMethod_Function(method: *mut PyObject) -> *mut PyObject;
}

/// Whether a call runs.
static IS_NOTING: AtomicBool = AtomicBool::new(false);
/// Whether something was noted, so that most calls need not take the lock.
static HAS_NOTED: AtomicBool = AtomicBool::new(false);
static STARTS: Mutex<Vec<Start>> = Mutex::new(Vec::new());

/// Something that was started.
struct Start {
    what: What,
    /// File, function and line, innermost first.
    stack: Vec<(String, String, u32)>,
}

enum What {
    /// A thread: the addresses of the object whose method it runs, and of the code.
    Thread([usize; 2]),
    /// A process: its words, none for a plain fork.
    Process(Vec<String>),
}

/// Has CPython tell.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    if py.version_info() < (3, 12) {
        go_through_start(py)?;
    }
    audit::add(py, hook)
}

/// What `_thread.start_new_thread` was before.
static START: OnceLock<ffi::PyCFunction> = OnceLock::new();

/// Has `_thread.start_new_thread` go through [`start_new_thread`]. Python sees the same object as before.
fn go_through_start(py: Python<'_>) -> PyResult<()> {
    let function = py.import("_thread")?.getattr("start_new_thread")?;
    // SAFETY: an object of the type that was just looked at; its definition is a static one of CPython's, which lives for
    // ever and is not used by another thread yet. The function takes what the old one takes: the module and a tuple.
    unsafe {
        if ffi::PyCFunction_Check(function.as_ptr()) == 0 {
            return Ok(());
        }
        let definition = (*function.as_ptr().cast::<ffi::PyCFunctionObject>()).m_ml;
        if (*definition).ml_flags == ffi::METH_VARARGS {
            let before = START.get_or_init(|| (*definition).ml_meth.PyCFunction);
            debug_assert!(*before as usize != start_new_thread as *const () as usize, "installed once");
            (*definition).ml_meth.PyCFunction = start_new_thread;
        }
    }
    Ok(())
}

/// # Safety
/// CPython calls it, attached, with the module and a tuple.
unsafe extern "C" fn start_new_thread(module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    if IS_NOTING.load(Ordering::Relaxed) {
        // SAFETY: as CPython promises; the arguments outlive the call.
        let arguments = unsafe { Bound::from_borrowed_ptr_or_opt(Python::assume_attached(), arguments) };
        let function = arguments.and_then(|arguments| arguments.cast_into::<PyTuple>().ok()?.get_item(0).ok());
        note(What::Thread(function.map_or([0; 2], |function| addresses(&function))));
    }
    match START.get() {
        // SAFETY: what CPython would have called, with what it gave.
        Some(start) => unsafe { start(module, arguments) },
        None => std::ptr::null_mut(),
    }
}

/// Notes a start with the place where this thread is, which is attached.
fn note(what: What) {
    // Whoever holds it is this thread, further out: then this start is not noted.
    if let Ok(mut starts) = STARTS.try_lock()
        && starts.len() < STARTS_LIMIT
    {
        HAS_NOTED.store(true, Ordering::Relaxed);
        let mut stack = Vec::new();
        audit::stack::each(|file, function, line| {
            stack.push((file, function, line));
            stack.len() < FRAMES_LIMIT
        });
        starts.push(Start { what, stack });
    }
}

/// A call begins: what was noted before is forgotten.
pub(super) fn begin() {
    if HAS_NOTED.swap(false, Ordering::Relaxed)
        && let Ok(mut starts) = STARTS.lock()
    {
        starts.clear();
    }
    IS_NOTING.store(true, Ordering::Relaxed);
}

/// The call ended.
pub(super) fn end() {
    IS_NOTING.store(false, Ordering::Relaxed);
}

/// # Safety
/// CPython calls it, attached, with a C string and a tuple.
unsafe extern "C" fn hook(event: *const c_char, arguments: *mut PyObject, _: *mut c_void) -> c_int {
    if !IS_NOTING.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: as CPython promises.
    let event = unsafe { CStr::from_ptr(event) }.to_bytes();
    let is_thread = event.starts_with(b"_thread.start_");
    if !is_thread && !matches!(event, b"subprocess.Popen" | b"os.posix_spawn" | b"os.fork" | b"os.forkpty") {
        return 0;
    }
    // SAFETY: CPython calls audit hooks with this thread attached, and the arguments outlive the call.
    let arguments = unsafe { Bound::from_borrowed_ptr_or_opt(Python::assume_attached(), arguments) };
    let argument = |index| arguments.as_ref()?.cast::<PyTuple>().ok()?.get_item(index).ok();
    let what = if is_thread {
        What::Thread(argument(0).map_or([0; 2], |function| addresses(&function)))
    } else {
        What::Process(argument(1).map_or_else(Vec::new, |words| words_of(&words)))
    };
    note(what);
    0
}

/// What a thread that runs `function` is known by later.
fn addresses(function: &Bound<'_, PyAny>) -> [usize; 2] {
    // SAFETY: the object is alive; a method's parts live as long as it, and a function's code does.
    unsafe {
        let mut pointer = function.as_ptr();
        let mut object = 0;
        if ffi::Py_TYPE(pointer).cast_const() == &raw const PyMethod_Type {
            object = PyMethod_Self(pointer) as usize;
            pointer = PyMethod_Function(pointer);
        }
        let is_function = ffi::Py_TYPE(pointer) == &raw mut ffi::PyFunction_Type;
        [object, if is_function { ffi::PyFunction_GetCode(pointer) as usize } else { 0 }]
    }
}

/// The words of a command; none where they are not plain text.
fn words_of(words: &Bound<'_, PyAny>) -> Vec<String> {
    let items: Vec<Bound<'_, PyAny>> = match (words.cast::<PyList>(), words.cast::<PyTuple>()) {
        (Ok(list), _) => list.iter().collect(),
        (_, Ok(tuple)) => tuple.iter().collect(),
        _ => return Vec::new(),
    };
    items.iter().map_while(|word| word.cast_exact::<PyString>().ok().map(lossy)).collect()
}

/// `stack` as frames.
pub(super) fn frames(stack: &[(String, String, u32)], origins: &Origins) -> Vec<Frame> {
    stack.iter().map(|(file, function, line)| origins.frame(file, function.clone(), *line)).collect()
}

/// Where the thread with that key was started.
pub(super) fn of_thread(key: usize, origins: &Origins) -> Option<Vec<Frame>> {
    let starts = STARTS.lock().ok()?;
    let is_it = |start: &&Start| matches!(start.what, What::Thread(keys) if keys.contains(&key));
    // An address is used again when a thread is gone.
    starts.iter().rev().find(is_it).map(|start| frames(&start.stack, origins))
}

/// Where a process was started and with which words, which shows as `name` in the kernel and has `words` now; a zombie has
/// none. Where all that was started came from one place, it is that.
pub(super) fn of_process(name: &str, words: &[String], origins: &Origins) -> (Vec<String>, Vec<Frame>) {
    let Ok(starts) = STARTS.lock() else { return (words.to_vec(), Vec::new()) };
    let started = || {
        starts.iter().filter_map(|start| match &start.what {
            What::Process(given) => Some((given, &start.stack)),
            What::Thread(_) => None,
        })
    };
    let is_named = |given: &[String]| {
        let program = given.first().map_or("", |program| program.rsplit('/').next().unwrap_or_default());
        // The kernel keeps fifteen bytes of it.
        !name.is_empty() && program.as_bytes().get(..program.len().min(15)) == Some(name.as_bytes())
    };
    let is_it = |given: &[String]| match words {
        [] => is_named(given),
        // A script has its interpreter's words in front.
        _ => words == given || (given.len() > 1 && words.ends_with(&given[1..])),
    };
    if let Some((given, stack)) = started().find(|(given, _)| is_it(given)) {
        return (given.clone(), frames(stack, origins));
    }
    let mut stacks = started().map(|(_, stack)| frames(stack, origins));
    let first = stacks.next().unwrap_or_default();
    let is_one = stacks.all(|other| other.first() == first.first());
    (words.to_vec(), if is_one { first } else { Vec::new() })
}
