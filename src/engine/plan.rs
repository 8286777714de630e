//! What a campaign needs: how workers are started, where sessions come from, who judges, and what the user wants of the
//! rules. Everything that touches Python or the oracles is handed in, so that campaigns are tested without either.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::{
    case::{Case, RecordedFinding, Session},
    contract::Platform,
    corpus::CorpusError,
    engine::{Judge, Source},
    finding::{Finding, RuleLevels},
    oracle::PluginUnderTest,
    runtime::{Executor, Pair, RuntimeError, Target, Worker},
    trace::Loading,
};

/// Starts workers: called once for each thread, and again for cases that bring their own [`Setup`].
pub type Workers<'a> = dyn Fn(&Setup) -> Result<Box<dyn Executor>, RuntimeError> + Sync + 'a;

/// What every campaign needs.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What loading the plugin showed.
    pub loading: &'a Loading,
    /// What the user wants of each rule.
    pub levels: &'a RuleLevels,
    /// The configuration that goes into cases: the text, where it is neither the package's own nor the user's.
    pub configuration_in_case: Option<&'a str>,
    /// The time limit of a call.
    pub timeout: Duration,
    /// Whether there is another plugin (`--with`) for the calls that go to one.
    pub with_other: bool,
    /// Starts a worker.
    pub workers: &'a Workers<'a>,
    /// What the oracles must know of a setup: its configuration has secrets of its own.
    pub subject: &'a (dyn Fn(&Setup) -> PluginUnderTest + Sync),
    /// Where sessions come from.
    pub source: &'a dyn Source,
    /// Who judges traces.
    pub judge: &'a dyn Judge,
}

/// Where a worker differs from what the user asked for, because a case says so. The default is what the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The configuration text, if the case brings one.
    pub configuration: Option<String>,
    /// The platform, if the case brings one.
    pub platform: Option<&'static Platform>,
    /// Whether the plugin's code is instrumented: to explore, never to see a finding again.
    pub instrument: bool,
}

impl Setup {
    /// What `case` wants.
    pub fn of(case: &Case) -> Self {
        Self { configuration: case.configuration.clone(), platform: Some(case.platform), instrument: false }
    }

    /// The target as this setup wants it.
    pub fn apply(&self, target: &Arc<Target>) -> Arc<Target> {
        let mut target = Arc::clone(target);
        if *self != Self::default() {
            let target = Arc::make_mut(&mut target);
            target.instrument |= self.instrument;
            target.platform = self.platform.unwrap_or(target.platform);
            if let Some(configuration) = &self.configuration {
                target.services = crate::generate::configured_services(configuration);
                target.configuration.clone_from(configuration);
            }
        }
        target
    }
}

/// Workers that run `target`'s plugin, and `other`'s where a session has a second one. The other keeps its configuration,
/// whatever a case says of the first.
pub fn workers(
    target: Arc<Target>,
    other: Option<Arc<Target>>,
) -> impl Fn(&Setup) -> Result<Box<dyn Executor>, RuntimeError> + Sync {
    move |setup| {
        let (worker, _loading) = Worker::start(&setup.apply(&target))?;
        let Some(other) = &other else { return Ok(Box::new(worker) as Box<dyn Executor>) };
        let platform = Setup { platform: setup.platform, ..Setup::default() };
        let (second, _loading) = Worker::start(&platform.apply(other))?;
        Ok(Box::new(Pair::new(worker, second)))
    }
}

/// Why a campaign came to no end. What it had found by then is on disk.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The runtime failed, not the plugin.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A case could not be written.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The system gave no threads.
    #[error("cannot start {jobs} threads: {problem}; ask for fewer with `--jobs`")]
    Threads {
        /// How many were wanted.
        jobs: usize,
        /// What the system said.
        problem: String,
    },
}

impl Plan<'_> {
    /// Whether some of the case's calls go to another plugin, and none was given.
    pub(super) fn lacks_other(&self, case: &Case) -> bool {
        let mut sessions = case.earlier.iter().chain([&case.session]);
        !self.with_other && sessions.any(|session| session.calls.iter().any(|call| call.other))
    }

    /// A case of `session`, which ran after `earlier` and showed `finding`.
    pub(super) fn case(&self, earlier: &[Session], session: &Session, finding: &Finding) -> Case {
        Case { found: Some(found(finding)), ..self.bare_case(earlier, session) }
    }

    /// A case of `session`, which ran after `earlier` and is said to show nothing.
    pub(super) fn bare_case(&self, earlier: &[Session], session: &Session) -> Case {
        let subject = (self.subject)(&Setup::default());
        Case {
            plugin_type: subject.plugin_type,
            platform: subject.platform,
            configuration: self.configuration_in_case.map(str::to_owned),
            session: session.clone(),
            earlier: earlier.to_vec(),
            found: None,
        }
    }
}

/// What a case says of the finding that it shows.
pub(super) fn found(finding: &Finding) -> RecordedFinding {
    RecordedFinding {
        rule: finding.rule.id().to_owned(),
        fingerprint: finding.fingerprint.to_string(),
        message: finding.message.clone(),
    }
}
