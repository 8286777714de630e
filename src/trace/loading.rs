//! What importing and constructing a plugin shows.

use serde::{Deserialize, Serialize};

use super::{Attempt, Exception, Frame, PluginTokens};
use crate::contract::Hook;

/// What loading a plugin showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Loading {
    /// The version of the embedded CPython, `3.11.7`.
    pub python: String,
    /// How importing the module ended.
    pub import: LoadEnding,
    /// What the plugin wrote to standard error and output meanwhile, bounded.
    pub output: String,
    /// What importing or constructing it tried that the sandbox does not allow, in order.
    pub attempts: Vec<Attempt>,
    /// Whether the module has a class `Plugin`. False where the import failed.
    pub has_class: bool,
    /// Whether the constructor takes the configuration. False where there is no class.
    pub takes_configuration: bool,
    /// How `Plugin(configuration)` ended, in a process of its own; `None` where loading failed before.
    pub constructor: Option<LoadEnding>,
    /// The hooks that the class has, of every type of plugin.
    pub hooks: Vec<HookSignature>,
    /// The constants, keys and option names of the plugin's own code.
    pub tokens: PluginTokens,
    /// The plugin's own files that were imported.
    pub files: Vec<SourceFile>,
    /// The version of the Plugin SDK that the plugin imported, if it did.
    pub sdk_version: Option<String>,
    /// The public functions of the plugin's own code that the class has; if there is no class `Plugin`, the classes of
    /// the plugin's own code that the module has.
    pub names: Vec<DefinedName>,
}

/// A function or a class that the plugin defines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinedName {
    /// Its name.
    pub name: String,
    /// The hooks that a class has; empty for a function.
    pub hooks: Vec<String>,
    /// Where it is defined, without the name of a function.
    pub frame: Frame,
}

/// How a step of loading ended. The frames of a stack come innermost first.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadEnding {
    /// Without an error.
    Done,
    /// It raised; a module that does not compile raises `SyntaxError`.
    Raised(Exception),
    /// It ended the process.
    Exited {
        /// The exit status.
        status: i32,
        /// The stack.
        frames: Vec<Frame>,
    },
    /// The process died of a signal.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// The stack.
        frames: Vec<Frame>,
    },
    /// It took longer than the limit for loading.
    TimedOut {
        /// The limit in seconds.
        limit_seconds: u64,
        /// The stack at the limit.
        frames: Vec<Frame>,
    },
    /// The process sent no valid report: the plugin closed or wrote over descriptors or memory that are not its own.
    Corrupted,
}

/// A hook as the class has it.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSignature {
    /// Which hook.
    pub hook: Hook,
    /// Whether it can be called.
    pub callable: bool,
    /// Its parameters in order, without `self`, `*args` and `**kwargs`.
    pub parameters: Vec<Parameter>,
    /// Whether it has `**kwargs`, so that the platform passes every argument.
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
    /// The lines that contain code, ascending.
    pub lines: Vec<u32>,
}
