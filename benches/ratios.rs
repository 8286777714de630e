//! The figures that hookstorm promises, each beside what it is compared with, in one run: machines are noisy, ratios
//! less. `make ratios`, or `cargo bench --bench ratios`; `HOOKSTORM_TEST_VENV` names the environment with the SDK.

mod loaded;

use std::{
    path::Path,
    process::Command,
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use loaded::{BATCH, Loaded, median, python};

/// How long each side of a comparison runs in a round.
const ROUND: Duration = Duration::from_millis(500);
/// How many rounds there are; the median is printed.
const ROUNDS: usize = 15;

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
    // `cargo test --benches` runs this too, only to check that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder can be made");
    let next = AtomicU64::new(0);

    let small = Loaded::new("benches/plugins/small", None);
    let calls = scratch.path().join("small.json");
    small.write_calls(&calls);
    let mut worker = small.worker();
    compare(
        "persistent, small plugin: plain loop",
        0.6,
        || small.persistent(&mut worker, &next, ROUND),
        || small.plain(&calls, ROUND, None),
    );

    match std::env::var_os("HOOKSTORM_TEST_VENV") {
        Some(venv) => {
            let plugins = [
                ("persistent, plugin on the SDK: plain loop", "examples/clean-store-sdk"),
                ("persistent, the same that logs: plain loop", "benches/plugins/talkative"),
            ];
            for (name, folder) in plugins {
                let sdk = Loaded::new(folder, Some(venv.clone().into()));
                let calls = scratch.path().join("sdk.json");
                sdk.write_calls(&calls);
                let mut worker = sdk.worker();
                let ours = || sdk.persistent(&mut worker, &next, ROUND);
                compare(name, 0.9, ours, || sdk.plain(&calls, ROUND, None));
            }
        }
        None => println!("persistent, plugin on the SDK: left out, since HOOKSTORM_TEST_VENV is not set"),
    }

    let [cached, uncached] = ["cached", "uncached"].map(|name| Loaded::new(&format!("benches/plugins/{name}"), None));
    let (mut with, mut without) = (cached.worker(), uncached.worker());
    compare(
        "persistent, with a cache in the module: without",
        0.5,
        || cached.persistent(&mut with, &next, ROUND),
        || uncached.persistent(&mut without, &next, ROUND),
    );

    let mut second = small.worker();
    compare(
        "two workers: one worker",
        1.8,
        || {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| small.persistent(&mut second, &next, ROUND));
                let one = small.persistent(&mut small.worker(), &next, ROUND);
                one + other.join().expect("the thread ends")
            })
        },
        || small.persistent(&mut worker, &next, ROUND),
    );

    // Short turns, so that whatever else the machine does meets both alike.
    let turn = Duration::from_millis(250);
    let mut held = small.worker();
    let mut free = small.worker_without_sandbox();
    compare(
        "persistent, in the sandbox: without it",
        0.95,
        || small.persistent(&mut held, &next, turn),
        || small.persistent(&mut free, &next, turn),
    );
    compare(
        "isolated, in the sandbox: without it",
        0.85,
        || small.isolated(&mut held, &next, turn),
        || small.isolated(&mut free, &next, turn),
    );

    let mut isolated = small.worker();
    let mut bare = small.worker();
    compare(
        "isolated calls: bare fork and exit",
        0.8,
        || small.isolated(&mut isolated, &next, ROUND),
        || {
            let took = bare.time_forks(1000).expect("the runtime works");
            1000.0 / took.as_secs_f64()
        },
    );

    let mut seen = Vec::new();
    let mut done = 0_u64;
    while done < 1_000_000 {
        small.batch(&mut worker, done);
        done += BATCH;
        if done.is_multiple_of(100_032) {
            seen.push(host_memory_kb());
        }
    }
    let (first, last) = (seen.first().copied().unwrap_or(0), host_memory_kb());
    println!("host memory over 1,000,000 sessions: {} MB after 100,000, {} MB at the end", first / 1024, last / 1024);

    let seconds = |name: &str| {
        let corpus = scratch.path().join(name);
        let begin = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookstorm"));
        command.args(["test", "--runs", "20000", "--seed", "7", "--corpus"]).arg(corpus);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plugins").join(name));
        command.output().expect("the program starts");
        begin.elapsed().as_secs_f64()
    };
    let (hangs, ends) = (seconds("hangs"), seconds("ends"));
    let most = 2.0 * ends + 60.0;
    let verdict = if hangs <= most { "" } else { "  <- missed" };
    println!("test --runs 20000, hangs at a port: {hangs:.0} s, without: {ends:.0} s, at most {most:.0} s{verdict}");

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
    let python = time(Command::new(python()).args(["-I", "-c", "pass"]));
    println!(
        "hookstorm check: {check:.0} ms, CPython's own start: {python:.0} ms, beyond it {:.0} ms (at most 60)",
        check - python
    );
}
