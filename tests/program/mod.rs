//! Runs hookstorm as a user does: in a folder of its own, with a temporary folder of its own, and without the tester's
//! environment. After a run, no process and no scratch folder of it may be left.
#![allow(dead_code)]

use std::{
    fs,
    io::{Cursor, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde_json::Value;
use zip::{ZipWriter, write::SimpleFileOptions};

/// How long one run may take before it counts as hung: far more than any does.
const DEADLINE: Duration = Duration::from_secs(300);
/// How long a process that was killed may take to be gone.
const LAST_BREATH: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// Where somebody works.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(folder.path().join("tmp")).expect("it is empty");
        Self { folder }
    }

    /// A path in the folder that hookstorm is started in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file there, and gives back its path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// hookstorm, not yet started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hookstorm"));
        command.current_dir(self.folder.path()).env("TMPDIR", self.path("tmp"));
        for name in ["VIRTUAL_ENV", "CLICOLOR_FORCE", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs hookstorm to its end.
    pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Ran {
        let mut command = self.command();
        command.args(arguments);
        let output =
            assert_cmd::Command::from_std(command).timeout(DEADLINE).output().expect("hookstorm starts and ends");
        self.assert_nothing_is_left();
        Ran::new(output)
    }

    /// Asserts that no process of a run lives on and no scratch folder stayed.
    pub(crate) fn assert_nothing_is_left(&self) {
        self.assert_no_process_is_left();
        assert_eq!(self.scratch(), [] as [PathBuf; 0]);
    }

    /// What lies in the temporary folder.
    pub(crate) fn scratch(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp")).unwrap().flatten().map(|entry| entry.path()).collect()
    }

    /// Asserts that no process of a run lives on.
    pub(crate) fn assert_no_process_is_left(&self) {
        let ours = format!("TMPDIR={}", self.path("tmp").display()).into_bytes();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            // The descriptor comes first, so that it is the process whose environment was read.
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(&ours)) {
                // The kernel may still be at killing it; what lives on does so beyond any patience.
                let ended = poll(&mut [PollFd::new(&process.as_fd(), PollFlags::IN)], Some(&LAST_BREATH));
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                assert_eq!(ended, Ok(1), "process {pid:?} is left: {}", String::from_utf8_lossy(&line));
            }
        }
    }
}

impl Ran {
    pub(crate) fn new(output: std::process::Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("hookstorm writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("hookstorm writes UTF-8"),
        }
    }

    /// The report.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no report ({error}): {self:?}"))
    }

    /// The rules that were broken, each once, in the order of the alphabet.
    pub(crate) fn rules(&self) -> Vec<String> {
        let report = self.json();
        let findings = report["findings"].as_array().expect("a report has findings");
        let mut rules: Vec<String> = findings.iter().map(|one| one["rule"].as_str().unwrap().to_owned()).collect();
        rules.sort();
        rules.dedup();
        rules
    }
}

/// The worker's program. Cargo builds it for the tests of its own package only.
pub(crate) fn worker() -> PathBuf {
    let worker = assert_cmd::cargo::cargo_bin!("hookstorm").with_file_name("hookstorm-worker");
    assert!(worker.is_file(), "`{}` is not built: add `--test worker` to `cargo test`", worker.display());
    worker
}

/// A folder of the repository, `examples/clean-aa`.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The virtual environment that has the Plugin SDK. A test that needs it fails without it: one command makes it
/// anywhere.
pub(crate) fn venv() -> PathBuf {
    let venv = std::env::var_os("HOOKSTORM_TEST_VENV").map_or_else(|| folder(".venv"), PathBuf::from);
    assert!(
        venv.join("pyvenv.cfg").is_file(),
        "`{}` is not a virtual environment: `make venv` makes one, HOOKSTORM_TEST_VENV names another one",
        venv.display()
    );
    venv
}

/// The Python of that virtual environment, which can import the Plugin SDK and PyYAML.
pub(crate) fn python_with_sdk() -> PathBuf {
    let python = venv().join("bin/python");
    let imports = Command::new(&python)
        .args(["-c", "import safeguard.sessions.plugin_impl.tasks.manifest"])
        .stderr(Stdio::null())
        .status();
    let has_sdk = imports.is_ok_and(|status| status.success());
    assert!(has_sdk, "`{}` cannot import the Plugin SDK: `make venv` installs it", python.display());
    python
}

/// The forms that `--format` of a command takes, as its help lists them.
pub(crate) fn forms(command: &str) -> Vec<String> {
    let help = Desk::new().run(&[command, "--help"]).stdout;
    let (_, rest) = help.split_once("--format <").expect("it has the option");
    let (forms, _) = rest.split_once('>').expect("the list ends");
    forms.split('|').map(str::to_owned).collect()
}

/// An archive with these entries.
pub(crate) fn zip<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An archive of a folder.
pub(crate) fn zip_of(folder: &Path) -> Vec<u8> {
    fn collect(folder: &Path, name: &str, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let file_name = entry.file_name().into_string().unwrap();
            let inside = if name.is_empty() { file_name.clone() } else { format!("{name}/{file_name}") };
            if entry.path().is_file() {
                files.push((inside, fs::read(entry.path()).unwrap()));
            } else if file_name != "__pycache__" {
                collect(&entry.path(), &inside, files);
            }
        }
    }
    let mut files = Vec::new();
    collect(folder, "", &mut files);
    zip(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// Takes out of a report how long each call took.
pub(crate) fn forget_durations(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("elapsed_ms");
            fields.values_mut().for_each(forget_durations);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_durations),
        _ => {}
    }
}
