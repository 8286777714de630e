//! LoadRun: sessions that begin by a schedule and do not wait for one another, what their users wait, and how many of
//! them a plugin carries.
//!
//! [`load()`] starts a host for each call that may run at once; `engine` keeps the schedule ([`Schedule`]) and releases
//! what is due into `queue`, from which each `lane` takes it; [`Recorder`] keeps what they saw, bounded however long it
//! takes; `capacity` asks for one rate after another. [`Measured`] is what comes of it, judged by [`Objective`]s and
//! held against an earlier one by [`compare()`].
//!
//! A latency counts from the moment at which something was due. Nothing here prints, and nothing here knows Python.
#![forbid(unsafe_code)]

mod arrivals;
mod capacity;
mod compare;
mod cpu_sample;
mod files;
mod growth;
mod load_executor;
mod load_worker;
mod measured;
mod objective;
mod pacer;
mod queue;
mod recorder;
mod run;
mod settings;
mod workload;

pub use arrivals::{Arrivals, Profile, Rate, Schedule};
pub use compare::compare;
pub use growth::{GrowthWatch, ResourceSample};
pub use load_executor::LoadExecutor;
pub(crate) use measured::rounded;
pub use measured::{
    Capacity, Change, Comparison, Growth, HookMeasured, Limit, Measured, ObjectiveMeasured, Percentiles, Processors,
    Round, RoundTimes, Slice, Step,
};
pub use objective::Objective;
pub use recorder::{CallTimes, LoadProgress, Recorder, RunShape};
pub use run::{LoadRun, LoadSummary, load};
pub use settings::{LoadEvent, LoadSettings};
pub use workload::{GeneratedWorkload, RecordedWorkload, Workload};
