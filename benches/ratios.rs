//! The figures that hookstorm promises, each beside what it is held against, in one run: machines are noisy, ratios less.
//! `make ratios`, or `cargo bench --bench ratios`; `HOOKSTORM_TEST_VENV` names the environment with the SDK.

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
    oracle::{self, Subject},
    runtime::{Ending, Isolation, Limits, Loading, Network, Observed, Run, Target, Worker},
};

/// How long each side of a comparison runs in a round.
const ROUND: Duration = Duration::from_millis(1500);
/// How many rounds; the median counts.
const ROUNDS: usize = 5;
const SEED: u64 = 42;

struct Subjected {
    target: Arc<Target>,
    loading: Loading,
    domain: Domain,
    subject: Subject,
}

impl Subjected {
    fn new(folder: &str, venv: Option<PathBuf>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let configuration = std::fs::read_to_string(root.join("default.cfg")).unwrap_or_default();
        let target = Arc::new(Target {
            root,
            entry_point: "main.py".into(),
            plugin_type: PluginType::CredentialStore,
            platform: Platform::newest(),
            configuration: configuration.clone(),
            venv,
            limits: Limits::default(),
            network: Network::Closed,
            coverage: true,
            instrument: false,
        });
        let (_, loading) = Worker::start(&target).expect("a worker starts");
        assert!(loading.has_class, "the plugin loads: {loading:?}");
        let called = |hook: Hook| HookSpec::on(target.plugin_type, target.platform).any(|spec| spec.hook == hook);
        let hooks = loading.hooks.iter().map(|seen| seen.hook).filter(|hook| called(*hook)).collect();
        let domain = Domain::new(target.plugin_type, target.platform, hooks, loading.words.clone());
        let subject =
            Subject::new(target.plugin_type, target.platform, &configuration, Vec::new(), false, Some(&loading));
        Self { target, loading, domain, subject }
    }

    fn worker(&self) -> Worker {
        Worker::start(&self.target).expect("a worker starts").0
    }

    /// Calls per second of generate, call, carry cookies, judge, in one thread with one worker.
    fn persistent(&self, worker: &mut Worker, next: &AtomicU64) -> f64 {
        let begin = Instant::now();
        let mut calls = 0;
        while begin.elapsed() < ROUND {
            let first = next.fetch_add(64, Ordering::Relaxed);
            let sessions: Vec<Session> = (first..first + 64).map(|at| nth_session(&self.domain, SEED, at)).collect();
            let traces = worker.run(&sessions, Isolation::Persistent).expect("the runtime works");
            for (session, trace) in sessions.iter().zip(&traces) {
                std::hint::black_box(oracle::judge(&self.subject, session, trace));
                calls += trace.calls.len();
            }
        }
        calls as f64 / begin.elapsed().as_secs_f64()
    }

    /// The same calls for the plain loop: the arguments that each hook takes, the cookies that it got.
    fn write_calls(&self, file: &Path) {
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
                let takes = |name: &str| hook.takes_any || hook.parameters.iter().any(|known| known.name == name);
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

    /// Calls per second of the plain CPython loop.
    fn plain(&self, calls: &Path) -> f64 {
        let configuration = calls.with_extension("cfg");
        std::fs::write(&configuration, &self.target.configuration).expect("the file can be written");
        let python = match &self.target.venv {
            Some(venv) => venv.join("bin/python"),
            None => PathBuf::from(env!("HOOKSTORM_PYTHON")),
        };
        let output = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plain.py"))
            .args([self.target.root.as_os_str(), configuration.as_os_str(), calls.as_os_str()])
            .arg(ROUND.as_secs_f64().to_string())
            .output()
            .expect("python starts");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().unwrap_or_else(|_| panic!("the plain loop failed: {text}"))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs both sides in turn and prints the medians and the median of the ratios.
fn compare(name: &str, least: f64, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) {
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(), theirs())).collect();
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs).collect());
    let (ours, theirs) =
        (median(rounds.iter().map(|round| round.0).collect()), median(rounds.iter().map(|round| round.1).collect()));
    let verdict = if ratio >= least { "" } else { "  <- missed" };
    println!("{name:<44} {ours:>9.0}/s  against {theirs:>9.0}/s  ratio {ratio:>5.2}  at least {least}{verdict}");
}

fn host_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn main() {
    // `cargo test --benches` runs this too, and only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder can be made");
    let next = AtomicU64::new(0);

    let small = Subjected::new("benches/plugins/small", None);
    let calls = scratch.path().join("small.json");
    small.write_calls(&calls);
    let mut worker = small.worker();
    compare(
        "persistent, small plugin: plain loop",
        0.6,
        || small.persistent(&mut worker, &next),
        || small.plain(&calls),
    );

    match std::env::var_os("HOOKSTORM_TEST_VENV") {
        Some(venv) => {
            let sdk = Subjected::new("examples/clean-store-sdk", Some(venv.into()));
            let calls = scratch.path().join("sdk.json");
            sdk.write_calls(&calls);
            let mut worker = sdk.worker();
            compare(
                "persistent, plugin on the SDK: plain loop",
                0.9,
                || sdk.persistent(&mut worker, &next),
                || sdk.plain(&calls),
            );
        }
        None => println!("persistent, plugin on the SDK: left out, since HOOKSTORM_TEST_VENV is not set"),
    }

    let mut second = small.worker();
    compare(
        "two workers: one worker",
        1.8,
        || {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| small.persistent(&mut second, &next));
                let one = small.persistent(&mut small.worker(), &next);
                one + other.join().expect("the thread ends")
            })
        },
        || small.persistent(&mut worker, &next),
    );

    let mut isolated = small.worker();
    let mut bare = small.worker();
    compare(
        "isolated calls: bare fork and exit",
        0.8,
        || {
            let begin = Instant::now();
            let mut calls = 0;
            while begin.elapsed() < ROUND {
                let session = nth_session(&small.domain, SEED, next.fetch_add(1, Ordering::Relaxed));
                let trace = isolated.run(&[session], Isolation::Isolated).expect("the runtime works").remove(0);
                calls += trace.calls.len();
            }
            calls as f64 / begin.elapsed().as_secs_f64()
        },
        || {
            let took = bare.time_bare_forks(1000).expect("the runtime works");
            1000.0 / took.as_secs_f64()
        },
    );

    let mut seen = Vec::new();
    let mut done = 0_u64;
    while done < 1_000_000 {
        let sessions: Vec<Session> = (done..done + 64).map(|at| nth_session(&small.domain, SEED, at)).collect();
        let traces = worker.run(&sessions, Isolation::Persistent).expect("the runtime works");
        for (session, trace) in sessions.iter().zip(&traces) {
            std::hint::black_box(oracle::judge(&small.subject, session, trace));
        }
        done += 64;
        if done.is_multiple_of(100_032) {
            seen.push(host_memory_kb());
        }
    }
    let (first, last) = (seen.first().copied().unwrap_or(0), host_memory_kb());
    println!("host memory over 1,000,000 sessions: {} MB after 100,000, {} MB at the end", first / 1024, last / 1024);

    let time = |command: &mut Command| {
        let times = (0..11).map(|_| {
            let begin = Instant::now();
            command.output().expect("the program starts");
            begin.elapsed().as_secs_f64() * 1000.0
        });
        median(times.collect())
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plugins/small");
    let check = time(Command::new(env!("CARGO_BIN_EXE_hookstorm")).arg("check").arg(&folder));
    let python = time(Command::new(env!("HOOKSTORM_PYTHON")).args(["-I", "-c", "pass"]));
    println!(
        "hookstorm check: {check:.0} ms, CPython's own start: {python:.0} ms, beyond it {:.0} ms (at most 60)",
        check - python
    );
}
