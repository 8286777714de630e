//! Reads Python's objects without a call of anything that is the plugin's: text and bytes through C alone, whatever class
//! a plugin made of them.

use std::{
    ffi::{CStr, c_int},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
};

use pyo3::ffi::{self, PyObject};

/// The arguments of an event: a tuple that is held while the event is judged, on a thread that is attached.
#[derive(Clone, Copy)]
pub(super) struct Arguments(*mut PyObject);

/// An object that the arguments hold.
#[derive(Clone, Copy)]
pub(super) struct Held(*mut PyObject);

impl Arguments {
    /// `None` where there are none.
    ///
    /// # Safety
    /// `tuple` must be null or alive as long as this is, and the thread attached.
    pub(super) unsafe fn of(tuple: *mut PyObject) -> Option<Self> {
        // SAFETY: as the caller promises.
        (!tuple.is_null() && unsafe { ffi::PyTuple_Check(tuple) } != 0).then_some(Self(tuple))
    }

    pub(super) fn len(self) -> usize {
        // SAFETY: a living tuple, as `of` saw.
        usize::try_from(unsafe { ffi::PyTuple_Size(self.0) }).unwrap_or(0)
    }

    pub(super) fn get(self, index: usize) -> Option<Held> {
        // SAFETY: a living tuple, which is asked only for what it has.
        (index < self.len()).then(|| Held(unsafe { ffi::PyTuple_GetItem(self.0, index as ffi::Py_ssize_t) }))
    }
}

impl Held {
    /// An object that somebody holds.
    ///
    /// # Safety
    /// It must be alive as long as this is, and the thread attached.
    pub(super) const unsafe fn of(object: *mut PyObject) -> Self {
        Self(object)
    }

    pub(super) const fn as_ptr(self) -> *mut PyObject {
        self.0
    }

    /// The same as arguments, where it is a tuple.
    pub(super) fn items(self) -> Option<Arguments> {
        // SAFETY: held by the arguments that it came from.
        unsafe { Arguments::of(self.0) }
    }

    /// What of a number a C function would take.
    pub(super) fn number(self) -> Option<i64> {
        // SAFETY: alive; only an int is asked, of which the digits are read without a call.
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

    /// The bytes of a `str` or `bytes`, as they go to the kernel.
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        // SAFETY: alive; text is encoded by C alone, `surrogateescape` of UTF-8 included. What is new is given back.
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

    /// A path, from text or from one of `pathlib`'s, which keeps its text once it was asked for it.
    pub(super) fn path(self) -> Option<PathBuf> {
        let bytes = self.bytes().or_else(|| self.kept_text()?.bytes())?;
        (!bytes.is_empty() && !bytes.contains(&0)).then(|| std::ffi::OsString::from_vec(bytes).into())
    }

    /// What a member `_str` of the object's class holds: one that is written in C, whoever wrote the class.
    fn kept_text(self) -> Option<Self> {
        // SAFETY: alive; the classes are read from its type's own tuple, and a member is asked only where it is one, which
        // gives a new reference or null with an exception set. The object holds what its member holds.
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
    // SAFETY: as the caller promises. Each object is new or null with an exception set, and is given back.
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
