//! What the host and the program `hookstorm-worker` share: both use the same types, so that both must be of one version.
//!
//! Sockets carry commands and replies of a few bytes ([`control`]) and descriptors ([`fd_passing`]). Sessions and traces
//! go through shared memory ([`shared`]) as records ([`wire`]). [`flow`] decides which call comes next, in the runner as
//! in the host. A plugin can write over all that a worker writes, so the host reads it as hostile bytes.

pub mod control;
pub mod fd_passing;
pub mod flow;
pub mod interpreter;
pub mod shared;
pub mod stack;
pub mod wire;
