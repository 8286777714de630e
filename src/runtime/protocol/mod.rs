//! What the host and the program `hookstorm-worker` share. Both use these types, so both must be of one version.
//!
//! Sockets carry commands and replies of a few bytes ([`control`], [`loading`]) and descriptors ([`fd_passing`]).
//! Sessions and traces go through shared memory ([`shared`]) as records ([`wire`]). [`session_flow`] decides which call
//! comes next, in a runner as in the host. [`start`] is what a worker is started with and what it answers.
//!
//! A plugin can write over everything that its worker writes, so the host reads all of it as hostile bytes.

pub mod control;
pub mod fd_passing;
pub mod interpreter;
pub mod loading;
pub mod session_flow;
pub mod shared;
pub mod stack;
pub mod start;
pub mod wire;
