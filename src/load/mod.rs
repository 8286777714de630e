//! Load: sessions that arrive by a schedule and do not wait for one another, what they had to wait, and how many of them a
//! plugin carries.
//!
//! A latency counts from the moment at which something was due. Nothing here prints, and nothing here knows Python.
#![forbid(unsafe_code)]

mod arrivals;
mod compare;
mod growth;
mod measured;
mod objective;
mod recorder;

pub use arrivals::{Arrivals, Profile, Rate, Schedule};
pub use compare::compare;
pub use growth::{GrowthWatch, Sample};
pub use measured::{
    Capacity, Change, Comparison, Growth, HookMeasured, Limit, Measured, ObjectiveMeasured, Percentiles, Processors,
    Round, RoundTimes, Slice, Step,
};
pub use objective::Objective;
pub use recorder::{CallTimes, Pulse, Recorder, Shape};
