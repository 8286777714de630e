//! The processes that hold CPython, and what they saw. [`Worker`] is the host's end of one of them: it loads a plugin
//! ([`Loading`]), runs sessions in it, in one process or each call in its own, and gives back a [`Trace`] for each.
//!
//! `unsafe` and PyO3 live here and nowhere else; PyO3 only in `worker/`, the program that the host starts. Nothing here
//! judges what it saw.

#[doc(hidden)]
pub mod control;
#[doc(hidden)]
pub mod flow;
#[doc(hidden)]
pub mod hand;
mod host;
#[doc(hidden)]
pub mod machine;
mod pair;
#[doc(hidden)]
pub mod reply;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod scratch;
#[doc(hidden)]
pub mod shared;
#[doc(hidden)]
pub mod stack;
mod target;
mod underway;
#[doc(hidden)]
pub mod wire;

pub(crate) use host::PYTHON_VERSION;
pub use host::{Executor, Isolation, RuntimeError, Server, Worker};
pub use pair::Pair;
#[doc(hidden)]
pub use shared::now_ns;
pub use target::{Destination, Limits, Network, Sandbox, Target};
pub use underway::Underway;
