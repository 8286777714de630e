//! The commands that need no plugin, and what the program says to wrong use: statuses, streams, words.

use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin_cmd;

/// Runs hookstorm in an empty folder and an environment without wishes of its own.
fn hookstorm(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = cargo_bin_cmd!("hookstorm");
    command.current_dir(folder.path()).env_remove("VIRTUAL_ENV").env_remove("CLICOLOR_FORCE").args(arguments);
    command.output().expect("hookstorm starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("hookstorm writes UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("hookstorm writes UTF-8")
}

#[test]
fn the_help_lists_every_documented_command() {
    let help = hookstorm(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in [
        "check",
        "run",
        "test",
        "replay",
        "minimize",
        "report",
        "init",
        "rules",
        "explain",
        "doctor",
        "schema",
        "completions",
    ] {
        assert!(stdout(&help).contains(&format!("  {command} ")), "{command} is missing in\n{}", stdout(&help));
        assert_eq!(hookstorm(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
}

#[test]
fn help_is_grouped_by_topic_and_ends_with_two_examples() {
    let help = stdout(&hookstorm(&["test", "--help"]));
    let places: Vec<_> = ["Plugin:", "Limits:", "Amount:", "Output:", "Examples:"]
        .iter()
        .map(|heading| help.find(heading).unwrap_or_else(|| panic!("{heading} is missing in\n{help}")))
        .collect();
    assert!(places.iter().all(|place| place <= &places[4]), "{help}");
    let last: Vec<_> = help.trim_end().lines().rev().take(2).collect();
    assert!(last.iter().all(|line| line.starts_with("  hookstorm test ")), "{help}");
}

#[test]
fn nothing_at_all_is_answered_with_help_and_wrong_use() {
    let output = hookstorm(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: hookstorm"), "{}", stderr(&output));
}

#[test]
fn rules_are_listed_for_people_and_for_machines() {
    let text = hookstorm(&["rules"]);
    assert_eq!(text.status.code(), Some(0));
    assert!(stdout(&text).contains("uncaught-exception") && !stdout(&text).contains('\x1b'), "{}", stdout(&text));
    let json: serde_json::Value = serde_json::from_slice(&hookstorm(&["rules", "--format", "json"]).stdout).unwrap();
    let rules = json["rules"].as_array().unwrap();
    assert_eq!(rules.len(), hookstorm::finding::Rule::ALL.len());
    assert!(rules.iter().all(|rule| rule["id"].is_string() && rule["severity"].is_string()));
}

#[test]
fn colours_come_when_they_are_asked_for() {
    assert!(stdout(&hookstorm(&["rules", "--color", "always"])).contains('\x1b'));
    assert!(!stdout(&hookstorm(&["rules", "--color", "never"])).contains('\x1b'));
}

#[test]
fn a_rule_is_explained_and_a_misspelt_one_finds_its_nearest() {
    let output = hookstorm(&["explain", "secret-leak"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("secret-leak (error, "), "{}", stdout(&output));
    let output = hookstorm(&["explain", "secret-leek"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    insta::assert_snapshot!(stderr(&output), @r"
    error: `secret-leek` is not the id of a rule
      hint: the nearest is `secret-leak`; `hookstorm rules` lists them all
    ");
}

#[test]
fn schemas_are_json_schemas() {
    for what in ["case", "report", "ndjson", "doctor"] {
        let output = hookstorm(&["schema", what]);
        assert_eq!(output.status.code(), Some(0), "{what}");
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{what}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = hookstorm(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("minimize"), "{shell}");
    }
    assert_eq!(hookstorm(&["completions", "powershell"]).status.code(), Some(2));
}

#[test]
fn wrong_use_is_status_2_and_names_what_is_wrong() {
    for (arguments, named) in [
        (&["tset", "plugin"][..], "tset"),
        (&["test"], "<PLUGIN>"),
        (&["test", "plugin", "--rusn", "5"], "--rusn"),
        (&["test", "plugin", "--runs", "0"], "from 1 to 1_000_000_000_000"),
        (&["test", "plugin", "--timeout", "2"], "write `500ms`, `2s` or `1m`"),
        (&["test", "plugin", "--memory", "512"], "write `512MB` or `1GB`"),
        (&["test", "plugin", "--platform", "6.9"], "6.7, 6.12"),
        (&["test", "plugin", "--partition", "3/2", "--seed", "1"], "write `2/8`"),
        (&["test", "plugin", "--partition", "1/2"], "--seed"),
        (&["test", "plugin", "--jobs", "0"], "from 1 to 1024"),
        (&["test", "plugin", "--allow-network"], "tip: `--allow-network` needs a value"),
        (&["test", "--allow-network", "plugin/"], "tip: `--allow-network` needs a value"),
        (&["test", "plugin", "--allow-network", "::1"], "in brackets"),
        (&["test", "plugin", "--allow-network", "vault.invalid:8200"], "`vault.invalid` does not resolve"),
        (&["test", "plugin", "--allow-read", "x.pem"], "`x.pem` cannot be read: no such file or directory"),
        (&["test", "plugin", "--sandbox", "none"], "on, require, off"),
        (&["test", "plugin", "--format", "yaml"], "text, json, ndjson, sarif, junit, markdown"),
        (&["run", "plugin"], "--hook"),
        (&["run", "plugin", "--hook", "authorize", "--case", "x.json"], "--case"),
        (&["run", "plugin", "--case", "x.json"], "`x.json` cannot be read: no such file or directory"),
        (&["check", "plugin", "--config", "x.cfg"], "`x.cfg` cannot be read: no such file or directory"),
        (&["check", "plugin", "--venv", "x"], "`x` is not a virtual environment"),
        (&["schema", "plugin"], "case, report"),
    ] {
        let output = hookstorm(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{}", stderr(&output));
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}\n{}", stderr(&output));
        assert!(stderr(&output).contains(named), "{arguments:?}\n{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_wrong_setting_beside_manifest_is_reported_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("MANIFEST"), "").unwrap();
    std::fs::write(folder.path().join("hookstorm.toml"), "runs = 10\n\ntimeoutt = \"2s\"\n").unwrap();
    let output = cargo_bin_cmd!("hookstorm").current_dir(folder.path()).args(["test", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r"
    error: `./hookstorm.toml`, line 3: `timeoutt` is not a setting
      hint: the nearest is `timeout`; all of them: allow-network, allow-read, baseline, color, config, corpus, corpus-cache, format, jobs, load, memory, platform, rules, runs, sandbox, seed, sync-every, timeout, venv, with, with-config
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("hookstorm"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed before a byte is read; the script is longer than a pipe holds or comes after this.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}
