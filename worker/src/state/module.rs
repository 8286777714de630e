//! The state of one module: a hash for each name in it and in its classes.

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyModule, PyString, PyType},
};

use super::hash::{Hash, hash_of};

/// Names that Python itself changes.
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

/// A module of the plugin as it was after it was imported.
pub(super) struct ModuleState {
    pub(super) name: String,
    pub(super) module: Py<PyModule>,
    /// The classes that it defines, with their names.
    classes: Vec<(String, Py<PyType>)>,
    /// A hash for each name; an attribute of a class is `Class.attribute`.
    names: Vec<(String, u64)>,
    /// The hash of all.
    hash: u64,
}

impl ModuleState {
    pub(super) fn of(name: String, module: &Bound<'_, PyModule>) -> Self {
        let classes: Vec<(String, Py<PyType>)> = module
            .dict()
            .iter()
            .filter_map(|(key, value)| Some((key.extract::<String>().ok()?, value.cast_into::<PyType>().ok()?)))
            .filter(|(_, class)| of_module(class, &name))
            .map(|(key, class)| (key, class.unbind()))
            .collect();
        let mut state = Self { name, module: module.clone().unbind(), classes, names: Vec::new(), hash: 0 };
        (state.names, state.hash) = (state.hash_names(module.py()), state.hash_all(module.py()));
        state
    }

    /// A hash of everything that the module's names contain, in their order.
    fn hash_all(&self, py: Python<'_>) -> u64 {
        let mut all = Hash::default();
        self.each(py, |_, _, hash| all.add(hash));
        all.0
    }

    /// A hash for each name.
    fn hash_names(&self, py: Python<'_>) -> Vec<(String, u64)> {
        let mut names = Vec::new();
        self.each(py, |class, name, hash| {
            let name = if class.is_empty() { name.to_owned() } else { format!("{class}.{name}") };
            names.push((name, hash));
        });
        names
    }

    /// Calls `visit` with class (empty at the top), name and hash of each name in the module and its classes.
    fn each(&self, py: Python<'_>, mut visit: impl FnMut(&str, &str, u64)) {
        let mut names = |class: &str, dict: &Bound<'_, PyDict>| {
            for (key, value) in dict.iter() {
                let Ok(key) = key.cast::<PyString>() else { continue };
                let Ok(name) = key.to_str() else { continue };
                // All ignored names begin with an underscore.
                if !(name.starts_with('_') && IGNORED.contains(&name)) {
                    visit(class, name, hash_of(&value));
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

    /// The names whose content differs from that at the beginning.
    pub(super) fn changes(&self, py: Python<'_>) -> Vec<String> {
        if self.hash_all(py) == self.hash {
            return Vec::new();
        }
        differing(&self.names, &self.hash_names(py)).map(|name| format!("{}.{name}", self.name)).collect()
    }
}

/// The names whose hash differs, or that only one side has.
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

/// The module in which a class was defined, by its own attribute.
pub(super) fn module_of(class: &Bound<'_, PyType>) -> Option<String> {
    class_dict(class)?.get_item(intern(class.py(), "__module__")).ok()??.extract().ok()
}

/// A class's own attributes.
fn class_dict<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: `tp_dict` of a class made in Python is a dict or null as long as the class lives.
    unsafe {
        let pointer = class.as_type_ptr();
        let heap = (*pointer).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        let dict = if heap { (*pointer).tp_dict } else { std::ptr::null_mut() };
        Bound::from_borrowed_ptr_or_opt(class.py(), dict)?.cast_into::<PyDict>().ok()
    }
}

/// An interned string.
pub(super) fn intern<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    PyString::intern(py, text)
}
