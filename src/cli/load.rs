//! `hookstorm load`: starts sessions at a given rate, measures how long users wait, and finds how many sessions the plugin
//! carries.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::{
    arguments::{AMOUNT, CASES, Color, Common, Known, LIMITS, OUTPUT, Plugin, With},
    cases,
    console::Console,
    error::CliError,
    file_settings::LoadTable,
    files,
    prepare::{Prepared, prepare},
    seams::{self, Job, Sessions},
    settings::{Amount, Settings, time},
    sharing::Sharing,
    test::random_seed,
    values,
};
use crate::{
    case::{Case, Session},
    corpus::remote::SyncScope,
    load::{self, Arrivals, LoadEvent, LoadSettings, Measured, Objective, Profile, Rate},
    report::{Report, plain, progress::Progress},
    runtime::Isolation,
};

/// How long sessions are due for unless the user says otherwise, and at each rate of a search.
const DURATION: Duration = Duration::from_secs(30);
const DURATION_OF_A_STEP: Duration = Duration::from_secs(10);
/// How many calls run at once unless the user says otherwise.
const IN_FLIGHT: usize = 16;
/// How many rounds a run is divided into unless the user says otherwise.
const ROUNDS: usize = 10;
/// How many sessions begin unless the user says otherwise.
const RATE: &str = "10/s";
/// What a search for the capacity asks for where the user asks for nothing.
const OBJECTIVES: [&str; 2] = ["p99=1s", "errors=0.1%"];
/// How long what was due is waited for at the end: as long as sessions were due, within these bounds.
const DRAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Rate at which sessions begin, `50/s`, `300/min` [default: 10/s]
    #[arg(long, value_name = "RATE", value_parser = Rate::parse, conflicts_with_all = ["ramp", "capacity"], help_heading = AMOUNT)]
    rate: Option<Rate>,

    /// Rate that changes evenly over the duration, `10..200/s` [default: none]
    #[arg(long, value_name = "FROM..TO", value_parser = Profile::parse, conflicts_with = "capacity", help_heading = AMOUNT)]
    ramp: Option<Profile>,

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
    #[arg(long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, conflicts_with = "capacity", help_heading = AMOUNT)]
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
    #[arg(long, value_name = "TIME", value_parser = values::duration, conflicts_with = "persistent", help_heading = CASES)]
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
    #[arg(long, value_name = "WHAT=LIMIT", value_parser = Objective::parse, action = ArgAction::Append, help_heading = OUTPUT)]
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
            "`load` has no `--jobs`: sessions come by a schedule, and wait for no worker but those of all calls",
            "`--in-flight N` says how many calls run at once",
        ));
    }
    if arguments.with.is_some() {
        return Err(CliError::usage(
            "`load` runs one plugin, and `--with` names a second one",
            "run `load` on each of the two",
        ));
    }
    let plugin = &arguments.plugin.plugin;
    let amount = Amount { runs: None, seed: arguments.seed, partition: None };
    let mut settings =
        Settings::new(plugin, &arguments.common, &With::default(), amount, color)?.with_baseline(&arguments.known)?;
    let baseline = settings.baseline_file.clone();
    let before = baseline.as_deref().map(earlier).transpose()?.flatten();
    repeat(&mut settings, arguments);
    let console = Console { color: settings.color, ..console };
    let seed = settings.seed.unwrap_or_else(random_seed);
    let has_other = settings.other.take().is_some();
    let load_settings = load_settings(arguments, &settings.load, seed);
    let mut prepared = prepare("load", settings, Some(seed), None, console)?;
    if has_other {
        prepared
            .notes
            .push("the second plugin that `hookstorm.toml` names takes no part: `load` runs one plugin".into());
    }
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let has = |hook| job.loading.hooks.iter().any(|seen| seen.hook == hook && seen.callable);
    if let Some(objective) = load_settings.objectives.iter().find(|one| one.hook().is_some_and(|hook| !has(hook))) {
        let hooks: Vec<&str> = job.loading.hooks.iter().map(|seen| seen.hook.name()).collect();
        return Err(CliError::usage(
            format!("the objective `{objective}` is about a hook that this plugin does not have"),
            format!("it has {}", hooks.join(", ")),
        ));
    }
    let stop = prepared.interrupts.stop();
    let progress = Progress::steered(!console.is_quiet, console.has_colourful_errors(), console.width());
    let sharing = Sharing::begin(&prepared.settings, &job, SyncScope::FolderOrAll, &stop, &progress, console)?;
    let sessions = sessions(arguments, &mut prepared, &job)?;
    let stream = prepared.stream(console);
    let listen = |event| {
        progress.load(&event);
        stream.load(&event);
        if let LoadEvent::Engine(event) = &event {
            sharing.listen(event);
        }
    };
    let ended = seams::load_run(&job, &load_settings, arguments.capacity, sessions, &stop, &listen);
    progress.finish();
    // What was found before a failure goes to the others all the same.
    let notes = sharing.end();
    let load::LoadSummary { mut measured, mut summary } = ended?;
    summary.notes.extend(notes);
    if let Some(path) = &baseline {
        let file = path.to_string_lossy();
        match &before {
            Some(before) => measured.baseline = Some(load::compare(&file, before, &measured)),
            None => summary.notes.push(format!("`{file}` has no figures of `load`, so that nothing was compared")),
        }
    }
    let mut report = prepared.report(summary);
    report.add_load(measured);
    prepared.print(&report, console)
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

/// What an earlier report measured. One that measured nothing holds findings that are known, and no more.
fn earlier(path: &Path) -> Result<Option<Measured>, CliError> {
    Ok(Report::parse(&files::text(path, false)?).ok().and_then(|report| report.load))
}

fn load_settings(arguments: &LoadArguments, file: &LoadTable, seed: u64) -> LoadSettings {
    let parsed = |text: &str| Objective::parse(text).expect("the objectives here are well formed");
    let objectives = match &arguments.objective[..] {
        [] if !file.objectives.is_empty() => file.objectives.clone(),
        [] if arguments.capacity => OBJECTIVES.map(parsed).to_vec(),
        given => given.to_vec(),
    };
    let duration = match (arguments.duration, arguments.sessions) {
        (Some(duration), _) => duration,
        (None, Some(_)) if arguments.ramp.is_none() => Duration::MAX,
        (None, _) if arguments.capacity => DURATION_OF_A_STEP,
        (None, _) => file.duration.unwrap_or(DURATION),
    };
    let rate =
        || arguments.rate.or(file.rate).unwrap_or_else(|| Rate::parse(RATE).expect("the rate here is well formed"));
    LoadSettings {
        profile: arguments.ramp.unwrap_or_else(|| Profile::constant(rate())),
        arrivals: arguments.arrivals.or(file.arrivals).unwrap_or_default().into(),
        duration,
        sessions: arguments.sessions,
        in_flight: arguments.in_flight.or(file.in_flight).unwrap_or(IN_FLIGHT),
        // In one process a session runs whole.
        think: arguments.think_time.or(file.think_time.filter(|_| !arguments.persistent)).unwrap_or_default(),
        isolation: if arguments.persistent { Isolation::Persistent } else { Isolation::Isolated },
        seed,
        rounds: arguments.rounds.or(file.rounds).unwrap_or(ROUNDS),
        objectives,
        drain: if duration == Duration::MAX { DRAIN.1 } else { duration.clamp(DRAIN.0, DRAIN.1) },
    }
}

/// Which sessions are run: of the case or the corpus that was named, or made.
fn sessions(arguments: &LoadArguments, prepared: &mut Prepared, job: &Job) -> Result<Sessions, CliError> {
    if let Some(path) = &arguments.case {
        let case = cases::read(path)?;
        return Ok(Sessions::Recorded(vec![usable(case, job).map_err(|problem| CliError::Usage {
            problem: format!("`{}` cannot be run here: {problem}", path.display()),
            hint: Some("`hookstorm run PLUGIN --case FILE` runs a case with all that it asks for".into()),
        })?]));
    }
    if arguments.common.corpus.is_none() || arguments.generated {
        return Ok(Sessions::Made { are_nominal: !arguments.generated });
    }
    let mut sessions = Vec::new();
    let mut left_out = 0;
    let mut all = cases::of_corpus(&prepared.settings.corpus, &job.corpus, &[], job.target.plugin_type)?;
    all.extend(seams::read_seeds(&job.corpus)?);
    for (_, case) in all {
        // One that shows a defect says nothing of how much is carried.
        let is_sound = case.found.is_none();
        match usable(case, job) {
            Ok(session) if is_sound => sessions.push(session),
            _ => left_out += 1,
        }
    }
    if sessions.is_empty() {
        return Err(CliError::usage(
            format!("no case in `{}` can be run under load", prepared.settings.corpus.display()),
            "cases that show a defect, have a configuration of their own or a second plugin are left out; without `--corpus` \
             everyday sessions are made",
        ));
    }
    if left_out > 0 {
        let note = format!(
            "{} left out: they show a defect, or want another configuration, platform or plugin",
            plain::counted(left_out, "case")
        );
        prepared.notes.push(note);
    }
    Ok(Sessions::Recorded(sessions))
}

/// The session of a case that can be run as it stands beside others.
fn usable(case: Case, job: &Job) -> Result<Session, &'static str> {
    let calls_other = case.session.calls.iter().any(|call| call.other);
    match () {
        () if case.plugin_type != job.target.plugin_type => Err("it is for a plugin of another type"),
        () if case.configuration.is_some() => Err("it has a configuration of its own"),
        () if !std::ptr::eq(case.platform, job.target.platform) => Err("it is for another platform"),
        () if calls_other => Err("it calls a second plugin"),
        () if !case.earlier.is_empty() => Err("it needs sessions before it"),
        () => Ok(case.session),
    }
}
