//! What was seen while a plugin was imported and constructed.

use serde::{Deserialize, Serialize};

use crate::{
    contract::Hook,
    trace::{Attempt, Exception, Frame, PluginTokens},
};

/// What loading a plugin showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Loading {
    /// The version of the embedded CPython, `3.11.7`.
    pub python: String,
    /// How importing the module ended.
    pub import: LoadEnding,
    /// What was written to standard error and output meanwhile, bounded.
    pub output: String,
    /// What importing or constructing it tried that the sandbox does not allow, in order.
    pub attempts: Vec<Attempt>,
    /// Whether the module has a class `Plugin`. False where the import failed.
    pub has_class: bool,
    /// How `Plugin(configuration)` ended, in a process of its own; `None` where it was not reached.
    pub constructor: Option<LoadEnding>,
    /// The hooks that the class has, of whatever type of plugin.
    pub hooks: Vec<HookSignature>,
    /// What the plugin's own code knows: its constants, keys and option names.
    pub tokens: PluginTokens,
    /// The plugin's own files that were imported.
    pub files: Vec<SourceFile>,
    /// The version of the Plugin SDK that the plugin imported, if it did.
    pub sdk_version: Option<String>,
}

/// How a step of loading ended.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadEnding {
    /// Well.
    Done,
    /// It raised; a module that does not compile raises `SyntaxError`.
    Raised(Exception),
    /// It ended the process.
    Exited {
        /// The exit status.
        status: i32,
        /// Where, innermost first.
        frames: Vec<Frame>,
    },
    /// The process died of a signal.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Where, innermost first.
        frames: Vec<Frame>,
    },
    /// It took longer than the limit for loading.
    TimedOut {
        /// The limit in seconds.
        limit_seconds: u64,
        /// Where it was, innermost first.
        frames: Vec<Frame>,
    },
    /// What its process reported is no report: the plugin closed or wrote over what is not its own.
    Corrupted,
}

/// A hook as the class has it.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSignature {
    /// Which one.
    pub hook: Hook,
    /// Whether it can be called.
    pub callable: bool,
    /// Its parameters without `self`, in order, `*args` and `**kwargs` left out.
    pub parameters: Vec<Parameter>,
    /// Whether it has `**kwargs`, and so gets everything.
    pub takes_kwargs: bool,
    /// Where it is defined, if it is Python code.
    pub frame: Option<Frame>,
}

/// A parameter of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it has no default.
    pub required: bool,
    /// Whether it cannot be passed by name.
    pub positional_only: bool,
}

/// A file of the plugin's own code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its path inside the package, with `/`.
    pub path: String,
    /// The lines that hold code, ascending.
    pub lines: Vec<u32>,
}
