//! Makes the report of a run on a [`Plugin`].

use super::{Error, Plugin};
use crate::{
    contract::PluginType,
    engine::{ReportedFinding, Summary, arrange, group},
    finding::{Phase, Rule},
    package::NeedsPython,
    report::{PluginInfo, Report, RunContext, SandboxMode},
};

impl Plugin {
    /// The report of a command before it began: the plugin, the platform, the sandbox.
    pub(crate) fn begun_report(&self, command: &str, seed: Option<u64>) -> Report {
        let version = self.package.as_ref().and_then(|package| package.manifest.as_ref()?.version.clone());
        Report {
            plugin: PluginInfo {
                name: self.name(),
                r#type: self.plugin_type().map(|plugin_type| plugin_type.name().to_owned()),
                version,
                path: self.path.to_string_lossy().into_owned(),
            },
            again: self.options.rerun(),
            platform: self.options.platform.name.to_owned(),
            python: self.loaded.as_ref().map(|loaded| loaded.loading.python.clone()),
            sdk: self.loaded.as_ref().and_then(|loaded| loaded.loading.sdk_version.clone()),
            seed,
            sandbox: self.sandbox.clone(),
            ..Report::new(command)
        }
    }

    /// The report of a command: what opening the plugin showed, and `summary`.
    pub(super) fn report(&self, command: &str, seed: Option<u64>, mut summary: Summary) -> Report {
        if summary.elapsed.is_zero() {
            summary.elapsed = self.opening;
        }
        let shown: Vec<_> = summary.reported.iter().map(|one| one.finding.fingerprint.clone()).collect();
        let new = self.findings.iter().filter(|one| !shown.contains(&one.fingerprint));
        let new: Vec<_> = new.cloned().map(ReportedFinding::without_case).collect();
        if matches!(command, "test" | "fuzz") {
            // What a file shows and what calls show can have one cause.
            summary.reported = arrange(new.into_iter().chain(summary.reported).collect());
        } else {
            let first_group = summary.reported.iter().map(|one| one.group + 1).max().unwrap_or(0);
            let mut new = group(new);
            new.iter_mut().for_each(|one| one.group += first_group);
            summary.reported.splice(0..0, new);
        }
        summary.cautions.extend(self.cautions(&summary));
        summary.notes.splice(0..0, self.notes.iter().cloned());
        let mut report = self.begun_report(command, seed);
        self.with_context(|context| report.add_run(&summary, context));
        let checked = self.checked_rules(command, !summary.hooks.is_empty());
        report.rules = checked.map(|rule| rule.id().to_owned()).collect();
        report
    }

    /// The report of a command on a plugin that cannot run.
    ///
    /// # Errors
    /// [`Error::WrongPython`] if the plugin itself is not at fault.
    pub(crate) fn report_of_no_run(&self, command: &str, seed: Option<u64>) -> Result<Report, Error> {
        if let (Some(needs), Some(loaded)) = (&self.needs_python, &self.loaded) {
            let NeedsPython { file, python } = needs.clone();
            return Err(Error::WrongPython { file, python, running: loaded.loading.python.clone() });
        }
        let mut summary = Summary::default();
        if self.notes.is_empty() {
            let is_whole = self.package.as_ref().is_none_or(|package| package.is_whole);
            let what = if is_whole { "loading failed" } else { "some of the archive's files are missing" };
            summary.notes.push(format!("{what}, so no hook was called; repair the errors above first"));
        }
        Ok(self.report(command, seed, summary))
    }

    /// Calls `work` with what a report needs besides results.
    pub(super) fn with_context<T>(&self, work: impl FnOnce(RunContext<'_>) -> T) -> T {
        let source = |file: &str, line| self.source.line(self.package.as_ref()?, file, line);
        work(RunContext { source: &source, mask: &self.mask, baseline: &self.options.baseline })
    }

    /// The rules that a command checked; those about calls if hooks were called.
    fn checked_rules(&self, command: &str, with_calls: bool) -> impl Iterator<Item = Rule> {
        let levels = &self.options.levels;
        Rule::ALL.iter().copied().filter(move |rule| {
            let was_its_turn = match rule.phase() {
                Phase::Package => true,
                Phase::Loading => self.loaded.is_some(),
                Phase::Calling => with_calls,
            };
            let applies = match rule {
                // `load` runs each session once, so it compares nothing. It does not look for what a call leaves behind
                // either, because that would add to what it measures.
                Rule::StateLeak | Rule::Nondeterministic | Rule::ResourceLeak => command != "load",
                Rule::SandboxViolation => self.options.sandbox != SandboxMode::Off,
                // The guide for AA plugins allows other keys than those that it names.
                Rule::ReturnKeyUnknown => self.plugin_type() != Some(PluginType::Aa) || levels.is_set(*rule),
                _ => true,
            };
            was_its_turn && applies && !levels.is_off(*rule)
        })
    }
}
