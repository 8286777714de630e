//! What confines a plugin: the rules for files ([`AccessRules`], [`landlock`]), the filter on system calls
//! ([`seccomp`]), [`limits`], and the folders that it may write to ([`SessionFolders`]). The zygote applies all of it
//! to itself before the plugin's first line runs; the guardian supervises from outside.
//!
//! Each protection is used if the kernel has it, and [`MissingProtections`] says which ones it withheld. Nothing here
//! knows Python.

pub mod access_rules;
mod confinement;
mod connections;
pub mod landlock;
pub mod limits;
mod process_tree;
mod protections;
pub mod seccomp;
pub mod session_folders;

pub use access_rules::AccessRules;
pub use confinement::Confinement;
pub use connections::AllowedConnections;
pub(crate) use connections::NAME_SERVER_PORT;
pub use process_tree::{ProcessStat, kill_descendants, reap};
pub use protections::{MissingProtections, Protection};
pub use session_folders::SessionFolders;
