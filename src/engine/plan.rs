//! [`Plan`]: what every run needs: how to start workers, a source of sessions, a judge, and the levels of rules. All
//! that touches Python or the oracles comes from outside, so that the tests of this room need neither.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use crate::{
    case::{Case, RecordedFinding, Session},
    contract::Platform,
    engine::{Judge, SessionSource},
    finding::{Finding, RuleLevels},
    oracle::PluginUnderTest,
    runtime::{Executor, Pair, RuntimeError, Target, Worker},
    trace::Loading,
};

/// Starts workers: once for each thread, and again for cases with a [`Setup`] of their own.
pub type Workers<'a> = dyn Fn(&Setup) -> Result<Box<dyn Executor>, RuntimeError> + Sync + 'a;

/// What every run needs.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What loading the plugin showed.
    pub loading: &'a Loading,
    /// The levels that the user set for rules.
    pub levels: &'a RuleLevels,
    /// The configuration text to write into cases. `None` if it is the package's own or the user's, which every run
    /// has.
    pub configuration_in_case: Option<&'a str>,
    /// The time limit of a call.
    pub timeout: Duration,
    /// The most time to confirm and shrink one finding.
    pub max_time_per_finding: Duration,
    /// Whether there is another plugin (`--with`) for the calls to one.
    pub with_other: bool,
    /// Starts a worker.
    pub workers: &'a Workers<'a>,
    /// What the oracles must know about a setup: for example, its configuration has secrets of its own.
    pub subject: &'a (dyn Fn(&Setup) -> PluginUnderTest + Sync),
    /// Makes sessions.
    pub source: &'a dyn SessionSource,
    /// Judges traces.
    pub judge: &'a dyn Judge,
}

/// How a worker differs from what the user asked for, because a case says so. The default differs in nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The configuration text, if the case has one.
    pub configuration: Option<String>,
    /// The platform, if the case has one.
    pub platform: Option<&'static Platform>,
    /// Whether the plugin's code is instrumented: to explore, never to reproduce a finding.
    pub instrument: bool,
}

impl Setup {
    /// The setup of `case`.
    pub fn of(case: &Case) -> Self {
        Self { configuration: case.configuration.clone(), platform: Some(case.platform), instrument: false }
    }

    /// The setups of the cases with these indices, each with its cases, in the order of first appearance.
    pub(super) fn group<'c>(
        indices: impl Iterator<Item = usize>,
        case: impl Fn(usize) -> &'c Case,
    ) -> Vec<(Self, Vec<usize>)> {
        let mut groups: Vec<(Self, Vec<usize>)> = Vec::new();
        for index in indices {
            let setup = Self::of(case(index));
            match groups.iter_mut().find(|(known, _)| *known == setup) {
                Some((_, members)) => members.push(index),
                None => groups.push((setup, vec![index])),
            }
        }
        groups
    }

    /// `target` with this setup.
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

/// Starts workers that run the plugin of `target` and, if there is one, the second plugin `other`. A case's
/// configuration is for the first plugin only.
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

impl Plan<'_> {
    /// The most time for one finding, unless the user sets another one.
    pub const MAX_TIME_PER_FINDING: Duration = Duration::from_secs(60);

    /// Whether some calls of the case go to another plugin, and there is none.
    pub(super) fn lacks_other(&self, case: &Case) -> bool {
        let mut sessions = case.earlier.iter().chain([&case.session]);
        !self.with_other && sessions.any(|session| session.calls.iter().any(|call| call.other))
    }

    /// A case of `session`, which ran after `earlier` and showed `finding`.
    pub(super) fn case(&self, earlier: &[Session], session: &Session, finding: &Finding) -> Case {
        Case { found: Some(found(finding)), ..self.bare_case(earlier, session) }
    }

    /// A case of `session`, which ran after `earlier`, without a finding.
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

    /// A hash of a session's content, and its size as JSON in bytes.
    pub(super) fn content(&self, session: &Session) -> (u64, usize) {
        let text = self.bare_case(&[], session).to_json();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        (hasher.finish(), text.len())
    }
}

/// How a case names the finding that it shows.
pub(super) fn found(finding: &Finding) -> RecordedFinding {
    RecordedFinding {
        rule: finding.rule.id().to_owned(),
        fingerprint: finding.fingerprint.to_string(),
        message: finding.message.clone(),
    }
}
