//! Notes which part of standard error each record of Python's `logging` wrote, with its level and its place. A leak in
//! the log is then reported with the line that logs it. Costs about a microsecond for each record that is written.

use hookstorm::{runtime::protocol::shared::Capture, trace::LogRecord};
use pyo3::{prelude::*, types::PyList};

use crate::{exception::Origins, interpreter::bootstrap};

/// The most bytes of a record's text that are kept.
const TEMPLATE_LIMIT: usize = 256;

/// The records of the current call.
#[derive(Debug)]
pub(crate) struct LogWatch {
    notes: Py<PyList>,
}

/// A note that our own Python makes: level, start, end, template, file, function, line.
type Note = (i64, u64, u64, String, String, String, u32);

impl LogWatch {
    /// Starts to note. `None` if `logging` is not imported, or is not the standard library's.
    pub(crate) fn start(py: Python<'_>, stderr: &Capture, root: &str) -> PyResult<Option<Self>> {
        let notes = bootstrap(py)?.call_method1("watch_logging", (root, stderr.raw(), LogRecord::LIMIT))?;
        Ok(notes.cast_into::<PyList>().ok().map(|notes| Self { notes: notes.unbind() }))
    }

    /// The records since the last time, for a call whose standard error begins at `start`.
    pub(crate) fn take(&self, py: Python<'_>, start: u64, origins: &Origins) -> Vec<LogRecord> {
        let notes = self.notes.bind(py);
        if notes.is_empty() {
            return Vec::new();
        }
        let record = |note: Bound<'_, PyAny>| {
            let (level, from, to, mut template, file, function, line) = note.extract::<Note>().ok()?;
            let end = (0..=TEMPLATE_LIMIT).rev().find(|&end| template.is_char_boundary(end)).unwrap_or(0);
            template.truncate(end);
            let frame = origins.frame(&file, function, line);
            let (start, end) = (from.checked_sub(start)?, to.checked_sub(start)?);
            Some(LogRecord { level, start, end, template, frame })
        };
        let records = notes.iter().take(LogRecord::LIMIT).filter_map(record).collect();
        let _ = notes.del_slice(0, notes.len());
        records
    }
}
