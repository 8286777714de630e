//! The state of a plugin after it was imported, and what a session changed of it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use pyo3::{
    prelude::*,
    types::{PyDict, PyModule},
};

use super::{
    logging::LoggingState,
    module::{ModuleState, intern},
    process::{SIGNALS, environment_at, is_environment_at, signals, working_folder},
};

/// How many names are reported.
const CHANGES_LIMIT: usize = 16;

/// The state of the plugin after it was imported.
pub(crate) struct State {
    root: String,
    modules: Vec<ModuleState>,
    /// `sys.modules`.
    all_modules: Py<PyDict>,
    /// How many modules there were. If there are more now, some were imported since.
    modules_count: usize,
    environment: Vec<(String, String)>,
    environment_at: Vec<usize>,
    working_folder: Vec<u8>,
    logging: Option<LoggingState>,
    signals: [usize; SIGNALS.len()],
}

impl State {
    /// The state now, of the modules under `root`.
    pub(crate) fn of(py: Python<'_>, root: &str) -> PyResult<Self> {
        let mut state = Self {
            root: root.to_owned(),
            modules: Vec::new(),
            all_modules: py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
            modules_count: 0,
            environment: std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            environment_at: environment_at(),
            working_folder: working_folder(),
            logging: None,
            signals: signals(),
        };
        state.add_modules(py)?;
        // A package may have a module of its own that is called `logging`.
        state.logging = LoggingState::of(py, state.all_modules.bind(py), true).ok().flatten();
        Ok(state)
    }

    /// Adds modules that were imported since the last time. What importing them does is not state of a session.
    fn add_modules(&mut self, py: Python<'_>) -> PyResult<()> {
        let modules = self.all_modules.bind(py).clone();
        if modules.len() == self.modules_count {
            return Ok(());
        }
        self.modules_count = modules.len();
        let first_new = self.modules.len();
        for (name, module) in modules.iter() {
            let (Ok(name), Ok(module)) = (name.extract::<String>(), module.cast_into::<PyModule>()) else { continue };
            let file = module.dict().get_item("__file__").ok().flatten().and_then(|file| file.extract::<String>().ok());
            let own = file.is_some_and(|file| file.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/')));
            if own && !self.modules.iter().any(|known| known.name == name) {
                self.modules.push(ModuleState::of(name, &module));
            }
        }
        // When a submodule is imported, its package gets an attribute for it.
        let (known, new) = self.modules.split_at_mut(first_new);
        for name in new.iter().map(|module| &module.name) {
            if let Some((package, name)) = name.rsplit_once('.')
                && let Some(package) = known.iter_mut().find(|module| module.name == package)
            {
                package.add_submodule(py, name);
            }
        }
        Ok(())
    }

    /// Restores what a session changed, or, with `keeps`, only what a new process would have in any case. Returns the
    /// names of what it changed, and whether all of that is as it was.
    pub(crate) fn after_session(&mut self, py: Python<'_>, keeps: bool) -> (Vec<String>, bool) {
        let mut changes = Vec::new();
        if self.logging.is_none() {
            self.logging = LoggingState::of(py, self.all_modules.bind(py), false).ok().flatten();
        }
        // If restoring fails, the plugin has changed something inside, which is state.
        if self.logging.as_ref().is_some_and(|logging| logging.restore(py).is_err()) {
            changes.push("logging".into());
        }
        if self.restore_environment(py).is_err() {
            changes.push("os.environ".into());
        }
        if working_folder() != self.working_folder
            && std::env::set_current_dir(OsStr::from_bytes(&self.working_folder)).is_err()
        {
            changes.push("the working folder".into());
        }
        if signals() != self.signals {
            changes.push("signal handlers".into());
        }
        if self.threads(py) > 1 {
            changes.push("a thread".into());
        }
        // A process that has to be replaced anyway need not be restored.
        let mut is_as_before = changes.is_empty();
        let restores = is_as_before && !keeps;
        // What importing a module does is no state of a session.
        let _ = self.add_modules(py);
        for known in &self.modules {
            let (changed, is_restored) = known.changes(py, restores);
            is_as_before &= is_restored;
            changes.extend(changed);
        }
        changes.truncate(CHANGES_LIMIT);
        (changes, is_as_before)
    }

    fn restore_environment(&mut self, py: Python<'_>) -> PyResult<()> {
        if is_environment_at(&self.environment_at) {
            return Ok(());
        }
        let variables = py.import("os")?.getattr("environ")?;
        variables.call_method0("clear")?;
        for (name, value) in &self.environment {
            variables.set_item(name, value)?;
        }
        self.environment_at = environment_at();
        Ok(())
    }

    /// How many threads `threading` knows.
    fn threads(&self, py: Python<'_>) -> usize {
        match self.all_modules.bind(py).get_item(intern(py, "threading")) {
            Ok(Some(threading)) => {
                threading.getattr(intern(py, "_active")).and_then(|active| active.len()).unwrap_or(1)
            }
            _ => 1,
        }
    }
}
