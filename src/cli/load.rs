//! `hookstorm load`: starts sessions at a given rate, measures how long users wait, and finds how many sessions the
//! plugin carries.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::{
    arguments::{AMOUNT, CASES, Color, Common, Known, LIMITS, OUTPUT, Plugin, With},
    console::Console,
    error::CliError,
    file_settings::LoadTable,
    opened_plugin::OpenedPlugin,
    settings::{Settings, time},
    values,
};
use crate::{
    api::{self, LoadOptions, Sessions, random_seed, read_text},
    load::{Arrivals, Objective, Rate, RateProfile},
    report::Report,
};

#[derive(Debug, Args)]
// `--in-flight` takes its place.
#[command(mut_arg("jobs", |option| option.hide(true)))]
pub(super) struct LoadArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Rate at which sessions begin, `50/s`, `300/min` [default: 10/s]
    #[arg(
        long, value_name = "RATE", value_parser = Rate::parse, conflicts_with_all = ["ramp", "capacity"],
        help_heading = AMOUNT
    )]
    rate: Option<Rate>,

    /// Rate that changes evenly over the duration, `10..200/s` [default: none]
    #[arg(
        long, value_name = "FROM..TO", value_parser = RateProfile::parse, conflicts_with = "capacity",
        help_heading = AMOUNT
    )]
    ramp: Option<RateProfile>,

    /// Find the highest rate that meets the objectives; without `--objective`, those are p99=1s and errors=0.1%
    #[arg(long, help_heading = AMOUNT)]
    capacity: bool,

    /// How the starts of sessions are distributed: `poisson`, independent of one another as those of people are, or
    /// `constant`, at even distances [default: poisson]
    #[arg(long, value_enum, value_name = "poisson|constant", hide_possible_values = true, help_heading = AMOUNT)]
    arrivals: Option<Spread>,

    /// For how long sessions begin; with `--capacity`, at each rate [default: 30s, with `--capacity` 10s]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    duration: Option<Duration>,

    /// Stop after N sessions; without `--duration`, this alone ends the run [default: none]
    #[arg(
        long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, conflicts_with = "capacity",
        help_heading = AMOUNT
    )]
    sessions: Option<u64>,

    /// Seed of sessions and schedule [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Number of rounds that the run is divided into; `--baseline` takes the spread of the rounds as the noise
    /// [default: 10]
    #[arg(long, value_name = "N", value_parser = values::rounds, allow_negative_numbers = true, help_heading = AMOUNT)]
    rounds: Option<usize>,

    /// Number of calls that run at once at most, each in a worker that has loaded the plugin; further calls wait
    /// [default: 16]
    #[arg(long, value_name = "N", value_parser = values::jobs, allow_negative_numbers = true, help_heading = LIMITS)]
    in_flight: Option<usize>,

    /// Pause between two calls of a session; latencies do not include it [default: 0s]
    #[arg(
        long, value_name = "TIME", value_parser = values::duration, conflicts_with = "persistent", help_heading = CASES
    )]
    think_time: Option<Duration>,

    /// Run all sessions of a worker in one process, to measure the plugin without the cost of a process for each call
    #[arg(long, help_heading = CASES)]
    persistent: bool,

    /// Case to run repeatedly, a JSON file [default: nominal sessions or, with `--corpus`, its cases]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = CASES)]
    case: Option<PathBuf>,

    /// Run generated sessions as `test` does, with unusual values, instead of nominal ones
    #[arg(long, conflicts_with = "case", help_heading = CASES)]
    generated: bool,

    /// Objective that the run must meet, `p99=500ms`, `get_password_list.p50=80ms`, `errors=0.1%`, `rate=40/s`; may be
    /// repeated [default: none]
    #[arg(
        long, value_name = "WHAT=LIMIT", value_parser = Objective::parse, action = ArgAction::Append,
        help_heading = OUTPUT
    )]
    objective: Vec<Objective>,

    /// Refused with a hint [default: none]
    #[arg(long, value_name = "OTHER", hide = true)]
    with: Option<PathBuf>,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    common: Common,
}

/// How the starts of sessions are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Spread {
    /// Independent of one another, as those of people are
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

pub(super) fn run(arguments: &LoadArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    if arguments.common.jobs.is_some() {
        return Err(CliError::usage(
            "`load` has no `--jobs`: sessions begin at a rate, and do not wait for a worker of their own",
            "`--in-flight N` sets the number of calls that run at once",
        ));
    }
    if arguments.with.is_some() {
        return Err(CliError::usage(
            "`load` runs one plugin, but `--with` sets a second one",
            "run `load` on each plugin",
        ));
    }
    let mut settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &With::default(), color)?
        .with_baseline(&arguments.known)?
        .without_second_plugin("load");
    repeat(&mut settings, arguments);
    let mut options = options(arguments, &settings.load);
    options.seed = arguments.seed.or(settings.seed).or_else(|| Some(random_seed()));
    if let Some(path) = &settings.baseline_file {
        // A list of fingerprints is a baseline too; it has no figures.
        let earlier = Report::parse(&read_text(path, false)?).unwrap_or_default();
        options = options.compare_with(path.to_string_lossy(), &earlier);
    }
    let opened = OpenedPlugin::open("load", settings, options.seed, console)?;
    let observer = opened.observer();
    let ended = api::load(&opened.plugin, &options, &opened.stop(), &|event| observer.listen(&event));
    drop(observer);
    opened.finish(ended)
}

/// Merges the options with the table `[load]`. A value of the table counts where no option of the command line excludes
/// it.
fn options(arguments: &LoadArguments, file: &LoadTable) -> LoadOptions {
    let ends_by_itself = arguments.capacity || (arguments.sessions.is_some() && arguments.ramp.is_none());
    LoadOptions {
        rate: arguments.rate.or(file.rate),
        ramp: arguments.ramp,
        find_capacity: arguments.capacity,
        arrivals: arguments.arrivals.or(file.arrivals).unwrap_or_default().into(),
        duration: arguments.duration.or(file.duration.filter(|_| !ends_by_itself)),
        sessions: arguments.sessions,
        seed: None,
        rounds: arguments.rounds.or(file.rounds),
        in_flight: arguments.in_flight.or(file.in_flight),
        think_time: arguments.think_time.or(file.think_time).unwrap_or_default(),
        persistent: arguments.persistent,
        workload: match &arguments.case {
            Some(path) => Sessions::Case(path.clone()),
            None if arguments.generated => Sessions::Generated,
            None if arguments.common.corpus.is_some() => Sessions::Corpus,
            None => Sessions::Nominal,
        },
        objectives: if arguments.objective.is_empty() { file.objectives.clone() } else { arguments.objective.clone() },
        compare_with: None,
    }
}

/// Adds the options of `load` to the command that repeats the run.
fn repeat(settings: &mut Settings, arguments: &LoadArguments) {
    let arrivals = arguments.arrivals.map(|spread| Arrivals::from(spread).name());
    settings.repeat_flag("--capacity", arguments.capacity);
    settings.repeat("--rate", arguments.rate);
    settings.repeat("--ramp", arguments.ramp);
    settings.repeat("--arrivals", arrivals);
    settings.repeat("--duration", arguments.duration.map(time));
    settings.repeat("--sessions", arguments.sessions);
    settings.repeat("--rounds", arguments.rounds);
    settings.repeat("--in-flight", arguments.in_flight);
    settings.repeat("--think-time", arguments.think_time.map(time));
    settings.repeat_flag("--persistent", arguments.persistent);
    settings.repeat("--case", arguments.case.as_ref().map(|path| path.to_string_lossy()));
    settings.repeat_flag("--generated", arguments.generated);
    for objective in &arguments.objective {
        settings.repeat("--objective", Some(objective));
    }
}
