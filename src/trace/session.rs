//! What was seen while a session ran. The runtime reports it, the oracles judge it, and neither knows the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    contract::Hook,
    trace::{Attempt, Leftover, Observed},
};

/// What was seen of one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The calls that were made, in order. A call of the case stands here once for each round of questions, and not at
    /// all when the session ended before it.
    pub calls: Vec<CallTrace>,
    /// What may carry state over to the next session and was changed by this one: `lib.plugin.CACHE`, for instance.
    /// Always empty for a session that ran isolated.
    pub changes: Vec<String>,
    /// What the plugin's next call would get as `cookie`.
    pub cookie: Value,
    /// What the next call of any plugin would get as `session_cookie`.
    pub session_cookie: Value,
}

/// What was seen of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTrace {
    /// Its place in the session's calls.
    pub call: usize,
    /// 0, or which answer to a question this invocation got, from 1.
    pub round: usize,
    /// The hook.
    pub hook: Hook,
    /// Whether the call got an answer to a question that was asked with the echo off.
    pub answer_is_secret: bool,
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output.
    pub stdout: CapturedOutput,
    /// What it wrote to standard error.
    pub stderr: CapturedOutput,
    /// How long it took, construction of `Plugin` included.
    pub elapsed: Duration,
    /// Files that lie in the session's folders after the call, with their beginnings.
    pub files: Vec<ScratchFile>,
    /// What it tried that the sandbox does not allow, in order.
    pub attempts: Vec<Attempt>,
    /// What it left behind in its process, and files that nobody took away.
    pub leftovers: Vec<Leftover>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The hook gave a result.
    Returned(Observed),
    /// `Plugin(configuration)` or the hook raised.
    Raised(Exception),
    /// It ended the process: `sys.exit` (seen as `SystemExit`, with its frames) or `os._exit`.
    Exited {
        /// The exit status.
        status: i32,
        /// Innermost first; empty where the process was gone before it could be asked.
        frames: Vec<Frame>,
    },
    /// The process died of a signal.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Innermost first, from `faulthandler`; empty where it could not tell.
        frames: Vec<Frame>,
    },
    /// It was killed at the time limit.
    TimedOut {
        /// The limit.
        limit: Duration,
        /// Where it was, innermost first; empty where it could not tell.
        frames: Vec<Frame>,
    },
    /// It needed more memory than the limit: the interpreter, not the plugin's own `raise`, raised `MemoryError`.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
        /// Innermost first.
        frames: Vec<Frame>,
    },
    /// What its process reported is no report: the plugin wrote over memory or descriptors that are not its own.
    Corrupted,
    /// The platform cut it off on purpose ([`crate::case::Call::cut_off`]); whatever it did is not judged.
    CutOff,
}

impl Ending {
    /// Whether the call neither returned nor was cut off on purpose.
    pub const fn is_aborted(&self) -> bool {
        !matches!(self, Self::Returned(_) | Self::CutOff)
    }

    /// Where it happened, innermost first.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Self::Raised(exception) => &exception.frames,
            Self::Exited { frames, .. }
            | Self::Signalled { frames, .. }
            | Self::TimedOut { frames, .. }
            | Self::OutOfMemory { frames, .. } => frames,
            Self::Returned(_) | Self::Corrupted | Self::CutOff => &[],
        }
    }
}

/// An exception that left a hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The type, with its module unless that is `builtins`.
    pub type_name: String,
    /// `str(exception)`, bounded.
    pub message: String,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// Whether it left the constructor rather than the hook.
    pub in_constructor: bool,
}

/// A frame of a Python stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Whose code it is.
    pub origin: Origin,
    /// For the plugin's own code the path inside the package, with `/`; otherwise the path as Python has it.
    pub file: String,
    /// The function's name, `<module>` at the top.
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

/// What a call wrote to one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The beginning and, where it was long, the end of it. Bytes that are no UTF-8 appear as U+FFFD.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
}

/// A file that a call left in the session's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchFile {
    /// Its path inside the folder.
    pub path: String,
    /// Its beginning.
    pub text: String,
}
