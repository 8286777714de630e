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
    pub expression: String,
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
