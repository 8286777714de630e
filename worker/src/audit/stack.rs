//! The current stack as `faulthandler` would write it. This code walks the stack itself, since a plugin can close the
//! descriptor of `faulthandler` or redirect it.

use std::fmt::Write;

use pyo3::{
    ffi::{self, PyObject},
    intern,
    prelude::*,
    types::PyString,
};

/// How many frames are looked at.
const FRAMES_LIMIT: usize = 1000;
/// How many bytes are written; after that only the plugin's innermost frame is still added.
const BYTES_LIMIT: usize = 6 << 10;

/// The stack as text, innermost frame first. The innermost one below `root` is always in it.
pub(super) fn written(root: &str) -> String {
    let mut text = String::from("Current thread (most recent call first):\n");
    let mut has_own = false;
    let inside = format!("{root}/");
    each(|frame| {
        let is_own = frame.is_below(&inside);
        if text.len() < BYTES_LIMIT || (is_own && !has_own) {
            let _ = writeln!(text, "  File \"{}\", line {} in {}", frame.file(), frame.line(), frame.function());
            has_own |= is_own;
        }
        true
    });
    text
}

/// The frame that [`each`] is at.
pub(crate) struct StackFrame {
    frame: *mut ffi::PyFrameObject,
    code: *mut PyObject,
}

impl StackFrame {
    /// Whether its file's path begins with `folder`. Allocates nothing.
    pub(crate) fn is_below(&self, folder: &str) -> bool {
        // SAFETY: this thread is attached, since `each` runs on it, and no frame leaves `each`.
        self.member(intern!(unsafe { Python::assume_attached() }, "co_filename"), |file| file.starts_with(folder))
    }

    /// The path of its file, on one line.
    pub(crate) fn file(&self) -> String {
        // SAFETY: as above.
        self.member(intern!(unsafe { Python::assume_attached() }, "co_filename"), on_one_line)
    }

    /// The name of its function, on one line.
    pub(crate) fn function(&self) -> String {
        // SAFETY: as above.
        self.member(intern!(unsafe { Python::assume_attached() }, "co_name"), on_one_line)
    }

    /// The line that it is at.
    pub(crate) fn line(&self) -> u32 {
        // SAFETY: `each` keeps the frame alive.
        u32::try_from(unsafe { ffi::PyFrame_GetLineNumber(self.frame) }).unwrap_or(0)
    }

    /// Reads a text of the code object; `?` if it is none.
    fn member<R>(&self, name: &Bound<'_, PyString>, read: impl FnOnce(&str) -> R) -> R {
        // SAFETY: `each` keeps the code object alive. C alone reads its members. The text is a new reference, or null
        // with an exception set; it is alive while it is read.
        unsafe {
            let text = ffi::PyObject_GetAttr(self.code, name.as_ptr());
            let text = Bound::from_owned_ptr_or_opt(name.py(), text);
            if text.is_none() {
                ffi::PyErr_Clear();
            }
            match text.as_ref().and_then(|text| text.cast_exact::<PyString>().ok()) {
                Some(text) => read(&text.to_string_lossy()),
                None => read("?"),
            }
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], "?")
}

/// Calls `visit` with each frame, innermost first, until it returns false. This thread must be attached.
///
/// It raises none of the audit events that Python's own access to frames raises.
pub(crate) fn each(mut visit: impl FnMut(&StackFrame) -> bool) {
    // SAFETY: this thread is attached. The first frame is borrowed from the interpreter, and gets a reference of its
    // own; each later one is a new reference, or null at the end. All are released.
    unsafe {
        let mut frame = ffi::PyEval_GetFrame();
        if !frame.is_null() {
            ffi::Py_INCREF(frame.cast());
        }
        for _ in 0..FRAMES_LIMIT {
            if frame.is_null() {
                break;
            }
            let code = ffi::PyFrame_GetCode(frame).cast::<PyObject>();
            let goes_on = visit(&StackFrame { frame, code });
            ffi::Py_DECREF(code);
            let outer = if goes_on { ffi::PyFrame_GetBack(frame) } else { std::ptr::null_mut() };
            ffi::Py_DECREF(frame.cast());
            frame = outer;
        }
        if !frame.is_null() {
            ffi::Py_DECREF(frame.cast());
        }
    }
}
