//! hookstorm finds how a plugin of Safeguard for Privileged Sessions fails, before the platform does.
//!
//! The command line is one user of this library. Open a [`Plugin`], then [`check`], [`test`](fn@test), [`fuzz`],
//! [`replay`] or [`load`](fn@load) it. Each returns a [`report::Report`], the object that `--format json` prints.
//!
//! ```no_run
//! use hookstorm::{Event, Plugin, PluginOptions, Stop, TestOptions};
//!
//! let plugin = Plugin::open("my-plugin.zip", PluginOptions::new())?;
//! let report = hookstorm::test(&plugin, &TestOptions::new().seed(1), &Stop::default(), &|_: Event| {})?;
//! assert!(!report.is_failure(), "{}", report.to_json());
//! # Ok::<(), hookstorm::Error>(())
//! ```
//!
//! hookstorm runs the plugin in processes of its own, in a sandbox. It needs two programs in one folder,
//! `hookstorm-worker` and `hookstorm`: the folder of the calling program, or the one where the variable
//! `HOOKSTORM_WORKER` points to the worker. A program whose `main` begins with [`runtime::guardian_main`] does not need
//! `hookstorm`.
//!
//! ARCHITECTURE.md describes the modules: data flows down their list, and each uses only modules above it.

pub mod api;
pub mod case;
pub mod cli;
pub mod contract;
pub mod corpus;
pub mod engine;
pub mod finding;
pub mod generate;
pub mod load;
pub mod oracle;
pub mod package;
pub mod report;
pub mod runtime;
pub mod selftest;
pub mod trace;

pub use api::{
    AllowedDestination, CaseMismatch, Error, Event, FileAction, FuzzOptions, LoadOptions, NotShrinkable, Partition,
    Plugin, PluginOptions, ReplayOptions, TestOptions, check, fuzz, load, replay, test,
};
pub use engine::Stop;
