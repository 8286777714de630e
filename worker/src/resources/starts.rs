//! Notes where threads and processes are started while a call runs, so that those that it leaves have a place.
//! CPython's own audit events report it. Before 3.12 there is none for threads, so the function that starts them is
//! replaced.

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

/// How many starts of one call are noted: more are not needed even for a bomb of threads.
const STARTS_LIMIT: usize = 128;
/// How many frames of each are noted, innermost first.
const FRAMES_LIMIT: usize = 64;

unsafe extern "C" {
    static PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Self(method: *mut PyObject) -> *mut PyObject;
    fn PyMethod_Function(method: *mut PyObject) -> *mut PyObject;
}

/// Whether a call runs.
static IS_NOTING: AtomicBool = AtomicBool::new(false);
/// Whether a start was noted, so that most calls need not take the lock.
static HAS_NOTED: AtomicBool = AtomicBool::new(false);
static STARTS: Mutex<Vec<Start>> = Mutex::new(Vec::new());

/// The start of a thread or process.
struct Start {
    what: What,
    /// File, function and line, innermost first.
    stack: Vec<(String, String, u32)>,
}

enum What {
    /// A thread: the addresses of the object whose method it runs, and of the code.
    Thread([usize; 2]),
    /// A process: the words of its command, none for a plain fork.
    Process(Vec<String>),
}

/// Installs the audit hook.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    if py.version_info() < (3, 12) {
        replace_start(py)?;
    }
    audit::add(py, hook)
}

/// The original `_thread.start_new_thread`.
static START: OnceLock<ffi::PyCFunction> = OnceLock::new();

/// Replaces the function behind `_thread.start_new_thread` with [`start_new_thread`]. Python sees the same object as
/// before.
fn replace_start(py: Python<'_>) -> PyResult<()> {
    let function = py.import("_thread")?.getattr("start_new_thread")?;
    // SAFETY: the object has the type that is checked here. Its definition is a static of CPython, which lives for ever
    // and which no other thread uses yet. The new function has the arguments of the old one: the module and a tuple.
    unsafe {
        if ffi::PyCFunction_Check(function.as_ptr()) == 0 {
            return Ok(());
        }
        let definition = (*function.as_ptr().cast::<ffi::PyCFunctionObject>()).m_ml;
        if (*definition).ml_flags == ffi::METH_VARARGS {
            let original = START.get_or_init(|| (*definition).ml_meth.PyCFunction);
            debug_assert!(*original as usize != start_new_thread as *const () as usize, "installed once");
            (*definition).ml_meth.PyCFunction = start_new_thread;
        }
    }
    Ok(())
}

/// # Safety
/// CPython calls it, attached, with the module and a tuple.
unsafe extern "C" fn start_new_thread(module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    if IS_NOTING.load(Ordering::Relaxed) {
        // SAFETY: CPython calls this attached, and the arguments outlive the call.
        let arguments = unsafe { Bound::from_borrowed_ptr_or_opt(Python::assume_attached(), arguments) };
        let function = arguments.and_then(|arguments| arguments.cast_into::<PyTuple>().ok()?.get_item(0).ok());
        note(What::Thread(function.map_or([0; 2], |function| addresses(&function))));
    }
    match START.get() {
        // SAFETY: CPython would have called this function with these arguments.
        Some(start) => unsafe { start(module, arguments) },
        None => std::ptr::null_mut(),
    }
}

/// Notes a start with the stack of this thread, which is attached.
fn note(what: What) {
    // If the lock is taken, this thread has it, further out: then this start is not noted.
    if let Ok(mut starts) = STARTS.try_lock()
        && starts.len() < STARTS_LIMIT
    {
        HAS_NOTED.store(true, Ordering::Relaxed);
        let mut stack = Vec::new();
        audit::stack::each(|frame| {
            stack.push((frame.file(), frame.function(), frame.line()));
            stack.len() < FRAMES_LIMIT
        });
        starts.push(Start { what, stack });
    }
}

/// Begins a call, and drops what was noted before.
pub(super) fn begin() {
    if HAS_NOTED.swap(false, Ordering::Relaxed)
        && let Ok(mut starts) = STARTS.lock()
    {
        starts.clear();
    }
    IS_NOTING.store(true, Ordering::Relaxed);
}

/// Ends the call.
pub(super) fn end() {
    IS_NOTING.store(false, Ordering::Relaxed);
}

/// # Safety
/// CPython calls it, attached, with a C string and a tuple.
unsafe extern "C" fn hook(event: *const c_char, arguments: *mut PyObject, _: *mut c_void) -> c_int {
    if !IS_NOTING.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: the event's name is a C string, as CPython promises.
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

/// The addresses by which a thread that runs `function` is found later.
fn addresses(function: &Bound<'_, PyAny>) -> [usize; 2] {
    // SAFETY: the object is alive; the parts of a method and the code of a function live as long as it.
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

/// The words of a command, up to the first that is no plain text.
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

/// The stack where the thread with that key was started.
pub(super) fn of_thread(key: usize, origins: &Origins) -> Option<Vec<Frame>> {
    let starts = STARTS.lock().ok()?;
    let is_it = |start: &&Start| matches!(start.what, What::Thread(keys) if keys.contains(&key));
    // The newest one, since an address is used again when its thread is gone.
    starts.iter().rev().find(is_it).map(|start| frames(&start.stack, origins))
}

/// The command and the stack with which a process was started that has this name and these words now; a zombie has no
/// words. If all processes of the call were started at one place, it is that place.
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
        // The kernel keeps the first fifteen bytes.
        !name.is_empty() && program.as_bytes().get(..program.len().min(15)) == Some(name.as_bytes())
    };
    let is_it = |given: &[String]| match words {
        [] => is_named(given),
        // A script has the words of its interpreter before its own.
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
