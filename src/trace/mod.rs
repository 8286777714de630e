//! What a run can show, as data: [`Trace`] for a session, [`Loading`] for importing and constructing the plugin,
//! [`Observation`] for what an instrumented run adds (edges, compared values, usage).
//!
//! The runtime fills these types in, the oracles judge them, and neither knows the other, so every oracle is tested on
//! traces that are written by hand. No processes, no I/O and no Python here.
#![forbid(unsafe_code)]

mod attempt;
mod cmp_log;
mod leftover;
pub mod limits;
mod loading;
mod observation;
mod observed;
mod plugin_tokens;
mod session;
mod stack;
mod usage;

pub use attempt::{Attempt, AttemptKind};
pub use cmp_log::{CMP_LOG_LIMIT, CmpKind, CmpLogEntry};
pub use leftover::{Leftover, LeftoverKind};
pub use loading::{DefinedName, HookSignature, LoadEnding, Loading, Parameter, SourceFile};
pub use observation::{Edge, Instrumentation, Observation};
pub use observed::Observed;
pub(crate) use observed::is_invisible;
pub use plugin_tokens::{OptionToken, PluginTokens};
pub use session::{CallTrace, CapturedOutput, Ending, LogRecord, ScratchFile, Trace};
pub use stack::{Cause, CookieValue, Exception, Frame, Origin};
pub use usage::{CallUsage, ProcessUsage};
