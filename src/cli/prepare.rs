//! What every command on a plugin does first: open the package, load the plugin once, say what this is about. What is found
//! on the way is kept; a plugin that cannot be run is a finding, not an error.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    console::Console,
    error::{CliError, status},
    seams::{self, Job, Opened},
    settings::Settings,
    signals::Interrupts,
};
use crate::{
    contract::{HookSpec, PluginType},
    engine::{ReportedFinding, Summary},
    finding::{Finding, Phase, Rule, Severity},
    generate::{OptionChoice, configured_services},
    report::{PluginInfo, Report, RunContext, SandboxMode, SandboxStatus, ndjson, plain, text},
    runtime::{Target, sandbox::MissingProtections},
    trace::{LoadEnding, Loading},
};

/// What to do where something of the sandbox is missing.
const ASK_DOCTOR: &str = "`hookstorm doctor` tells why, and how to get it";

/// A plugin that was opened and, where that was possible, loaded.
pub(super) struct Prepared {
    pub(super) settings: Settings,
    /// The report so far: what it is about.
    begun: Report,
    /// What a campaign is started with; `None` where no hook can be called.
    pub(super) job: Option<Job>,
    /// What package and loading rules found, at the user's levels.
    pub(super) findings: Vec<Finding>,
    /// Why no hook can be called, where that is no finding.
    pub(super) notes: Vec<String>,
    /// Secrets of the configuration in use.
    pub(super) secrets: Vec<String>,
    /// What Ctrl-C does.
    pub(super) interrupts: Interrupts,
    opened: Opened,
    began: Instant,
}

/// Opens and loads the plugin, and says so on standard error. `configuration` is a case's own, which wins.
pub(super) fn prepare(
    command: &'static str,
    settings: Settings,
    seed: Option<u64>,
    configuration: Option<String>,
    console: Console,
) -> Result<Prepared, CliError> {
    let began = Instant::now();
    let interrupts = Interrupts::listen(console);
    seams::clear_stale_scratch();
    let mut opened = seams::open(&settings.plugin, settings.platform)?;
    let mut findings = std::mem::take(&mut opened.findings);
    let configuration = configuration.or_else(|| settings.configuration.clone());
    let unconfined = settings.unconfined_by.as_ref().map(|by| {
        format!("the sandbox is off, as {by} says: the plugin reads, writes, signals and reaches what you may")
    });
    if let Some(words) = &unconfined {
        console.warning(words, None);
    }
    if settings.wish == SandboxMode::Require && opened.runnable.is_some() {
        // Before a line of the plugin is run: importing it is running it.
        let missing = seams::probe(None, settings.network.clone(), false)?.missing;
        must_be_whole(&SandboxStatus::new(settings.wish, missing))?;
    }
    let loaded = load(&settings, &opened, configuration)?;
    let sandbox = loaded.as_ref().map(|(_, loaded)| {
        let missing = if settings.sandbox.is_off { MissingProtections::default() } else { loaded.missing };
        SandboxStatus::new(settings.wish, missing)
    });
    let name = opened.name.clone().unwrap_or_else(|| file_name(&settings.plugin));
    let mut prepared = Prepared {
        begun: Report {
            plugin: PluginInfo {
                name,
                r#type: opened.plugin_type.map(|plugin_type| plugin_type.name().to_owned()),
                version: opened.version.clone(),
                path: settings.plugin.to_string_lossy().into_owned(),
            },
            again: settings.again.clone(),
            platform: settings.platform.name.to_owned(),
            python: loaded.as_ref().map(|(_, loaded)| loaded.loading.python.clone()),
            seed,
            sandbox: sandbox.clone(),
            ..Report::new(command)
        },
        job: None,
        findings: Vec::new(),
        notes: Vec::from_iter(unconfined),
        secrets: loaded
            .as_ref()
            .map(|(target, _)| seams::configuration_secrets(&target.configuration))
            .unwrap_or_default(),
        interrupts,
        opened,
        settings,
        began,
    };
    if let Some((target, seams::Loaded { loading, .. })) = loaded {
        let plugin_type = target.plugin_type;
        let is_callable = can_be_called(&loading);
        let job = prepared.job(target, loading)?;
        findings.extend(seams::judge_loading(&job));
        prepared.notes.extend(seams::sdk_mismatch(&job));
        if HookSpec::all(plugin_type).is_empty() {
            let note =
                format!("hookstorm calls no hooks of a plugin of type `{plugin_type}`: they are documented nowhere");
            prepared.notes.push(note);
        } else if is_callable {
            prepared.job = Some(job);
        }
    }
    let levels = &prepared.settings.levels;
    prepared.findings = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
    // What fails the run comes first, before what only warns takes the screen.
    prepared.findings.sort_by_key(|finding| finding.severity != Severity::Error);
    // Who has read the opening line may press Ctrl-C and count on a report.
    if matches!(command, "test" | "fuzz" | "load" | "replay" | "minimize") {
        prepared.interrupts.ask_first();
    }
    console.aside(&text::opening(&prepared.begun));
    if let Some(sandbox) = sandbox {
        match (sandbox.mode, sandbox.warning()) {
            (SandboxMode::Require, _) => must_be_whole(&sandbox)?,
            (_, Some(words)) if !console.is_quiet => console.warning(&words, Some(ASK_DOCTOR)),
            _ => {}
        }
    }
    if prepared.settings.format.is_stream {
        console.out(&ndjson::start(&prepared.begun, &prepared.findings))?;
    }
    Ok(prepared)
}

impl Prepared {
    fn job(&self, target: Arc<Target>, loading: Loading) -> Result<Job, CliError> {
        Ok(Job {
            target,
            loading,
            other: self.other()?,
            levels: self.settings.levels.clone(),
            corpus: self.settings.corpus.join(self.opened.name.as_deref().unwrap_or("plugin")),
            jobs: self.settings.jobs,
        })
    }

    /// The second plugin. It is not what is tested, so that whatever keeps it from running is an error.
    fn other(&self) -> Result<Option<(Arc<Target>, Loading)>, CliError> {
        let Some((path, configuration)) = &self.settings.other else { return Ok(None) };
        let opened = seams::open(path, self.settings.platform)?;
        match load(&self.settings, &opened, configuration.clone())? {
            Some((target, loaded)) if can_be_called(&loaded.loading) => Ok(Some((target, loaded.loading))),
            _ => Err(CliError::Plugin {
                path: path.clone(),
                problem: "this second plugin cannot be run".into(),
                hint: Some(format!("look with `hookstorm check {}`", plain::shell_word(&path.to_string_lossy()))),
            }),
        }
    }

    /// The job, or the report that tells why there is none.
    pub(super) fn runnable(&mut self, console: Console) -> Result<Result<Job, u8>, CliError> {
        if let Some(job) = self.job.take() {
            return Ok(Ok(job));
        }
        if self.notes.is_empty() {
            self.notes.push("the plugin was not loaded, so no hook was called; repair the errors above first".into());
        }
        let report = self.report(Summary::default());
        self.print(&report, console).map(Err)
    }

    /// The report of a run: what was found before it began, and `summary`.
    pub(super) fn report(&mut self, mut summary: Summary) -> Report {
        summary.elapsed = if summary.elapsed.is_zero() { self.elapsed() } else { summary.elapsed };
        let first_group = summary.reported.iter().map(|one| one.group + 1).max().unwrap_or(0);
        let known: Vec<_> = summary.reported.iter().map(|one| one.finding.fingerprint.clone()).collect();
        let new = std::mem::take(&mut self.findings).into_iter().filter(|one| !known.contains(&one.fingerprint));
        let new = new.enumerate().map(|(index, finding)| ReportedFinding {
            group: first_group + index,
            ..ReportedFinding::without_case(finding)
        });
        let new: Vec<_> = new.collect();
        summary.reported.splice(0..0, new);
        summary.notes.splice(0..0, std::mem::take(&mut self.notes));
        let mut report = self.begun.clone();
        report.add_run(&summary, self.context());
        report.rules = self.checked_rules(!summary.hooks.is_empty()).iter().map(|rule| rule.id().to_owned()).collect();
        report
    }

    /// Writes the report, and returns the exit status.
    pub(super) fn print(&self, report: &Report, console: Console) -> Result<u8, CliError> {
        console.out(&self.settings.format.write(report, &console.format_options()))?;
        Ok(if report.is_failure() { status::FINDINGS } else { status::NOTHING })
    }

    /// The rules that were checked; those about calls if hooks were called.
    fn checked_rules(&self, with_calls: bool) -> Vec<Rule> {
        let levels = &self.settings.levels;
        let is_checked = |rule: &Rule| {
            let was_its_turn = match rule.phase() {
                Phase::Package => true,
                Phase::Loading => self.begun.python.is_some(),
                Phase::Calling => with_calls,
            };
            let is_meant = match rule {
                // Each session runs once under load, and is compared with nothing.
                // Nor is what a call leaves looked for there: that would be part of what is measured.
                Rule::StateLeak | Rule::Nondeterministic | Rule::ResourceLeak => self.begun.command != "load",
                Rule::SandboxViolation => !self.settings.sandbox.is_off,
                // Its guide allows keys that it does not name.
                Rule::ReturnKeyUnknown => self.plugin_type() != Some(PluginType::Aa) || levels.is_set(*rule),
                _ => true,
            };
            was_its_turn && is_meant && !levels.is_off(*rule)
        };
        Rule::ALL.iter().copied().filter(is_checked).collect()
    }

    /// What a report needs to know besides results.
    pub(super) fn context(&self) -> RunContext<'_> {
        RunContext { source: &*self.opened.source, secrets: &self.secrets, baseline: &self.settings.baseline }
    }

    /// Where events go that are told as they happen.
    pub(super) fn stream(&self, console: Console) -> ndjson::Stream {
        let is_wanted = self.settings.format.is_stream;
        // Who does not read on wants to hear no more; the campaign goes on all the same.
        ndjson::Stream::new(
            is_wanted.then(|| Box::new(move |line: &str| drop(console.out(line))) as _),
            self.secrets.clone(),
        )
    }

    /// The options that default.cfg documents, except those that the configuration in use sets.
    pub(super) fn option_choices(&self) -> Vec<OptionChoice> {
        let documented = self.opened.configuration.as_deref().unwrap_or_default();
        seams::option_choices(documented, self.settings.configuration.as_deref().unwrap_or(documented))
    }

    /// The plugin's type, once it is known to be runnable.
    pub(super) fn plugin_type(&self) -> Option<PluginType> {
        self.opened.plugin_type
    }

    /// The time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Loads the plugin, where there is something to load. No configuration means its own default.cfg.
fn load(
    settings: &Settings,
    opened: &Opened,
    configuration: Option<String>,
) -> Result<Option<(Arc<Target>, seams::Loaded)>, CliError> {
    let (Some((root, entry_point)), Some(plugin_type)) = (&opened.runnable, opened.plugin_type) else {
        return Ok(None);
    };
    let configuration = configuration.or_else(|| opened.configuration.clone()).unwrap_or_default();
    let target = Arc::new(Target {
        root: root.clone(),
        entry_point: entry_point.clone(),
        plugin_type,
        platform: settings.platform,
        services: configured_services(&configuration),
        configuration,
        venv: settings.venv.clone(),
        limits: settings.limits,
        network: settings.network.clone(),
        sandbox: settings.sandbox.clone(),
        coverage: true,
        instrument: false,
    });
    let loaded = seams::load(&target)?;
    Ok(Some((target, loaded)))
}

/// For `--sandbox require`: an error if a protection is missing.
fn must_be_whole(sandbox: &SandboxStatus) -> Result<(), CliError> {
    match sandbox.warning() {
        None => Ok(()),
        Some(problem) => {
            Err(CliError::usage(problem, format!("{ASK_DOCTOR}; `--sandbox on` continues without what is missing")))
        }
    }
}

/// Whether there is a Plugin whose hooks can be called.
fn can_be_called(loading: &Loading) -> bool {
    loading.import == LoadEnding::Done && loading.has_class && loading.constructor == Some(LoadEnding::Done)
}

fn file_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_stem().map_or_else(|| "plugin".into(), |name| name.to_string_lossy().into_owned())
}
