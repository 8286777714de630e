//! Sees what a plugin tries from Python, with its line: a hook on the interpreter's own audit events, which no Python
//! code can remove.
//!
//! It notes what the sandbox does not allow. It refuses only what it can refuse better than the kernel: names are not
//! resolved, as on a machine without a resolver, and what the kernel allows because it lacks a protection is refused
//! here. The audit hook reports; it does not confine, since code that is not Python does not pass it. It calls nothing
//! of the plugin's, and does nothing while no code of the plugin runs. Most events concern it not, and cost a few
//! nanoseconds.

mod auditor;
mod files;
mod methods;
mod network;
mod object;
mod signals;
pub(crate) mod stack;

pub(crate) use auditor::{add, install};
pub(crate) use signals::set_own_process;
