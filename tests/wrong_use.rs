//! Wrong use by a new user: each gives one message with the place and the remedy, the right exit status, and nothing on
//! standard output. What is wrong with a plugin, rather than with its use, is a finding and gives status 1.

mod script;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use assert_cmd::Command;
use tempfile::TempDir;

const MANIFEST: &str = "api: '1.0'\ntype: credentialstore\nname: Good\nversion: '1.0'\ndescription: good\n";
const MAIN: &str = "class Plugin:
    def get_password_list(self): return {'passwords': []}
    def get_private_key_list(self): return {'private_keys': []}
    def authentication_completed(self): return {}
    def session_ended(self): return None
";

/// A working folder, with a plugin `good/` in it.
struct Desk {
    folder: TempDir,
    command: Command,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookstorm"));
        command.current_dir(folder.path()).timeout(Duration::from_secs(120));
        for name in ["VIRTUAL_ENV", "CLICOLOR_FORCE", "HOOKSTORM_WORKER"] {
            command.env_remove(name);
        }
        let desk = Self { folder, command };
        desk.plugin("good", MAIN);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).unwrap();
        fs::write(path, content).unwrap();
    }

    fn plugin(&self, name: &str, main: &str) {
        self.write(&format!("{name}/MANIFEST"), MANIFEST);
        self.write(&format!("{name}/main.py"), main);
    }

    /// A program of one line of shell.
    fn script(&self, name: &str, line: &str) -> PathBuf {
        let path = self.path(name);
        script::write(&path, &format!("#!/bin/sh\n{line}\n"));
        path
    }

    fn run(mut self, arguments: &[&str]) -> Told {
        let output = self.command.args(arguments).output().expect("hookstorm starts");
        Told::new(self.folder.path(), &output)
    }
}

/// What hookstorm printed, without what differs between runs.
struct Told {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Told {
    fn new(folder: &Path, output: &Output) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("hookstorm writes UTF-8");
            text.replace(&folder.to_string_lossy().into_owned(), "[desk]")
        };
        // The opening line names the plugin; it is printed only if the plugin could be opened.
        let stderr = text(&output.stderr);
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("hookstorm 0.")).collect();
        Self { status: output.status.code(), stdout: text(&output.stdout), stderr: lines.join("\n") }
    }

    /// One message of ours and nothing else, with that status.
    fn one_message(self, status: i32) -> String {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, Some(status), "{stdout}{stderr}");
        assert_eq!(stdout, "", "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        for alien in ["Traceback", "panicked", "os error", "hookstorm failed"] {
            assert!(!stderr.contains(alien), "`{alien}` in\n{stderr}");
        }
        self.stderr
    }
}

fn wrong(arguments: &[&str]) -> String {
    Desk::new().run(arguments).one_message(2)
}

/// The messages for `arguments`, one below the other.
fn all_wrong(arguments: &[&[&str]]) -> String {
    arguments.iter().map(|arguments| wrong(arguments)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_path_that_is_no_plugin_gets_a_hint() {
    let lines: [&[&str]; 3] = [&["check", "nowhere.zip"], &["check", "nowhere/"], &["check", "/dev/null"]];
    insta::assert_snapshot!(all_wrong(&lines), @r"
    error: `nowhere.zip`: no such file or folder
      hint: name the plugin's `.zip`, or the folder that contains its MANIFEST
    error: `nowhere/`: no such file or folder
      hint: name the plugin's `.zip`, or the folder that contains its MANIFEST
    error: `/dev/null`: this is not a plugin: neither a file nor a folder
      hint: name the plugin's `.zip`, or the folder that contains its MANIFEST
    ");
    let desk = Desk::new();
    fs::create_dir(desk.path("empty.zip")).unwrap();
    insta::assert_snapshot!(desk.run(&["check", "empty.zip"]).one_message(2), @r"
    error: `empty.zip`: this is not a plugin: it has neither a MANIFEST nor a Python file
      hint: name the plugin's `.zip`, or the folder that contains its MANIFEST
    ");
    let desk = Desk::new();
    desk.write("above/plugin/MANIFEST", MANIFEST);
    insta::assert_snapshot!(desk.run(&["check", "above"]).one_message(2), @r"
    error: `above`: this is not a plugin: it has no MANIFEST, but a folder in it has one; pass that folder
      hint: name the plugin's `.zip`, or the folder that contains its MANIFEST
    ");
}

#[test]
fn a_broken_package_is_a_finding_with_a_hint() {
    let desk = Desk::new();
    desk.write("text.zip", "hello");
    let told = desk.run(&["check", "text.zip"]);
    assert_eq!(told.status, Some(1));
    assert!(told.stdout.starts_with("error[archive-unreadable] not a readable ZIP archive: it does not end with a"));

    let desk = Desk::new();
    // The end of a ZIP's directory, with no entries.
    fs::write(desk.path("empty.zip"), [b"PK\x05\x06".as_slice(), &[0; 18]].concat()).unwrap();
    let told = desk.run(&["check", "empty.zip"]);
    assert_eq!(told.status, Some(1));
    assert!(told.stdout.contains("error[manifest-missing]") && told.stdout.contains("the archive is empty"));

    let desk = Desk::new();
    desk.write("code/main.py", MAIN);
    let told = desk.run(&["check", "code"]);
    assert_eq!(told.status, Some(1));
    assert!(told.stdout.contains("error[manifest-missing]"), "{}", told.stdout);
}

#[test]
fn a_hook_and_its_arguments_are_answered_with_what_was_meant() {
    insta::assert_snapshot!(all_wrong(&[
        &["run", "good", "--hook", "get_pasword_list"],
        &["run", "good", "--hook", "get_password_list", "--arguments", "{'server_ip': 1}"],
        &["run", "good", "--hook", "get_password_list", "--arguments", "[1]"],
        &["run", "good", "--hook", "get_password_list", "--arguments", ""],
        &["run", "good", "--hook", "get_password_list", "--arguments", r#"{"server_ipp": "::1"}"#],
        &["run", "good", "--hook", "get_password_list", "--arguments", r#"{"server_port": 1, "server_port": 2}"#],
        &["run", "good", "--hook", "get_password_list", "--arguments", r#"{"server_ip": "\ud800"}"#],
        &["run", "good", "--hook", "get_password_list", "--arguments", r#"{"cookie": 5}"#],
        &["run", "good", "--hook", "get_password_list", "--arguments", "@nofile"],
        &["run", "good", "--hook", "get_password_list", "--arguments", "@"],
    ]), @r#"
    error: `get_pasword_list` is not a hook of a plugin of type `credentialstore`
      hint: the nearest is `get_password_list`
    error: `--arguments`, line 1, column 2: key must be a string
      {'server_ip': 1}
       ^
      hint: write JSON with double quotes, in single quotes for the shell: '{"server_port": 22}'; or use `@FILE`
    error: `--arguments`: the arguments must be a JSON object
      hint: write it as `{"server_ip": "192.0.2.1"}`
    error: `--arguments`, line 1, column 1: EOF while parsing a value
      hint: write JSON with double quotes, in single quotes for the shell: '{"server_port": 22}'; or use `@FILE`
    error: `--arguments`: `server_ipp` is not an argument that platform 9.0 passes to `get_password_list`
      hint: the nearest is `server_ip`
    error: `--arguments`, line 1, column 36: key `server_port` appears twice
      {"server_port": 1, "server_port": 2}
                                         ^
      hint: remove one of them
    error: `--arguments`, line 1, column 22: unexpected end of hex escape
      {"server_ip": "\ud800"}
                           ^
      hint: `\u` needs four hexadecimal digits, and must not be a lone surrogate
    error: `--arguments`: `cookie` must be an object
      hint: write it as `{"cookie": {"key": "value"}}`
    error: `nofile` cannot be read: no such file or directory
      hint: hookstorm looked in the current folder, `[desk]`
    error: `--arguments @` names no file
      hint: write `@FILE`, or `@-` for standard input
    "#);
}

#[test]
fn an_invalid_value_of_an_option_is_answered_with_valid_ones() {
    let told = all_wrong(&[
        &["test", "good", "--seed", "x"],
        &["test", "good", "--seed", "-1"],
        &["test", "good", "--jobs", "0"],
        &["test", "good", "--runs", "0"],
        &["test", "good", "--platform", "9.1"],
        &["test", "good", "--timeout", "2"],
        &["test", "good", "--memory", "1"],
        &["test", "good", "--partition", "3/2", "--seed", "1"],
        &["test", "good", "--allow-network", "vault:https"],
        &["test", "--allow-network", "good"],
        &["test", "good", "--rule", "secret-leek=off"],
        &["test", "good", "--rule", "secret-leak=fatal"],
        &["explain", "nonsense"],
    ]);
    // clap ends each with the same two lines.
    let told = told.replace("\n\nFor more information, try '--help'.", "");
    insta::assert_snapshot!(told, @r"
    error: invalid value 'x' for '--seed <S>': `x` is not a seed: a whole number from 0 to 18446744073709551615
    error: invalid value '-1' for '--seed <S>': `-1` is not a seed: a whole number from 0 to 18446744073709551615
    error: invalid value '0' for '--jobs <N>': `0` is not a number of workers: from 1 to 1024
    error: invalid value '0' for '--runs <N>': `0` is out of range: write a whole number from 1 to 1_000_000_000_000
    error: invalid value '9.1' for '--platform <VERSION>': `9.1` is not a platform: choose one of 5.10, 5.11, 6.0, 6.1, 6.2, 6.3, 6.5, 6.7, 6.12, 8.0, 9.0
    error: invalid value '2' for '--timeout <TIME>': `2` has no unit: write `500ms`, `2s` or `1m`
    error: invalid value '1' for '--memory <SIZE>': `1` has no unit: write `512MB` or `1GB`
    error: invalid value '3/2' for '--partition <K/N>': `3/2` is not a part: write `2/8` for the second of eight
    error: invalid value 'vault:https' for '--allow-network <HOST:PORT|all>': `vault:https`: `https` is not a port: from 1 to 65535
    error: invalid value 'good' for '--allow-network <HOST:PORT|all>': `good` is neither a destination nor `all`: write `vault.example.com:8200`, `[::1]:8200` or `all`

      tip: `--allow-network` needs a value: `vault.example.com:8200`, `[::1]:8200`, or `all`, which is what it meant without a value in earlier versions
    error: `--rule secret-leek=off`: `secret-leek` is not the id of a rule
      hint: the nearest is `secret-leak`; `hookstorm rules` lists them all
    error: `--rule secret-leak=fatal`: `fatal` is not a level for `secret-leak`
      hint: the levels are `error`, `warning` and `off`
    error: `nonsense` is not the id of a rule
      hint: `hookstorm rules` lists them all
    ");
}

#[test]
fn a_virtual_environment_must_be_one_of_this_python() {
    let lines: [&[&str]; 2] = [&["check", "good", "--venv", "nowhere"], &["check", "good", "--venv", "good"]];
    insta::assert_snapshot!(all_wrong(&lines), @r"
    error: `nowhere` is not a virtual environment: no such folder
      hint: make one with `python3 -m venv DIR`, or omit `--venv` and unset VIRTUAL_ENV
    error: `good` is not a virtual environment: it has no `pyvenv.cfg`
      hint: set `--venv DIR` or `VIRTUAL_ENV` to a folder that `python3 -m venv` made
    ");
    let desk = Desk::new();
    desk.write("old/pyvenv.cfg", "home = /usr/bin\nversion = 2.7.18\n");
    let told = desk.run(&["check", "good", "--venv", "old"]).one_message(2);
    assert!(told.starts_with("error: the virtual environment `[desk]/old` is of Python 2.7.18, and this hookstorm"));
    assert!(told.contains("hint: make one with `python3."), "{told}");
}

#[test]
fn a_python_that_cannot_be_loaded_is_said_so() {
    let words = "error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file";
    let mut desk = Desk::new();
    let worker = desk.script("worker", &format!("echo \"$0: {words}: No such file or directory\" >&2; exit 127"));
    desk.command.env("HOOKSTORM_WORKER", worker);
    let told = desk.run(&["check", "good"]).one_message(2);
    assert!(told.contains("cannot be loaded: libpython3.11.so.1.0: cannot open shared object file"), "{told}");
    assert!(told.contains("hint: install the shared library of Python 3."), "{told}");

    let mut desk = Desk::new();
    let words = "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding";
    let worker =
        desk.script("worker", &format!("echo \"Python path configuration:\n  many lines\n{words}\" >&2; exit 3"));
    desk.command.env("HOOKSTORM_WORKER", worker);
    let told = desk.run(&["check", "good"]).one_message(2);
    assert!(told.contains(words) && !told.contains("many lines"), "{told}");
}

#[test]
fn a_worker_that_is_none_is_our_failure_and_no_finding_of_the_plugin() {
    let mut desk = Desk::new();
    desk.command.env("HOOKSTORM_WORKER", "/nowhere/hookstorm-worker");
    insta::assert_snapshot!(desk.run(&["check", "good"]).one_message(3), @r"
    error: the worker `/nowhere/hookstorm-worker` cannot be started: no such file or directory
      hint: install both programs of the same hookstorm side by side, and leave HOOKSTORM_WORKER unset
    ");
    let mut desk = Desk::new();
    let worker = desk.script("worker", "exit 0");
    desk.command.env("HOOKSTORM_WORKER", worker);
    insta::assert_snapshot!(desk.run(&["check", "good"]).one_message(3), @r"
    error: the worker `[desk]/worker` ended at its start (exit status 0)
      hint: install both programs of the same hookstorm side by side, and leave HOOKSTORM_WORKER unset
    ");
}

#[test]
fn a_wrong_setting_is_reported_with_its_line() {
    let told = |toml: &str| {
        let desk = Desk::new();
        desk.write("good/hookstorm.toml", toml);
        desk.run(&["check", "good"]).one_message(2)
    };
    let all = [
        "runs = ",
        "rnus = 5",
        "runs = '5'",
        "\ntimeout = 2",
        "[rules]\nsecret-leek = 'off'",
        "[rules]\nsecret-leak = 3",
        "config = 'no.cfg'",
    ];
    insta::assert_snapshot!(all.map(told).join("\n"), @r#"
    error: `good/hookstorm.toml`, line 1: string values must be quoted, expected literal string
      hint: write a setting as `key = value`, and text in quotes: `timeout = "2s"`
    error: `good/hookstorm.toml`, line 1: `rnus` is not a setting
      hint: the nearest is `runs`; all of them: allow-network, allow-read, baseline, color, config, corpus, corpus-cache, format, jobs, load, memory, platform, rules, runs, sandbox, seed, sync-every, timeout, venv, with, with-config
    error: `good/hookstorm.toml`, line 1: `runs` must be a whole number, and is text
    error: `good/hookstorm.toml`, line 2: `timeout` must be text in quotes, and is a whole number
    error: `good/hookstorm.toml`, line 2: `secret-leek` is not the id of a rule
      hint: the nearest is `secret-leak`; `hookstorm rules` lists them all
    error: `good/hookstorm.toml`, line 2: `secret-leak` must be `"error"`, `"warning"` or `"off"`, and is a whole number
    error: `good/no.cfg` cannot be read: no such file or directory
      hint: hookstorm looked in the current folder, `[desk]`
    "#);
}

#[test]
fn a_corpus_is_a_folder_that_can_be_written_before_anything_is_run() {
    let on = |arguments: &[&str]| {
        let desk = Desk::new();
        desk.write("case.json", "{}");
        desk.write("broken/case.json", "hello");
        desk.run(arguments).one_message(2)
    };
    let told = [
        on(&["test", "good", "--runs", "5", "--corpus", "case.json"]),
        on(&["replay", "good", "--corpus", "case.json"]),
        on(&["replay", "good"]),
        on(&["replay", "good", "--corpus", "broken"]),
        on(&["run", "good", "--case", "case.json"]),
        on(&["run", "good", "--case", "nowhere.json"]),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    error: `case.json` is not a folder
      hint: set the folder that contains the cases: `--corpus DIR`
    error: `case.json` is not a folder, but a corpus is one
      hint: to run a single case: `hookstorm replay PLUGIN CASE`
    error: there is no corpus at `corpora`
      hint: `hookstorm test` creates one when it finds something; `--corpus DIR` sets another folder
    error: `broken/case.json` is not a case: expected value at line 1 column 1
      hint: `hookstorm schema case` describes the form
    error: `case.json` is not a case: missing field `format` at line 1 column 2
      hint: `hookstorm schema case` describes the form
    error: `nowhere.json` cannot be read: no such file or directory
      hint: hookstorm looked in the current folder, `[desk]`
    ");
}

#[test]
fn a_case_for_another_type_of_plugin_is_refused_wherever_it_is_named() {
    let case =
        r#"{"format": 1, "type": "aa", "platform": "9.0", "calls": [{"hook": "authenticate", "arguments": {}}]}"#;
    for arguments in [["run", "good", "--case", "aa.json"].as_slice(), &["replay", "good", "aa.json"]] {
        let desk = Desk::new();
        desk.write("aa.json", case);
        let told = desk.run(arguments).one_message(2);
        assert!(told.starts_with("error: `aa.json` is a case for a plugin of type `aa`, and this one is of"), "{told}");
    }
}

#[test]
fn a_module_that_does_not_compile_is_shown_at_its_line() {
    let desk = Desk::new();
    desk.plugin("broken", &format!("{MAIN}def x(:\n"));
    let told = desk.run(&["check", "broken", "-q"]);
    assert_eq!(told.status, Some(1));
    assert!(told.stdout.contains("error[import-failed] SyntaxError: "), "{}", told.stdout);
    assert!(
        told.stdout.contains("--> main.py:6 in <module>") && told.stdout.contains("6 | def x(:"),
        "{}",
        told.stdout
    );
}
