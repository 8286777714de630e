//! What a session and its calls showed.

use std::time::Duration;

use super::{Attempt, Exception, Frame, Leftover, Observed};
use crate::{case::Value, contract::Hook};

/// What one session showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The calls that were made, in order. A call of the case has an entry for each round of questions, and none if the
    /// session ended before it.
    pub calls: Vec<CallTrace>,
    /// What the session changed that may carry state over to the next one: `lib.plugin.CACHE`, for instance. Always
    /// empty for a session that ran isolated.
    pub changes: Vec<String>,
    /// What the plugin's next call would get as `cookie`.
    pub cookie: Value,
    /// What the next call of any plugin would get as `session_cookie`.
    pub session_cookie: Value,
}

/// What one call showed.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTrace {
    /// The index in the session's calls.
    pub call: usize,
    /// 0 for the first invocation, then the number of the answer that this invocation got, from 1.
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
    /// The files in the session's folders after the call.
    pub files: Vec<ScratchFile>,
    /// What it tried that the sandbox does not allow, in order.
    pub attempts: Vec<Attempt>,
    /// What it left behind.
    pub leftovers: Vec<Leftover>,
}

/// How a call ended. The frames of a stack come innermost first, and are empty where the stack is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The hook returned a result.
    Returned(Observed),
    /// `Plugin(configuration)` or the hook raised.
    Raised(Exception),
    /// It ended the process: `sys.exit` (seen as `SystemExit`, with its frames) or `os._exit`.
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
        /// The stack, from `faulthandler`.
        frames: Vec<Frame>,
    },
    /// The host killed it at the time limit.
    TimedOut {
        /// The limit.
        limit: Duration,
        /// The stack at the limit.
        frames: Vec<Frame>,
    },
    /// The host killed it before the time limit, at a place where an earlier call was confirmed to hang. No oracle judges
    /// it, and it is compared with no other.
    EndedEarly {
        /// The stack at that moment.
        frames: Vec<Frame>,
    },
    /// It needed more memory than the limit: the interpreter raised `MemoryError`, not the plugin's own `raise`.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
        /// The stack.
        frames: Vec<Frame>,
    },
    /// Its process sent no valid report: the plugin wrote over memory or descriptors that are not its own.
    Corrupted,
    /// The platform cut it off on purpose ([`crate::case::Call::cut_off`]); no oracle judges what it did.
    CutOff,
}

impl Ending {
    /// Whether the call neither returned nor was cut off on purpose.
    pub const fn is_aborted(&self) -> bool {
        !matches!(self, Self::Returned(_) | Self::CutOff)
    }

    /// The stack at the end, innermost frame first.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Self::Raised(exception) => &exception.frames,
            Self::Exited { frames, .. }
            | Self::Signalled { frames, .. }
            | Self::TimedOut { frames, .. }
            | Self::EndedEarly { frames }
            | Self::OutOfMemory { frames, .. } => frames,
            Self::Returned(_) | Self::Corrupted | Self::CutOff => &[],
        }
    }
}

/// What a call wrote to one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The beginning and, where it is long, the end of it. U+FFFD replaces bytes that are not UTF-8.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
}

/// A file in the session's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchFile {
    /// Its path inside the folder.
    pub path: String,
    /// The beginning of its content.
    pub text: String,
}
