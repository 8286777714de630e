//! Reads Python's objects without calling anything of the plugin's: text and bytes are read in C, whatever class a
//! plugin made of them.

use std::{
    ffi::{CStr, c_int},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
};

use pyo3::ffi::{self, PyObject};

/// The arguments of an event: a tuple that is alive while the event is judged, on an attached thread.
#[derive(Clone, Copy)]
pub(super) struct Arguments(*mut PyObject);

/// An object that the arguments keep alive.
#[derive(Clone, Copy)]
pub(super) struct Object(*mut PyObject);

impl Arguments {
    /// The arguments in a tuple; `None` if it is none.
    ///
    /// # Safety
    /// `tuple` must be null or alive as long as this is, and the thread attached.
    pub(super) unsafe fn of(tuple: *mut PyObject) -> Option<Self> {
        // SAFETY: the caller promises it.
        (!tuple.is_null() && unsafe { ffi::PyTuple_Check(tuple) } != 0).then_some(Self(tuple))
    }

    pub(super) fn len(self) -> usize {
        // SAFETY: a living tuple, as `of` saw.
        usize::try_from(unsafe { ffi::PyTuple_Size(self.0) }).unwrap_or(0)
    }

    pub(super) fn get(self, index: usize) -> Option<Object> {
        // SAFETY: a living tuple that has this index.
        (index < self.len()).then(|| Object(unsafe { ffi::PyTuple_GetItem(self.0, index as ffi::Py_ssize_t) }))
    }
}

impl Object {
    /// An object that something else keeps alive.
    ///
    /// # Safety
    /// It must be alive as long as this is, and the thread attached.
    pub(super) const unsafe fn of(object: *mut PyObject) -> Self {
        Self(object)
    }

    pub(super) const fn as_ptr(self) -> *mut PyObject {
        self.0
    }

    /// Its items, if it is a tuple.
    pub(super) fn items(self) -> Option<Arguments> {
        // SAFETY: the arguments that it came from keep it alive.
        unsafe { Arguments::of(self.0) }
    }

    /// The number that a C function would get.
    pub(super) fn number(self) -> Option<i64> {
        // SAFETY: the object is alive and an int, whose digits are read without a call.
        unsafe {
            if ffi::PyLong_Check(self.0) == 0 {
                return None;
            }
            let mut overflow: c_int = 0;
            let number = ffi::PyLong_AsLongAndOverflow(self.0, &raw mut overflow);
            if number == -1 && !ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            (overflow == 0).then_some(number)
        }
    }

    /// The bytes of a `str` or `bytes`, as the kernel gets them.
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        // SAFETY: the object is alive; C alone encodes the text, `surrogateescape` included. New references are
        // released.
        unsafe {
            if ffi::PyUnicode_Check(self.0) != 0 {
                let encoded = ffi::PyUnicode_AsEncodedString(self.0, c"utf-8".as_ptr(), c"surrogateescape".as_ptr());
                if encoded.is_null() {
                    ffi::PyErr_Clear();
                    return None;
                }
                let bytes = Self(encoded).bytes();
                ffi::Py_DECREF(encoded);
                return bytes;
            }
            if ffi::PyBytes_Check(self.0) == 0 {
                return None;
            }
            let length = usize::try_from(ffi::PyBytes_Size(self.0)).ok()?;
            Some(std::slice::from_raw_parts(ffi::PyBytes_AsString(self.0).cast::<u8>(), length).to_vec())
        }
    }

    /// A `str` or `bytes` as text.
    pub(super) fn text(self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    /// A path: text, or an object of `pathlib`, which keeps its text once that was read.
    pub(super) fn path(self) -> Option<PathBuf> {
        let bytes = self.bytes().or_else(|| self.slot_text()?.bytes())?;
        (!bytes.is_empty() && !bytes.contains(&0)).then(|| std::ffi::OsString::from_vec(bytes).into())
    }

    /// The value of the slot `_str` of the object's class: reading a slot calls C alone.
    fn slot_text(self) -> Option<Self> {
        // SAFETY: the object is alive; its classes are read from the tuple of its type. The getter of a slot returns a
        // new reference or null with an exception set. The object keeps the value of its slot alive.
        unsafe {
            let class = ffi::Py_TYPE(self.0);
            let classes = Arguments::of((*class).tp_mro)?;
            let member = (0..classes.len()).find_map(|index| {
                let dict = (*classes.get(index)?.0.cast::<ffi::PyTypeObject>()).tp_dict;
                if dict.is_null() {
                    return None;
                }
                let member = ffi::PyDict_GetItemString(dict, c"_str".as_ptr());
                (!member.is_null()).then_some(member)
            })?;
            if ffi::Py_TYPE(member) != &raw mut ffi::PyMemberDescr_Type {
                return None;
            }
            let get = ffi::PyMemberDescr_Type.tp_descr_get?;
            let text = get(member, self.0, class.cast());
            if text.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            ffi::Py_DECREF(text);
            Some(Self(text))
        }
    }
}

/// Raises an exception of `class`, which is `OSError` or below it.
///
/// # Safety
/// The thread must be attached, `class` a class of the interpreter's own, and `path` alive.
pub(super) unsafe fn raise(class: *mut PyObject, number: c_int, text: &CStr, path: Option<*mut PyObject>) {
    // SAFETY: the caller promises it. Each object is a new reference, which is released, or null with an exception set.
    unsafe {
        let arguments = match path {
            Some(path) => ffi::Py_BuildValue(c"isO".as_ptr(), number, text.as_ptr(), path),
            None => ffi::Py_BuildValue(c"is".as_ptr(), number, text.as_ptr()),
        };
        if !arguments.is_null() {
            ffi::PyErr_SetObject(class, arguments);
            ffi::Py_DECREF(arguments);
        }
    }
}
