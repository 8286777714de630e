//! The program as users run it, on a plugin: how much of it `test` and `fuzz` do in a second.

use std::{path::Path, process::Command};

use serde_json::Value;

/// With how many sessions it is looked how long a second's worth takes; small plugins do that many in a moment.
const PROBE: f64 = 5000.0;

/// A plugin, and the environment that it needs.
pub(crate) struct Tested<'a> {
    pub(crate) name: &'a str,
    pub(crate) folder: &'a str,
    pub(crate) venv: Option<&'a Path>,
}

/// What is done in a second, start-up included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) sessions: f64,
    pub(crate) calls: f64,
}

impl Rate {
    fn of(report: &Value) -> Self {
        let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in the report"));
        let elapsed = number("elapsed_seconds");
        Self { sessions: number("sessions") / elapsed, calls: number("calls") / elapsed }
    }
}

impl Tested<'_> {
    /// A run of a command on the plugin, with a corpus of its own.
    fn run(&self, command: &str, core: Option<usize>, arguments: &[&str]) -> Value {
        let corpus = tempfile::tempdir().expect("a folder can be made");
        let program = env!("CARGO_BIN_EXE_hookstorm");
        let mut run = match core {
            Some(core) => super::on_core(core, program),
            None => Command::new(program),
        };
        run.arg(command).arg(super::folder(self.folder)).args(["--format", "json", "--seed", "1", "--corpus"]);
        run.arg(corpus.path()).args(arguments);
        if let Some(venv) = self.venv {
            run.arg("--venv").arg(venv);
        }
        let output = run.output().expect("the program and taskset are there");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// How much `fuzz` does.
    pub(crate) fn fuzz(&self, jobs: &str, core: Option<usize>, seconds: u64) -> Rate {
        Rate::of(&self.run("fuzz", core, &["--jobs", jobs, "--time", &format!("{seconds}s")]))
    }

    /// How much `test` does, with as many sessions as take about as long.
    pub(crate) fn test(&self, core: Option<usize>, seconds: u64) -> Rate {
        let test = |runs: f64| Rate::of(&self.run("test", core, &["--jobs", "1", "--runs", &format!("{runs:.0}")]));
        test((test(PROBE).sessions * seconds as f64).max(PROBE))
    }
}
