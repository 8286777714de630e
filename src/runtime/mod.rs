//! Runs plugins in processes of their own. [`Worker`] is the host's end of one of them: it loads a plugin
//! ([`Loading`](crate::trace::Loading)), runs sessions, many in one process or each call in its own, and returns a
//! [`Trace`](crate::trace::Trace) for each.
//!
//! [`protocol`] is what host and worker share, and [`sandbox`] what confines a plugin; the program `hookstorm-worker`, a
//! crate of its own, uses both. `unsafe` stays in this module and in that crate. Nothing here knows Python or judges a
//! trace.

mod host;
pub(crate) mod machine;
mod pair;
pub mod protocol;
pub mod sandbox;
mod session_state;
mod target;

pub(crate) use host::{BatchReply, built_against};
pub use host::{Executor, Isolation, RuntimeError, Server, Worker};
pub use pair::Pair;
pub use session_state::SessionState;
pub use target::{Destination, Limits, Network, Sandbox, Target};
