//! What containers contained after the plugin was imported, and how to put it back in place, so that everything that
//! refers to a container sees it as it was. This calls nothing of the plugin's: methods are those of the types that the
//! containers are based on. What cannot be put back in this way stays changed, and the hash shows it.

use std::sync::OnceLock;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyByteArray, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple, PyType},
};

use super::module::intern;

/// A container and what was in it.
pub(super) enum Content {
    Dict(Py<PyDict>, Vec<(Py<PyAny>, Py<PyAny>)>),
    List(Py<PyList>, Vec<Py<PyAny>>),
    Set(Py<PySet>, Vec<Py<PyAny>>),
    Bytes(Py<PyByteArray>, Vec<u8>),
    Deque(Py<PyAny>, Vec<Py<PyAny>>),
    /// A cell of a closure.
    Cell(Py<PyAny>, Option<Py<PyAny>>),
    /// An instance, the descriptor of one of its slots, and the value in it.
    Slot(Py<PyAny>, Py<PyAny>, Option<Py<PyAny>>),
    /// A function of `functools.lru_cache`, and how many results it kept.
    Results(Py<PyAny>, usize),
}

impl Content {
    pub(super) fn of_dict(dict: &Bound<'_, PyDict>) -> Self {
        Self::Dict(dict.clone().unbind(), dict.iter().map(|(key, value)| (key.unbind(), value.unbind())).collect())
    }

    pub(super) fn of_list(list: &Bound<'_, PyList>) -> Self {
        Self::List(list.clone().unbind(), list.iter().map(Bound::unbind).collect())
    }

    pub(super) fn of_set(set: &Bound<'_, PySet>) -> Self {
        Self::Set(set.clone().unbind(), set.iter().map(Bound::unbind).collect())
    }

    pub(super) fn of_bytes(bytes: &Bound<'_, PyByteArray>) -> Self {
        Self::Bytes(bytes.clone().unbind(), bytes.to_vec())
    }

    pub(super) fn of_deque(deque: &Bound<'_, PyAny>, items: &[Bound<'_, PyAny>]) -> Self {
        Self::Deque(deque.clone().unbind(), items.iter().map(|item| item.clone().unbind()).collect())
    }

    pub(super) fn of_cell(cell: &Bound<'_, PyAny>) -> Self {
        Self::Cell(cell.clone().unbind(), cell_content(cell).map(Bound::unbind))
    }

    pub(super) fn of_slot(
        instance: &Bound<'_, PyAny>,
        slot: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
    ) -> Self {
        Self::Slot(instance.clone().unbind(), slot.clone().unbind(), value.map(|value| value.clone().unbind()))
    }

    pub(super) fn of_results(function: &Bound<'_, PyAny>, count: usize) -> Self {
        Self::Results(function.clone().unbind(), count)
    }

    /// Puts back what was in the container.
    ///
    /// # Errors
    /// If that is not possible without code of the plugin's.
    pub(super) fn restore(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Dict(dict, items) => restore_dict(dict.bind(py), items),
            Self::List(list, items) => {
                let list = list.bind(py);
                if !is_same(list.len(), list.iter(), items) {
                    list.set_slice(0, list.len(), PyList::new(py, items)?.as_any())?;
                }
                Ok(())
            }
            Self::Set(set, items) => restore_set(set.bind(py), items),
            Self::Bytes(bytes, content) => {
                let bytes = bytes.bind(py);
                if bytes.to_vec() != *content {
                    bytes.resize(content.len())?;
                    // SAFETY: this thread is attached, and nothing else runs while the bytes are written.
                    unsafe { bytes.as_bytes_mut() }.copy_from_slice(content);
                }
                Ok(())
            }
            Self::Deque(deque, items) => {
                let deque = deque.bind(py);
                let now = deque_items(deque).unwrap_or_default();
                if !is_same(now.len(), now.into_iter(), items)
                    && let Some(class) = deque_class(deque)
                {
                    class.call_method1(intern(py, "clear"), (deque,))?;
                    class.call_method1(intern(py, "extend"), (deque, PyTuple::new(py, items)?))?;
                }
                Ok(())
            }
            Self::Cell(cell, content) => {
                let cell = cell.bind(py);
                let content = content.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr);
                // SAFETY: the object is a cell, as its maker saw, and the content is alive or null, which empties it.
                match unsafe { ffi::PyCell_Set(cell.as_ptr(), content) } {
                    0 => Ok(()),
                    _ => Err(PyErr::fetch(py)),
                }
            }
            Self::Slot(instance, slot, value) => restore_slot(instance.bind(py), slot.bind(py), value.as_ref()),
            Self::Results(function, count) => {
                if *count == 0 {
                    function.bind(py).call_method0(intern(py, "cache_clear"))?;
                }
                Ok(())
            }
        }
    }
}

/// Whether these are the same objects in the same order.
fn is_same<'py>(count: usize, mut now: impl Iterator<Item = Bound<'py, PyAny>>, before: &[Py<PyAny>]) -> bool {
    count == before.len() && before.iter().all(|item| now.next().is_some_and(|other| other.is(item)))
}

fn restore_dict(dict: &Bound<'_, PyDict>, items: &[(Py<PyAny>, Py<PyAny>)]) -> PyResult<()> {
    let py = dict.py();
    let now: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = dict.iter().collect();
    let has_keys = now.len() >= items.len() && items.iter().zip(&now).all(|((key, _), (other, _))| other.is(key));
    let (kept, added) = now.split_at(items.len().min(now.len()));
    if !has_keys || !added.iter().all(|(key, _)| is_plain(key)) || is_ordered(dict) {
        if has_keys && added.is_empty() && kept.iter().zip(items).all(|((_, now), (_, before))| now.is(before)) {
            return Ok(());
        }
        return rebuild_dict(dict, items);
    }
    for (key, _) in added {
        dict.del_item(key)?;
    }
    for ((key, now), (_, before)) in kept.iter().zip(items) {
        if !now.is(before) {
            if !is_plain(key) {
                return rebuild_dict(dict, items);
            }
            set_item(dict, key, before.bind(py))?;
        }
    }
    Ok(())
}

/// Fills a dict anew. What was in it lives until the end, so that no destructor sees it half full.
fn rebuild_dict(dict: &Bound<'_, PyDict>, items: &[(Py<PyAny>, Py<PyAny>)]) -> PyResult<()> {
    let py = dict.py();
    if !items.iter().all(|(key, _)| is_plain(key.bind(py))) {
        return Err(unrestorable());
    }
    let _now: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = dict.iter().collect();
    if is_ordered(dict) {
        ordered_class(py)?.call_method1(intern(py, "clear"), (dict,))?;
    } else {
        dict.clear();
    }
    items.iter().try_for_each(|(key, value)| set_item(dict, key.bind(py), value.bind(py)))
}

/// Sets an item as `dict` itself does it, or `OrderedDict` for one of those: a class of the plugin may do it otherwise.
fn set_item(dict: &Bound<'_, PyDict>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if is_ordered(dict) {
        let arguments = (dict, key, value);
        return ordered_class(dict.py())?.call_method1(intern(dict.py(), "__setitem__"), arguments).map(drop);
    }
    dict.set_item(key, value)
}

fn restore_set(set: &Bound<'_, PySet>, items: &[Py<PyAny>]) -> PyResult<()> {
    let py = set.py();
    // The order of a set is that of its hashes and of its history, so the same members may come in another one.
    let mut now: Vec<usize> = set.iter().map(|item| item.as_ptr() as usize).collect();
    let mut before: Vec<usize> = items.iter().map(|item| item.as_ptr() as usize).collect();
    now.sort_unstable();
    before.sort_unstable();
    if now == before {
        return Ok(());
    }
    if !items.iter().all(|item| is_plain(item.bind(py))) {
        return Err(unrestorable());
    }
    let _now: Vec<Bound<'_, PyAny>> = set.iter().collect();
    set.clear();
    items.iter().try_for_each(|item| set.add(item))
}

fn restore_slot(instance: &Bound<'_, PyAny>, slot: &Bound<'_, PyAny>, value: Option<&Py<PyAny>>) -> PyResult<()> {
    let py = instance.py();
    let now = slot_value(instance, slot);
    if now.as_ref().map(Bound::as_ptr) == value.map(Py::as_ptr) {
        return Ok(());
    }
    // SAFETY: the descriptor is one of a slot, whose setter is in C, of a class of the instance; the value is alive, or
    // null, which empties the slot.
    unsafe {
        let Some(set) = ffi::PyMemberDescr_Type.tp_descr_set else { return Err(unrestorable()) };
        match set(slot.as_ptr(), instance.as_ptr(), value.map_or(std::ptr::null_mut(), Py::as_ptr)) {
            0 => Ok(()),
            _ => Err(PyErr::fetch(py)),
        }
    }
}

fn unrestorable() -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err("this cannot be restored")
}

/// Whether hashing and comparing this key calls nothing of the plugin's.
fn is_plain(key: &Bound<'_, PyAny>) -> bool {
    if let Ok(items) = key.cast_exact::<PyTuple>() {
        return items.iter().all(|item| is_plain(&item));
    }
    if let Ok(items) = key.cast_exact::<PyFrozenSet>() {
        return items.iter().all(|item| is_plain(&item));
    }
    // SAFETY: the type of a living object is alive, and its slots are only compared.
    unsafe {
        let class = key.get_type_ptr();
        let object = &raw mut ffi::PyBaseObject_Type;
        let is_own = (*class).tp_hash.map(|f| f as usize) == (*object).tp_hash.map(|f| f as usize)
            && (*class).tp_richcompare.map(|f| f as usize) == (*object).tp_richcompare.map(|f| f as usize);
        (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || is_own
    }
}

/// `collections.OrderedDict`.
fn ordered_class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    // SAFETY: a static type of CPython.
    Ok(unsafe { PyType::from_borrowed_type_ptr(py, &raw mut PyODict_Type) })
}

unsafe extern "C" {
    static mut PyODict_Type: ffi::PyTypeObject;
}

fn is_ordered(dict: &Bound<'_, PyDict>) -> bool {
    // SAFETY: both types are alive.
    unsafe { ffi::PyType_IsSubtype(dict.get_type_ptr(), &raw mut PyODict_Type) != 0 }
}

/// The class `collections.deque` if the object is one, or of a class based on it.
fn deque_class<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyType>> {
    static DEQUE: OnceLock<Option<Py<PyType>>> = OnceLock::new();
    let py = value.py();
    // The module is built in, so a plugin cannot put its own in its place before the first look, at loading.
    let find = || Some(py.import("_collections").ok()?.getattr("deque").ok()?.cast_into::<PyType>().ok()?.unbind());
    let class = DEQUE.get_or_init(find).as_ref()?.bind(py);
    // SAFETY: both types are alive.
    let is_one = unsafe { ffi::PyType_IsSubtype(value.get_type_ptr(), class.as_type_ptr()) != 0 };
    is_one.then(|| class.clone())
}

/// The items of a deque; `None` for any other object.
pub(super) fn deque_items<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let class = deque_class(value)?;
    // Whatever a class of the plugin iterates over, this is what `deque` itself does.
    let iterator = class.call_method1(intern(value.py(), "__iter__"), (value,)).ok()?;
    iterator.try_iter().ok()?.collect::<PyResult<Vec<_>>>().ok()
}

/// What a cell of a closure contains, if it contains anything.
fn cell_content<'py>(cell: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    cell.getattr(intern(cell.py(), "cell_contents")).ok()
}

/// The slots of an instance whose class was made in Python: the descriptor of each, and its value if it has one.
pub(super) fn slots<'py>(instance: &Bound<'py, PyAny>) -> Vec<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)> {
    let py = instance.py();
    let mut found = Vec::new();
    // SAFETY: the classes of a living object are alive. One with this flag is a heap type, whose `ht_slots` is a tuple
    // of names or null, and whose `tp_dict` is a dict or null.
    unsafe {
        let mut class = instance.get_type_ptr();
        while !class.is_null() && (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
            let names = (*class.cast::<ffi::PyHeapTypeObject>()).ht_slots;
            let names = Bound::from_borrowed_ptr_or_opt(py, names).and_then(|names| names.cast_into::<PyTuple>().ok());
            let dict = Bound::from_borrowed_ptr_or_opt(py, (*class).tp_dict);
            let dict = dict.and_then(|dict| dict.cast_into::<PyDict>().ok());
            if let (Some(names), Some(dict)) = (names, dict) {
                for name in names.iter().filter_map(|name| name.cast_into::<PyString>().ok()) {
                    let slot = dict.get_item(name).ok().flatten();
                    if let Some(slot) = slot.filter(|slot| slot.get_type_ptr() == &raw mut ffi::PyMemberDescr_Type) {
                        let value = slot_value(instance, &slot);
                        found.push((slot, value));
                    }
                }
            }
            class = (*class).tp_base;
        }
    }
    found
}

fn slot_value<'py>(instance: &Bound<'py, PyAny>, slot: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the descriptor is one of a slot, whose getter is in C, of a class of the instance. The result is a new
    // reference, or null with an exception set, which is cleared.
    unsafe {
        let get = ffi::PyMemberDescr_Type.tp_descr_get?;
        let value = get(slot.as_ptr(), instance.as_ptr(), instance.get_type_ptr().cast());
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(instance.py(), value)
    }
}
