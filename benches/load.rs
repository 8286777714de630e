//! The figures that `load` promises, in one run: `make load-figures`, or `cargo bench --bench load`. If CHROMIUM names
//! a browser, the bench also opens the page.

mod loaded;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use hookstorm::{
    case::Session,
    contract::Hook,
    corpus::Corpus,
    engine::{self, Generator, Oracles, Plan, Stop},
    finding::RuleLevels,
    load::{
        self, Arrivals, CallTimes, GeneratedWorkload, LoadExecutor, LoadRun, LoadSettings, Rate, RateProfile, Recorder,
        RunShape,
    },
    oracle::{self, PluginUnderTest},
    runtime::{Isolation, Server, SessionState, Target},
    trace::Loading,
};

use loaded::{Loaded, SEED, median};

/// How long each side of a comparison runs in a round, and how many rounds there are; the median is printed.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

struct Subjected {
    target: Arc<Target>,
    loading: Loading,
    levels: RuleLevels,
}

impl Subjected {
    fn new() -> Self {
        let Loaded { target, loading, .. } = Loaded::new("benches/plugins/small", None);
        // Lines are not recorded, as in `load`.
        let target = Arc::new(Target { coverage: false, ..Target::clone(&target) });
        Self { target, loading, levels: RuleLevels::default() }
    }

    fn subject(&self) -> PluginUnderTest {
        let Target { plugin_type, platform, .. } = *self.target;
        PluginUnderTest::new(plugin_type, platform, "", Vec::new(), false, Some(&self.loading))
    }

    fn source(&self) -> Generator {
        Generator::new(self.target.plugin_type, self.target.platform, &self.loading)
    }

    /// Runs a load test.
    fn load(&self, settings: &LoadSettings, is_search: bool) -> load::LoadSummary {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let corpus = Corpus::open(folder.path().join("corpus")).expect("it can be one");
        let source = self.source();
        let workers = engine::workers(Arc::clone(&self.target), None);
        let plan = Plan {
            loading: &self.loading,
            levels: &self.levels,
            configuration_in_case: None,
            timeout: self.target.limits.timeout,
            max_time_per_finding: Plan::MAX_TIME_PER_FINDING,
            with_other: false,
            workers: &workers,
            subject: &|_| self.subject(),
            source: &source,
            judge: &Oracles,
        };
        let start = || Ok(Box::new(Server::start(&self.target, folder.path())?) as Box<dyn LoadExecutor>);
        let workload = GeneratedWorkload { source: &source, seed: 0, are_nominal: true };
        let stop = Stop::default();
        let one = LoadRun {
            plan: &plan,
            start: &start,
            workload: &workload,
            state: folder.path(),
            corpus: &corpus,
            stop: &stop,
            listen: &|_| {},
        };
        load::load(&one, settings, is_search).expect("the runtime works")
    }

    /// Sessions per second with one worker for each processor, at a rate above their capacity.
    fn measured(&self, isolation: Isolation, rate: f64) -> f64 {
        let settings = LoadSettings { isolation, in_flight: cores(), drain: Duration::ZERO, ..settings(rate, ROUND) };
        self.load(&settings, false).measured.achieved_rate
    }

    /// The same sessions, run and judged one after another by as many workers, without recording.
    fn plain(&self, isolation: Isolation) -> f64 {
        // A processor that sleeps between calls wakes up late, which would hide everything else. So all are kept busy.
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(|| self.plain_worker(isolation))).collect();
            threads.into_iter().map(|thread| thread.join().expect("the thread ends")).sum()
        })
    }

    fn plain_worker(&self, isolation: Isolation) -> f64 {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut server = Server::start(&self.target, folder.path()).expect("a worker starts");
        let (source, subject) = (self.source(), self.subject());
        let (begin, mut sessions) = (Instant::now(), 0_u64);
        while begin.elapsed() < ROUND {
            let session: Arc<Session> = Arc::new(engine::SessionSource::nominal(&source, sessions));
            let trace = match isolation {
                Isolation::Persistent => server.session(&session).expect("the runtime works").0,
                Isolation::Isolated => {
                    let mut underway = SessionState::new(Arc::clone(&session));
                    while underway.next_hook().is_some() {
                        server.step(&mut underway).expect("the runtime works");
                    }
                    underway.trace().clone()
                }
            };
            std::hint::black_box(oracle::judge(&subject, &session, &trace));
            sessions += 1;
        }
        sessions as f64 / begin.elapsed().as_secs_f64()
    }
}

fn settings(rate: f64, duration: Duration) -> LoadSettings {
    LoadSettings {
        profile: RateProfile::constant(Rate::per_second(rate).expect("it is a rate")),
        arrivals: Arrivals::Poisson,
        duration,
        sessions: None,
        in_flight: 16,
        think: Duration::ZERO,
        isolation: Isolation::Isolated,
        seed: SEED,
        rounds: 5,
        objectives: Vec::new(),
        drain: Duration::from_secs(30),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn tell(what: &str, value: String, is_met: bool) {
    println!("{what:<66} {value:>24}{}", if is_met { "" } else { "  <- missed" });
}

fn cost(subjected: &Subjected, name: &str, isolation: Isolation) {
    let round = |_| {
        let plain = subjected.plain(isolation);
        (subjected.measured(isolation, 1.5 * plain), plain)
    };
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(round).collect();
    let cost = 1.0 - median(rounds.iter().map(|(measured, plain)| measured / plain).collect());
    let rate = median(rounds.iter().map(|round| round.0).collect());
    let what = format!("{name}: cost of measuring, at {rate:.0} sessions/s");
    tell(&what, format!("{:.1} %, at most 5 %", cost * 100.0), cost <= 0.05);
}

/// How late a sleeping thread wakes up on this machine while nothing else runs: the 99th percentile in ms.
fn lateness() -> f64 {
    let mut late: Vec<f64> = (0..2000)
        .map(|_| {
            let begin = Instant::now();
            std::thread::sleep(Duration::from_millis(3));
            begin.elapsed().as_secs_f64() * 1e3 - 3.0
        })
        .collect();
    late.sort_by(f64::total_cmp);
    late[late.len() * 99 / 100]
}

fn schedule(subjected: &Subjected) {
    let objectives = ["p99=1s", "errors=0.1%"].map(|text| hookstorm::load::Objective::parse(text).expect("it is one"));
    let search = LoadSettings { objectives: objectives.to_vec(), ..settings(1.0, Duration::from_secs(5)) };
    let capacity = subjected.load(&search, true).measured.capacity.expect("it was searched for").rate;
    let floor = lateness();
    let ran = subjected.load(&settings(0.8 * capacity, Duration::from_secs(10)), false).measured;
    let delay = ran.schedule_delay.p99_ms;
    let what = format!("schedule's own delay at 0.8 of {capacity:.0} sessions/s, p99");
    tell(&what, format!("{delay:.2} ms, at most 2 ms"), delay <= 2.0);
    println!("{:<66} {:>21}", "  how late a thread wakes up that does nothing else, p99", format!("{floor:.2} ms"));
}

fn recording() {
    let shape = RunShape {
        duration: Duration::MAX,
        rounds: 10,
        in_flight: 16,
        isolation: "isolated".into(),
        arrivals: Arrivals::Poisson,
        offered_rate: 100.0,
    };
    let mut recorder = Recorder::new(shape);
    let (begin, calls) = (Instant::now(), 10_000_000_u64);
    let mut most = 0;
    for number in 0..calls {
        let at = Duration::from_millis(number * 3);
        let latency = Duration::from_micros(500 + number.wrapping_mul(2_654_435_761) % 1_000_000);
        let hook = Hook::ALL[number as usize % Hook::ALL.len()];
        if number % 3 == 0 {
            recorder.due(at);
            recorder.begun();
        }
        recorder.call(&CallTimes {
            hook,
            at,
            latency,
            waiting: latency / 2,
            plugin: latency / 3,
            cpu: latency / 4,
            peak_bytes: 1 << 24,
            is_error: number % 1000 == 0,
        });
        if number % 3 == 2 {
            recorder.ended(at, latency * 3);
        }
        if number.is_multiple_of(100_000) {
            most = most.max(recorder.bytes());
        }
    }
    let took = begin.elapsed();
    let megabytes = most.max(recorder.bytes()) as f64 / f64::from(1 << 20);
    let what = format!("memory of the recording over {calls} calls, {} ns each", took.as_nanos() / u128::from(calls));
    tell(&what, format!("{megabytes:.1} MB, at most 64 MB"), megabytes <= 64.0);
}

/// The size of the page of 10,000 sessions, and how much longer a browser needs to open it than an empty page.
fn page() {
    let Some(browser) = std::env::var_os("CHROMIUM").map(PathBuf::from) else {
        println!("page for 10,000 sessions: left out, since CHROMIUM names no browser");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plugins/small");
    let output = Command::new(env!("CARGO_BIN_EXE_hookstorm"))
        .arg("load")
        .arg(&plugin)
        .args(["--persistent", "--sessions", "10000", "--rate", "1000/s", "--format", "html", "--seed", "1", "-q"])
        .current_dir(folder.path())
        .output()
        .expect("hookstorm starts");
    let full = folder.path().join("page.html");
    std::fs::write(&full, &output.stdout).expect("it can be written");
    let empty = folder.path().join("empty.html");
    std::fs::write(&empty, "<!doctype html><title>x</title>").expect("it can be written");
    let open = |page: &Path| {
        let begin = Instant::now();
        let profile = tempfile::tempdir().expect("a folder can be made");
        let status = Command::new(&browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--disable-quic", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", page.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the browser opens {}", page.display());
        begin.elapsed().as_secs_f64()
    };
    let opened: Vec<f64> = (0..ROUNDS).map(|_| open(&full) - open(&empty)).collect();
    let megabytes = output.stdout.len() as f64 / f64::from(1 << 20);
    tell("page for 10,000 sessions", format!("{megabytes:.2} MB, at most 2 MB"), megabytes <= 2.0 && megabytes > 0.01);
    let seconds = median(opened);
    tell("opening it, beyond an empty page", format!("{seconds:.2} s, at most 1 s"), seconds <= 1.0);
}

fn main() {
    // `cargo test --benches` runs this too, only to check that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let subjected = Subjected::new();
    cost(&subjected, "isolated", Isolation::Isolated);
    cost(&subjected, "persistent", Isolation::Persistent);
    schedule(&subjected);
    recording();
    page();
}
