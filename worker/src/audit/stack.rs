//! The current stack as `faulthandler` would write it. This code walks the stack itself, since a plugin can close the
//! descriptor of `faulthandler` or redirect it.

use std::fmt::Write;

use pyo3::ffi::{self, PyObject};

use super::object::Arguments;

/// How many frames are looked at.
const FRAMES_LIMIT: usize = 1000;
/// How many bytes are written; after that only the plugin's innermost frame is still added.
const BYTES_LIMIT: usize = 6 << 10;

/// The stack as text, innermost frame first. The innermost one below `root` is always in it.
pub(super) fn written(root: &str) -> String {
    let mut text = String::from("Current thread (most recent call first):\n");
    let mut has_own = false;
    each(|file, function, line| {
        let is_own = file.strip_prefix(root).is_some_and(|inside| inside.starts_with('/'));
        if text.len() < BYTES_LIMIT || (is_own && !has_own) {
            let _ = writeln!(text, "  File \"{file}\", line {line} in {function}");
            has_own |= is_own;
        }
        true
    });
    text
}

/// Calls `visit` with file, function and line of each frame, innermost first, until it returns false. This thread must
/// be attached.
pub(crate) fn each(mut visit: impl FnMut(String, String, u32) -> bool) {
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
            let (file, function) = (member(code, c"co_filename"), member(code, c"co_name"));
            ffi::Py_DECREF(code);
            let line = u32::try_from(ffi::PyFrame_GetLineNumber(frame)).unwrap_or(0);
            let outer = if visit(file, function, line) { ffi::PyFrame_GetBack(frame) } else { std::ptr::null_mut() };
            ffi::Py_DECREF(frame.cast());
            frame = outer;
        }
        if !frame.is_null() {
            ffi::Py_DECREF(frame.cast());
        }
    }
}

/// The text of a code object's member, on one line.
///
/// # Safety
/// `code` must be a living code object, and the thread attached.
unsafe fn member(code: *mut PyObject, name: &std::ffi::CStr) -> String {
    // SAFETY: C alone reads the members of a code object. The text is a new reference, or null with an exception set; a
    // tuple keeps it alive while it is read.
    let text = unsafe {
        let member = ffi::PyObject_GetAttrString(code, name.as_ptr());
        if member.is_null() {
            ffi::PyErr_Clear();
            return "?".into();
        }
        let held = ffi::PyTuple_Pack(1, member);
        ffi::Py_DECREF(member);
        if held.is_null() {
            ffi::PyErr_Clear();
            return "?".into();
        }
        let text = Arguments::of(held).and_then(|held| held.get(0)?.text());
        ffi::Py_DECREF(held);
        text
    };
    text.unwrap_or_else(|| "?".into()).replace(['\n', '\r'], "?")
}
