//! A runner with all that is needed to say what a session shows on it: [`Bench`]. Each thread of a campaign has one.

use std::sync::{PoisonError, RwLock};

use crate::{
    case::Session,
    engine::{Plan, Setup},
    finding::{Finding, Fingerprint, Rule},
    generate,
    oracle::PluginUnderTest,
    runtime::{Executor, Isolation, RuntimeError},
    trace::{Ending, Trace},
};

/// How many times the limit a call gets before its timeout is believed.
const PATIENCE: u32 = 5;

/// Keeps a campaign's other threads quiet while a timeout is confirmed, so that our own load makes no false alarm.
#[derive(Debug, Default)]
pub(super) struct Quiet(RwLock<()>);

impl Quiet {
    /// Does `work` as one of many.
    pub(super) fn among_others<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.0.read().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Does `work` while nobody else does any.
    fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

/// A finding with the session that showed it, in a fresh process unless somebody says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The session.
    pub(super) session: Session,
    /// What it showed.
    pub(super) finding: Finding,
    /// What was seen.
    pub(super) trace: Trace,
}

/// A runner, its subject and the campaign's plan.
pub(super) struct Bench<'p> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) subject: PluginUnderTest,
    setup: Setup,
    /// `None` until it is needed.
    runner: Option<Box<dyn Executor>>,
    quiet: &'p Quiet,
}

impl<'p> Bench<'p> {
    /// Starts a worker for `setup`.
    pub(super) fn start(plan: &'p Plan<'p>, setup: &Setup, quiet: &'p Quiet) -> Result<Self, RuntimeError> {
        let mut bench = Self::idle(plan, setup, quiet);
        bench.runner()?;
        Ok(bench)
    }

    /// Starts a worker for `setup` when first something is run.
    pub(super) fn idle(plan: &'p Plan<'p>, setup: &Setup, quiet: &'p Quiet) -> Self {
        Self { plan, subject: (plan.subject)(setup), setup: setup.clone(), runner: None, quiet }
    }

    fn runner(&mut self) -> Result<&mut Box<dyn Executor>, RuntimeError> {
        match &mut self.runner {
            Some(runner) => Ok(runner),
            none => Ok(none.insert((self.plan.workers)(&self.setup)?)),
        }
    }

    /// Runs sessions fast, one after another in one process.
    pub(super) fn persistent(&mut self, sessions: &[Session]) -> Result<Vec<Trace>, RuntimeError> {
        let quiet = self.quiet;
        let runner = self.runner()?;
        quiet.among_others(|| runner.run(sessions, Isolation::Persistent))
    }

    /// Runs a session as the platform does.
    pub(super) fn isolated(&mut self, session: &Session) -> Result<Trace, RuntimeError> {
        let one = std::slice::from_ref(session);
        let quiet = self.quiet;
        let runner = self.runner()?;
        let traces = quiet.among_others(|| runner.run(one, Isolation::Isolated))?;
        Ok(traces.into_iter().next().unwrap_or_default())
    }

    /// Runs a session as the platform does, with five times the limit and nothing else of ours beside it.
    pub(super) fn patient(&mut self, session: &Session) -> Result<Trace, RuntimeError> {
        let limit = self.plan.timeout.saturating_mul(PATIENCE);
        let quiet = self.quiet;
        let runner = self.runner()?;
        quiet.alone(|| runner.run_with_timeout(session, limit))
    }

    /// Runs a session in one process that ran `earlier` before.
    pub(super) fn after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
        let quiet = self.quiet;
        let runner = self.runner()?;
        quiet.among_others(|| runner.run_after(earlier, session))
    }

    /// Has isolated runs mark their lines.
    pub(super) fn watch_lines(&mut self) {
        if let Some(runner) = &mut self.runner {
            runner.watch_isolated_lines(true);
        }
    }

    /// Lines that ran so far.
    pub(super) fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.runner.as_ref().map(|runner| runner.lines_hit()).unwrap_or_default()
    }

    /// What a trace shows, each fingerprint once, as bad as the user wants.
    pub(super) fn judge(&self, session: &Session, trace: &Trace) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let judged = self.plan.judge.judge(&self.subject, session, trace);
        for finding in judged.into_iter().filter_map(|finding| self.plan.levels.apply(finding)) {
            match findings.iter_mut().find(|known| known.fingerprint == finding.fingerprint) {
                // The worse of two is the one to tell.
                Some(known) if class(&finding) < class(known) => *known = finding,
                Some(_) => {}
                None => findings.push(finding),
            }
        }
        findings
    }

    /// The finding with this fingerprint, if the trace shows it.
    pub(super) fn seen(&self, session: &Session, trace: Trace, fingerprint: &Fingerprint) -> Option<Seen> {
        let finding = self.judge(session, &trace).into_iter().find(|finding| finding.fingerprint == *fingerprint)?;
        Some(Seen { session: session.clone(), finding, trace })
    }

    /// Runs the session in fresh processes and looks for the finding again. A timeout gets five times the limit, and the
    /// machine for itself as far as we are concerned.
    pub(super) fn confirm(&mut self, session: &Session, finding: &Finding) -> Result<Option<Seen>, RuntimeError> {
        let trace = if finding.rule == Rule::Timeout { self.patient(session)? } else { self.isolated(session)? };
        let mut judged = self.judge(session, &trace);
        let same = judged.iter().position(|again| again.fingerprint == finding.fingerprint);
        let Some(at) = same.or_else(|| judged.iter().position(|again| finding.is_confirmed_by(again))) else {
            return Ok(None);
        };
        // The plugin may write a text that is the same as the secret for another reason. Then it writes it when the secret is
        // another one, too.
        if finding.rule == Rule::SecretLeak
            && let Some(other) = generate::disguised(session)
        {
            let trace = self.isolated(&other)?;
            let shows =
                |session| self.judge(session, &trace).iter().any(|one| one.fingerprint == judged[at].fingerprint);
            if shows(session) && !shows(&other) {
                return Ok(None);
            }
        }
        // It keeps the name under which it is known.
        let finding = Finding { fingerprint: finding.fingerprint.clone(), ..judged.swap_remove(at) };
        Ok(Some(Seen { session: session.clone(), finding, trace }))
    }
}

/// How good a finding is as the one to tell among those with its fingerprint; the smallest is the best. One that needs a
/// cookie which the plugin never returned proves less than one that does not.
pub(super) fn class(finding: &Finding) -> (bool, std::cmp::Reverse<crate::finding::Severity>) {
    (finding.foreign_cookie, std::cmp::Reverse(finding.severity))
}

/// Whether a call ran out of time: such a trace depends on the machine and is compared with nothing.
pub(super) fn timed_out(trace: &Trace) -> bool {
    trace.calls.iter().any(|call| matches!(call.ending, Ending::TimedOut { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        contract::{Argument, Hook},
        engine::{Oracles, fake::FakePlugin},
        trace::Exception,
    };

    const PASSWORD: &str = "tin-saddle-4711";

    /// Whether a hook that raises `message` of its password is confirmed to leak it.
    fn leaks(message: fn(&str) -> String) -> bool {
        let plugin = FakePlugin::new(move |call, _, _| {
            let password = call.argument(Argument::GatewayPassword).and_then(|value| value.as_str()).unwrap();
            Ending::Raised(Exception { type_name: "E".into(), message: message(password), ..Exception::default() })
        });
        let password = vec![(Argument::GatewayPassword, PASSWORD.into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, password)]);
        plugin.with_plan(|plan| {
            let plan = Plan { judge: &Oracles, ..*plan };
            let quiet = Quiet::default();
            let mut bench = Bench::start(&plan, &Setup::default(), &quiet).unwrap();
            let trace = bench.isolated(&session).unwrap();
            let findings = bench.judge(&session, &trace);
            let leak = findings.iter().find(|finding| finding.rule == Rule::SecretLeak).unwrap();
            bench.confirm(&session, leak).unwrap().is_some()
        })
    }

    #[test]
    fn a_text_that_is_written_whatever_the_password_is_leaks_none() {
        assert!(leaks(|password| format!("login failed with {password}")));
        assert!(!leaks(|_| format!("no such path {PASSWORD}")));
        // Who is let in by one password alone tells it all the same.
        assert!(leaks(|password| if password == PASSWORD { format!("let in with {password}") } else { "no".into() }));
    }
}
