//! [`fuzz`] and its options.

use std::time::Duration;

use super::{Error, Event, Plugin, exchange, loaded_plugin::SessionExtras, options::random_seed};
use crate::{
    engine::{self, FuzzSettings, Plan, Stop},
    report::Report,
};

/// When [`fuzz`] ends, and what it varies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FuzzOptions {
    pub(crate) runs: Option<u64>,
    pub(crate) time: Option<Duration>,
    pub(crate) stop_after_quiet: Option<Duration>,
    pub(crate) seed: Option<u64>,
    pub(crate) vary_config: bool,
    pub(crate) foreign_cookies: bool,
    pub(crate) max_time_per_finding: Duration,
}

impl Default for FuzzOptions {
    fn default() -> Self {
        Self {
            runs: None,
            time: None,
            stop_after_quiet: None,
            seed: None,
            vary_config: false,
            foreign_cookies: false,
            max_time_per_finding: Plan::MAX_TIME_PER_FINDING,
        }
    }
}

impl FuzzOptions {
    /// All defaults: it runs until [`Stop`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops after this number of sessions \[default: none\].
    #[must_use]
    pub fn runs(mut self, runs: u64) -> Self {
        self.runs = Some(runs);
        self
    }

    /// Stops after this time \[default: none\].
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Stops when there was nothing new for this time: no coverage, no outcome, no finding \[default: none\].
    #[must_use]
    pub fn stop_after_quiet(mut self, time: Duration) -> Self {
        self.stop_after_quiet = Some(time);
        self
    }

    /// The seed \[default: random; the report has it\]. With one job, a number of sessions and the same corpus, the
    /// same seed gives the same sessions and findings.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Also sets options that the package's default.cfg documents, in addition to the configuration \[default: no\].
    #[must_use]
    pub fn vary_config(mut self) -> Self {
        self.vary_config = true;
        self
    }

    /// The most time to confirm and shrink one finding \[default: one minute\]. A finding that takes longer is reported
    /// as far as it was shrunk.
    #[must_use]
    pub fn max_time_per_finding(mut self, time: Duration) -> Self {
        self.max_time_per_finding = time;
        self
    }

    /// Also runs sessions that begin with a cookie which the plugin never returned \[default: no\]. The platform does
    /// that only where a plugin is replaced in the middle of a session.
    #[must_use]
    pub fn foreign_cookies(mut self) -> Self {
        self.foreign_cookies = true;
        self
    }
}

/// Runs sessions guided by coverage and comparisons, until an option of `options` or `stop` ends it. Sessions that
/// reach new code are kept as seeds in the corpus; a session that shows a finding is shrunk and kept as a case.
///
/// ```no_run
/// use std::time::Duration;
///
/// use hookstorm::{Event, FuzzOptions, Plugin, PluginOptions, Stop};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new().corpus("target/cases"))?;
/// let options = FuzzOptions::new().time(Duration::from_secs(60)).vary_config();
/// let report = hookstorm::fuzz(&plugin, &options, &Stop::default(), &|_: Event| {})?;
/// println!("{} findings in {} sessions", report.findings.len(), report.sessions);
/// # Ok::<(), hookstorm::Error>(())
/// ```
///
/// # Errors
/// [`Error`] if a worker or the corpus fails; [`Error::Unsaved`] has the report with what was found until then.
pub fn fuzz(
    plugin: &Plugin,
    options: &FuzzOptions,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Report, Error> {
    let seed = options.seed.unwrap_or_else(random_seed);
    plugin.must_be_alone("fuzz")?;
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("fuzz", Some(seed)) };
    let choices = if options.vary_config { plugin.option_choices() } else { Vec::new() };
    let varies_nothing = options.vary_config && choices.is_empty();
    exchange::run("fuzz", plugin, Some(seed), options.runs, stop, listen, |others, listen| {
        let settings = FuzzSettings {
            runs: options.runs,
            time: options.time,
            quiet: options.stop_after_quiet,
            seed,
            jobs: plugin.options.jobs,
            corpus: plugin.writable_corpus()?,
            options: options.vary_config,
            others,
        };
        let levels = &plugin.options.levels;
        let extras = SessionExtras { options: choices, foreign_cookies: options.foreign_cookies };
        let mut summary = loaded.with_plan(levels, extras, |plan| {
            let plan = Plan { max_time_per_finding: options.max_time_per_finding, ..*plan };
            engine::fuzz(&plan, &settings, stop, listen)
        })?;
        if varies_nothing {
            let note = "`--vary-config` varies nothing: default.cfg documents no option that is not set";
            summary.notes.insert(0, note.into());
        }
        Ok(summary)
    })
}
