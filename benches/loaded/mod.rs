//! A loaded plugin, for benches that measure calls per second: with hookstorm's own generators, runtime and oracles in
//! one thread, and in a plain CPython loop (`benches/plain.py`) with the same calls.
#![allow(dead_code)]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hookstorm::{
    case::{Session, Value},
    contract::{Hook, HookSpec, Platform, PluginType},
    generate::{Domain, nth_session},
    oracle::{self, PluginUnderTest},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{Ending, Loading, Observed},
};

/// The seed of the sessions.
pub(crate) const SEED: u64 = 42;
/// How many sessions a run sends at a time.
pub(crate) const BATCH: u64 = 64;

/// A plugin that loads, and what is needed to make sessions for it and to judge them.
pub(crate) struct Loaded {
    pub(crate) target: Arc<Target>,
    pub(crate) loading: Loading,
    pub(crate) domain: Domain,
    subject: PluginUnderTest,
}

impl Loaded {
    pub(crate) fn new(folder: &str, venv: Option<PathBuf>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let configuration = std::fs::read_to_string(root.join("default.cfg")).unwrap_or_default();
        let target = Arc::new(Target {
            root,
            entry_point: "main.py".into(),
            plugin_type: PluginType::CredentialStore,
            platform: Platform::newest(),
            configuration: configuration.clone(),
            services: hookstorm::generate::configured_services(&configuration),
            venv,
            limits: Limits::default(),
            network: Network::Closed,
            sandbox: Sandbox::default(),
            coverage: true,
            instrument: false,
        });
        let (_, loading) = Worker::start(&target).expect("a worker starts");
        assert!(loading.has_class, "the plugin loads: {loading:?}");
        let called = |hook: Hook| HookSpec::on(target.plugin_type, target.platform).any(|spec| spec.hook == hook);
        let hooks = loading.hooks.iter().map(|seen| seen.hook).filter(|hook| called(*hook)).collect();
        let domain = Domain::new(target.plugin_type, target.platform, hooks, loading.tokens.clone());
        let subject = PluginUnderTest::new(
            target.plugin_type,
            target.platform,
            &configuration,
            Vec::new(),
            false,
            Some(&loading),
        );
        Self { target, loading, domain, subject }
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::start(&self.target).expect("a worker starts").0
    }

    /// A worker without sandbox, to measure what the sandbox costs.
    pub(crate) fn worker_without_sandbox(&self) -> Worker {
        let mut target = Target::clone(&self.target);
        target.sandbox.is_off = true;
        Worker::start(&Arc::new(target)).expect("a worker starts").0
    }

    /// Calls per second of isolated sessions, each call in a process of its own.
    pub(crate) fn isolated(&self, worker: &mut Worker, next: &AtomicU64, time: Duration) -> f64 {
        let begin = Instant::now();
        let mut calls = 0;
        while begin.elapsed() < time {
            let session = nth_session(&self.domain, SEED, next.fetch_add(1, Ordering::Relaxed));
            let trace = worker.run(&[session], Isolation::Isolated).expect("the runtime works").remove(0);
            calls += trace.calls.len();
        }
        calls as f64 / begin.elapsed().as_secs_f64()
    }

    /// Calls per second of generate, call, carry cookies, judge, in one thread with one worker.
    pub(crate) fn persistent(&self, worker: &mut Worker, next: &AtomicU64, time: Duration) -> f64 {
        let begin = Instant::now();
        let mut calls = 0;
        while begin.elapsed() < time {
            calls += self.batch(worker, next.fetch_add(BATCH, Ordering::Relaxed));
        }
        calls as f64 / begin.elapsed().as_secs_f64()
    }

    /// Makes, runs and judges the batch of sessions that begins with `first`; how many calls it had.
    pub(crate) fn batch(&self, worker: &mut Worker, first: u64) -> usize {
        let sessions: Vec<Session> = (first..first + BATCH).map(|at| nth_session(&self.domain, SEED, at)).collect();
        let traces = worker.run(&sessions, Isolation::Persistent).expect("the runtime works");
        for (session, trace) in sessions.iter().zip(&traces) {
            std::hint::black_box(oracle::judge(&self.subject, session, trace));
        }
        traces.iter().map(|trace| trace.calls.len()).sum()
    }

    /// The same calls for the plain loop: the arguments that each hook takes, the cookies that it got.
    pub(crate) fn write_calls(&self, file: &Path) {
        let mut worker = self.worker();
        let mut calls = Vec::new();
        for at in 0..256 {
            let session = nth_session(&self.domain, SEED, at);
            let trace =
                worker.run(std::slice::from_ref(&session), Isolation::Persistent).expect("the runtime works").remove(0);
            let (mut cookie, mut session_cookie) = (session.cookie.clone(), session.session_cookie.clone());
            for seen in &trace.calls {
                let call = &session.calls[seen.call];
                let hook = self.loading.hooks.iter().find(|known| known.hook == call.hook).expect("the hook is there");
                let takes = |name: &str| hook.takes_kwargs || hook.parameters.iter().any(|known| known.name == name);
                let cookies = [("cookie", &cookie), ("session_cookie", &session_cookie)];
                let arguments = call.arguments.iter().map(|(argument, value)| (argument.name(), value));
                let arguments = cookies.into_iter().chain(arguments).filter(|(name, _)| takes(name));
                let arguments = arguments.map(|(name, value)| (name.to_owned(), value.clone())).collect();
                calls.push(Value::Dict(vec![
                    ("hook".into(), Value::text(call.hook.name())),
                    ("arguments".into(), Value::Dict(arguments)),
                ]));
                let Ending::Returned(result) = &seen.ending else { continue };
                for (name, carried) in [("cookie", &mut cookie), ("session_cookie", &mut session_cookie)] {
                    if let Some(value) = result.get(name).and_then(Observed::through_json) {
                        *carried = value;
                    }
                }
            }
        }
        std::fs::write(file, Value::List(calls).to_string()).expect("the file can be written");
    }

    /// Calls per second of the plain CPython loop, which runs for `time`, on one core alone where that is wanted.
    pub(crate) fn plain(&self, calls: &Path, time: Duration, core: Option<usize>) -> f64 {
        let configuration = calls.with_extension("cfg");
        std::fs::write(&configuration, &self.target.configuration).expect("the file can be written");
        let python = match &self.target.venv {
            Some(venv) => venv.join("bin/python"),
            None => python(),
        };
        let mut command = match core {
            Some(core) => {
                let mut pinned = Command::new("taskset");
                pinned.arg("-c").arg(core.to_string()).arg(python);
                pinned
            }
            None => Command::new(python),
        };
        let output = command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plain.py"))
            .args([self.target.root.as_os_str(), configuration.as_os_str(), calls.as_os_str()])
            .arg(time.as_secs_f64().to_string())
            .output()
            .expect("python starts");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().unwrap_or_else(|_| panic!("the plain loop failed: {text}"))
    }
}

/// The Python to compare with: `make` names the one that the worker is built against.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
