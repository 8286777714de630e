//! The library: [`check`], [`test()`], [`fuzz`], [`replay`] and [`load`] on a [`Plugin`] that was opened with
//! [`PluginOptions`]. The command line does all its work through this room.
//!
//! A function returns a [`Report`](crate::report::Report) and, while it works, passes each [`Event`] to a listener,
//! from any thread. A [`Stop`](crate::engine::Stop) ends it early with what it has. A plugin that cannot be loaded is
//! not an [`Error`] but a finding in the report: an error means that hookstorm could not do its work.
#![forbid(unsafe_code)]

mod case_run;
mod caution;
mod check_plugin;
mod corpus_cases;
mod ending_line;
mod error;
mod event;
mod exchange;
mod files;
mod fuzz_plugin;
mod hint;
mod load_plugin;
mod loaded_plugin;
mod minimize;
mod network;
mod options;
mod partition;
mod plugin;
mod probe;
mod replay_corpus;
mod run_report;
mod source_cache;
mod test_plugin;

pub use check_plugin::check;
pub use error::{CaseMismatch, Error, FileAction, NotShrinkable};
pub use event::Event;
pub use fuzz_plugin::{FuzzOptions, fuzz};
pub use load_plugin::{LoadOptions, load};
pub use network::AllowedDestination;
pub use options::PluginOptions;
pub use partition::Partition;
pub use plugin::Plugin;
pub use replay_corpus::{ReplayOptions, replay};
pub use test_plugin::{TestOptions, test};

pub(crate) use case_run::{CaseRun, run_case};
pub(crate) use corpus_cases::read_case;
pub(crate) use error::reason;
pub(crate) use files::read_text;
pub(crate) use load_plugin::Sessions;
pub(crate) use minimize::{minimize_corpus, shrink_case};
pub(crate) use options::random_seed;
pub(crate) use probe::{Probed, probe, worker_program};
