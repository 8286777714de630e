//! A Python stack and the exception that it belongs to.

use serde::{Deserialize, Serialize};

/// An exception that left a hook, the constructor or the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The type, with its module unless that is `builtins`.
    pub type_name: String,
    /// `str(exception)`, bounded.
    pub message: String,
    /// Innermost frame first.
    pub frames: Vec<Frame>,
    /// Whether it left the constructor rather than the hook.
    pub in_constructor: bool,
    /// The source text of the expression that failed in the innermost frame of the plugin's own code, on one line and
    /// bounded. Empty if it is not known: before CPython 3.11, and without such a frame.
    #[serde(default)]
    pub expression: String,
    /// The number of the system's error, if it is an `OSError` with one.
    #[serde(default)]
    pub errno: Option<i32>,
    /// The exceptions that led to it (`__cause__`, or else `__context__`), the nearest first. At most
    /// [`Exception::CAUSES_LIMIT`].
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// Values of the cookies with which it failed: the object of an `AttributeError`, and what the failing expression
    /// of the plugin's innermost frame reads.
    #[serde(default)]
    pub operands: Vec<CookieValue>,
}

impl Exception {
    /// The most causes that are kept.
    pub const CAUSES_LIMIT: usize = 8;

    /// The numbers of the system's errors of this exception and of those that led to it.
    pub fn errnos(&self) -> impl Iterator<Item = i32> + '_ {
        self.errno.into_iter().chain(self.causes.iter().filter_map(|cause| cause.errno))
    }

    /// The exception that everything began with: the last cause.
    pub fn root_cause(&self) -> Option<&Cause> {
        self.causes.last()
    }
}

/// An exception that led to another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The type, with its module unless that is `builtins`.
    pub type_name: String,
    /// `str(exception)`, bounded.
    pub message: String,
    /// The number of the system's error.
    pub errno: Option<i32>,
}

/// A value in a cookie, or a key of a dict in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieValue {
    /// Where: `cookie.users[2]`, `a key of cookie.users`.
    pub path: String,
    /// The Python type, with its module unless that is `builtins`.
    pub type_name: String,
}

impl CookieValue {
    /// The most values that are kept of one call.
    pub const LIMIT: usize = 32;
}

/// A frame of a Python stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Whose code it is.
    pub origin: Origin,
    /// For the plugin's own code the path inside the package, with `/`; otherwise the path as Python has it.
    pub file: String,
    /// The function's name, `<module>` for code of a module.
    pub function: String,
    /// The line, from 1.
    pub line: u32,
}

impl Frame {
    /// The frame of `function` at `line` of `file`, a path as Python has it; `root` is the package's folder.
    pub fn seen(file: &str, function: String, line: u32, root: &str, standard_library: &str) -> Self {
        let inside = |folder: &str| file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        let (origin, file) = if let Some(inside) = inside(root) {
            (Origin::Plugin, inside)
        } else if file.starts_with("<frozen")
            || file.starts_with("<hookstorm")
            || inside(standard_library).is_some_and(|rest| !rest.contains("-packages/"))
        {
            (Origin::StandardLibrary, file)
        } else {
            (Origin::Other, file)
        };
        Self { origin, file: file.to_owned(), function, line }
    }
}

/// Whose code a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A file of the package.
    Plugin,
    /// The standard library.
    StandardLibrary,
    /// Anything else: the SDK, other installed packages.
    #[default]
    Other,
}
