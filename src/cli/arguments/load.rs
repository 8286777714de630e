//! What `load` takes.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::{AMOUNT, CASES, Common, Known, LIMITS, OUTPUT, Plugin, values};
use crate::load::{Arrivals, Objective, Profile, Rate};

#[derive(Debug, Args)]
pub(in crate::cli) struct LoadArguments {
    #[command(flatten)]
    pub(in crate::cli) plugin: Plugin,

    /// How many sessions begin, `50/s`, `300/min` [default: 10/s]
    #[arg(long, value_name = "RATE", value_parser = Rate::parse, conflicts_with_all = ["ramp", "capacity"], help_heading = AMOUNT)]
    pub(in crate::cli) rate: Option<Rate>,

    /// A rate that grows, or falls, evenly over the duration, `10..200/s` [default: none]
    #[arg(long, value_name = "FROM..TO", value_parser = Profile::parse, conflicts_with = "capacity", help_heading = AMOUNT)]
    pub(in crate::cli) ramp: Option<Profile>,

    /// Look for the highest rate that meets the objectives; without any, p99=1s and errors=0.1% are asked for
    #[arg(long, help_heading = AMOUNT)]
    pub(in crate::cli) capacity: bool,

    /// How sessions are spread: one after another at even distances, or as people come [default: poisson]
    #[arg(long, value_enum, value_name = "poisson|constant", hide_possible_values = true, help_heading = AMOUNT)]
    pub(in crate::cli) arrivals: Option<Spread>,

    /// How long sessions begin for; with `--capacity` at each rate [default: 30s, with `--capacity` 10s]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    pub(in crate::cli) duration: Option<Duration>,

    /// End after so many sessions; without `--duration` only then [default: none]
    #[arg(long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, conflicts_with = "capacity", help_heading = AMOUNT)]
    pub(in crate::cli) sessions: Option<u64>,

    /// The seed of sessions and schedule [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(in crate::cli) seed: Option<u64>,

    /// How many rounds the run is divided into: their spread is the noise that `--baseline` takes into account [default: 10]
    #[arg(long, value_name = "N", value_parser = values::rounds, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(in crate::cli) rounds: Option<usize>,

    /// How many calls run at once at most, each in a worker that has the plugin loaded; what is due beyond that waits
    /// [default: 16]
    #[arg(long, value_name = "N", value_parser = values::jobs, allow_negative_numbers = true, help_heading = LIMITS)]
    pub(in crate::cli) in_flight: Option<usize>,

    /// How long a session waits between two of its calls; no part of any latency [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, conflicts_with = "persistent", help_heading = CASES)]
    pub(in crate::cli) think_time: Option<Duration>,

    /// Run all sessions of a worker in one process: the plugin's own cost, without that of a process for each call
    #[arg(long, help_heading = CASES)]
    pub(in crate::cli) persistent: bool,

    /// Run this case over and over, a JSON file [default: everyday sessions or, with `--corpus`, its cases]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = CASES)]
    pub(in crate::cli) case: Option<PathBuf>,

    /// Run generated sessions as `test` does, odd ones among them, instead of everyday ones
    #[arg(long, conflicts_with = "case", help_heading = CASES)]
    pub(in crate::cli) generated: bool,

    /// What must be met, `p99=500ms`, `get_password_list.p50=80ms`, `errors=0.1%`, `rate=40/s`; may be repeated
    /// [default: none]
    #[arg(long, value_name = "WHAT=LIMIT", value_parser = Objective::parse, action = ArgAction::Append, help_heading = OUTPUT)]
    pub(in crate::cli) objective: Vec<Objective>,

    /// Only to say that it is not taken [default: none]
    #[arg(long, value_name = "OTHER", hide = true)]
    pub(in crate::cli) with: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) known: Known,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// How sessions are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Spread {
    /// As people come: independently of one another
    #[default]
    Poisson,
    /// At even distances
    Constant,
}

impl From<Spread> for Arrivals {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Poisson => Self::Poisson,
            Spread::Constant => Self::Constant,
        }
    }
}
