//! How sessions and what a worker observed of them become bytes: one codec for both ends.
//!
//! Bytes from a worker are hostile, since a plugin may have written over them. The reader checks every length against
//! what is there before it allocates anything. It bounds nesting and the number of objects, which take many times the
//! memory of their bytes. A malformed record is an error and never a panic.

mod call_trace;
mod observation;
mod reader;
mod session;
mod tags;
mod usage;
mod value;
mod writer;

pub use reader::{REPLY_OBJECTS, Reader, WireError};
pub use tags::{ending, record, tag};
pub use writer::Writer;
