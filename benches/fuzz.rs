//! The figures that `hookstorm fuzz` promises, each beside its limit, in one run: `make fuzz-figures`. The variable
//! `HOOKSTORM_TEST_VENV` names the environment with the SDK. MINUTES (1) is how long the host's memory is measured,
//! SEEDS (10) how many seeds search for each planted defect, SECONDS (10) how long each side of a comparison runs.
//!
//! The bench runs the program as users do, with one worker on one core unless it compares two.

mod hunt;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use hunt::{Planted, median, program::Tested, set};

/// How many rounds there are; the median is printed.
const ROUNDS: usize = 3;
/// How long a seed can search for a planted defect.
const HUNT_LIMIT: Duration = Duration::from_secs(60);
/// How often the host's memory is read.
const SAMPLED_EVERY: Duration = Duration::from_millis(500);

/// Runs both sides in turn and prints the medians and the median of the ratios.
fn compare(name: &str, least: f64, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(), theirs())).collect();
    let ratio = middle(rounds.iter().map(|(ours, theirs)| ours / theirs).collect());
    let (ours, theirs) =
        (middle(rounds.iter().map(|round| round.0).collect()), middle(rounds.iter().map(|round| round.1).collect()));
    let verdict = if ratio >= least { "" } else { "  <- missed" };
    println!("{name:<44} {ours:>9.0}/s  against {theirs:>9.0}/s  ratio {ratio:>5.2}  at least {least}{verdict}");
}

/// Prints how long it takes to find the planted defect of one of the plugins of `benches/planted`.
fn find(name: &str, folder: &str, seeds: u64) {
    let all = Planted::all();
    let planted = all.iter().find(|planted| planted.folder == folder).expect("it is one of them");
    let times: Vec<Option<Duration>> =
        (1..=seeds).map(|seed| hunt::with_hookstorm(planted, seed, HUNT_LIMIT).took).collect();
    let found = times.iter().flatten().count();
    let longest = times.iter().flatten().max().map_or(f64::NAN, Duration::as_secs_f64);
    let (median, verdict) = match median(&times) {
        Some(median) if median < Duration::from_secs(10) => (median.as_secs_f64(), ""),
        Some(median) => (median.as_secs_f64(), "  <- missed"),
        None => (f64::INFINITY, "  <- missed"),
    };
    println!(
        "{name:<44} found by {found} of {seeds} seeds, median {median:.2} s, longest {longest:.2} s, at most 10{verdict}"
    );
}

/// Measures the host's memory while it fuzzes.
fn watch_memory(folder: &str, minutes: u64) {
    let corpus = tempfile::tempdir().expect("a folder can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookstorm"));
    command.arg("fuzz").arg(hunt::folder(folder)).args(["--seed", "1", "--quiet", "--time", &format!("{minutes}m")]);
    command.arg("--corpus").arg(corpus.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let mut child = command.spawn().expect("the program is there");
    let mut samples = Vec::new();
    while child.try_wait().expect("it is our child").is_none() {
        samples.push((begin.elapsed(), memory_kb(child.id())));
        std::thread::sleep(SAMPLED_EVERY);
    }
    samples.retain(|(_, kb)| *kb > 0);
    // From the last tenth of the time as many as make a median; the same after the first tenth.
    let tenth = Duration::from_secs(minutes * 6);
    let middle_of = |from: Duration| {
        let mut part: Vec<u64> =
            samples.iter().filter(|(at, _)| *at >= from && *at < from + tenth).map(|(_, kb)| *kb).collect();
        part.sort_unstable();
        part.get(part.len() / 2).map_or(0, |kb| kb / 1024)
    };
    let highest = samples.iter().map(|(_, kb)| kb / 1024).max().unwrap_or(0);
    let (early, half, late) = (middle_of(tenth), middle_of(tenth * 5), middle_of(tenth * 9));
    let verdict = if highest < 200 { "" } else { "  <- missed" };
    println!(
        "host memory over {minutes} min of fuzz: {early} MB after a tenth, {half} MB after half, {late} MB in the last tenth, \
         highest {highest} MB, below 200{verdict}"
    );
}

fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn main() {
    // `cargo test --benches` runs this too, and only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (seconds, seeds) = (set("SECONDS", 10), set("SEEDS", 10));
    let venv = std::env::var_os("HOOKSTORM_TEST_VENV").map(std::path::PathBuf::from);

    let small = Tested { name: "small plugin", folder: "benches/plugins/small", venv: None };
    let sdk = Tested { name: "plugin on the SDK", folder: "examples/clean-store-sdk", venv: venv.as_deref() };
    for tested in [&small, &sdk] {
        if tested.name != small.name && venv.is_none() {
            println!("fuzz on a plugin on the SDK: left out, since HOOKSTORM_TEST_VENV is not set");
            continue;
        }
        let name = format!("{}: fuzz against test", tested.name);
        compare(&name, 0.7, || tested.fuzz("1", Some(0), seconds).sessions, || tested.test(Some(0), seconds).sessions);
    }
    compare(
        "small plugin: two workers against one",
        1.8,
        || small.fuzz("2", None, seconds).sessions,
        || small.fuzz("1", None, seconds).sessions,
    );
    find("a string of 20 characters, compared whole", "03-whole-word", seeds);
    find("three nested comparisons, three arguments", "05-three-nested", seeds);
    watch_memory("examples/faulty-store", set("MINUTES", 1));
}
