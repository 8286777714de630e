//! The first page of the shared memory: numbers that both ends read and write as atomics.

use std::sync::atomic::{AtomicU32, AtomicU64};

/// The first page.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Header {
    /// When the call or the step of loading that runs began, in nanoseconds of the monotonic clock; 0 if none runs.
    pub since_ns: AtomicU64,
    /// The [`Phase`] of the worker.
    pub phase: AtomicU32,
    /// The index of the session in the batch.
    pub session: AtomicU32,
    /// The index of the call in the session.
    pub call: AtomicU32,
    /// The call's round of questions.
    pub round: AtomicU32,
    /// The hook's number.
    pub hook: AtomicU32,
    /// Whether the call gets a secret answer.
    pub answer_is_secret: AtomicU32,
    /// The size of standard output when the call began.
    pub stdout_start: AtomicU64,
    /// The size of standard error when the call began.
    pub stderr_start: AtomicU64,
    /// How many bytes of the request area are in use.
    pub request_bytes: AtomicU64,
    /// How many bytes of the reply area are in use.
    pub reply_bytes: AtomicU64,
    /// How many sessions of the batch have ended.
    pub sessions_done: AtomicU32,
    /// How to run the batch: bits of [`flag`].
    pub flags: AtomicU32,
    /// The bits of [`MissingProtections`](crate::runtime::sandbox::MissingProtections).
    pub missing: AtomicU32,
    /// Whether the session's folders have to be emptied: a child writes 1 if it saw a file there and 2 if the plugin
    /// removed a folder itself; the host writes 0 when it empties them.
    pub scratch_used: AtomicU32,
    /// The address space that a child may take beyond the zygote's, in bytes; 0 for no limit.
    pub memory_bytes: AtomicU64,
    /// How many edges the session that runs has taken.
    pub edges_taken: AtomicU32,
    /// How many bytes of the area of attempts are in use.
    pub attempts_bytes: AtomicU32,
    /// Whether any of the plugin's code ever ran.
    pub has_begun: AtomicU32,
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// Go on in the same process although state changed.
    pub const KEEP_STATE: u32 = 1;
    /// Mark the lines that an isolated call runs.
    pub const LINES: u32 = 2;
    /// Report the edges of sessions that take new ones.
    pub const EDGES: u32 = 4;
    /// Report the edges of all sessions, and the comparisons.
    pub const COMPARISONS: u32 = 8;
    /// Report what each call costs, and now and then what the process uses.
    pub const USAGE: u32 = 16;
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// No code of the plugin runs.
    Idle = 0,
    /// It imports the module.
    Import = 1,
    /// It constructs `Plugin` as a step of loading.
    Construct = 2,
    /// It makes a call.
    Call = 3,
    /// It restores what a session changed: the plugin's code runs only if the plugin replaced something of Python's.
    After = 4,
}

impl Phase {
    /// The phase with that number; `Idle` for any other number.
    pub const fn numbered(number: u32) -> Self {
        match number {
            1 => Self::Import,
            2 => Self::Construct,
            3 => Self::Call,
            4 => Self::After,
            _ => Self::Idle,
        }
    }
}
