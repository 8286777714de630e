//! What may carry state from one session to the next inside a process: the plugin's modules, the attributes of its
//! classes, defaults and closures of its functions; and what is put back after each session because a fresh process
//! would have it so: environment, working folder, logging.
//!
//! A snapshot is a hash for each name. Taking it calls nothing of the plugin's.

use std::{
    ffi::{CStr, OsStr, c_char},
    os::unix::ffi::OsStrExt,
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
    /// `sys.modules`.
    all_modules: Py<PyDict>,
    /// How many modules there were: more means that some were imported since.
    modules_seen: usize,
    environment: Vec<(String, String)>,
    /// Where the environment's strings lie: `setenv` never writes over one that is in use.
    environment_at: Vec<usize>,
    work: Vec<u8>,
    handlers: Option<Handlers>,
    signals: [usize; SIGNALS.len()],
}

struct ModuleState {
    name: String,
    module: Py<PyModule>,
    /// The classes that it defines, with their names.
    classes: Vec<(String, Py<PyType>)>,
    /// A hash for each name; a class's attributes stand as `Class.attribute`.
    names: Vec<(String, u64)>,
    sum: u64,
}

/// The signals whose handlers programs set.
const SIGNALS: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGALRM, libc::SIGCHLD];

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
            all_modules: py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
            modules_seen: 0,
            environment: std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            environment_at: environment_at(),
            work: working_folder().to_owned(),
            handlers: None,
            signals: signals(),
        };
        state.add_modules(py)?;
        state.note_logging(py, true)?;
        Ok(state)
    }

    /// Takes modules in that were imported since the last look. Importing is what their code says, not state.
    fn add_modules(&mut self, py: Python<'_>) -> PyResult<()> {
        let modules = self.all_modules.bind(py).clone();
        if modules.len() == self.modules_seen {
            return Ok(());
        }
        self.modules_seen = modules.len();
        for (name, module) in modules.iter() {
            let (Ok(name), Ok(module)) = (name.extract::<String>(), module.cast_into::<PyModule>()) else { continue };
            let file = module.dict().get_item("__file__").ok().flatten().and_then(|file| file.extract::<String>().ok());
            let own = file.is_some_and(|file| file.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/')));
            if own && !self.modules.iter().any(|known| known.name == name) {
                self.modules.push(ModuleState::of(name, &module));
            }
        }
        // A package gets its submodules as attributes when they are imported.
        for known in &mut self.modules {
            *known = ModuleState::of(std::mem::take(&mut known.name), &known.module.bind(py).clone());
        }
        Ok(())
    }

    /// Takes note of how logging is set up: as it is now, or, where the plugin imported it in a session, as it comes.
    fn note_logging(&mut self, py: Python<'_>, as_it_is: bool) -> PyResult<()> {
        let Ok(Some(logging)) = self.all_modules.bind(py).get_item(intern(py, "logging")) else { return Ok(()) };
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
        if working_folder() != self.work && std::env::set_current_dir(OsStr::from_bytes(&self.work)).is_err() {
            changes.push("the working folder".into());
        }
        if signals() != self.signals {
            changes.push("signal handlers".into());
        }
        if self.threads(py) > 1 {
            changes.push("a thread".into());
        }
        for known in &self.modules {
            changes.extend(known.changes(py));
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

    fn put_environment_back(&mut self, py: Python<'_>) -> PyResult<()> {
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

    /// How many threads Python knows.
    fn threads(&self, py: Python<'_>) -> usize {
        match self.all_modules.bind(py).get_item(intern(py, "threading")) {
            Ok(Some(threading)) => {
                threading.getattr(intern(py, "_active")).and_then(|active| active.len()).unwrap_or(1)
            }
            _ => 1,
        }
    }
}

fn intern<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    PyString::intern(py, text)
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Calls `see` with the address of each string of the environment until it gives false.
fn each_variable(mut see: impl FnMut(usize) -> bool) {
    // SAFETY: this thread is the only one that changes the environment, and holds still here; the array ends with null.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() && see(*entry as usize) {
            entry = entry.add(1);
        }
    }
}

fn environment_at() -> Vec<usize> {
    let mut at = Vec::new();
    each_variable(|address| {
        at.push(address);
        true
    });
    at
}

fn is_environment_at(at: &[usize]) -> bool {
    let mut count = 0;
    let mut same = true;
    each_variable(|address| {
        same &= at.get(count) == Some(&address);
        count += 1;
        same
    });
    same && count == at.len()
}

/// The working folder's path; empty where it is gone.
fn working_folder() -> Vec<u8> {
    let mut buffer = [0_u8; 4096];
    // SAFETY: the buffer has the length that is told; the result is null or the buffer with a NUL in it.
    unsafe {
        if libc::getcwd(buffer.as_mut_ptr().cast(), buffer.len()).is_null() {
            return Vec::new();
        }
    }
    CStr::from_bytes_until_nul(&buffer).map_or_else(|_| Vec::new(), |path| path.to_bytes().to_vec())
}

/// The handlers of the signals that programs use.
fn signals() -> [usize; SIGNALS.len()] {
    SIGNALS.map(|signal| {
        // SAFETY: with a null action this only reads, into a structure of the right type.
        unsafe {
            let mut action = std::mem::zeroed::<libc::sigaction>();
            libc::sigaction(signal, std::ptr::null(), &raw mut action);
            action.sa_sigaction
        }
    })
}

impl ModuleState {
    fn of(name: String, module: &Bound<'_, PyModule>) -> Self {
        let classes: Vec<(String, Py<PyType>)> = module
            .dict()
            .iter()
            .filter_map(|(key, value)| Some((key.extract::<String>().ok()?, value.cast_into::<PyType>().ok()?)))
            .filter(|(_, class)| of_module(class, &name))
            .map(|(key, class)| (key, class.unbind()))
            .collect();
        let mut state = Self { name, module: module.clone().unbind(), classes, names: Vec::new(), sum: 0 };
        (state.names, state.sum) = (state.named(module.py()), state.sum(module.py()));
        state
    }

    /// A hash of all that the module's names hold, in their order.
    fn sum(&self, py: Python<'_>) -> u64 {
        let mut sum = Sum::default();
        self.each(py, |_, _, hash| sum.add(hash));
        sum.0
    }

    /// A hash for each name.
    fn named(&self, py: Python<'_>) -> Vec<(String, u64)> {
        let mut names = Vec::new();
        self.each(py, |class, name, hash| {
            let name = if class.is_empty() { name.to_owned() } else { format!("{class}.{name}") };
            names.push((name, hash));
        });
        names
    }

    /// Calls `see` with class (empty at the top), name and hash of everything that the module and its classes hold.
    fn each(&self, py: Python<'_>, mut see: impl FnMut(&str, &str, u64)) {
        let mut names = |class: &str, dict: &Bound<'_, PyDict>| {
            for (key, value) in dict.iter() {
                let Ok(key) = key.cast::<PyString>() else { continue };
                let Ok(name) = key.to_str() else { continue };
                // All names that are left out have two underscores in front, or one.
                if !(name.starts_with('_') && IGNORED.contains(&name)) {
                    see(class, name, hash_of(&value));
                }
            }
        };
        names("", &self.module.bind(py).dict());
        for (name, class) in &self.classes {
            if let Some(dict) = class_dict(class.bind(py)) {
                names(name, &dict);
            }
        }
    }

    /// The names whose content is another than at the beginning.
    fn changes(&self, py: Python<'_>) -> Vec<String> {
        if self.sum(py) == self.sum {
            return Vec::new();
        }
        differing(&self.names, &self.named(py)).map(|name| format!("{}.{name}", self.name)).collect()
    }
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
    module_of(class).is_some_and(|own| own == module)
}

/// The module that a class says it was defined in.
fn module_of(class: &Bound<'_, PyType>) -> Option<String> {
    class_dict(class)?.get_item(intern(class.py(), "__module__")).ok()??.extract().ok()
}

/// A class's own attributes.
fn class_dict<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: `tp_dict` of a class made in Python is a dict or null for as long as the class lives.
    unsafe {
        let pointer = class.as_type_ptr();
        let heap = (*pointer).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        let dict = if heap { (*pointer).tp_dict } else { std::ptr::null_mut() };
        Bound::from_borrowed_ptr_or_opt(class.py(), dict)?.cast_into::<PyDict>().ok()
    }
}

fn hash_of(value: &Bound<'_, PyAny>) -> u64 {
    let mut walker = Walker { sum: Sum::default(), left: NODES_LIMIT };
    walker.walk(value, 0);
    walker.sum.0
}

/// A fast hash in which order counts. It need not withstand anybody: who hides state from it hides it from himself.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0_u8; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last));
        self.add(bytes.len() as u64);
    }
}

struct Walker {
    sum: Sum,
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
        let flags = unsafe { (*class).tp_flags };
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.sum.bytes(text.to_str().unwrap_or_default().as_bytes());
            return;
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            match number.extract::<i64>() {
                Ok(small) => self.sum.add(small as u64),
                Err(_) => self.sum.add(value.as_ptr() as u64),
            }
            return;
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.sum.add(number.value().to_bits());
            return;
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.sum.bytes(bytes.as_bytes());
            return;
        }
        if depth >= DEPTH_LIMIT {
            return;
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            self.sum.add(dict.len() as u64);
            for (key, item) in dict.iter() {
                self.walk(&key, depth + 1);
                self.walk(&item, depth + 1);
            }
        } else if let Ok(items) = value.cast::<PyList>() {
            self.sum.add(items.len() as u64);
            items.iter().for_each(|item| self.walk(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PyTuple>() {
            self.sum.add(items.len() as u64);
            items.iter().for_each(|item| self.walk(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PySet>() {
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(items) = value.cast::<PyFrozenSet>() {
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(bytes) = value.cast::<PyByteArray>() {
            self.sum.bytes(&bytes.to_vec());
        } else {
            self.sum.add(value.as_ptr() as u64);
            if class == &raw mut ffi::PyFunction_Type {
                self.function(value, depth);
            } else if flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 && !value.is_instance_of::<PyType>() {
                self.instance(value, depth);
            } else if is_lru_cache(value)
                && let Ok(info) = value.call_method0("cache_info")
                // hits, misses, maxsize, currsize: what is remembered shows in the last.
                && let Ok(size) = info.get_item(3).and_then(|size| size.extract::<usize>())
            {
                self.sum.add(size as u64);
            }
        }
    }

    /// A set's members, whose order means nothing.
    fn unordered<'py>(&mut self, count: usize, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) {
        self.sum.add(count as u64);
        let mut sum = 0_u64;
        for item in items {
            let mut walker = Walker { sum: Sum::default(), left: self.left };
            walker.walk(&item, depth + 1);
            self.left = walker.left;
            sum = sum.wrapping_add(walker.sum.0);
        }
        self.sum.add(sum);
    }

    /// Defaults, closure and attributes of a function.
    fn function(&mut self, function: &Bound<'_, PyAny>, depth: usize) {
        let py = function.py();
        // SAFETY: the object is a function, as the caller saw by its type; what these give is borrowed from it or null.
        let parts = unsafe {
            let pointer = function.as_ptr();
            [
                ffi::PyFunction_GetDefaults(pointer),
                ffi::PyFunction_GetKwDefaults(pointer),
                ffi::PyFunction_GetClosure(pointer),
            ]
            .map(|part| Bound::from_borrowed_ptr_or_opt(py, part))
        };
        let [defaults, keyword_defaults, closure] = parts;
        for value in [defaults, keyword_defaults].into_iter().flatten() {
            self.walk(&value, depth + 1);
        }
        if let Some(cells) = closure.and_then(|cells| cells.cast_into::<PyTuple>().ok()) {
            for cell in cells.iter() {
                if let Ok(content) = cell.getattr(intern(py, "cell_contents")) {
                    self.walk(&content, depth + 1);
                }
            }
        }
        if let Ok(own) = function.getattr(intern(py, "__dict__")) {
            self.walk(&own, depth + 1);
        }
    }

    /// The attributes of an object whose class was made in Python, outside of `logging` and such: their caches change
    /// all the time and mean nothing.
    fn instance(&mut self, instance: &Bound<'_, PyAny>, depth: usize) {
        let class = instance.get_type();
        let foreign = module_of(&class).is_none_or(|module| {
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

/// Whether an object is what `functools.lru_cache` makes of a function.
fn is_lru_cache(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the type of a living object is alive, and its name a C string.
    let name = unsafe { CStr::from_ptr((*value.get_type_ptr()).tp_name) };
    name == c"functools._lru_cache_wrapper"
}
