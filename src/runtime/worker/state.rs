//! What may carry state from one session to the next inside a process: the plugin's modules, the attributes of its
//! classes, defaults and closures of its functions; and what is put back after each session because a fresh process
//! would have it so: environment, working folder, logging.
//!
//! A snapshot is a hash for each name. Taking it calls nothing of the plugin's.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use pyo3::{
    ffi,
    prelude::*,
    types::{
        PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyModule, PySet, PyString, PyTuple, PyType,
    },
};

use crate::plugin::list;

/// How deep objects are followed.
const DEPTH_LIMIT: usize = 6;
/// How many objects are looked at under one name.
const NODES_LIMIT: usize = 5_000;
/// How many names are told.
const CHANGES_LIMIT: usize = 16;

/// Names that Python itself writes to.
const IGNORED: &[&str] = &[
    "__warningregistry__",
    "__annotations_cache__",
    "__annotate_func__",
    "__builtins__",
    "__abstractmethods__",
    "_abc_impl",
    "__dict__",
    "__weakref__",
    "__doc__",
    "__static_attributes__",
    "__firstlineno__",
];

/// What the plugin's state was after it was imported.
pub(crate) struct State {
    root: String,
    modules: Vec<ModuleState>,
    /// How many modules there were: more means that some were imported since.
    modules_seen: usize,
    environment: Vec<(String, String)>,
    work: PathBuf,
    handlers: Option<Handlers>,
    signals: Vec<usize>,
}

struct ModuleState {
    name: String,
    module: Py<PyModule>,
    /// A hash for each name; a class's attributes stand as `Class.attribute`.
    names: Vec<(String, u64)>,
    sum: u64,
}

/// Python's logging, which the SDK and many plugins set up again in every call.
struct Handlers {
    all: Py<PyList>,
    root: Py<PyAny>,
    count: usize,
    root_handlers: Py<PyList>,
    root_level: Py<PyAny>,
}

impl State {
    /// The state now, of the modules that lie under `root`.
    pub(crate) fn of(py: Python<'_>, root: &str) -> PyResult<Self> {
        let mut state = Self {
            root: root.to_owned(),
            modules: Vec::new(),
            modules_seen: 0,
            environment: std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            work: std::env::current_dir()?,
            handlers: None,
            signals: signals(),
        };
        state.add_modules(py)?;
        state.note_logging(py, true)?;
        Ok(state)
    }

    /// Takes modules in that were imported since the last look. Importing is what their code says, not state.
    fn add_modules(&mut self, py: Python<'_>) -> PyResult<()> {
        let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
        if modules.len() == self.modules_seen {
            return Ok(());
        }
        self.modules_seen = modules.len();
        for (name, module) in modules.iter() {
            let (Ok(name), Ok(module)) = (name.extract::<String>(), module.cast_into::<PyModule>()) else { continue };
            let file = module.dict().get_item("__file__").ok().flatten().and_then(|file| file.extract::<String>().ok());
            let own = file.is_some_and(|file| file.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/')));
            if own && !self.modules.iter().any(|known| known.name == name) {
                let (names, sum) = names_of(&name, &module);
                self.modules.push(ModuleState { name, module: module.unbind(), names, sum });
            }
        }
        // A package gets its submodules as attributes when they are imported.
        for known in &mut self.modules {
            (known.names, known.sum) = names_of(&known.name, known.module.bind(py));
        }
        Ok(())
    }

    /// Takes note of how logging is set up: as it is now, or, where the plugin imported it in a session, as it comes.
    fn note_logging(&mut self, py: Python<'_>, as_it_is: bool) -> PyResult<()> {
        let modules = py.import("sys")?.getattr("modules")?;
        let Ok(logging) = modules.get_item("logging") else { return Ok(()) };
        let all = list(&logging, "_handlerList")?;
        let root = logging.getattr("root")?;
        let root_handlers = list(&root, "handlers")?;
        self.handlers = Some(Handlers {
            // The handler of last resort is there from the beginning.
            count: if as_it_is { all.len() } else { 1 },
            all: all.unbind(),
            root_level: if as_it_is { root.getattr("level")? } else { logging.getattr("WARNING")? }.unbind(),
            root_handlers: PyList::new(py, root_handlers.iter().filter(|_| as_it_is).collect::<Vec<_>>())?.unbind(),
            root: root.unbind(),
        });
        Ok(())
    }

    /// What a session changed that a fresh process would not have, after the rest was put back.
    pub(crate) fn after_session(&mut self, py: Python<'_>) -> Vec<String> {
        let mut changes = Vec::new();
        if self.handlers.is_none() {
            let _ = self.note_logging(py, false);
        }
        // A plugin that broke these from the inside carries state over by definition.
        if self.put_logging_back(py).is_err() {
            changes.push("logging".into());
        }
        if self.put_environment_back(py).is_err() {
            changes.push("os.environ".into());
        }
        if std::env::current_dir().ok().as_ref() != Some(&self.work) && std::env::set_current_dir(&self.work).is_err() {
            changes.push("the working folder".into());
        }
        if signals() != self.signals {
            changes.push("signal handlers".into());
        }
        if threads(py) > 1 {
            changes.push("a thread".into());
        }
        for known in &mut self.modules {
            let module = known.module.bind(py);
            let (names, sum) = names_of(&known.name, module);
            if sum != known.sum {
                changes.extend(differing(&known.names, &names).map(|name| format!("{}.{name}", known.name)));
            }
        }
        // Attributes that came with a module that was imported meanwhile are no change.
        let seen = self.modules_seen;
        let _ = self.add_modules(py);
        if self.modules_seen != seen {
            changes.retain(|change| !self.modules.iter().any(|known| known.name == *change));
        }
        changes.truncate(CHANGES_LIMIT);
        changes
    }

    fn put_logging_back(&self, py: Python<'_>) -> PyResult<()> {
        let Some(handlers) = &self.handlers else { return Ok(()) };
        let root = handlers.root.bind(py);
        let level = handlers.root_level.bind(py);
        if !root.getattr("level")?.eq(level)? {
            root.call_method1("setLevel", (level,))?;
        }
        if handlers.all.bind(py).len() == handlers.count {
            return Ok(());
        }
        root.setattr("handlers", handlers.root_handlers.bind(py).call_method0("copy")?)?;
        // A logger that the plugin made has the handlers that the plugin gave it, and none in a fresh process.
        let loggers = root.getattr("manager")?.getattr("loggerDict")?.cast_into::<PyDict>()?;
        for (_, logger) in loggers.iter() {
            if let Ok(own) = logger.getattr("handlers").and_then(|own| Ok(own.cast_into::<PyList>()?))
                && !own.is_empty()
            {
                own.call_method0("clear")?;
            }
        }
        let all = handlers.all.bind(py);
        if all.len() > handlers.count {
            all.del_slice(handlers.count, all.len())?;
        }
        Ok(())
    }

    fn put_environment_back(&self, py: Python<'_>) -> PyResult<()> {
        let same = {
            let mut count = 0;
            std::env::vars_os().all(|(name, value)| {
                count += 1;
                self.environment.get(count - 1).is_some_and(|known| *known.0 == *name && *known.1 == *value)
            }) && count == self.environment.len()
        };
        if same {
            return Ok(());
        }
        let environ = py.import("os")?.getattr("environ")?;
        environ.call_method0("clear")?;
        for (name, value) in &self.environment {
            environ.set_item(name, value)?;
        }
        Ok(())
    }
}

/// How many threads Python knows.
fn threads(py: Python<'_>) -> usize {
    let active = || -> PyResult<usize> {
        let modules = py.import("sys")?.getattr("modules")?;
        modules.get_item("threading")?.getattr("_active")?.len()
    };
    active().unwrap_or(1)
}

/// The handlers of the signals that programs use.
fn signals() -> Vec<usize> {
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGALRM, libc::SIGCHLD, libc::SIGUSR1, libc::SIGPIPE]
        .into_iter()
        .map(|signal| {
            // SAFETY: with a null action this only reads, into a structure of the right type.
            unsafe {
                let mut action = std::mem::zeroed::<libc::sigaction>();
                libc::sigaction(signal, std::ptr::null(), &raw mut action);
                action.sa_sigaction
            }
        })
        .collect()
}

/// A hash for each name of a module, and of them all.
fn names_of(module_name: &str, module: &Bound<'_, PyModule>) -> (Vec<(String, u64)>, u64) {
    let mut names = Vec::new();
    let mut sum = 0_u64;
    for (key, value) in module.dict().iter() {
        let Ok(key) = key.cast::<PyString>() else { continue };
        let Ok(name) = key.to_str() else { continue };
        if IGNORED.contains(&name) {
            continue;
        }
        if let Ok(class) = value.cast::<PyType>()
            && of_module(class, module_name)
        {
            for (attribute, value) in class_dict(class) {
                let Ok(attribute) = attribute.extract::<String>() else { continue };
                if !IGNORED.contains(&attribute.as_str()) {
                    let hash = hash_of(&value);
                    sum = sum.rotate_left(7) ^ hash;
                    names.push((format!("{name}.{attribute}"), hash));
                }
            }
            continue;
        }
        let hash = hash_of(&value);
        sum = sum.rotate_left(7) ^ hash;
        names.push((name.to_owned(), hash));
    }
    (names, sum)
}

/// The names whose hash differs, or that only one of the two has.
fn differing<'a>(before: &'a [(String, u64)], after: &'a [(String, u64)]) -> impl Iterator<Item = &'a str> {
    let changed = after
        .iter()
        .filter(|(name, hash)| before.iter().find(|(known, _)| known == name).is_none_or(|(_, known)| known != hash));
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(known, _)| known == name));
    changed.chain(gone).map(|(name, _)| name.as_str())
}

/// Whether a class was defined in that module.
fn of_module(class: &Bound<'_, PyType>, module: &str) -> bool {
    class_dict(class)
        .find(|(key, _)| key.extract::<&str>().is_ok_and(|key| key == "__module__"))
        .is_some_and(|(_, value)| value.extract::<&str>().is_ok_and(|value| value == module))
}

/// A class's own attributes.
fn class_dict<'py>(class: &Bound<'py, PyType>) -> impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    // SAFETY: `tp_dict` of a class made in Python is a dict or null for as long as the class lives, and the iteration
    // holds the dict.
    let dict = unsafe {
        let pointer = class.as_type_ptr();
        let heap = (*pointer).tp_flags as u64 & ffi::Py_TPFLAGS_HEAPTYPE as u64 != 0;
        let dict = if heap { (*pointer).tp_dict } else { std::ptr::null_mut() };
        Bound::from_borrowed_ptr_or_opt(class.py(), dict)
    };
    dict.and_then(|dict| dict.cast_into::<PyDict>().ok()).into_iter().flat_map(|dict| dict.iter().collect::<Vec<_>>())
}

fn hash_of(value: &Bound<'_, PyAny>) -> u64 {
    let mut walker = Walker { hasher: DefaultHasher::new(), left: NODES_LIMIT };
    walker.walk(value, 0);
    walker.hasher.finish()
}

struct Walker {
    hasher: DefaultHasher,
    left: usize,
}

impl Walker {
    fn walk(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let class = value.get_type_ptr();
        // SAFETY: an object's type lives as long as the object.
        let flags = unsafe { (*class).tp_flags } as u64;
        if let Ok(text) = value.cast_exact::<PyString>() {
            text.to_str().unwrap_or_default().hash(&mut self.hasher);
            return;
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            match number.extract::<i64>() {
                Ok(small) => small.hash(&mut self.hasher),
                Err(_) => (value.as_ptr() as usize).hash(&mut self.hasher),
            }
            return;
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            number.value().to_bits().hash(&mut self.hasher);
            return;
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            bytes.as_bytes().hash(&mut self.hasher);
            return;
        }
        if depth >= DEPTH_LIMIT {
            return;
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            dict.len().hash(&mut self.hasher);
            for (key, item) in dict.iter() {
                self.walk(&key, depth + 1);
                self.walk(&item, depth + 1);
            }
        } else if let Ok(items) = value.cast::<PyList>() {
            items.len().hash(&mut self.hasher);
            items.iter().for_each(|item| self.walk(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PyTuple>() {
            items.len().hash(&mut self.hasher);
            items.iter().for_each(|item| self.walk(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PySet>() {
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(items) = value.cast::<PyFrozenSet>() {
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(bytes) = value.cast::<PyByteArray>() {
            bytes.to_vec().hash(&mut self.hasher);
        } else {
            (value.as_ptr() as usize).hash(&mut self.hasher);
            if class == &raw mut ffi::PyFunction_Type {
                self.function(value, depth);
            } else if flags & ffi::Py_TPFLAGS_HEAPTYPE as u64 != 0 && !value.is_instance_of::<PyType>() {
                self.instance(value, depth);
            } else if value.get_type().name().is_ok_and(|name| name == "_lru_cache_wrapper") {
                if let Ok(info) = value.call_method0("cache_info") {
                    // hits, misses, maxsize, currsize: what is remembered shows in the last.
                    if let Ok(size) = info.get_item(3).and_then(|size| size.extract::<usize>()) {
                        size.hash(&mut self.hasher);
                    }
                }
            }
        }
    }

    /// A set's members, whose order means nothing.
    fn unordered<'py>(&mut self, count: usize, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) {
        count.hash(&mut self.hasher);
        let mut sum = 0_u64;
        for item in items {
            let mut walker = Walker { hasher: DefaultHasher::new(), left: self.left };
            walker.walk(&item, depth + 1);
            self.left = walker.left;
            sum = sum.wrapping_add(walker.hasher.finish());
        }
        sum.hash(&mut self.hasher);
    }

    /// Defaults, closure and attributes of a function.
    fn function(&mut self, function: &Bound<'_, PyAny>, depth: usize) {
        for name in ["__defaults__", "__kwdefaults__", "__dict__"] {
            if let Ok(value) = function.getattr(name)
                && !value.is_none()
            {
                self.walk(&value, depth + 1);
            }
        }
        if let Ok(cells) = function.getattr("__closure__")
            && let Ok(cells) = cells.cast::<PyTuple>()
        {
            for cell in cells.iter() {
                if let Ok(content) = cell.getattr("cell_contents") {
                    self.walk(&content, depth + 1);
                }
            }
        }
    }

    /// The attributes of an object whose class was made in Python, outside of `logging` and such: their caches change
    /// all the time and mean nothing.
    fn instance(&mut self, instance: &Bound<'_, PyAny>, depth: usize) {
        let class = instance.get_type();
        let foreign = class_dict(&class)
            .find(|(key, _)| key.extract::<&str>().is_ok_and(|key| key == "__module__"))
            .and_then(|(_, value)| value.extract::<String>().ok())
            .is_none_or(|module| {
                let top = module.split('.').next().unwrap_or_default();
                matches!(top, "logging" | "threading" | "safeguard" | "re" | "enum" | "abc" | "typing" | "_thread")
            });
        if foreign {
            return;
        }
        // SAFETY: the object is alive and its class was made in Python; the result is a new reference or null with an
        // exception set, which is cleared.
        let dict = unsafe {
            let dict = ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut());
            if dict.is_null() {
                ffi::PyErr_Clear();
            }
            Bound::from_owned_ptr_or_opt(instance.py(), dict)
        };
        if let Some(dict) = dict {
            self.walk(&dict, depth + 1);
        }
    }
}
