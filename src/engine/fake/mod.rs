//! For tests without Python: a plugin that a Rust closure plays, and a judge and a session source as simple.

mod source;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    engine::{Judge, Plan, Setup, plan::found},
    finding::{Finding, Fingerprint, Rule, RuleLevels, fingerprint},
    oracle::PluginUnderTest,
    runtime::{Executor, Isolation, KnownHang, RuntimeError},
    trace::{
        CallTrace, CapturedOutput, CmpLogEntry, Edge, Ending, Exception, Instrumentation, LoadEnding, Loading,
        Observation, Observed, PluginTokens, Trace,
    },
};

pub(super) use source::{FakeSource, session};

/// What a process remembers.
pub(super) type Memory = BTreeMap<String, i64>;

/// How a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Many in one process.
    Persistent,
    /// Fresh processes.
    Isolated,
    /// Fresh processes with a longer limit.
    LongerLimit(Duration),
}

/// Plays one call, with what its process remembers and how it runs.
pub(super) type Play = dyn Fn(&Call, &mut Memory, How) -> Ending + Send + Sync;

/// The edges and comparisons of a session.
pub(super) type Instrumented = dyn Fn(&Session) -> (Vec<Edge>, Vec<CmpLogEntry>) + Send + Sync;

/// Plays a call that reads its cookie; `None` leaves the call to [`Play`].
pub(super) type PlayWithCookie = dyn Fn(&Call, &Value) -> Option<Ending> + Send + Sync;

/// Whether the worker breaks when it runs a session.
pub(super) type Broken = dyn Fn(&Session) -> bool + Send + Sync;

/// An executor that plays a plugin. An instrumented one refuses isolated runs, because those are for reproducing.
pub(super) struct FakeExecutor {
    play: Arc<Play>,
    instrumented: Option<Arc<Instrumented>>,
    is_instrumented: bool,
    edges: HashSet<Edge>,
    memory: Memory,
    log: Arc<Mutex<Vec<How>>>,
    lines: Vec<(usize, u32)>,
    hangs: Vec<KnownHang>,
    broken: Option<Arc<Broken>>,
    with_cookie: Option<Arc<PlayWithCookie>>,
    alive: Arc<Alive>,
}

/// How many executors are alive, and how many were at most.
#[derive(Default)]
pub(super) struct Alive(Mutex<(usize, usize)>);

impl Alive {
    fn add(&self) {
        let mut counts = self.0.lock().unwrap();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
    }

    /// How many were alive at most.
    pub(super) fn most(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Drop for FakeExecutor {
    fn drop(&mut self) {
        self.alive.0.lock().unwrap().0 -= 1;
    }
}

impl FakeExecutor {
    fn check<'s>(&self, sessions: impl IntoIterator<Item = &'s Session>) -> Result<(), RuntimeError> {
        let is_broken = |session: &Session| self.broken.as_ref().is_some_and(|broken| broken(session));
        if sessions.into_iter().any(is_broken) { Err(RuntimeError::Stuck) } else { Ok(()) }
    }

    fn session(&mut self, session: &Session, how: How) -> Trace {
        self.log.lock().unwrap().push(how);
        let before = self.memory.clone();
        let mut trace = Trace { cookie: session.cookie.clone(), ..Trace::default() };
        for (index, call) in session.calls.iter().enumerate() {
            let mut fresh = Memory::new();
            let memory = if how == How::Persistent { &mut self.memory } else { &mut fresh };
            let line = (0, call.hook as u32);
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
            let with_cookie = self.with_cookie.as_ref().and_then(|play| play(call, &trace.cookie));
            let mut ending = with_cookie.unwrap_or_else(|| (self.play)(call, memory, how));
            if let Ending::TimedOut { frames, .. } = &ending
                && how == How::Persistent
                && KnownHang::of(call.hook, frames).is_some_and(|hang| self.hangs.contains(&hang))
            {
                ending = Ending::EndedEarly { frames: frames.clone() };
            }
            if let Ending::Returned(result) = &ending
                && let Some(cookie) = result.get("cookie").and_then(Observed::through_json)
            {
                trace.cookie = cookie;
            }
            let is_over = matches!(ending, Ending::EndedEarly { .. });
            trace.calls.push(self::call(index, call.hook, ending));
            if is_over {
                break;
            }
        }
        // A change of a name that begins with a dot is not noticed.
        let changed = self.memory.iter().filter(|(name, value)| before.get(*name) != Some(value));
        trace.changes = changed.map(|(name, _)| name.clone()).filter(|name| !name.starts_with('.')).collect();
        trace
    }
}

impl Executor for FakeExecutor {
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
        self.check(sessions)?;
        let how = if isolation == Isolation::Persistent { How::Persistent } else { How::Isolated };
        assert!(how == How::Persistent || !self.is_instrumented);
        let run = |session| {
            let trace = self.session(session, how);
            if !trace.changes.is_empty() {
                self.memory.clear();
            }
            trace
        };
        Ok(sessions.iter().map(run).collect())
    }

    fn run_observed(
        &mut self,
        sessions: &[Session],
        instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        assert!(self.is_instrumented);
        let traces = self.run(sessions, Isolation::Persistent)?;
        let Some(instrumented) = self.instrumented.clone() else {
            return Ok(traces.into_iter().map(|trace| Observation { trace, ..Observation::default() }).collect());
        };
        let observed = traces.into_iter().zip(sessions).map(|(trace, session)| {
            let (edges, comparisons) = instrumented(session);
            let mut is_new = false;
            edges.iter().for_each(|edge| is_new |= self.edges.insert(*edge));
            match instrumentation {
                Instrumentation::Comparisons => Observation { trace, edges, comparisons, ..Observation::default() },
                Instrumentation::NewEdges => {
                    Observation { trace, edges: if is_new { edges } else { Vec::new() }, ..Observation::default() }
                }
            }
        });
        Ok(observed.collect())
    }

    fn run_until_timeout(
        &mut self,
        sessions: &[Session],
        instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        let mut observed = Vec::new();
        for session in sessions.iter().map(std::slice::from_ref) {
            if self.is_instrumented {
                observed.extend(self.run_observed(session, instrumentation)?);
            } else {
                let traces = self.run(session, Isolation::Persistent)?;
                observed.extend(traces.into_iter().map(|trace| Observation { trace, ..Observation::default() }));
            }
            let last = observed.last().and_then(|observation| observation.trace.calls.last());
            if last.is_some_and(|call| matches!(call.ending, Ending::TimedOut { .. })) {
                break;
            }
        }
        Ok(observed)
    }

    fn end_early(&mut self, hangs: &[KnownHang]) {
        self.hangs = hangs.to_vec();
    }

    fn instrumented(&self) -> usize {
        usize::from(self.is_instrumented && self.instrumented.is_some())
    }

    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
        self.check(earlier.iter().chain([session]))?;
        assert!(!self.is_instrumented);
        let kept = std::mem::take(&mut self.memory);
        for session in earlier {
            self.session(session, How::Persistent);
        }
        let trace = self.session(session, How::Persistent);
        self.memory = kept;
        Ok(trace)
    }

    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError> {
        self.check([session])?;
        assert!(!self.is_instrumented);
        Ok(self.session(session, How::LongerLimit(timeout)))
    }

    fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.lines.clone()
    }
}

/// A call with this ending.
pub(super) fn call(call: usize, hook: Hook, ending: Ending) -> CallTrace {
    CallTrace {
        call,
        round: 0,
        hook,
        answer_is_secret: false,
        ending,
        stdout: CapturedOutput::default(),
        stderr: CapturedOutput::default(),
        elapsed: Duration::ZERO,
        files: Vec::new(),
        attempts: Vec::new(),
        leftovers: Vec::new(),
        changed_types: Vec::new(),
    }
}

/// An exception of this type.
pub(super) fn raise(type_name: &str) -> Ending {
    Ending::Raised(Exception { type_name: type_name.into(), ..Exception::default() })
}

/// A result.
pub(super) fn give(number: i64) -> Ending {
    Ending::Returned(Observed::Int(number))
}

/// The port that a call has.
pub(super) fn port(call: &Call) -> i64 {
    match call.argument(Argument::ServerPort) {
        Some(Value::Int(port)) => *port,
        _ => 0,
    }
}

fn set_port(call: &mut Call, port: i64) {
    call.arguments.retain(|(argument, _)| *argument != Argument::ServerPort);
    call.arguments.insert(0, (Argument::ServerPort, Value::Int(port)));
}

/// The fingerprint of an exception of this type in this hook.
pub(super) fn raised(hook: Hook, type_name: &str) -> Fingerprint {
    fingerprint(Rule::UncaughtException, Some(hook), type_name, "", "", "")
}

fn finding(rule: Rule, hook: Hook, what: &str, call: usize) -> Finding {
    Finding {
        rule,
        severity: rule.severity(),
        hook: Some(hook),
        message: what.into(),
        location: None,
        fingerprint: fingerprint(rule, Some(hook), what, "", "", ""),
        former: None,
        call: Some(call),
        foreign_cookie: false,
        hint: None,
        reason: None,
    }
}

/// Every exception, every timeout and every result of a trace that JSON refuses.
pub(super) fn findings(trace: &Trace) -> Vec<Finding> {
    let judge = |call: &CallTrace| match &call.ending {
        Ending::Raised(exception) => Some(finding(Rule::UncaughtException, call.hook, &exception.type_name, call.call)),
        Ending::TimedOut { .. } => Some(finding(Rule::Timeout, call.hook, "", call.call)),
        Ending::Returned(result @ Observed::Dict(_)) if result.through_json().is_none() => {
            Some(finding(Rule::NotJson, call.hook, "not-json", call.call))
        }
        _ => None,
    };
    trace.calls.iter().filter_map(judge).collect()
}

/// Judges by endings alone.
pub(super) struct FakeJudge;

impl Judge for FakeJudge {
    fn judge(&self, _subject: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding> {
        let mut findings = findings(trace);
        findings.iter_mut().for_each(|finding| finding.foreign_cookie = session.has_foreign_cookie());
        findings
    }

    fn differ(&self, one: &Trace, other: &Trace) -> bool {
        let endings = |trace: &Trace| trace.calls.iter().map(|call| call.ending.clone()).collect::<Vec<_>>();
        endings(one) != endings(other)
    }

    fn state_leak(
        &self,
        _: &PluginUnderTest,
        session: &Session,
        _: &Trace,
        _: &Trace,
        _: &[String],
    ) -> Option<Finding> {
        Some(finding(Rule::StateLeak, session.calls.first()?.hook, "", 0))
    }

    fn nondeterministic(&self, _: &PluginUnderTest, session: &Session, _: &Trace, _: &Trace) -> Option<Finding> {
        Some(finding(Rule::Nondeterministic, session.calls.first()?.hook, "", 0))
    }
}

/// A plugin with all that a run needs.
pub(super) struct FakePlugin {
    play: Arc<Play>,
    instrumented: Option<Arc<Instrumented>>,
    broken: Option<Arc<Broken>>,
    with_cookie: Option<Arc<PlayWithCookie>>,
    pub(super) alive: Arc<Alive>,
    /// How each session ran.
    pub(super) log: Arc<Mutex<Vec<How>>>,
    /// The setups of the workers that started.
    pub(super) setups: Mutex<Vec<Setup>>,
    loading: Loading,
    pub(super) levels: RuleLevels,
    pub(super) source: FakeSource,
}

impl FakePlugin {
    pub(super) fn new(play: impl Fn(&Call, &mut Memory, How) -> Ending + Send + Sync + 'static) -> Self {
        let loading = Loading {
            python: "3.11.7".into(),
            import: LoadEnding::Done,
            output: String::new(),
            attempts: Vec::new(),
            has_class: true,
            takes_configuration: true,
            constructor: Some(LoadEnding::Done),
            hooks: Vec::new(),
            tokens: PluginTokens { strings: vec!["account".into()], ..PluginTokens::default() },
            files: Vec::new(),
            sdk_version: None,
            names: Vec::new(),
        };
        Self {
            play: Arc::new(play),
            instrumented: None,
            broken: None,
            with_cookie: None,
            alive: Arc::default(),
            log: Arc::default(),
            setups: Mutex::default(),
            loading,
            levels: RuleLevels::default(),
            source: FakeSource::default(),
        }
    }

    /// The same, instrumented.
    pub(super) fn with_instrumented(
        self,
        instrumented: impl Fn(&Session) -> (Vec<Edge>, Vec<CmpLogEntry>) + Send + Sync + 'static,
    ) -> Self {
        Self { instrumented: Some(Arc::new(instrumented)), ..self }
    }

    /// The same, but workers break when they run certain sessions.
    pub(super) fn with_broken(self, broken: impl Fn(&Session) -> bool + Send + Sync + 'static) -> Self {
        Self { broken: Some(Arc::new(broken)), ..self }
    }

    /// The same, but calls may read their cookies.
    pub(super) fn with_cookies(self, play: impl Fn(&Call, &Value) -> Option<Ending> + Send + Sync + 'static) -> Self {
        Self { with_cookie: Some(Arc::new(play)), ..self }
    }

    /// Calls `work` with a plan for this plugin.
    pub(super) fn with_plan<T>(&self, work: impl FnOnce(&Plan<'_>) -> T) -> T {
        let workers = |setup: &Setup| {
            self.setups.lock().unwrap().push(setup.clone());
            let (play, log) = (Arc::clone(&self.play), Arc::clone(&self.log));
            self.alive.add();
            Ok(Box::new(FakeExecutor {
                play,
                instrumented: self.instrumented.clone(),
                is_instrumented: setup.instrument,
                edges: HashSet::new(),
                memory: Memory::new(),
                log,
                lines: Vec::new(),
                hangs: Vec::new(),
                broken: self.broken.clone(),
                with_cookie: self.with_cookie.clone(),
                alive: Arc::clone(&self.alive),
            }) as Box<dyn Executor>)
        };
        let subject = |setup: &Setup| {
            let platform = setup.platform.unwrap_or(Platform::newest());
            PluginUnderTest::new(PluginType::CredentialStore, platform, "", Vec::new(), false, None)
        };
        work(&Plan {
            loading: &self.loading,
            levels: &self.levels,
            configuration_in_case: None,
            timeout: Duration::from_secs(2),
            max_time_per_finding: Plan::MAX_TIME_PER_FINDING,
            with_other: false,
            workers: &workers,
            subject: &subject,
            source: &self.source,
            judge: &FakeJudge,
        })
    }
}

/// A trace of one call with this ending.
pub(super) fn trace_of(ending: Ending) -> Trace {
    Trace { calls: vec![call(0, Hook::GetPasswordList, ending)], ..Trace::default() }
}

/// A plugin that raises in its second hook if the port is below 10.
pub(super) fn fragile() -> FakePlugin {
    FakePlugin::new(|call, _, _| match call.hook {
        Hook::GetPrivateKeyList if (1..10).contains(&port(call)) => raise("KeyError"),
        _ => give(1),
    })
}

/// A case of this plugin. If `shows`, it records the finding.
pub(super) fn fragile_case(session: Session, shows: bool) -> Case {
    let finding = fragile().with_plan(|plan| {
        let trace = Trace { calls: vec![call(0, Hook::GetPrivateKeyList, raise("KeyError"))], ..Default::default() };
        plan.judge.judge(&(plan.subject)(&Setup::default()), &session, &trace).remove(0)
    });
    Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session,
        earlier: Vec::new(),
        found: shows.then(|| found(&finding)),
    }
}
