//! [`load()`] and its options.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    CaseMismatch, Error, Event, Plugin,
    corpus_cases::read_case,
    exchange,
    loaded_plugin::{LoadedPlugin, SessionExtras},
    options::random_seed,
};
use crate::{
    case::{Case, Session},
    corpus::remote::SyncScope,
    engine::Stop,
    load::{
        self, Arrivals, GeneratedWorkload, LoadEvent, LoadExecutor, LoadRun, LoadSettings, LoadSummary, Measured,
        Objective, Rate, RateProfile, RecordedWorkload, Workload,
    },
    package::ScratchFolder,
    report::{Report, plain},
    runtime::{Isolation, RuntimeError, Server, Target},
};

/// The default time during which sessions begin, and that at each rate of a search for the capacity.
const DURATION: Duration = Duration::from_secs(30);
const SEARCH_DURATION: Duration = Duration::from_secs(10);
/// The default number of calls that run at once.
const IN_FLIGHT: usize = 16;
/// The default number of rounds.
const ROUNDS: usize = 10;
/// The default rate.
const RATE: &str = "10/s";
/// The default objectives of a search for the capacity.
const SEARCH_OBJECTIVES: [&str; 2] = ["p99=1s", "errors=0.1%"];
/// How long a run waits at its end for sessions that began: as long as sessions began, within these bounds.
const DRAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// Which sessions [`load()`] runs, at which rate, and what it demands.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    pub(crate) rate: Option<Rate>,
    pub(crate) ramp: Option<RateProfile>,
    pub(crate) find_capacity: bool,
    pub(crate) arrivals: Arrivals,
    pub(crate) duration: Option<Duration>,
    pub(crate) sessions: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) rounds: Option<usize>,
    pub(crate) in_flight: Option<usize>,
    pub(crate) think_time: Duration,
    pub(crate) persistent: bool,
    pub(crate) workload: Sessions,
    pub(crate) objectives: Vec<Objective>,
    pub(crate) compare_with: Option<(String, Option<Box<Measured>>)>,
}

/// Which sessions a load run has.
#[derive(Clone, Debug, Default)]
pub(crate) enum Sessions {
    #[default]
    Nominal,
    Generated,
    Case(PathBuf),
    Corpus,
}

impl LoadOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rate at which sessions begin \[default: 10 a second\].
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// A rate that changes evenly over the duration, `10..200/s`, instead of a constant one \[default: none\].
    #[must_use]
    pub fn ramp(mut self, ramp: RateProfile) -> Self {
        self.ramp = Some(ramp);
        self
    }

    /// Finds the highest rate that meets the objectives, instead of running at one rate. Without objectives, those are
    /// `p99=1s` and `errors=0.1%`. `rate`, `ramp` and `sessions` have no effect then.
    #[must_use]
    pub fn find_capacity(mut self) -> Self {
        self.find_capacity = true;
        self
    }

    /// How the starts of sessions are distributed \[default: `Arrivals::Poisson`, independent of one another\].
    #[must_use]
    pub fn arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// For how long sessions begin
    /// \[default: 30 s; 10 s at each rate of a search; no limit if `sessions` is set and the rate is constant\].
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Stops after this number of sessions \[default: none\].
    #[must_use]
    pub fn sessions(mut self, sessions: u64) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// The seed of sessions and schedule \[default: random; the report has it\].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The number of rounds that the run is divided into, at least 3; their spread is the noise of a comparison
    /// \[default: 10\].
    #[must_use]
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = Some(rounds.max(3));
        self
    }

    /// The number of calls that run at once at most, at least 1, each in a worker of its own \[default: 16\].
    #[must_use]
    pub fn in_flight(mut self, calls: usize) -> Self {
        self.in_flight = Some(calls.max(1));
        self
    }

    /// The pause between two calls of a session; latencies do not include it \[default: none\].
    #[must_use]
    pub fn think_time(mut self, time: Duration) -> Self {
        self.think_time = time;
        self
    }

    /// Runs all sessions of a worker in one process, to measure the plugin without the cost of a process for each call
    /// \[default: a process for each call, as on the platform\]. Sessions then have no think time.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Runs generated sessions as [`test`](super::test) does, with unusual values \[default: nominal sessions\].
    #[must_use]
    pub fn generated_sessions(mut self) -> Self {
        self.workload = Sessions::Generated;
        self
    }

    /// Runs the case in this file repeatedly \[default: nominal sessions\].
    #[must_use]
    pub fn case(mut self, file: impl Into<PathBuf>) -> Self {
        self.workload = Sessions::Case(file.into());
        self
    }

    /// Runs the cases of the corpus that show no defect \[default: nominal sessions\].
    #[must_use]
    pub fn corpus_cases(mut self) -> Self {
        self.workload = Sessions::Corpus;
        self
    }

    /// An objective that the run must meet; may be called several times \[default: none\].
    #[must_use]
    pub fn objective(mut self, objective: Objective) -> Self {
        self.objectives.push(objective);
        self
    }

    /// Compares the figures with those of an earlier report, and fails if they are worse by more than the noise. `name`
    /// is how the report refers to the earlier one \[default: no comparison\].
    #[must_use]
    pub fn compare_with(mut self, name: impl Into<String>, earlier: &Report) -> Self {
        self.compare_with = Some((name.into(), earlier.load.clone().map(Box::new)));
        self
    }

    fn settings(&self, seed: u64) -> LoadSettings {
        let parsed = |text: &str| Objective::parse(text).expect("the objectives here are well formed");
        let duration = match (self.duration, self.sessions, self.ramp) {
            (Some(duration), ..) => duration,
            _ if self.find_capacity => SEARCH_DURATION,
            (None, Some(_), None) => Duration::MAX,
            _ => DURATION,
        };
        let default_rate = || Rate::parse(RATE).expect("the rate here is well formed");
        let constant = || RateProfile::constant(self.rate.unwrap_or_else(default_rate));
        LoadSettings {
            profile: self.ramp.unwrap_or_else(constant),
            arrivals: self.arrivals,
            duration,
            sessions: self.sessions.filter(|_| !self.find_capacity),
            in_flight: self.in_flight.unwrap_or(IN_FLIGHT),
            // In one process a session runs whole.
            think: if self.persistent { Duration::ZERO } else { self.think_time },
            isolation: if self.persistent { Isolation::Persistent } else { Isolation::Isolated },
            seed,
            rounds: self.rounds.unwrap_or(ROUNDS),
            objectives: match &self.objectives[..] {
                [] if self.find_capacity => SEARCH_OBJECTIVES.map(parsed).to_vec(),
                given => given.to_vec(),
            },
            drain: if duration == Duration::MAX { DRAIN.1 } else { duration.clamp(DRAIN.0, DRAIN.1) },
        }
    }
}

/// Starts sessions at a rate, measures how long users wait, and judges the objectives; or finds the highest rate that
/// meets them.
///
/// ```no_run
/// use std::time::Duration;
///
/// use hookstorm::{Event, LoadOptions, Plugin, PluginOptions, Stop, load::Rate};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new())?;
/// let rate = Rate::parse("20/s").expect("it is a rate");
/// let options = LoadOptions::new().rate(rate).duration(Duration::from_secs(10)).in_flight(4);
/// let report = hookstorm::load(&plugin, &options, &Stop::default(), &|_: Event| {})?;
/// let measured = report.load.expect("the plugin could run");
/// println!("{} sessions a second", measured.achieved_rate);
/// # Ok::<(), hookstorm::Error>(())
/// ```
///
/// # Errors
/// [`Error`] if a worker or the corpus fails, if a case cannot be run under load, or if an objective is about a hook
/// that the plugin does not have; [`Error::Unsaved`] has the report if a finding could not be saved.
pub fn load(
    plugin: &Plugin,
    options: &LoadOptions,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Report, Error> {
    let seed = options.seed.unwrap_or_else(random_seed);
    plugin.must_be_alone("load")?;
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("load", Some(seed)) };
    let settings = options.settings(seed);
    let has = |hook| loaded.loading.hooks.iter().any(|seen| seen.hook == hook && seen.callable);
    if let Some(objective) = settings.objectives.iter().find(|one| one.hook().is_some_and(|hook| !has(hook))) {
        let hooks = loaded.loading.hooks.iter().map(|seen| seen.hook).collect();
        return Err(Error::ObjectiveWithoutHook { objective: objective.clone(), hooks });
    }
    let mut left_out = None;
    let (done, notes) = exchange::with_exchange(plugin, SyncScope::FolderOrAll, stop, listen, |exchange| {
        let heard = |event: LoadEvent| {
            if let LoadEvent::Engine(event) = &event {
                exchange.listen(event);
            }
            listen(Event::Load(event));
        };
        let recorded = match &options.workload {
            Sessions::Nominal | Sessions::Generated => Vec::new(),
            Sessions::Case(path) => {
                let case = read_case(path)?;
                vec![usable(case, loaded).map_err(|mismatch| Error::CaseNotForLoad { path: path.clone(), mismatch })?]
            }
            Sessions::Corpus => {
                let (sessions, note) = plugin.sessions_of_corpus(loaded)?;
                left_out = note;
                sessions
            }
        };
        run(plugin, loaded, options, &settings, recorded, stop, &heard)
    })?;
    let LoadSummary { mut measured, mut summary } = done;
    summary.notes.splice(0..0, left_out);
    summary.notes.extend(notes);
    match &options.compare_with {
        Some((name, Some(before))) => measured.baseline = Some(load::compare(name, before, &measured)),
        Some((name, None)) => {
            summary.notes.push(format!("`{name}` has no figures of `load`, so nothing was compared"));
        }
        None => {}
    }
    let unsaved = summary.unwritten.take();
    let mut report = plugin.report("load", Some(seed), summary);
    report.add_load(measured);
    match unsaved {
        None => Ok(report),
        Some(source) => Err(Error::Unsaved { report: Box::new(report), source }),
    }
}

fn run(
    plugin: &Plugin,
    loaded: &LoadedPlugin,
    options: &LoadOptions,
    settings: &LoadSettings,
    recorded: Vec<Session>,
    stop: &Stop,
    listen: &(dyn Fn(LoadEvent) + Sync),
) -> Result<LoadSummary, Error> {
    let corpus = plugin.writable_corpus()?;
    let state = ScratchFolder::new().map_err(|source| RuntimeError::Scratch { path: std::env::temp_dir(), source })?;
    // Counting lines would add to what is measured.
    let target = Arc::new(Target { coverage: false, ..Target::clone(&loaded.target) });
    let start = || Ok(Box::new(Server::start(&target, state.path())?) as Box<dyn LoadExecutor>);
    let recorded = RecordedWorkload::new(recorded);
    loaded
        .with_plan(&plugin.options.levels, SessionExtras::default(), |plan| {
            let are_nominal = matches!(options.workload, Sessions::Nominal);
            let generated = GeneratedWorkload { source: plan.source, seed: settings.seed, are_nominal };
            let workload: &dyn Workload = recorded.as_ref().map_or(&generated, |recorded| recorded);
            let run = LoadRun { plan, start: &start, workload, state: state.path(), corpus: &corpus, stop, listen };
            load::load(&run, settings, options.find_capacity)
        })
        .map_err(Error::from)
}

impl Plugin {
    /// The sessions of the corpus that can run under load, and a note about the others.
    fn sessions_of_corpus(&self, loaded: &LoadedPlugin) -> Result<(Vec<Session>, Option<String>), Error> {
        let all = [self.cases()?, self.seeds()?].concat();
        let count = all.len();
        // A case that shows a defect says nothing about the load that the plugin carries.
        let sound = all.into_iter().filter(|(_, case)| case.found.is_none());
        let sessions: Vec<_> = sound.filter_map(|(_, case)| usable(case, loaded).ok()).collect();
        if sessions.is_empty() {
            return Err(Error::NoCaseForLoad(self.options.corpus_folder()));
        }
        let left_out = (count - sessions.len()) as u64;
        let note = (left_out > 0).then(|| {
            let cases = plain::counted(left_out, "case");
            format!("{cases} left out: they show a defect, or need another configuration, platform or plugin, or sessions before them")
        });
        Ok((sessions, note))
    }
}

/// The session of a case, if it can run together with others.
fn usable(case: Case, loaded: &LoadedPlugin) -> Result<Session, CaseMismatch> {
    let calls_other = case.session.calls.iter().any(|call| call.other);
    match () {
        () if case.plugin_type != loaded.target.plugin_type => Err(CaseMismatch::Type),
        () if case.configuration.is_some() => Err(CaseMismatch::Configuration),
        () if case.platform != loaded.target.platform => Err(CaseMismatch::Platform),
        () if calls_other => Err(CaseMismatch::SecondPlugin),
        () if !case.earlier.is_empty() => Err(CaseMismatch::EarlierSessions),
        () => Ok(case.session),
    }
}
