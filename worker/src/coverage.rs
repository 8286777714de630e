//! Marks lines of the plugin's own files as run: by `sys.monitoring` from CPython 3.12, where a line costs something only
//! the first time, and by a trace function before it, for a sample of the sessions and for all whose comparisons are told.
//! Instrumented code has the lines of its source, so it makes no difference to either; what the probes see is not turned
//! into lines, since a block that an exception cut short would have them all.

use std::collections::HashMap;

#[cfg(not(Py_3_12))]
use pyo3::ffi;
use pyo3::prelude::*;

use crate::Descriptors;

/// What marks lines.
pub(crate) struct Coverage {
    sessions: u64,
}

/// Where the lines of each file stand in the shared memory.
type Lines = HashMap<String, HashMap<u32, usize>>;

fn number_lines(files: &[(String, Vec<u32>)]) -> Lines {
    let mut next = 0;
    files
        .iter()
        .map(|(path, lines)| {
            let numbered = lines
                .iter()
                .map(|&line| {
                    next += 1;
                    (line, next - 1)
                })
                .collect();
            (path.clone(), numbered)
        })
        .collect()
}

#[cfg(Py_3_12)]
impl Coverage {
    /// Watches the functions that live now. `None` where another tool has taken the place.
    pub(crate) fn start(
        py: Python<'_>,
        descriptors: &Descriptors,
        root: &str,
        files: &[(String, Vec<u32>)],
    ) -> PyResult<Option<Self>> {
        use pyo3::types::PyCFunction;

        let lines = number_lines(files);
        let shared = descriptors.shared.again()?;
        let shared = std::sync::Mutex::new(shared);
        let monitoring = py.import("sys")?.getattr("monitoring")?;
        let tool = monitoring.getattr("COVERAGE_ID")?;
        if monitoring.call_method1("use_tool_id", (&tool, "hookstorm")).is_err() {
            return Ok(None);
        }
        let disable = monitoring.getattr("DISABLE")?.unbind();
        let callback = PyCFunction::new_closure(py, None, None, move |arguments, _| -> PyResult<Py<PyAny>> {
            let py = arguments.py();
            let code = arguments.get_item(0)?;
            let file = code.getattr("co_filename")?.extract::<String>()?;
            let line = arguments.get_item(1)?.extract::<u32>()?;
            if let Some(number) = lines.get(&file).and_then(|lines| lines.get(&line))
                && let Ok(shared) = shared.try_lock()
            {
                shared.hit(*number);
            }
            Ok(disable.clone_ref(py))
        })?;
        let event = monitoring.getattr("events")?.getattr("LINE")?;
        monitoring.call_method1("register_callback", (&tool, &event, callback))?;
        for code in crate::interpreter::bootstrap(py)?.call_method1("functions_in", (root,))?.try_iter()? {
            monitoring.call_method1("set_local_events", (&tool, code?, &event))?;
        }
        Ok(Some(Self { sessions: 0 }))
    }

    /// A session begins; all lines are watched, so none has to be watched for sure.
    pub(crate) fn session_begins(&mut self, _for_sure: bool) {
        self.sessions += 1;
    }

    /// A session ended.
    pub(crate) fn session_ended(&mut self) {}
}

/// What the trace function needs; one for the process, since CPython calls it without ours.
#[cfg(not(Py_3_12))]
struct Traced {
    shared: hookstorm::runtime::protocol::shared::Shared,
    lines: Lines,
    /// By the address of a code object: its file's lines, or that it is none of the plugin's. Code objects of the plugin
    /// live as long as their modules; an address that is used again costs a wrong mark at worst.
    known: HashMap<usize, Option<String>>,
}

#[cfg(not(Py_3_12))]
static TRACED: std::sync::Mutex<Option<Traced>> = std::sync::Mutex::new(None);

/// The first sessions of a process are traced all, later ones now and then: tracing costs several times the call.
#[cfg(not(Py_3_12))]
const TRACED_AT_FIRST: u64 = 32;
#[cfg(not(Py_3_12))]
const TRACED_LATER: u64 = 1024;

#[cfg(not(Py_3_12))]
impl Coverage {
    /// Prepares the trace function.
    pub(crate) fn start(
        _py: Python<'_>,
        descriptors: &Descriptors,
        _root: &str,
        files: &[(String, Vec<u32>)],
    ) -> PyResult<Option<Self>> {
        let shared = descriptors.shared.again()?;
        if let Ok(mut traced) = TRACED.lock() {
            *traced = Some(Traced { shared, lines: number_lines(files), known: HashMap::new() });
        }
        Ok(Some(Self { sessions: 0 }))
    }

    /// A session begins, whose lines are to be marked `for_sure`.
    pub(crate) fn session_begins(&mut self, for_sure: bool) {
        let traced = for_sure || self.sessions < TRACED_AT_FIRST || self.sessions.is_multiple_of(TRACED_LATER);
        self.sessions += 1;
        if traced {
            // SAFETY: this thread is attached, and the function has the type that CPython calls.
            unsafe { ffi::PyEval_SetTrace(Some(trace), std::ptr::null_mut()) };
        }
    }

    /// A session ended.
    pub(crate) fn session_ended(&mut self) {
        // SAFETY: this thread is attached.
        unsafe { ffi::PyEval_SetTrace(None, std::ptr::null_mut()) };
    }
}

/// Marks the line that a frame of the plugin's is about to run.
#[cfg(not(Py_3_12))]
extern "C" fn trace(
    _object: *mut ffi::PyObject,
    frame: *mut ffi::PyFrameObject,
    event: std::ffi::c_int,
    _argument: *mut ffi::PyObject,
) -> std::ffi::c_int {
    if event != ffi::PyTrace_LINE && event != ffi::PyTrace_CALL {
        return 0;
    }
    // SAFETY: CPython calls this with a live frame on an attached thread. The code object is a new reference, given back
    // at once; the frame holds another.
    let (code, line) = unsafe {
        let code = ffi::PyFrame_GetCode(frame);
        ffi::Py_DECREF(code.cast());
        (code, ffi::PyFrame_GetLineNumber(frame))
    };
    let Ok(mut traced) = TRACED.try_lock() else { return 0 };
    let Some(traced) = traced.as_mut() else { return 0 };
    let file = traced.known.entry(code as usize).or_insert_with(|| {
        // SAFETY: as above: attached, and the code object is alive.
        let file = unsafe {
            let py = Python::assume_attached();
            let code = Bound::from_borrowed_ptr(py, code.cast());
            code.getattr("co_filename").and_then(|file| file.extract::<String>()).ok()
        };
        file.filter(|file| traced.lines.contains_key(file))
    });
    let Some(file) = file else {
        if event == ffi::PyTrace_CALL {
            // SAFETY: as above. Lines of frames that are not the plugin's are not asked for.
            unsafe {
                let py = Python::assume_attached();
                let frame: Bound<'_, PyAny> = Bound::from_borrowed_ptr(py, frame.cast());
                let _ = frame.setattr("f_trace_lines", false);
            }
        }
        return 0;
    };
    if event == ffi::PyTrace_LINE
        && let Some(number) = u32::try_from(line).ok().and_then(|line| traced.lines.get(file)?.get(&line))
    {
        traced.shared.hit(*number);
    }
    0
}
