//! Marks lines of the plugin's own files that ran. From CPython 3.12 `sys.monitoring` does it, where a line costs
//! something only the first time. Before that a trace function does it, for a sample of the sessions and for all whose
//! comparisons are reported. Instrumented code has the same lines, so both work with it. The probes do not mark lines,
//! since they would mark all lines of a block that an exception ended early.

use std::collections::HashMap;

#[cfg(not(Py_3_12))]
use pyo3::ffi;
use pyo3::prelude::*;

use crate::Descriptors;

/// Marks lines.
pub(crate) struct Coverage {
    sessions: u64,
}

/// For each file, the numbers of its lines in the shared memory.
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
    /// Marks lines of the functions that exist now. `None` if another tool is registered already.
    pub(crate) fn start(
        py: Python<'_>,
        descriptors: &Descriptors,
        root: &str,
        files: &[(String, Vec<u32>)],
    ) -> PyResult<Option<Self>> {
        use pyo3::types::PyCFunction;

        let lines = number_lines(files);
        let shared = descriptors.shared.map_again()?;
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
                shared.mark_line(*number);
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

    /// Begins a session. All lines are marked anyway.
    pub(crate) fn begin_session(&mut self, _in_any_case: bool) {
        self.sessions += 1;
    }

    /// Ends a session.
    pub(crate) fn end_session(&mut self) {}
}

/// What the trace function needs. There is one for the process, since CPython passes nothing to the function.
#[cfg(not(Py_3_12))]
struct Traced {
    shared: hookstorm::runtime::protocol::shared::SharedMemory,
    lines: Lines,
    /// For each code object, by its address: its file, or `None` if it is not the plugin's. Code objects of the plugin
    /// live as long as their modules; an address that is used again costs a wrong mark at worst.
    known: HashMap<usize, Option<String>>,
}

#[cfg(not(Py_3_12))]
static TRACED: std::sync::Mutex<Option<Traced>> = std::sync::Mutex::new(None);

/// All of the first sessions of a process are traced, and later ones now and then: tracing costs several times the
/// call.
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
        let shared = descriptors.shared.map_again()?;
        if let Ok(mut traced) = TRACED.lock() {
            *traced = Some(Traced { shared, lines: number_lines(files), known: HashMap::new() });
        }
        Ok(Some(Self { sessions: 0 }))
    }

    /// Begins a session. Marks its lines `in_any_case`, or if it belongs to the sample.
    pub(crate) fn begin_session(&mut self, in_any_case: bool) {
        let traced = in_any_case || self.sessions < TRACED_AT_FIRST || self.sessions.is_multiple_of(TRACED_LATER);
        self.sessions += 1;
        if traced {
            // SAFETY: this thread is attached, and the function has the type that CPython calls.
            unsafe { ffi::PyEval_SetTrace(Some(trace), std::ptr::null_mut()) };
        }
    }

    /// Ends a session.
    pub(crate) fn end_session(&mut self) {
        // SAFETY: this thread is attached.
        unsafe { ffi::PyEval_SetTrace(None, std::ptr::null_mut()) };
    }
}

/// Marks the line that a frame of the plugin is about to run.
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
    // SAFETY: CPython calls this with a living frame on an attached thread. The code object is a new reference, which
    // is released at once; the frame has another one.
    let (code, line) = unsafe {
        let code = ffi::PyFrame_GetCode(frame);
        ffi::Py_DECREF(code.cast());
        (code, ffi::PyFrame_GetLineNumber(frame))
    };
    let Ok(mut traced) = TRACED.try_lock() else { return 0 };
    let Some(traced) = traced.as_mut() else { return 0 };
    let file = traced.known.entry(code as usize).or_insert_with(|| {
        // SAFETY: as above, the thread is attached and the code object alive.
        let file = unsafe {
            let py = Python::assume_attached();
            let code = Bound::from_borrowed_ptr(py, code.cast());
            code.getattr("co_filename").and_then(|file| file.extract::<String>()).ok()
        };
        file.filter(|file| traced.lines.contains_key(file))
    });
    let Some(file) = file else {
        if event == ffi::PyTrace_CALL {
            // SAFETY: as above. CPython need not report lines of frames that are not the plugin's.
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
        traced.shared.mark_line(*number);
    }
    0
}
