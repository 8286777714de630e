//! Python's logging, which the SDK and many plugins set up again in every call.

use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};

use super::module::intern;
use crate::plugin::list;

/// How logging was set up.
pub(super) struct LoggingState {
    all_handlers: Py<PyList>,
    root: Py<PyAny>,
    count: usize,
    root_handlers: Py<PyList>,
    root_level: Py<PyAny>,
}

impl LoggingState {
    /// How logging is set up now, or, if the plugin imported it in a session, as it is set up in a new process. `None`
    /// if it is not imported.
    pub(super) fn of(py: Python<'_>, modules: &Bound<'_, PyDict>, as_it_is: bool) -> PyResult<Option<Self>> {
        let Ok(Some(logging)) = modules.get_item(intern(py, "logging")) else { return Ok(None) };
        let all = list(&logging, "_handlerList")?;
        let root = logging.getattr("root")?;
        let root_handlers = list(&root, "handlers")?;
        Ok(Some(Self {
            // The handler of last resort exists from the beginning.
            count: if as_it_is { all.len() } else { 1 },
            all_handlers: all.unbind(),
            root_level: if as_it_is { root.getattr("level")? } else { logging.getattr("WARNING")? }.unbind(),
            root_handlers: PyList::new(py, root_handlers.iter().filter(|_| as_it_is).collect::<Vec<_>>())?.unbind(),
            root: root.unbind(),
        }))
    }

    /// Sets logging up in the same way again.
    pub(super) fn restore(&self, py: Python<'_>) -> PyResult<()> {
        let root = self.root.bind(py);
        let level = self.root_level.bind(py);
        if !root.getattr("level")?.eq(level)? {
            root.call_method1("setLevel", (level,))?;
        }
        let all = self.all_handlers.bind(py);
        if all.len() == self.count {
            return Ok(());
        }
        root.setattr("handlers", self.root_handlers.bind(py).call_method0("copy")?)?;
        // A logger that the plugin made has the handlers that the plugin added, and none in a new process.
        let loggers = root.getattr("manager")?.getattr("loggerDict")?.cast_into::<PyDict>()?;
        for (_, logger) in loggers.iter() {
            if let Ok(own) = logger.getattr("handlers").and_then(|own| Ok(own.cast_into::<PyList>()?))
                && !own.is_empty()
            {
                own.call_method0("clear")?;
            }
        }
        if all.len() > self.count {
            all.del_slice(self.count, all.len())?;
        }
        Ok(())
    }
}
