//! Notes which part of standard error each record of Python's `logging` wrote, with its level and its place. A leak in
//! the log is then reported with the line that logs it.
//!
//! Every record of every session goes through here, so `Logger.handle` is replaced by a function in C terms: it costs
//! two `lseek`, and looks at frames without the audit events that Python's own access to them raises.

use std::{
    ffi::c_char,
    os::fd::BorrowedFd,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use hookstorm::{runtime::protocol::shared::Capture, trace::LogRecord};
use pyo3::{
    ffi::{self, PyObject},
    intern,
    prelude::*,
    types::{PyFunction, PyString, PyType},
};
use rustix::fs::{SeekFrom, seek};

use crate::{audit, exception::Origins};

/// The most bytes of a record's text that are kept.
const TEMPLATE_LIMIT: usize = 256;

/// That the records of this process are noted.
#[derive(Debug)]
pub(crate) struct LogWatch(());

/// What is needed to note.
#[derive(Debug)]
struct Watch {
    /// `Logger.handle` of the standard library.
    original: Py<PyAny>,
    /// Standard error. It stays open as long as the process lives.
    stderr: BorrowedFd<'static>,
    /// The folder of the package, with a slash at its end.
    inside: String,
    notes: Mutex<Vec<Note>>,
}

/// A record that was written.
#[derive(Debug)]
struct Note {
    level: i64,
    /// Where it begins and ends in all that was captured.
    start: u64,
    end: u64,
    template: String,
    file: String,
    function: String,
    line: u32,
}

static WATCH: OnceLock<Watch> = OnceLock::new();

/// The definition of a method, which CPython refers to for ever.
struct Definition(ffi::PyMethodDef);

// SAFETY: nobody writes to it.
unsafe impl Sync for Definition {}

static HANDLE: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"handle".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: handle },
    ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
    ml_doc: DOC.as_ptr().cast::<c_char>(),
});

/// With the signature, as `inspect` reads it.
const DOC: &std::ffi::CStr = c"handle($self, record)\n--\n\nCall the handlers for the specified record.";

impl LogWatch {
    /// Starts to note. `None` if `logging` is not imported, or is not the standard library's.
    pub(crate) fn start(py: Python<'_>, stderr: &Capture, root: &str) -> PyResult<Option<Self>> {
        let modules = py.import("sys")?.getattr("modules")?;
        let logger = modules.get_item("logging").and_then(|logging| logging.getattr("Logger"));
        let Ok(logger) = logger.and_then(|class| Ok(class.cast_into::<PyType>()?)) else { return Ok(None) };
        let Ok(original) = logger.getattr("handle") else { return Ok(None) };
        let is_own = original.is_instance_of::<PyFunction>()
            && original.getattr("__module__").is_ok_and(|module| module.eq("logging").unwrap_or(false));
        if !is_own {
            return Ok(None);
        }
        // SAFETY: the capture lives as long as the process, which never closes it itself. If the plugin does, seeking
        // fails, and nothing is noted.
        let stderr = unsafe { BorrowedFd::borrow_raw(stderr.raw()) };
        let watch =
            Watch { original: original.unbind(), stderr, inside: format!("{root}/"), notes: Mutex::new(Vec::new()) };
        if WATCH.set(watch).is_err() {
            return Ok(None);
        }
        // SAFETY: the class is alive, and the definition lives for ever. CPython writes to neither. The result is a new
        // reference, or null with an exception set.
        let method = unsafe {
            let class = logger.as_ptr().cast::<ffi::PyTypeObject>();
            Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class, (&raw const HANDLE.0).cast_mut()))?
        };
        logger.setattr("handle", method)?;
        Ok(Some(Self(())))
    }

    /// The records since the last time, for a call whose standard error begins at `start`.
    pub(crate) fn take(&self, start: u64, origins: &Origins) -> Vec<LogRecord> {
        let Some(watch) = WATCH.get() else { return Vec::new() };
        let notes = std::mem::take(&mut *watch.notes());
        let record = |note: Note| {
            let Note { level, start: from, end: to, template, file, function, line } = note;
            let (start, end) = (from.checked_sub(start)?, to.checked_sub(start)?);
            Some(LogRecord { level, start, end, template, frame: origins.frame(&file, function, line) })
        };
        notes.into_iter().filter_map(record).collect()
    }
}

impl Watch {
    /// Whoever holds this runs no Python.
    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of standard error. `None` if the plugin closed it.
    fn end(&self) -> Option<u64> {
        seek(self.stderr, SeekFrom::End(0)).ok()
    }

    /// Notes `record`, which was written from `start` to `end`. Nothing if it is no record of `logging`.
    fn note(&self, record: &Bound<'_, PyAny>, start: u64, end: u64) -> Option<()> {
        let py = record.py();
        if self.notes().len() >= LogRecord::LIMIT {
            return None;
        }
        let text =
            |name| Some(record.getattr(name).ok()?.cast_exact::<PyString>().ok()?.to_string_lossy().into_owned());
        let level = record.getattr(intern!(py, "levelno")).ok()?.extract().ok()?;
        let template = text(intern!(py, "msg")).map(bounded).unwrap_or_default();
        let file = text(intern!(py, "pathname"));
        let is_inside = file.as_ref().is_some_and(|file| file.starts_with(&self.inside));
        let caller = if is_inside { None } else { self.caller_in_package() };
        let (file, function, line) = match caller {
            Some(caller) => caller,
            None => {
                let line = record.getattr(intern!(py, "lineno")).ok()?.extract().ok()?;
                (file?, text(intern!(py, "funcName")).unwrap_or_default(), line)
            }
        };
        self.notes().push(Note { level, start, end, template, file, function, line });
        Some(())
    }

    /// File, function and line of the innermost frame in the plugin's own code.
    fn caller_in_package(&self) -> Option<(String, String, u32)> {
        let mut place = None;
        audit::stack::each(|frame| {
            if frame.is_below(&self.inside) {
                place = Some((frame.file(), frame.function(), frame.line()));
            }
            place.is_none()
        });
        place
    }
}

fn bounded(mut template: String) -> String {
    let end = (0..=TEMPLATE_LIMIT).rev().find(|&end| template.is_char_boundary(end)).unwrap_or(0);
    template.truncate(end);
    template
}

/// `Logger.handle(self, record)`: calls the original, then notes what it wrote.
unsafe extern "C" fn handle(
    logger: *mut PyObject,
    arguments: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this as a method of the class: on an attached thread, with living objects, `count`
    // arguments by position, and one more for each of `names`, which is null or a tuple. The result of the original is
    // a new reference or null with an exception set, and so is ours.
    unsafe {
        let py = Python::assume_attached();
        let Some(watch) = WATCH.get() else { return std::ptr::null_mut() };
        let named = if names.is_null() { 0 } else { ffi::PyTuple_Size(names) };
        let given = std::slice::from_raw_parts(arguments, usize::try_from(count + named).unwrap_or(0));
        let start = watch.end();
        let result = match given {
            // Nearly always.
            [record] if named == 0 => {
                let mut stack = [std::ptr::null_mut(), logger, *record];
                let flags = 2 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
                let original = watch.original.as_ptr();
                ffi::PyObject_Vectorcall(original, stack.as_mut_ptr().add(1), flags, std::ptr::null_mut())
            }
            _ => {
                let stack: Vec<*mut PyObject> = std::iter::once(logger).chain(given.iter().copied()).collect();
                let flags = usize::try_from(count + 1).unwrap_or(0);
                ffi::PyObject_Vectorcall(watch.original.as_ptr(), stack.as_ptr(), flags, names)
            }
        };
        if let (Some(start), Some(end), Some(record)) = (start, watch.end(), given.first())
            && end > start
        {
            // What the original raised must not get lost, and what noting raises is nobody's business.
            let raised = PyErr::take(py);
            watch.note(&Bound::from_borrowed_ptr(py, *record), start, end);
            if let Some(raised) = raised {
                raised.restore(py);
            }
        }
        result
    }
}
