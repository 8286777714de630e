//! Load tests: sessions that start by a schedule and do not wait for one another. Measures how long their users wait
//! and how many sessions a plugin carries.
//!
//! [`load()`] starts an executor for each call that may run at once. `pacer` keeps the [`Schedule`] and releases what
//! is due into `ready_queue`, from which each `load_worker` takes it. [`Recorder`] records what the workers measured,
//! in bounded memory. `capacity` tries one rate after another. The result is [`Measured`]; [`Objective`]s judge it, and
//! [`compare()`] compares it with an earlier one.
//!
//! A latency counts from the moment when something was due. Nothing here prints, and nothing here touches Python.
#![forbid(unsafe_code)]

mod capacity;
mod compare;
mod cpu_sample;
mod files;
mod growth;
mod load_executor;
mod load_worker;
mod measured;
mod numbers;
mod objective;
mod pacer;
mod rate;
mod ready_queue;
mod recorder;
mod run;
mod run_clock;
mod schedule;
mod settings;
mod workload;

pub use compare::compare;
pub use growth::{GrowthWatch, ResourceSample};
pub use load_executor::LoadExecutor;
pub use measured::{
    Capacity, Change, Comparison, Growth, HookMeasured, Limit, Measured, ObjectiveMeasured, Percentiles, Processors,
    Round, RoundTimes, Slice, Step,
};
pub(crate) use numbers::rounded;
pub use objective::Objective;
pub use rate::{Rate, RateProfile};
pub use recorder::{CallTimes, LoadProgress, Recorder, RunShape};
pub use run::{LoadRun, LoadSummary, load};
pub use schedule::{Arrivals, Schedule};
pub use settings::{LoadEvent, LoadSettings};
pub use workload::{GeneratedWorkload, RecordedWorkload, Workload};
