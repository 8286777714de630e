//! The state that one session may leave to the next one in a process: the plugin's modules, the attributes of its
//! classes, defaults and closures of its functions. Environment, working folder and logging are restored after each
//! session, as a new process would have them. What else a session changed is put back in place, which the hashes
//! verify: only where that fails the process has to be replaced.
//!
//! A snapshot is a hash for each name, and the contents of the containers in it. Taking it calls nothing of the
//! plugin's.

mod containers;
mod hash;
mod logging;
mod module;
mod process;
mod snapshot;

pub(crate) use snapshot::State;
