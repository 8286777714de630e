//! Python's exceptions in the form that a trace has.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use hookstorm::trace::{Cause, CookieValue, Exception, Frame, Origin};
use pyo3::{
    exceptions::{PyAttributeError, PyOSError, PySystemExit, PyTypeError},
    prelude::*,
    types::PyString,
};

use crate::interpreter::bootstrap;

/// How many frames are kept, innermost first.
const FRAMES_LIMIT: usize = 64;
/// How many bytes of a message are kept.
const MESSAGE_LIMIT: usize = 4096;
/// How many characters of an expression are kept.
const EXPRESSION_LIMIT: usize = 200;
/// The largest source file in which an expression is looked up, in bytes.
const SOURCE_LIMIT: u64 = 1 << 20;
/// How many source files are kept in memory.
const SOURCES_LIMIT: usize = 64;
/// How many bytes of the text of each exception that led to it, and of a name, are kept.
const CAUSE_LIMIT: usize = 512;

/// Where the plugin's own files, the standard library and the scratch folder are.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    /// The package's root.
    pub(crate) root: String,
    /// The standard library's folder.
    pub(crate) standard_library: String,
    /// The folder for everything that the plugin writes.
    pub(crate) scratch: String,
    /// The folder for temporary files in it, by the path that the plugin uses.
    pub(crate) temporary: String,
}

impl Origins {
    /// The frame of `function` at `line` of `file`.
    pub(crate) fn frame(&self, file: &str, function: String, line: u32) -> Frame {
        Frame::seen(file, function, line, &self.root, &self.standard_library)
    }

    /// `message` with names in place of the folders whose paths differ from run to run.
    pub(crate) fn with_names(&self, message: String) -> String {
        [(&self.scratch, "<scratch>"), (&self.root, "<package>")]
            .into_iter()
            .filter(|(folder, _)| !folder.is_empty())
            .fold(message, |message, (folder, name)| message.replace(folder.as_str(), name))
    }
}

/// Why a constructor or a hook did not return.
pub(crate) enum Failure {
    /// An exception.
    Raised(Exception),
    /// `SystemExit`.
    Exited(i32, Vec<Frame>),
    /// A `MemoryError` that the interpreter raised.
    OutOfMemory(Vec<Frame>),
}

impl Failure {
    /// The exception, also for one that the interpreter raised; `None` for `SystemExit`.
    pub(crate) fn into_exception(self, in_constructor: bool) -> Option<Exception> {
        match self {
            Self::Raised(exception) => Some(exception),
            Self::OutOfMemory(frames) => {
                Some(Exception { type_name: "MemoryError".into(), frames, in_constructor, ..Exception::default() })
            }
            Self::Exited(..) => None,
        }
    }
}

/// Reads an exception. This runs its `__str__`, so it must be under the time limit of the call.
pub(crate) fn read(py: Python<'_>, error: &PyErr, origins: &Origins, in_constructor: bool) -> Failure {
    let value = error.value(py);
    let Stack { mut frames, raised_on_purpose, own } = stack(py, error, origins);
    if error.is_instance_of::<PySystemExit>(py) {
        let code = value.getattr("code").ok();
        let status = code.map_or(1, |code| if code.is_none() { 0 } else { code.extract::<i32>().unwrap_or(1) });
        return Failure::Exited(status & 0xff, frames);
    }
    if error.is_instance_of::<pyo3::exceptions::PyMemoryError>(py) && !raised_on_purpose {
        return Failure::OutOfMemory(frames);
    }
    if error.is_instance_of::<pyo3::exceptions::PySyntaxError>(py) {
        frames.splice(0..0, syntax_frame(&value.clone().into_any(), origins));
    }
    let value = value.clone().into_any();
    let Cause { type_name, message, errno } = described(&value, origins, MESSAGE_LIMIT);
    let causes = causes(&value, origins);
    let expression = own.and_then(|entry| expression(&entry)).unwrap_or_default();
    Failure::Raised(Exception {
        type_name,
        message,
        frames,
        in_constructor,
        expression,
        errno,
        causes,
        operands: Vec::new(),
    })
}

/// An exception's type, text and number.
fn described(value: &Bound<'_, PyAny>, origins: &Origins, limit: usize) -> Cause {
    let message = match value.str() {
        Ok(text) => bounded(&origins.with_names(lossy(&text)), limit),
        Err(error) => format!("<its __str__ raised {}>", type_name(&error.get_type(value.py()).into_any())),
    };
    let errno = value.is_instance_of::<PyOSError>().then(|| value.getattr("errno").ok()?.extract::<i32>().ok());
    Cause { type_name: type_name(&value.get_type().into_any()), message, errno: errno.flatten() }
}

/// The exception that `value` names as its cause, or else the one that was handled when it was raised.
fn before<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let get = |name: &str| value.getattr(name).ok().filter(|before| !before.is_none());
    let is_hidden = || get("__suppress_context__").is_some_and(|flag| flag.is_truthy().unwrap_or(false));
    get("__cause__").or_else(|| get("__context__").filter(|_| !is_hidden()))
}

/// The exceptions that led to `value`, the nearest first.
fn causes(value: &Bound<'_, PyAny>, origins: &Origins) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut next = before(value);
    while let Some(value) = next.filter(|_| causes.len() < Exception::CAUSES_LIMIT) {
        causes.push(described(&value, origins, CAUSE_LIMIT));
        next = before(&value);
    }
    causes
}

/// The values of the cookies with which `error` failed, if it is an `AttributeError` or a `TypeError`.
pub(crate) fn operands(
    py: Python<'_>,
    error: &PyErr,
    cookies: &[(&str, &Bound<'_, PyAny>)],
    origins: &Origins,
) -> Vec<CookieValue> {
    if !error.is_instance_of::<PyAttributeError>(py) && !error.is_instance_of::<PyTypeError>(py) {
        return Vec::new();
    }
    let found = bootstrap(py).and_then(|own| {
        let arguments = (error.value(py), error.traceback(py), cookies.to_vec(), &origins.root, CookieValue::LIMIT);
        own.call_method1("operands_of", arguments)?.extract()
    });
    cookie_values(found)
}

/// The values and keys of cookies that JSON gives another type.
pub(crate) fn changed_types(py: Python<'_>, cookies: &[(&str, &Bound<'_, PyAny>)]) -> Vec<CookieValue> {
    cookie_values(
        bootstrap(py)
            .and_then(|own| own.call_method1("changed_types", (cookies.to_vec(), CookieValue::LIMIT))?.extract()),
    )
}

/// What our own Python found; nothing if the plugin's objects made that impossible.
fn cookie_values(found: PyResult<Vec<(String, String)>>) -> Vec<CookieValue> {
    let values = found.unwrap_or_default().into_iter().take(CookieValue::LIMIT);
    values
        .map(|(path, type_name)| CookieValue {
            path: bounded(&path, CAUSE_LIMIT),
            type_name: bounded(&type_name, CAUSE_LIMIT),
        })
        .collect()
}

/// A type's name with its module, unless that is `builtins`.
pub(crate) fn type_name(class: &Bound<'_, PyAny>) -> String {
    let text = |name: &str| class.getattr(name).ok().and_then(|value| value.cast::<PyString>().ok().map(lossy));
    let name = text("__qualname__").unwrap_or_else(|| "?".into());
    match text("__module__") {
        Some(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}

/// Text, with lone surrogates written as `\udc80`.
pub(crate) fn lossy(text: &Bound<'_, PyString>) -> String {
    if let Ok(text) = text.to_str() {
        return text.to_owned();
    }
    text.call_method1("encode", ("utf-8", "backslashreplace"))
        .and_then(|bytes| bytes.extract::<Vec<u8>>())
        .map_or_else(|_| "?".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bounded(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// The stack of an exception.
struct Stack<'py> {
    /// Innermost first.
    frames: Vec<Frame>,
    /// Whether the innermost frame ran a `raise`.
    raised_on_purpose: bool,
    /// The traceback's entry of the innermost frame in the plugin's own code.
    own: Option<Bound<'py, PyAny>>,
}

fn stack<'py>(py: Python<'py>, error: &PyErr, origins: &Origins) -> Stack<'py> {
    let mut found: Vec<Frame> = Vec::new();
    let (mut innermost, mut own) = (None, None);
    let mut traceback = error.traceback(py).map(Bound::into_any);
    // Python limits the depth of a recursion, but a plugin can raise that limit.
    for _ in 0..100_000 {
        let Some(entry) = traceback.filter(|entry| !entry.is_none()) else { break };
        if let Some(frame) = frame(&entry, origins) {
            if frame.origin == Origin::Plugin {
                own = Some(entry.clone());
            }
            found.push(frame);
        }
        traceback = entry.getattr("tb_next").ok();
        innermost = Some(entry);
    }
    let raised_on_purpose = innermost.is_some_and(|entry| is_raise(&entry).unwrap_or(false));
    found.reverse();
    if found.len() > FRAMES_LIMIT {
        // The plugin's innermost frame, or else that of a package, identifies the finding. So it is kept even if it is
        // deep, for instance below a recursion of the standard library.
        let innermost = |origin| found.iter().position(|frame| frame.origin == origin);
        match innermost(Origin::Plugin).or_else(|| innermost(Origin::Other)) {
            Some(at) if at >= FRAMES_LIMIT => found.swap(FRAMES_LIMIT - 1, at),
            _ => {}
        }
        found.truncate(FRAMES_LIMIT);
    }
    Stack { frames: found, raised_on_purpose, own }
}

/// The source text of the expression at which a traceback's entry is. `None` if Python does not know its position, or
/// the source cannot be read.
fn expression(entry: &Bound<'_, PyAny>) -> Option<String> {
    let code = entry.getattr("tb_frame").ok()?.getattr("f_code").ok()?;
    let instruction = entry.getattr("tb_lasti").ok()?.extract::<usize>().ok()? / 2;
    let positions = code.call_method0("co_positions").ok()?;
    let position = positions.try_iter().ok()?.nth(instruction)?.ok()?;
    // The columns are bytes of UTF-8. A compiler that left a position out writes None.
    let (line, end_line, column, end_column) = position.extract::<(usize, usize, usize, usize)>().ok()?;
    let file = lossy(code.getattr("co_filename").ok()?.cast::<PyString>().ok()?);
    let source = source(&file)?;
    let lines = source.split(|&byte| byte == b'\n').skip(line.checked_sub(1)?);
    let mut text = Vec::new();
    for (index, bytes) in lines.take((end_line + 1).checked_sub(line)?).enumerate() {
        let end = if index == end_line - line { end_column.min(bytes.len()) } else { bytes.len() };
        let start = if index == 0 { column } else { 0 };
        text.extend_from_slice(bytes.get(start..end)?);
        text.push(b' ');
    }
    let text = String::from_utf8_lossy(&text);
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(words.join(" ").chars().take(EXPRESSION_LIMIT).collect())
}

/// A source file of the plugin. Most exceptions come from few files, so they stay in memory.
fn source(file: &str) -> Option<Rc<[u8]>> {
    thread_local! {
        static SOURCES: RefCell<HashMap<String, Option<Rc<[u8]>>>> = RefCell::default();
    }
    SOURCES.with_borrow_mut(|sources| {
        if let Some(known) = sources.get(file) {
            return known.clone();
        }
        let is_small =
            std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= SOURCE_LIMIT);
        let read = if is_small { std::fs::read(file).ok().map(Rc::from) } else { None };
        if sources.len() < SOURCES_LIMIT {
            sources.insert(file.to_owned(), read.clone());
        }
        read
    })
}

/// The place in the plugin's source that a `SyntaxError` names: a line that could not become a frame.
fn syntax_frame(value: &Bound<'_, PyAny>, origins: &Origins) -> Option<Frame> {
    let file = lossy(value.getattr("filename").ok()?.cast::<PyString>().ok()?);
    let line = value.getattr("lineno").ok()?.extract::<u32>().ok()?;
    let frame = origins.frame(&file, "<module>".to_owned(), line);
    (frame.origin == Origin::Plugin).then_some(frame)
}

fn frame(entry: &Bound<'_, PyAny>, origins: &Origins) -> Option<Frame> {
    let code = entry.getattr("tb_frame").ok()?.getattr("f_code").ok()?;
    let file = lossy(code.getattr("co_filename").ok()?.cast::<PyString>().ok()?);
    let function = lossy(code.getattr("co_name").ok()?.cast::<PyString>().ok()?);
    let line = entry.getattr("tb_lineno").ok()?.extract::<u32>().unwrap_or(0);
    Some(origins.frame(&file, function, line))
}

/// Whether a traceback's entry is at a `raise` statement: then the plugin itself raised the `MemoryError`.
fn is_raise(entry: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = entry.py();
    let code = entry.getattr("tb_frame")?.getattr("f_code")?.getattr("co_code")?.extract::<Vec<u8>>()?;
    let at = entry.getattr("tb_lasti")?.extract::<usize>()?;
    let Some(&operation) = code.get(at) else { return Ok(false) };
    let raise = crate::interpreter::bootstrap(py)?.getattr("RAISE")?.extract::<u8>()?;
    Ok(operation == raise)
}
