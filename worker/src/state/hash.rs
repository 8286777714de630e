//! A hash of everything that an object contains, as far as that can be read without calling anything of the plugin's.
//! On the same way the containers are recorded, so that they can be restored.

use std::ffi::CStr;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType},
};

use super::{
    containers::{Content, deque_items, slots},
    module::{intern, module_of},
};

/// How deep objects are followed.
const DEPTH_LIMIT: usize = 6;
/// How many objects of one name are visited.
const NODES_LIMIT: usize = 5_000;

/// The hash of an object.
pub(super) fn hash_of(value: &Bound<'_, PyAny>) -> u64 {
    let mut visitor = Visitor { hash: Hash::default(), nodes_left: NODES_LIMIT, record: None };
    visitor.visit(value, 0);
    visitor.hash.0
}

/// The hash of an object. Adds to `record` what the containers in it contain.
pub(super) fn hash_and_record(value: &Bound<'_, PyAny>, record: &mut Vec<Content>) -> u64 {
    let mut visitor = Visitor { hash: Hash::default(), nodes_left: NODES_LIMIT, record: Some(record) };
    visitor.visit(value, 0);
    visitor.hash.0
}

/// A fast hash that depends on the order. It need not resist attacks: a plugin that hides state from it hides it from
/// its own author.
#[derive(Default)]
pub(super) struct Hash(pub(super) u64);

impl Hash {
    pub(super) fn add(&mut self, word: u64) {
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

struct Visitor<'r> {
    hash: Hash,
    nodes_left: usize,
    record: Option<&'r mut Vec<Content>>,
}

impl Visitor<'_> {
    fn record(&mut self, content: impl FnOnce() -> Content) {
        if let Some(record) = &mut self.record {
            record.push(content());
        }
    }

    fn visit(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        if self.nodes_left == 0 {
            return;
        }
        self.nodes_left -= 1;
        let class = value.get_type_ptr();
        // SAFETY: the type of an object lives as long as the object.
        let flags = unsafe { (*class).tp_flags };
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.hash.bytes(text.to_str().unwrap_or_default().as_bytes());
            return;
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            match number.extract::<i64>() {
                Ok(small) => self.hash.add(small as u64),
                Err(_) => self.hash.add(value.as_ptr() as u64),
            }
            return;
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.hash.add(number.value().to_bits());
            return;
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.hash.bytes(bytes.as_bytes());
            return;
        }
        if depth >= DEPTH_LIMIT {
            return;
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            self.record(|| Content::of_dict(dict));
            self.hash.add(dict.len() as u64);
            for (key, item) in dict.iter() {
                self.visit(&key, depth + 1);
                self.visit(&item, depth + 1);
            }
        } else if let Ok(items) = value.cast::<PyList>() {
            self.record(|| Content::of_list(items));
            self.hash.add(items.len() as u64);
            items.iter().for_each(|item| self.visit(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PyTuple>() {
            self.hash.add(items.len() as u64);
            items.iter().for_each(|item| self.visit(&item, depth + 1));
        } else if let Ok(items) = value.cast::<PySet>() {
            self.record(|| Content::of_set(items));
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(items) = value.cast::<PyFrozenSet>() {
            self.unordered(items.len(), items.iter(), depth);
        } else if let Ok(bytes) = value.cast::<PyByteArray>() {
            self.record(|| Content::of_bytes(bytes));
            self.hash.bytes(&bytes.to_vec());
        } else {
            self.hash.add(value.as_ptr() as u64);
            if let Some(items) = deque_items(value) {
                self.record(|| Content::of_deque(value, &items));
                self.hash.add(items.len() as u64);
                items.iter().for_each(|item| self.visit(item, depth + 1));
            }
            if class == &raw mut ffi::PyFunction_Type {
                self.function(value, depth);
            } else if is_lru_cache(value) {
                // hits, misses, maxsize, currsize: the last one is the number of results in the cache.
                if let Ok(info) = value.call_method0("cache_info")
                    && let Ok(size) = info.get_item(3).and_then(|size| size.extract::<usize>())
                {
                    self.record(|| Content::of_results(value, size));
                    self.hash.add(size as u64);
                }
            } else if flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 && !value.is_instance_of::<PyType>() {
                self.instance(value, depth);
            }
        }
    }

    /// Visits the members of a set, whose order does not count.
    fn unordered<'py>(&mut self, count: usize, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) {
        self.hash.add(count as u64);
        let mut sum = 0_u64;
        for item in items {
            let record = self.record.as_deref_mut();
            let mut visitor = Visitor { hash: Hash::default(), nodes_left: self.nodes_left, record };
            visitor.visit(&item, depth + 1);
            self.nodes_left = visitor.nodes_left;
            sum = sum.wrapping_add(visitor.hash.0);
        }
        self.hash.add(sum);
    }

    /// Visits defaults, closure and attributes of a function.
    fn function(&mut self, function: &Bound<'_, PyAny>, depth: usize) {
        let py = function.py();
        // SAFETY: the caller has checked that the object is a function; the results are borrowed from it or null.
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
            self.visit(&value, depth + 1);
        }
        if let Some(cells) = closure.and_then(|cells| cells.cast_into::<PyTuple>().ok()) {
            for cell in cells.iter() {
                self.record(|| Content::of_cell(&cell));
                if let Ok(content) = cell.getattr(intern(py, "cell_contents")) {
                    self.visit(&content, depth + 1);
                }
            }
        }
        if let Ok(own) = function.getattr(intern(py, "__dict__")) {
            self.visit(&own, depth + 1);
        }
    }

    /// Visits the attributes of an object whose class was made in Python. Objects of `logging` and such are left out:
    /// their caches change all the time and mean nothing.
    fn instance(&mut self, instance: &Bound<'_, PyAny>, depth: usize) {
        let class = instance.get_type();
        let is_ignored = module_of(&class).is_none_or(|module| {
            let top = module.split('.').next().unwrap_or_default();
            matches!(top, "logging" | "threading" | "safeguard" | "re" | "enum" | "abc" | "typing" | "_thread")
        });
        if is_ignored {
            return;
        }
        // SAFETY: the object is alive and its class was made in Python; the result is a new reference, or null with an
        // exception set, which is cleared.
        let dict = unsafe {
            let dict = ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut());
            if dict.is_null() {
                ffi::PyErr_Clear();
            }
            Bound::from_owned_ptr_or_opt(instance.py(), dict)
        };
        if let Some(dict) = dict {
            self.visit(&dict, depth + 1);
        }
        for (slot, value) in slots(instance) {
            self.record(|| Content::of_slot(instance, &slot, value.as_ref()));
            self.hash.add(u64::from(value.is_some()));
            if let Some(value) = value {
                self.visit(&value, depth + 1);
            }
        }
    }
}

/// Whether `functools.lru_cache` made this object of a function.
fn is_lru_cache(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the type of a living object is alive, and its name is a C string.
    let name = unsafe { CStr::from_ptr((*value.get_type_ptr()).tp_name) };
    name == c"functools._lru_cache_wrapper"
}
