//! The host's end of workers: it starts them, gives them sessions, bounds their time and survives them.
//!
//! A worker may die at any moment. Then the host names the call that did it, with the stack if possible, and goes on
//! with a new runner or a new worker. It reads everything that a worker wrote as hostile bytes.

mod batch_reply;
mod early_end;
mod error;
mod isolated;
mod loading;
mod outcome;
mod persistent;
mod process;
mod programs;
mod server;
mod start;
mod venv;
mod wait;
mod worker;

pub(crate) use batch_reply::BatchReply;
pub use error::RuntimeError;
pub(super) use outcome::refuses;
pub(crate) use programs::built_against;
pub use server::Server;
pub use worker::Worker;
