//! What the benches of `fuzz` share: the planted defects, and a search for one of them by the program as users run it.
//! The time is from the start of the process to the line that reports the finding.
#![allow(dead_code)]

pub(crate) mod program;
pub(crate) mod tools;

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How much longer than its time a process may run, to start and to end.
const GRACE: Duration = Duration::from_secs(20);

/// A row of expected.toml.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planted {
    pub(crate) folder: String,
    pub(crate) depth: u32,
    pub(crate) needs: String,
    pub(crate) rule: String,
    pub(crate) hook: String,
    pub(crate) line: u64,
}

impl Planted {
    /// All planted defects.
    pub(crate) fn all() -> Vec<Self> {
        #[derive(serde::Deserialize)]
        struct Table {
            plugin: Vec<Planted>,
        }
        let text = std::fs::read_to_string(folder("benches/planted/expected.toml")).expect("the file is there");
        toml::from_str::<Table>(&text).expect("it is a table of plugins").plugin
    }

    /// The plugin's folder.
    pub(crate) fn path(&self) -> PathBuf {
        folder("benches/planted").join(&self.folder)
    }

    /// Whether a finding of a report is the planted defect. A finding that needs a cookie which the plugin never
    /// returned is not.
    pub(crate) fn is(&self, finding: &Value) -> bool {
        finding["rule"] == *self.rule
            && finding["hook"] == *self.hook
            && finding["foreign_cookie"] != true
            && finding["location"]["line"].as_u64().is_none_or(|line| line == self.line)
    }
}

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Hunted {
    /// How long it took to find the planted defect; `None` if it was not found in time.
    pub(crate) took: Option<Duration>,
    /// The other findings.
    pub(crate) others: Vec<String>,
}

/// Searches with `hookstorm fuzz` on one core.
pub(crate) fn with_hookstorm(planted: &Planted, seed: u64, limit: Duration) -> Hunted {
    let corpus = tempfile::tempdir().expect("a folder can be made");
    let mut command = on_core(0, env!("CARGO_BIN_EXE_hookstorm"));
    command.args(["fuzz", "--format", "ndjson", "--jobs", "1", "--seed", &seed.to_string()]);
    command.args(["--time", &format!("{}s", limit.as_secs())]).arg("--corpus").arg(corpus.path());
    let mut others = Vec::new();
    let took = until(command.arg(planted.path()), limit, |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        let finding = (event["event"] == "found").then(|| &event["finding"])?;
        if planted.is(finding) {
            return Some(());
        }
        others.push(format!("{}: {finding}", planted.folder));
        None
    });
    Hunted { took: took.map(|(took, ())| took), others }
}

/// A command that runs on one core.
pub(crate) fn on_core(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Runs `command` until `look` makes something of a line of its standard output, and says how long that took. `None`
/// where it ended without, or went on for too long.
pub(crate) fn until<T>(
    command: &mut Command,
    limit: Duration,
    mut look: impl FnMut(&str) -> Option<T>,
) -> Option<(Duration, T)> {
    let begin = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program and taskset are there");
    let stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send((begin.elapsed(), line)).is_err() {
                break;
            }
        }
    });
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut seen = None;
    let mut lines = 0;
    while let Ok((at, line)) = receiver.recv_timeout((limit + GRACE).saturating_sub(begin.elapsed())) {
        lines += 1;
        seen = look(&line).map(|it| (at, it));
        if seen.is_some() {
            break;
        }
    }
    drop(receiver);
    end(&mut child);
    reader.join().expect("reading does not panic");
    let complaints = complaints.join().expect("reading does not panic");
    assert!(lines > 0, "{command:?} told nothing: {complaints}");
    seen
}

/// Asks a process to end, and kills it if it does not.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a child has a process id");
    // The process may have ended already.
    let _ = kill_process(pid, Signal::INT);
    let begin = Instant::now();
    while begin.elapsed() < GRACE {
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The median; of an even number the longer one in the middle. `None` counts as the longest.
pub(crate) fn median(times: &[Option<Duration>]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_by_key(|time| time.unwrap_or(Duration::MAX));
    times.get(times.len() / 2).copied().flatten()
}

/// A number from a variable of the environment, such as SEEDS.
pub(crate) fn set(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, which is no number")),
        Err(_) => usual,
    }
}

/// A folder of the repository.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
