//! hookstorm tested with its own generators: a few hundred inputs in every run of the tests. `HOOKSTORM_TEST_RUNS` and
//! `HOOKSTORM_TEST_SEED` choose more and others, `HOOKSTORM_TEST_KEEP` a folder for differences.

mod script;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use assert_cmd::cargo::cargo_bin_cmd;
use hookstorm::{
    engine::Stop,
    selftest::{Difference, SelftestKind, SelftestSettings, SelftestSummary, selftest},
};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn run(kind: SelftestKind, runs: u64, venv: Option<PathBuf>) -> SelftestSummary {
    let folder = tempfile::tempdir().unwrap();
    let corpus = std::env::var_os("HOOKSTORM_TEST_KEEP").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let settings = SelftestSettings {
        kind,
        runs: Some(number("HOOKSTORM_TEST_RUNS", runs)),
        time: None,
        seed: number("HOOKSTORM_TEST_SEED", 1),
        skip: 0,
        jobs: 2,
        corpus,
        venv,
    };
    let summary = selftest(&settings, &Stop::default(), &|_| {}).unwrap();
    println!("{} runs in {:.1?}, {} differences", summary.runs, summary.elapsed, summary.differences.len());
    summary
}

#[track_caller]
fn has_no_difference(summary: &SelftestSummary) {
    let shown = |difference: &Difference| {
        let files: String = difference
            .files
            .iter()
            .filter(|(name, _)| !name.ends_with(".zip"))
            .map(|(name, content)| format!("--- {name}\n{}\n", String::from_utf8_lossy(content)))
            .collect();
        format!("{}\nparts {:?}, platform {}\n{}\n", difference.problem, difference.parts, difference.platform, files)
    };
    let all: Vec<String> = summary.differences.iter().map(shown).collect();
    assert!(all.is_empty(), "{} differences\n\n{}", all.len(), all.join("\n\n"));
}

#[test]
fn the_manifest_reader_agrees_with_the_generator_and_the_sdk() {
    let venv = std::env::var_os("HOOKSTORM_TEST_VENV").map(PathBuf::from);
    let venv = venv.or_else(|| Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv")));
    let summary = run(SelftestKind::Manifest, 2000, venv);
    assert!(summary.notes.is_empty(), "no Plugin SDK: `make test` makes the virtual environment: {:?}", summary.notes);
    has_no_difference(&summary);
}

#[test]
fn a_package_is_opened_loaded_run_and_judged_as_expected() {
    has_no_difference(&run(SelftestKind::Package, 50, None));
}

#[test]
fn the_command_runs_both_kinds_and_reports_their_number_and_seed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cargo_bin_cmd!("hookstorm");
    command.current_dir(folder.path()).args(["selftest", "--runs", "3", "--seed", "7", "--jobs", "1"]);
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("3 manifests in ") && lines[0].ends_with(", seed 7: no differences"), "{stdout}");
    assert!(lines[1].starts_with("3 packages in ") && lines[1].ends_with(", seed 7: no differences"), "{stdout}");
    assert!(!folder.path().join("corpora").exists(), "without a difference nothing is written");
}

#[test]
fn the_command_runs_one_kind_and_writes_json() {
    let mut command = cargo_bin_cmd!("hookstorm");
    command.args(["selftest", "manifest", "--runs", "5", "--seed", "7", "--skip", "40", "--format", "json", "--quiet"]);
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["command"], &report["status"]), (&"selftest".into(), &"clean".into()), "{report}");
    assert_eq!((&report["seed"], &report["skip"]), (&7.into(), &40.into()));
    assert_eq!((&report["kinds"][0]["kind"], &report["kinds"][0]["runs"]), (&"manifest".into(), &5.into()));
    assert_eq!((output.status.code(), report["kinds"].as_array().map(Vec::len)), (Some(0), Some(1)));
}

#[test]
fn a_signal_stops_a_selftest_with_its_report_and_the_status_of_the_signal() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let program = cargo_bin_cmd!("hookstorm").get_program().to_owned();
        let mut child = Command::new(program)
            .args(["selftest", "manifest", "--time", "10m", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The first line comes after the program listens to signals.
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("selftest, seed "), "{line}");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{signal}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["status"], "interrupted", "{report}");
    }
}

/// A folder with a `bin/python` that is this line of shell.
fn environment(line: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("bin/python");
    fs::create_dir(folder.path().join("bin")).unwrap();
    script::write(&python, &format!("#!/bin/sh\n{line}\n"));
    folder
}

#[test]
fn an_environment_without_an_sdk_that_answers_is_an_error_where_the_user_named_it() {
    let (empty, none) = (tempfile::tempdir().unwrap(), environment("exit 1"));
    let ends = environment("echo ready; read line");
    for (venv, says) in [
        (empty.path(), "its `bin/python` does not start"),
        (none.path(), "its `bin/python` cannot import the Plugin SDK"),
        (ends.path(), "its process ended at input "),
    ] {
        let mut command = cargo_bin_cmd!("hookstorm");
        // The SDK does not know 5.10, so it does not get every manifest.
        command.args(["selftest", "manifest", "--runs", "20", "--seed", "7", "--jobs", "1", "--venv"]).arg(venv);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{says}: {stderr}");
        assert!(stderr.contains(says) && stderr.contains("pip install oneidentity"), "{says}: {stderr}");
    }
    let mut command = cargo_bin_cmd!("hookstorm");
    command.env("VIRTUAL_ENV", none.path()).args(["selftest", "manifest", "--runs", "1"]);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("note: there is no Plugin SDK"), "{stderr}");
}

#[test]
fn wrong_use_is_refused_with_the_right_words() {
    for (arguments, says) in [
        (&["selftest", "session"][..], "manifest"),
        (&["selftest", "--runs", "0"], "`0` is out of range"),
        (&["selftest", "--skip", "-1"], "`-1` is not a number of inputs: from 0 on"),
        (&["selftest", "--time", "10"], "has no unit"),
        (&["selftest", "--corpus", "s3://bucket/x"], "is a bucket"),
        (&["selftest", "--venv", "no-such-folder"], "`no-such-folder` is not a virtual environment"),
        (&["fuzz", "--target", "manifest"], "hookstorm selftest"),
    ] {
        let output = cargo_bin_cmd!("hookstorm").args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}
