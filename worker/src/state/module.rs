//! The state of one module: a hash for each name in it and in its classes, and what is needed to restore it in place.

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyModule, PyString, PyType},
};

use super::{
    containers::Content,
    hash::{hash_and_record, hash_of},
};

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
    /// Where names are: the module itself, and the classes that it defines.
    owners: Vec<Owner>,
}

/// A module, or a class in it, with its names in their order.
struct Owner {
    /// What the changes of its names begin with: empty, or the name of the class and a dot.
    prefix: String,
    class: Option<Py<PyType>>,
    names: Vec<Name>,
}

/// A name, what it meant, and what the containers in that contained.
struct Name {
    name: Py<PyString>,
    value: Py<PyAny>,
    hash: u64,
    contents: Vec<Content>,
}

/// What a session changed in an owner.
#[derive(Default)]
struct Changes<'py> {
    /// Indices of names that mean something else, or are gone.
    names: Vec<usize>,
    /// Names that are new.
    new: Vec<Bound<'py, PyString>>,
}

impl ModuleState {
    pub(super) fn of(name: String, module: &Bound<'_, PyModule>) -> Self {
        let py = module.py();
        let mut state = Self { name, module: module.clone().unbind(), owners: Vec::new() };
        let classes = module
            .dict()
            .iter()
            .filter_map(|(key, value)| Some((key.extract::<String>().ok()?, value.cast_into::<PyType>().ok()?)))
            .filter(|(_, class)| of_module(class, &state.name))
            .map(|(key, class)| (format!("{key}."), Some(class.unbind())));
        let owners: Vec<_> = std::iter::once((String::new(), None)).chain(classes).collect();
        for (prefix, class) in owners {
            let mut owner = Owner { prefix, class, names: Vec::new() };
            each(&owner.dict(py, &state.module), |name, value| owner.names.push(Name::of(name, value)));
            state.owners.push(owner);
        }
        state
    }

    /// A submodule was imported: that the module has it as an attribute now is no change.
    pub(super) fn add_submodule(&mut self, py: Python<'_>, name: &str) {
        let dict = self.module.bind(py).dict();
        if let Ok(Some(value)) = dict.get_item(name)
            && let Some(top) = self.owners.first_mut()
            && !top.names.iter().any(|known| known.name.bind(py).to_str().is_ok_and(|known| known == name))
        {
            top.names.push(Name::of(&intern(py, name), &value));
        }
    }

    /// The names whose content differs from that at the beginning. With `restores`, puts everything back in place; the
    /// second result says whether that succeeded.
    pub(super) fn changes(&self, py: Python<'_>, restores: bool) -> (Vec<String>, bool) {
        let mut changed = Vec::new();
        let mut is_as_before = true;
        for owner in &self.owners {
            let dict = owner.dict(py, &self.module);
            let changes = owner.changes(&dict);
            if changes.names.is_empty() && changes.new.is_empty() {
                continue;
            }
            let names = changes.names.iter().map(|&index| owner.names[index].name.bind(py));
            let names = names.chain(&changes.new).filter_map(|name| name.to_str().ok());
            changed.extend(names.map(|name| format!("{}.{}{name}", self.name, owner.prefix)));
            is_as_before &= restores && owner.restore(&dict, &changes).is_ok();
        }
        // What was put back in one place may have changed another one, in a destructor for instance.
        let is_as_before = is_as_before
            && (changed.is_empty()
                || self.owners.iter().all(|owner| {
                    let changes = owner.changes(&owner.dict(py, &self.module));
                    changes.names.is_empty() && changes.new.is_empty()
                }));
        (changed, is_as_before)
    }
}

impl Name {
    fn of(name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> Self {
        let mut contents = Vec::new();
        let hash = hash_and_record(value, &mut contents);
        Self { name: name.clone().unbind(), value: value.clone().unbind(), hash, contents }
    }
}

impl Owner {
    fn dict<'py>(&self, py: Python<'py>, module: &Py<PyModule>) -> Bound<'py, PyDict> {
        match &self.class {
            None => module.bind(py).dict(),
            Some(class) => class_dict(class.bind(py)).unwrap_or_else(|| PyDict::new(py)),
        }
    }

    fn changes<'py>(&self, dict: &Bound<'py, PyDict>) -> Changes<'py> {
        let mut changes = Changes::default();
        let mut is_seen: Option<Vec<bool>> = None;
        let mut next = 0;
        each(dict, |name, value| {
            // Nearly always the names are the same in the same order.
            let is_next = is_seen.is_none() && self.names.get(next).is_some_and(|known| name.is(&known.name));
            let index = if is_next { Some(next) } else { self.index_of(name) };
            if !is_next {
                let seen = is_seen.get_or_insert_with(|| (0..self.names.len()).map(|index| index < next).collect());
                index.into_iter().for_each(|index| seen[index] = true);
            }
            next += usize::from(is_next);
            match index {
                Some(index) if hash_of(value) == self.names[index].hash => {}
                Some(index) => changes.names.push(index),
                None => changes.new.push(name.clone()),
            }
        });
        match is_seen {
            Some(seen) => changes.names.extend((0..seen.len()).filter(|&index| !seen[index])),
            None => changes.names.extend(next..self.names.len()),
        }
        changes
    }

    fn index_of(&self, name: &Bound<'_, PyString>) -> Option<usize> {
        let py = name.py();
        let text = name.to_str().ok()?;
        self.names
            .iter()
            .position(|known| name.is(&known.name) || known.name.bind(py).to_str().is_ok_and(|known| known == text))
    }

    /// Lets each name mean again what it meant, and puts back what that contained.
    fn restore(&self, dict: &Bound<'_, PyDict>, changes: &Changes<'_>) -> PyResult<()> {
        let py = dict.py();
        for name in &changes.new {
            self.set(dict, name, None)?;
        }
        for known in changes.names.iter().map(|&index| &self.names[index]) {
            let name = known.name.bind(py);
            let value = known.value.bind(py);
            if !dict.get_item(name)?.is_some_and(|now| now.is(value)) {
                self.set(dict, name, Some(value))?;
            }
            known.contents.iter().try_for_each(|content| content.restore(py))?;
        }
        Ok(())
    }

    /// Sets or deletes a name, as `type` itself does it for a class, whatever its metaclass does.
    fn set(
        &self,
        dict: &Bound<'_, PyDict>,
        name: &Bound<'_, PyString>,
        value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match (&self.class, value) {
            (None, Some(value)) => dict.set_item(name, value),
            (None, None) => dict.del_item(name),
            (Some(class), value) => {
                // SAFETY: the class is alive, and the name and the value are; a null value deletes the name.
                unsafe {
                    let Some(set) = ffi::PyType_Type.tp_setattro else { return Ok(()) };
                    let value = value.map_or(std::ptr::null_mut(), Bound::as_ptr);
                    match set(class.as_ptr(), name.as_ptr(), value) {
                        0 => Ok(()),
                        _ => Err(PyErr::fetch(dict.py())),
                    }
                }
            }
        }
    }
}

/// Calls `visit` with each name of a module or class that counts, and what it means.
fn each<'py>(dict: &Bound<'py, PyDict>, mut visit: impl FnMut(&Bound<'py, PyString>, &Bound<'py, PyAny>)) {
    for (key, value) in dict.iter() {
        let Ok(name) = key.cast::<PyString>() else { continue };
        let Ok(text) = name.to_str() else { continue };
        // All ignored names begin with an underscore.
        if !(text.starts_with('_') && IGNORED.contains(&text)) {
            visit(name, &value);
        }
    }
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
