//! Turns bytes into a small plugin with known behaviour: for each hook how a call ends, what it prints, which findings
//! the call gives and at which line. The same bytes give the same plugin; no bytes give a clean one.
//!
//! Finds errors of a runtime and of the oracles: a result that arrives changed, an ending that is mistaken for another,
//! a wrong line, a finding that is missing or reported twice.
//!
//! | file | what it does |
//! | --- | --- |
//! | `generated` | makes a plugin and says what is expected of it |
//! | `loading` | import and constructor |
//! | `hooks` | signatures, output and state of the hooks |
//! | `bodies` | how a hook ends: it returns, raises, exits, dies, hangs, uses up memory |
//! | `results` | what a hook returns |
//! | `python` | writes Python |

mod bodies;
mod generated;
mod hooks;
mod loading;
mod python;
mod results;

pub(crate) use bodies::HookBehaviour;
pub(super) use generated::plugin;
pub(crate) use generated::{GeneratedHook, GeneratedPlugin};
