//! Where the commands meet the rooms that do the work: one function for each thing that a command wants of another room,
//! in the commands' own words. A room that changes its signatures is followed here and nowhere else.

mod load;
mod probe;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) use self::{
    load::{Sessions, load_run},
    probe::{Probed, probe, worker_program},
};
use super::{
    error::{CliError, reason},
    values::Partition,
};
use crate::{
    case::{Case, Value},
    contract::{Argument, ArgumentKind, Hook, Platform, PluginType},
    corpus::{Corpus, CorpusError, remote},
    engine::{
        self, EngineError, Event, FuzzSettings, Generator, Oracles, Plan, PropertySettings, RemovalReason,
        ReplayOutcome, ReplayedCase, Setup, ShrinkOutcome, Stop, Summary,
    },
    finding::{Finding, Rule, RuleLevels},
    generate::{self, OptionChoice},
    oracle::{self, PluginUnderTest},
    package::{ArchiveLimits, Package, PackageError, configuration},
    runtime::{RuntimeError, Target, Worker, sandbox::MissingProtections},
    trace::{Loading, OptionToken, Trace},
};

/// A package that was opened. Whatever owns its scratch folder lives in `source`.
pub(super) struct Opened {
    /// What the package rules found.
    pub(super) findings: Vec<Finding>,
    /// The name in MANIFEST, safe for a folder: `Package::name`.
    pub(super) name: Option<String>,
    /// The version in MANIFEST.
    pub(super) version: Option<String>,
    /// The type in MANIFEST.
    pub(super) plugin_type: Option<PluginType>,
    /// The folder and the module's file, where there is something to load.
    pub(super) runnable: Option<(PathBuf, String)>,
    /// The text of default.cfg.
    pub(super) configuration: Option<String>,
    /// Reads a line of one of its files.
    pub(super) source: Box<Source>,
}

/// Reads a line of a file of the package: `Package::source_lines`.
pub(super) type Source = dyn Fn(&str, u32) -> Option<String>;

/// Reads the files of `package`, the last one from memory: many lines of one file are often asked for in a row.
fn source_of(package: Package) -> Box<Source> {
    let last: RefCell<Option<(String, Option<Vec<String>>)>> = RefCell::default();
    Box::new(move |file, line| {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let mut last = last.borrow_mut();
        if last.as_ref().is_none_or(|(name, _)| name != file) {
            *last = Some((file.to_owned(), package.source_lines(file)));
        }
        last.as_ref()?.1.as_ref()?.get(index).cloned()
    })
}

/// Opens a plugin's archive or folder.
pub(super) fn open(plugin: &Path, platform: &'static Platform) -> Result<Opened, CliError> {
    let opened = Package::open(plugin, platform, &ArchiveLimits::default()).map_err(|error| match error {
        PackageError::NoSuchFile { path } => CliError::Plugin {
            path,
            problem: "no such file or folder".into(),
            hint: Some("give the plugin's `.zip`, or the folder that holds its MANIFEST".into()),
        },
        PackageError::NotAPlugin { path, reason } => CliError::Plugin {
            path,
            problem: format!("this is no plugin: {reason}"),
            hint: Some("give the plugin's `.zip`, or the folder that holds its MANIFEST".into()),
        },
        PackageError::Io { path, source } => CliError::File { path, doing: "read", source },
        PackageError::Scratch { path, source } => CliError::Plugin {
            path: plugin.to_owned(),
            problem: format!("the archive cannot be unpacked into `{}`: {}", path.display(), reason(&source)),
            hint: Some("`TMPDIR` names another place".into()),
        },
    })?;
    let findings = opened.findings;
    let Some(package) = opened.package else {
        let source = Box::new(|_: &str, _: u32| None);
        return Ok(Opened {
            findings,
            name: None,
            version: None,
            plugin_type: None,
            runnable: None,
            configuration: None,
            source,
        });
    };
    // Python names files by their real path, and frames are told apart by it.
    let root = package.root.canonicalize().map_err(|source| CliError::File {
        path: package.root.clone(),
        doing: "read",
        source,
    })?;
    Ok(Opened {
        findings,
        name: Some(package.name()),
        version: package.manifest.as_ref().and_then(|manifest| manifest.version.clone()),
        plugin_type: package.plugin_type(),
        runnable: package.is_runnable().then(|| (root, package.entry_point().to_owned())),
        configuration: package.configuration.clone(),
        source: source_of(package),
    })
}

/// What the user can do about a failure of the runtime.
fn runtime_error(error: RuntimeError) -> CliError {
    let problem = error.to_string();
    match error {
        RuntimeError::NoLibpython { version, .. } => CliError::Python {
            problem,
            hint: Some(format!(
                "install the shared library of Python {version} (Debian: `apt-get install libpython{version}`), or build \
                 hookstorm again with `PYO3_PYTHON` naming another interpreter; `hookstorm doctor` says more"
            )),
        },
        RuntimeError::NoVenv(_) => CliError::Python {
            problem,
            hint: Some("`--venv DIR` and `VIRTUAL_ENV` name a folder that `python3 -m venv` made".into()),
        },
        RuntimeError::VenvVersion { version, .. } => CliError::Python {
            problem,
            hint: Some(format!(
                "make one with `python{version} -m venv DIR`, or build hookstorm again with `PYO3_PYTHON` naming that \
                 environment's interpreter"
            )),
        },
        RuntimeError::NoWorker(_) => {
            CliError::Runtime { problem, hint: Some("install both programs of hookstorm, or build again".into()) }
        }
        RuntimeError::Program { path, source } => CliError::Runtime {
            problem: format!("the worker `{}` cannot be started: {}", path.display(), reason(&source)),
            hint: Some("install both programs of hookstorm side by side, and leave HOOKSTORM_WORKER unset".into()),
        },
        RuntimeError::NotAWorker { .. } => CliError::Runtime {
            problem,
            hint: Some(
                "install both programs of the same hookstorm side by side, and leave HOOKSTORM_WORKER unset".into(),
            ),
        },
        RuntimeError::Scratch { path, source } => CliError::Python {
            problem: format!("no scratch folder can be made in `{}`: {}", path.display(), reason(&source)),
            hint: Some("`TMPDIR` names another place".into()),
        },
        RuntimeError::SessionTooLarge(_) => CliError::Usage { problem, hint: None },
        RuntimeError::Died { .. } | RuntimeError::Stuck | RuntimeError::Reply(_) => CliError::Runtime {
            problem,
            hint: Some("this is no fault of the plugin: please report it as a defect of hookstorm".into()),
        },
        _ => CliError::Runtime { problem, hint: None },
    }
}

fn engine_error(error: EngineError) -> CliError {
    match error {
        EngineError::Runtime(error) => runtime_error(error),
        EngineError::Corpus(error) => corpus_error(&error),
        EngineError::Threads { .. } => CliError::Usage { problem: error.to_string(), hint: None },
    }
}

fn corpus_error(error: &CorpusError) -> CliError {
    let text = error.to_string();
    match text.split_once("; ") {
        Some((problem, hint)) => CliError::usage(problem, hint),
        None => CliError::Usage { problem: text, hint: None },
    }
}

/// What loading a plugin showed, and what the machine withheld of the sandbox meanwhile.
pub(super) struct Loaded {
    pub(super) loading: Loading,
    pub(super) missing: MissingProtections,
}

/// Starts a worker, has it load the plugin and lets it go.
pub(super) fn load(target: &Arc<Target>) -> Result<Loaded, CliError> {
    let (worker, mut loading) = Worker::start(target).map_err(runtime_error)?;
    let options = configuration::options(&target.configuration).into_iter();
    loading.tokens.options =
        options.map(|option| OptionToken { section: option.section, name: option.name, value: option.value }).collect();
    Ok(Loaded { loading, missing: worker.missing() })
}

/// What the oracles must know of a job's target with that configuration on that platform.
fn subject(job: &Job, setup: &Setup) -> PluginUnderTest {
    let Job { target, loading, levels, .. } = job;
    let configuration = setup.configuration.as_deref().unwrap_or(&target.configuration);
    let mut subject = PluginUnderTest::new(
        target.plugin_type,
        setup.platform.unwrap_or(target.platform),
        configuration,
        configuration::secrets(configuration),
        configuration::logs_debug(configuration),
        Some(loading),
    );
    // A level that the user set is a wish to hear of it.
    subject.reports_unknown_keys |= levels.is_set(Rule::ReturnKeyUnknown);
    subject
}

/// What the loading rules find.
pub(super) fn judge_loading(job: &Job) -> Vec<Finding> {
    oracle::judge_loading(&subject(job, &Setup::default()), &job.loading)
}

/// What is worth telling of how platform and SDK go together.
pub(super) fn sdk_mismatch(job: &Job) -> Option<String> {
    oracle::sdk_mismatch(&subject(job, &Setup::default()), &job.loading)
}

/// The values of options that are named like secrets.
pub(super) fn configuration_secrets(text: &str) -> Vec<String> {
    configuration::secrets(text)
}

/// What a campaign is started with.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) target: Arc<Target>,
    pub(super) loading: Loading,
    /// The second plugin of every session.
    pub(super) other: Option<(Arc<Target>, Loading)>,
    pub(super) levels: RuleLevels,
    /// The folder of this plugin's cases.
    pub(super) corpus: PathBuf,
    pub(super) jobs: usize,
}

/// How much `fuzz` does.
#[derive(Clone, Debug)]
pub(super) struct FuzzAmount {
    pub(super) runs: Option<u64>,
    pub(super) time: Option<Duration>,
    pub(super) quiet: Option<Duration>,
    pub(super) seed: u64,
    /// What of the configuration is varied; `None` where it stays as it is.
    pub(super) options: Option<Vec<OptionChoice>>,
    /// What other hosts find meanwhile.
    pub(super) others: Option<Arc<remote::SharedCorpus>>,
}

/// Runs sessions that learn.
pub(super) fn fuzz(
    job: &Job,
    amount: FuzzAmount,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, CliError> {
    let corpus = Corpus::open(&job.corpus).map_err(|error| corpus_error(&error))?;
    corpus.must_be_writable().map_err(|error| corpus_error(&error))?;
    let FuzzAmount { runs, time, quiet, seed, options, others } = amount;
    let settings = FuzzSettings { runs, time, quiet, seed, jobs: job.jobs, corpus, options: options.is_some(), others };
    job.plan(options.unwrap_or_default(), |plan| engine::fuzz(plan, &settings, stop, listen)).map_err(engine_error)
}

/// The options that the text `documented`, a default.cfg, knows, except those that the text `given` sets.
pub(super) fn option_choices(documented: &str, given: &str) -> Vec<OptionChoice> {
    generate::option_choices(&configuration::options(documented), &configuration::options(given))
}

impl Job {
    /// Hands `work` the plan of this job. `options` may be set by mutation.
    fn plan<T>(&self, options: Vec<OptionChoice>, work: impl FnOnce(&Plan<'_>) -> T) -> T {
        let Target { plugin_type, platform, limits, .. } = *self.target;
        let mut source = Generator::new(plugin_type, platform, &self.loading).with_options(options);
        if let Some((other, loading)) = &self.other {
            source = source.with_other(other.plugin_type, platform, loading);
        }
        let other = self.other.as_ref().map(|(target, _)| Arc::clone(target));
        work(&Plan {
            loading: &self.loading,
            levels: &self.levels,
            configuration_in_case: None,
            timeout: limits.timeout,
            with_other: self.other.is_some(),
            workers: &engine::workers(Arc::clone(&self.target), other),
            subject: &|setup| subject(self, setup),
            source: &source,
            judge: &Oracles,
        })
    }
}

/// What running one case showed.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) trace: Trace,
    pub(super) findings: Vec<Finding>,
    /// What must not be shown.
    pub(super) secrets: Vec<String>,
    pub(super) elapsed: Duration,
}

/// Runs a case, isolated.
pub(super) fn run_case(job: &Job, case: &Case) -> Result<Ran, CliError> {
    let began = Instant::now();
    let (trace, findings) = job.plan(Vec::new(), |plan| engine::run_case(plan, case)).map_err(engine_error)?;
    let elapsed = began.elapsed();
    let secrets = oracle::secrets_of(&subject(job, &Setup::of(case)), &case.session, &trace);
    Ok(Ran { trace, findings, secrets, elapsed })
}

/// How much `test` does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) runs: u64,
    pub(super) seed: u64,
    pub(super) partition: Option<Partition>,
}

/// Runs generated sessions.
pub(super) fn property(
    job: &Job,
    amount: Amount,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, CliError> {
    let corpus = Corpus::open(&job.corpus).map_err(|error| corpus_error(&error))?;
    corpus.must_be_writable().map_err(|error| corpus_error(&error))?;
    let settings = PropertySettings {
        runs: amount.runs,
        seed: amount.seed,
        jobs: job.jobs,
        partition: amount.partition.map(|partition| (partition.part, partition.of)),
        corpus,
    };
    job.plan(Vec::new(), |plan| engine::property(plan, &settings, stop, listen)).map_err(engine_error)
}

/// How the cases of a corpus fare.
#[derive(Debug)]
pub(super) struct ReplayedAll {
    pub(super) results: Vec<ReplayedCase>,
    pub(super) summary: Summary,
}

/// Runs cases again, isolated.
pub(super) fn replay(
    job: &Job,
    cases: Vec<(PathBuf, Case)>,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<ReplayedAll, CliError> {
    let replayed =
        job.plan(Vec::new(), |plan| engine::replay(plan, cases, job.jobs, stop, listen)).map_err(engine_error)?;
    let ran = |one: &&ReplayedCase| {
        !matches!(one.outcome, ReplayOutcome::OtherType | ReplayOutcome::WantsOther | ReplayOutcome::NotRun)
    };
    let sessions = replayed.replayed.iter().filter(ran).count() as u64;
    let calls = replayed.replayed.iter().filter(ran).map(|one| one.case.session.calls.len() as u64).sum();
    let summary =
        Summary { sessions, calls, elapsed: replayed.elapsed, interrupted: replayed.interrupted, ..Summary::default() };
    Ok(ReplayedAll { results: replayed.replayed, summary })
}

/// Shrinks one case. A case that shows nothing any more is an error of use, with what to do.
pub(super) fn minimize_case(job: &Job, case: &Case, stop: &Stop) -> Result<Case, CliError> {
    match job.plan(Vec::new(), |plan| engine::shrink_case(plan, case, job.jobs, stop)).map_err(engine_error)? {
        ShrinkOutcome::Done(small) => Ok(small.case),
        ShrinkOutcome::NoFinding(_) => Err(CliError::usage(
            "this case says of no finding that it shows one, so there is nothing to hold on to",
            "`hookstorm run PLUGIN --case FILE` tells what it shows; a case that must stay silent needs no shrinking",
        )),
        ShrinkOutcome::ShowsNothing(_) => Err(CliError::usage(
            "this case does not show its finding any more",
            "`hookstorm replay` tells what became of it; with its `found` taken out it guards against a relapse",
        )),
        ShrinkOutcome::OtherType => Err(CliError::Usage {
            problem: format!("this case is for a plugin of type `{}`", case.plugin_type),
            hint: None,
        }),
        ShrinkOutcome::WantsOther => Err(CliError::usage(
            "some of this case's calls go to another plugin",
            "`minimize` shrinks cases of one plugin",
        )),
    }
}

/// Which cases need not stay in their corpus, and why. Removes none.
pub(super) fn superfluous(
    job: &Job,
    tests: &[(PathBuf, Case)],
    seeds: &[(PathBuf, Case)],
    stop: &Stop,
) -> Result<Vec<(PathBuf, String)>, CliError> {
    let cases = engine::Cases { tests, seeds };
    let found = job
        .plan(Vec::new(), |plan| engine::minimize_corpus(plan, cases, true, job.jobs, stop))
        .map_err(engine_error)?;
    let why = |reason| match reason {
        RemovalReason::SmallerShowsIt(other) => format!("`{}` shows the same and is smaller", other.display()),
        RemovalReason::SameAs(other) => format!("it is the same as `{}`", other.display()),
        RemovalReason::NothingNew => "those that stay run all that it runs".into(),
    };
    Ok(found.into_iter().map(|(path, reason)| (path, why(reason))).collect())
}

/// What `fuzz` learned for the corpus in `folder`, by path; nothing where it never ran. As [`read_corpus`].
pub(super) fn read_seeds(folder: &Path) -> Result<Vec<(PathBuf, Case)>, CliError> {
    let seeds = Corpus::open(folder).map_err(|error| corpus_error(&error))?.seeds();
    if seeds.folder().is_dir() { read_corpus(seeds.folder()) } else { Ok(Vec::new()) }
}

/// Every case under a folder, by path. A file that is no case is an error that names it.
pub(super) fn read_corpus(folder: &Path) -> Result<Vec<(PathBuf, Case)>, CliError> {
    let entries = Corpus::open(folder).and_then(|corpus| corpus.read_all()).map_err(|error| corpus_error(&error))?;
    entries
        .into_iter()
        .map(|(path, case)| match case {
            Ok(case) => Ok((path, case)),
            Err(source) => Err(CliError::Case { path, source }),
        })
        .collect()
}

/// Sets a level. Problem and hint where the text is wrong.
pub(super) fn set_level(levels: &mut RuleLevels, text: &str) -> Result<(), (String, String)> {
    levels.set(text).map_err(|error| (error.to_string(), error.hint()))
}

pub(super) use crate::package::{clear_stale_scratch, remove_scratch_folders};

/// What everybody's session passes to `hook`: for `run --hook`, where the user names only what matters.
pub(super) fn plain_arguments(plugin_type: PluginType, hook: Hook, platform: &Platform) -> Vec<(Argument, Value)> {
    let Some(spec) = hook.spec(plugin_type) else { return Vec::new() };
    let is_passed = |argument: &Argument| argument.kind() != ArgumentKind::Cookie;
    spec.arguments(platform).filter(is_passed).map(|argument| (argument, plain_value(argument))).collect()
}

fn plain_value(argument: Argument) -> Value {
    match argument.kind() {
        ArgumentKind::Cookie | ArgumentKind::KeyValuePairs => Value::empty_dict(),
        ArgumentKind::SessionId => "session-1".into(),
        ArgumentKind::Protocol => "ssh".into(),
        ArgumentKind::Ip => "192.0.2.10".into(),
        ArgumentKind::TargetIp => "192.0.2.20".into(),
        ArgumentKind::Host | ArgumentKind::Hostname if argument == Argument::ClientHostname => {
            "client.example.com".into()
        }
        ArgumentKind::Host | ArgumentKind::Hostname => "server.example.com".into(),
        ArgumentKind::Domain => "example.com".into(),
        ArgumentKind::UserName => "alice".into(),
        ArgumentKind::TargetUser => "root".into(),
        ArgumentKind::Password => "Tr0ub4dor-Qz7-alice".into(),
        ArgumentKind::Groups => Value::List(vec!["operators".into()]),
        ArgumentKind::Port if argument == Argument::ClientPort => Value::Int(50022),
        ArgumentKind::Port => Value::Int(22),
        ArgumentKind::ConnectionName => "connection-1".into(),
        ArgumentKind::Asset => "server.example.com".into(),
    }
}
