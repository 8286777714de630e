//! hookstorm beside what a plugin's author would use otherwise: the plain CPython loop, Hypothesis and Atheris, by the
//! harnesses in `benches/peers`. `make bench-peers`; two tables in Markdown, with date, machine and versions: how many
//! calls a second each makes on the same plugins, and how long each takes to find what is planted.
//!
//! SECONDS (10) says how long each counts its calls, three times over; SEEDS, RIVAL_SEEDS, TIME and ONLY are as for
//! `make planted`. All run on one core, in turn.

mod hunt;
mod loaded;

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use hunt::{
    program::Tested,
    set,
    tools::{Hunting, Tool, peer, peers_venv},
};
use loaded::Loaded;

/// How many rounds there are; the median is printed.
const ROUNDS: usize = 3;
const CORE: usize = 0;
/// What makes calls, as the table names it.
const RUNNERS: [&str; 5] = ["plain loop", "Hypothesis", "Atheris", "`hookstorm test`", "`hookstorm fuzz`"];

/// Calls per second of each of [`RUNNERS`] on a plugin, in rounds.
struct Measured {
    rounds: Vec<[f64; RUNNERS.len()]>,
}

impl Measured {
    fn new(tested: &Tested<'_>, seconds: u64) -> Self {
        let loaded = Loaded::new(tested.folder, tested.venv.map(Path::to_owned));
        let scratch = tempfile::tempdir().expect("a folder can be made");
        let calls = scratch.path().join("calls.json");
        loaded.write_calls(&calls);
        let rounds = (0..ROUNDS).map(|_| {
            let round = [
                loaded.plain(&calls, Duration::from_secs(seconds), Some(CORE)),
                by(Tool::Hypothesis, tested, seconds),
                by(Tool::Atheris, tested, seconds),
                tested.test(Some(CORE), seconds).calls,
                tested.fuzz("1", Some(CORE), seconds).calls,
            ];
            let told: Vec<String> =
                RUNNERS.iter().zip(round).map(|(name, rate)| format!("{name} {rate:.0}/s")).collect();
            eprintln!("{}: {}", tested.name, told.join(", "));
            round
        });
        Self { rounds: rounds.collect() }
    }

    /// Calls per second of one of them, and the ratio to the plain loop of the same round: two cells.
    fn cells(&self, runner: usize) -> String {
        let rate = loaded::median(self.rounds.iter().map(|round| round[runner]).collect());
        let ratio = loaded::median(self.rounds.iter().map(|round| round[runner] / round[0]).collect());
        format!(" {rate:.0} | {ratio:.2} |")
    }
}

/// Calls per second by a harness that looks for what no plugin has, and so goes on until its time is up.
fn by(tool: Tool, tested: &Tested<'_>, seconds: u64) -> f64 {
    let limit = Duration::from_secs(seconds);
    let scratch = tempfile::tempdir().expect("a folder can be made");
    let script = tool.script().expect("it has a harness");
    let sought = ["none", "none"];
    let mut command = peer(script, &hunt::folder(tested.folder), sought, 1, limit, scratch.path());
    let told = hunt::until(&mut command, limit, |line| serde_json::from_str::<serde_json::Value>(line).ok());
    let (_, told) = told.unwrap_or_else(|| panic!("{} told nothing in time", tool.name()));
    for other in told["others"].as_array().into_iter().flatten() {
        eprintln!("{}: {} tells {other}", tested.name, tool.name());
    }
    let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in what it tells"));
    number("calls") / number("seconds")
}

/// When, where and with what, in a line.
fn circumstances() -> String {
    let told = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().expect("the program is there");
        assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let versions = "import platform; from importlib.metadata import version as v; print('CPython', \
                    platform.python_version() + ', Hypothesis', v('hypothesis') + ', Atheris', v('atheris') + \
                    ', Plugin SDK', v('oneidentity-safeguard-sessions-plugin-sdk'))";
    format!(
        "{}, {} ({cores} cores, one used), hookstorm {}, {}",
        told(Path::new("date"), &["-u", "+%F"]),
        model.trim_start_matches([' ', '\t', ':']),
        env!("CARGO_PKG_VERSION"),
        told(&peers_venv().join("bin/python"), &["-c", versions])
    )
}

/// Whether any process is left that we started, or that one of those started.
fn left() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<String> =
        children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let status = |pid: String| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    pids.into_iter().filter_map(status).filter(|stat| !stat.contains(") Z ")).collect()
}

fn main() {
    // `cargo test --benches` runs this too, only to check that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    // What outlives its parent becomes our child, and is seen at the end.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("the system has it");
    let begin = SystemTime::now();
    let (seconds, venv) = (set("SECONDS", 10), peers_venv());
    let circumstances = circumstances();

    let small = Tested { name: "small plugin", folder: "benches/plugins/small", venv: None };
    let sdk = Tested { name: "plugin on the SDK", folder: "examples/clean-store-sdk", venv: Some(&venv) };
    let tested = [&small, &sdk].map(|tested| (tested.name, Measured::new(tested, seconds)));
    println!("Calls per second, median of {ROUNDS} rounds of {seconds} s; {circumstances}:\n");
    print!("| |");
    tested.iter().for_each(|(name, _)| print!(" {name} | to the plain loop |"));
    println!("\n| --- |{}", " ---: | ---: |".repeat(tested.len()));
    for (place, runner) in RUNNERS.iter().enumerate() {
        print!("| {runner} |");
        tested.iter().for_each(|(_, measured)| print!("{}", measured.cells(place)));
        println!();
    }

    let hunting = Hunting::new(Tool::ALL);
    println!("\nSeconds until what is planted is found, {}; {circumstances}:\n", hunting.terms());
    hunting.print();
    eprintln!("it took {} s", begin.elapsed().map_or(0, |took| took.as_secs()));
    assert_eq!(left(), Vec::<String>::new(), "a process is left");
}
