//! The guardian: the process between the host and a worker. It stays outside of the worker's namespaces, judges system
//! calls of the plugin, and ends all processes of the worker when the host or the zygote is gone.
//!
//! ```text
//! host ──▶ guardian ──▶ first process of the namespaces ──▶ zygote: executes hookstorm-worker
//! ```
//!
//! Guardian and first process are the host's own program, which starts again with [`program::COMMAND`] as its
//! first argument. So they know no Python, and a plugin never runs in them. Both have one thread, and may fork.

mod first_process;
mod mounts;
mod namespaces;
mod program;
mod supervisor;
mod watch;

pub use program::guardian_main;
pub(super) use program::{COMMAND, is_this_program};
