//! Runs plugins in processes of their own. [`Worker`] is the host's end of one of them: it loads a plugin
//! ([`Loading`](crate::trace::Loading)), runs sessions, many in one process or each call in its own, and returns a
//! [`Trace`](crate::trace::Trace) for each.
//!
//! [`protocol`] is what the host and the program `hookstorm-worker`, a crate of its own, share. [`sandbox`] confines a
//! plugin, and the guardian supervises it from outside. `unsafe` stays in this room and in that crate. This room knows
//! no Python and judges no trace.

mod executor;
mod guardian;
mod host;
pub(crate) mod kernel;
mod pair;
pub mod protocol;
pub mod sandbox;
mod session_state;
mod target;

pub use executor::{Executor, Isolation, KnownHang};
pub use guardian::guardian_main;
pub(crate) use host::{BatchReply, built_against};
pub use host::{RuntimeError, Server, Worker};
pub use pair::Pair;
pub use session_state::SessionState;
pub use target::{Destination, Limits, Network, Sandbox, Target};
