//! The memory that the host and a worker share: what the worker does right now, the lines and edges that ran, the batch
//! to run and what the runner observed of it. All that a worker knew survives its death in this memory.
//!
//! A plugin can write over it. So every reader takes a copy first, cuts lengths to their area and believes nothing.

mod attempts;
mod capture;
mod edges;
mod header;
mod memory;

pub use attempts::NotedAttempt;
pub use capture::Capture;
pub use header::{Header, Phase, flag};
pub use memory::{LINES_LIMIT, REPLY_LIMIT, REQUEST_LIMIT, SharedMemory, now_ns};
