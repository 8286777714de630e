//! [`test()`] and its options.

use std::time::Duration;

use super::{Error, Event, Partition, Plugin, exchange, loaded_plugin::SessionExtras, options::random_seed};
use crate::{
    engine::{self, Plan, PropertySettings, Stop},
    report::Report,
};

/// The default number of sessions.
const RUNS: u64 = 1000;

/// How many sessions [`test()`] runs, and which.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestOptions {
    pub(crate) runs: u64,
    pub(crate) seed: Option<u64>,
    pub(crate) partition: Option<Partition>,
    pub(crate) max_time_per_finding: Duration,
    pub(crate) foreign_cookies: bool,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            runs: RUNS,
            seed: None,
            partition: None,
            foreign_cookies: false,
            max_time_per_finding: Plan::MAX_TIME_PER_FINDING,
        }
    }
}

impl TestOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of sessions \[default: 1000\].
    #[must_use]
    pub fn runs(mut self, runs: u64) -> Self {
        self.runs = runs;
        self
    }

    /// The seed: the same seed and number of sessions give the same sessions and findings, whatever the number of jobs
    /// \[default: random; the report has it\].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Runs only this part of the sessions, to divide a run among machines \[default: all\]. Give all machines the same
    /// seed.
    #[must_use]
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = Some(partition);
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

/// Runs generated sessions, seeded and in parallel. A session that shows a finding is shrunk, and kept as a case in the
/// corpus before the finding is counted.
///
/// ```no_run
/// use hookstorm::{Event, Plugin, PluginOptions, Stop, TestOptions};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new().corpus("target/cases"))?;
/// let options = TestOptions::new().runs(200).seed(42);
/// let report = hookstorm::test(&plugin, &options, &Stop::default(), &|_: Event| {})?;
/// for finding in &report.findings {
///     println!("{}: {}", finding.rule, finding.message);
/// }
/// # Ok::<(), hookstorm::Error>(())
/// ```
///
/// # Errors
/// [`Error`] if a worker or the corpus fails; [`Error::Unsaved`] has the report with what was found until then.
pub fn test(
    plugin: &Plugin,
    options: &TestOptions,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Report, Error> {
    let seed = options.seed.unwrap_or_else(random_seed);
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("test", Some(seed)) };
    exchange::run("test", plugin, Some(seed), Some(options.runs), stop, listen, |_, listen| {
        let settings = PropertySettings {
            runs: options.runs,
            seed,
            jobs: plugin.options.jobs,
            partition: options.partition.map(|partition| (partition.part, partition.of)),
            corpus: plugin.writable_corpus()?,
        };
        let levels = &plugin.options.levels;
        let extras = SessionExtras { foreign_cookies: options.foreign_cookies, ..SessionExtras::default() };
        Ok(loaded.with_plan(levels, extras, |plan| {
            let plan = Plan { max_time_per_finding: options.max_time_per_finding, ..*plan };
            engine::property(&plan, &settings, stop, listen)
        })?)
    })
}
