//! [`Reproducer`]: runs sessions in a worker that is not instrumented and judges them. A finding counts only if it
//! shows again here, in a fresh process. Each thread of a run has a reproducer.

use std::cmp::Reverse;

use crate::{
    case::Session,
    engine::{Plan, Setup, batch_result::BatchResult, exclusive_run::ExclusiveRun, known_hangs::KnownHangs, sdk},
    finding::{Finding, Fingerprint, Rule, Severity},
    generate::{self, SecretPlaces},
    oracle::{self, PluginUnderTest},
    runtime::{Executor, Isolation, RuntimeError},
    trace::{Ending, Instrumentation, Trace},
};

/// A timeout is confirmed if the call also exceeds this many times the limit.
const TIMEOUT_FACTOR: u32 = 5;

/// A finding with the session and the trace that show it, in a fresh process unless the caller says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Reproduced {
    pub(super) session: Session,
    pub(super) finding: Finding,
    pub(super) trace: Trace,
}

/// A worker with all that is needed to judge what it runs.
pub(super) struct Reproducer<'p> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) subject: PluginUnderTest,
    setup: Setup,
    /// `None` until it is needed: most threads of `fuzz` never need one.
    executor: Option<Box<dyn Executor>>,
    exclusive: ExclusiveRun,
}

impl<'p> Reproducer<'p> {
    /// Starts a worker for `setup`.
    pub(super) fn start(plan: &'p Plan<'p>, setup: &Setup, exclusive: &ExclusiveRun) -> Result<Self, RuntimeError> {
        let mut reproducer = Self::idle(plan, setup, exclusive);
        reproducer.executor()?;
        Ok(reproducer)
    }

    /// The same, but the worker starts with the first session.
    pub(super) fn idle(plan: &'p Plan<'p>, setup: &Setup, exclusive: &ExclusiveRun) -> Self {
        Self {
            plan,
            subject: (plan.subject)(setup),
            setup: setup.clone(),
            executor: None,
            exclusive: exclusive.clone(),
        }
    }

    fn executor(&mut self) -> Result<&mut Box<dyn Executor>, RuntimeError> {
        match &mut self.executor {
            Some(executor) => Ok(executor),
            none => Ok(none.insert((self.plan.workers)(&self.setup)?)),
        }
    }

    /// Runs sessions fast: one after another in one process.
    pub(super) fn persistent(&mut self, sessions: &[Session]) -> Result<Vec<Trace>, RuntimeError> {
        let exclusive = self.exclusive.clone();
        let executor = self.executor()?;
        exclusive.shared(|| executor.run(sessions, Isolation::Persistent))
    }

    /// The same to explore: sessions that reach a place where calls are known to hang are ended early, and after a
    /// session that reached the time limit the others are left out, so that its place can become known.
    pub(super) fn explore(&mut self, sessions: &[Session]) -> Result<Vec<Trace>, RuntimeError> {
        let hangs = self.hangs().places();
        let exclusive = self.exclusive.clone();
        let executor = self.executor()?;
        executor.end_early(&hangs);
        let observed = exclusive.shared(|| executor.run_until_timeout(sessions, Instrumentation::NewEdges));
        executor.end_early(&[]);
        Ok(observed?.into_iter().map(|observation| observation.trace).collect())
    }

    /// The same for one session. A call that hangs at a known place is taken for one that reached the limit.
    pub(super) fn explore_one(&mut self, session: &Session) -> Result<Trace, RuntimeError> {
        let mut trace = self.explore(std::slice::from_ref(session))?.pop().unwrap_or_default();
        let limit = self.plan.timeout;
        for call in &mut trace.calls {
            if let Ending::EndedEarly { frames } = &mut call.ending {
                call.ending = Ending::TimedOut { limit, frames: std::mem::take(frames) };
            }
        }
        Ok(trace)
    }

    /// The hangs that the run has confirmed.
    pub(super) const fn hangs(&self) -> &KnownHangs {
        self.exclusive.hangs()
    }

    /// Confirms timeouts that a part of a batch showed at once, if they are new, so that the next sessions that reach
    /// the same place cost little. Triage reports them when it comes to the batch.
    pub(super) fn confirm_hangs(
        &mut self,
        result: &BatchResult,
        session: impl Fn(u64) -> Option<Session>,
    ) -> Result<(), RuntimeError> {
        if result.timed_out.is_empty() {
            return Ok(());
        }
        for candidate in result.candidates.values() {
            let Some((number, finding)) = candidate.examples.first() else { continue };
            if self.hangs().wants(finding)
                && let Some(session) = session(*number)
                && let Some(reproduced) = self.reproduce(&session, finding)?
            {
                self.hangs().keep(reproduced);
            }
        }
        Ok(())
    }

    /// Runs a session as the platform does.
    pub(super) fn isolated(&mut self, session: &Session) -> Result<Trace, RuntimeError> {
        let one = std::slice::from_ref(session);
        let exclusive = self.exclusive.clone();
        let executor = self.executor()?;
        let traces = exclusive.shared(|| executor.run(one, Isolation::Isolated))?;
        Ok(traces.into_iter().next().unwrap_or_default())
    }

    /// Runs a session as the platform does, with five times the limit, if a finding may take so long, and while no
    /// other thread runs anything.
    pub(super) fn isolated_with_longer_limit(&mut self, session: &Session) -> Result<Trace, RuntimeError> {
        let limit = self.plan.timeout.saturating_mul(TIMEOUT_FACTOR);
        let limit = limit.min(self.plan.max_time_per_finding).max(self.plan.timeout);
        let exclusive = self.exclusive.clone();
        let executor = self.executor()?;
        exclusive.exclusive(|| executor.run_with_timeout(session, limit))
    }

    /// Runs a session in a process that ran `earlier` before.
    pub(super) fn after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
        let exclusive = self.exclusive.clone();
        let executor = self.executor()?;
        exclusive.shared(|| executor.run_after(earlier, session))
    }

    /// Makes isolated runs record their lines.
    pub(super) fn record_lines(&mut self) {
        if let Some(executor) = &mut self.executor {
            executor.watch_isolated_lines(true);
        }
    }

    /// The lines that ran so far.
    pub(super) fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.executor.as_ref().map(|executor| executor.lines_hit()).unwrap_or_default()
    }

    /// The findings of a trace, each fingerprint once, with the levels that the user set.
    pub(super) fn judge(&self, session: &Session, trace: &Trace) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let judged = self.plan.judge.judge(&self.subject, session, trace);
        for finding in judged.into_iter().filter_map(|finding| sdk::at_level(self.plan, finding)) {
            match findings.iter_mut().find(|known| known.fingerprint == finding.fingerprint) {
                // Of two, the better example is reported.
                Some(known) if rank(&finding) < rank(known) => *known = finding,
                Some(_) => {}
                None => findings.push(finding),
            }
        }
        findings
    }

    /// The finding with this fingerprint, if the trace shows it.
    pub(super) fn shown(&self, session: &Session, trace: Trace, fingerprint: &Fingerprint) -> Option<Reproduced> {
        let finding = self.judge(session, &trace).into_iter().find(|finding| finding.fingerprint == *fingerprint)?;
        Some(Reproduced { session: session.clone(), finding, trace })
    }

    /// Runs the session in fresh processes and looks for the finding. For a timeout, the call has five times the limit,
    /// and no other thread of the run works meanwhile.
    pub(super) fn reproduce(
        &mut self,
        session: &Session,
        finding: &Finding,
    ) -> Result<Option<Reproduced>, RuntimeError> {
        let trace = if finding.rule == Rule::Timeout {
            self.isolated_with_longer_limit(session)?
        } else {
            self.isolated(session)?
        };
        let mut judged = self.judge(session, &trace);
        let same = judged.iter().position(|again| again.fingerprint == finding.fingerprint);
        let Some(at) = same.or_else(|| judged.iter().position(|again| finding.is_confirmed_by(again))) else {
            // With more time the call may reach a limit of hookstorm: a plugin that writes without end, for example.
            let is_limit = |one: &Finding| {
                finding.rule == Rule::Timeout && one.rule == Rule::SandboxViolation && one.hook == finding.hook
            };
            let instead = judged.into_iter().find(|one| is_limit(one) && ends(one, &trace));
            return Ok(instead.map(|finding| Reproduced { session: session.clone(), finding, trace }));
        };
        if finding.rule == Rule::SecretLeak && !self.is_of_the_secret(session, &judged[at], &trace)? {
            return Ok(None);
        }
        // The fingerprint stays the one under which the finding is counted.
        let finding = Finding { fingerprint: finding.fingerprint.clone(), ..judged.swap_remove(at) };
        Ok(Some(Reproduced { session: session.clone(), finding, trace }))
    }
    /// Whether the plugin wrote the secret, and not a text that equals it: it writes another text if the secret is
    /// another one and all other inputs are the same.
    fn is_of_the_secret(&mut self, session: &Session, leak: &Finding, trace: &Trace) -> Result<bool, RuntimeError> {
        let shows = |judged: Vec<Finding>| judged.iter().any(|one| one.fingerprint == leak.fingerprint);
        // If nothing is typed under that key yet, the plugin asks for it, and shows whether others may read it.
        if !self.subject.asks_otp_openly
            && let Some(without) = generate::without_one_time_password(session)
            && oracle::asks_otp_openly(&self.isolated(&without)?)
        {
            self.subject.asks_otp_openly = true;
            if !shows(self.judge(session, trace)) {
                return Ok(false);
            }
        }
        let is_secret_answer = &|call: usize, number: usize| {
            trace.calls.iter().any(|seen| seen.call == call && seen.round == number + 1 && seen.answer_is_secret)
        };
        let secret = SecretPlaces {
            options: &self.subject.secret_options,
            is_secret_answer,
            has_one_time_password: !self.subject.asks_otp_openly && !oracle::asks_otp_openly(trace),
        };
        let Some(other) = generate::replace_secrets(session, secret) else { return Ok(true) };
        let trace = self.isolated(&other)?;
        Ok(!shows(self.judge(session, &trace)) || shows(self.judge(&other, &trace)))
    }
}

/// Whether a finding is about how its call ended.
fn ends(finding: &Finding, trace: &Trace) -> bool {
    finding.call.and_then(|call| trace.calls.get(call)).is_some_and(|call| call.ending.is_aborted())
}

/// Orders the findings with one fingerprint: the smallest is the best example to report. An example that needs a cookie
/// which the plugin never returned proves less.
pub(super) fn rank(finding: &Finding) -> (bool, Reverse<Severity>) {
    (finding.foreign_cookie, Reverse(finding.severity))
}

/// Whether a call reached the time limit, or was ended before. Such a trace depends on the machine, so it is compared
/// with no other.
pub(super) fn timed_out(trace: &Trace) -> bool {
    trace.calls.iter().any(|call| matches!(call.ending, Ending::TimedOut { .. } | Ending::EndedEarly { .. }))
}

/// Whether a call was ended at a place where calls are known to hang.
pub(super) fn ended_early(trace: &Trace) -> bool {
    trace.calls.iter().any(|call| matches!(call.ending, Ending::EndedEarly { .. }))
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

    /// Whether the leak of a hook that raises `message(password)` is confirmed.
    fn leaks(message: fn(&str) -> String) -> bool {
        let plugin = FakePlugin::new(move |call, _, _| {
            let password = call.argument(Argument::GatewayPassword).and_then(|value| value.as_str()).unwrap();
            Ending::Raised(Exception { type_name: "E".into(), message: message(password), ..Exception::default() })
        });
        let password = vec![(Argument::GatewayPassword, PASSWORD.into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, password)]);
        plugin.with_plan(|plan| {
            let plan = Plan { judge: &Oracles, ..*plan };
            let exclusive = ExclusiveRun::default();
            let mut reproducer = Reproducer::start(&plan, &Setup::default(), &exclusive).unwrap();
            let trace = reproducer.isolated(&session).unwrap();
            let findings = reproducer.judge(&session, &trace);
            let leak = findings.iter().find(|finding| finding.rule == Rule::SecretLeak).unwrap();
            reproducer.reproduce(&session, leak).unwrap().is_some()
        })
    }

    #[test]
    fn a_text_that_is_written_whatever_the_password_is_leaks_none() {
        assert!(leaks(|password| format!("login failed with {password}")));
        assert!(!leaks(|_| format!("no such path {PASSWORD}")));
        // A plugin that lets in one password only still leaks it.
        assert!(leaks(|password| if password == PASSWORD { format!("let in with {password}") } else { "no".into() }));
    }
}
