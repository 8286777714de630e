//! `hookstorm fuzz` as a user runs it: it finds what random sessions do not, keeps seeds, reports progress, and ends
//! when it should.

mod program;

use std::{fs, path::Path};

use program::{Desk, Ran, folder};
use serde_json::Value;

/// Fuzzes a folder of the repository, on one worker.
fn fuzz(desk: &Desk, plugin: &str, options: &[&str]) -> Ran {
    let plugin = folder(plugin);
    let mut arguments = vec!["fuzz", plugin.to_str().unwrap(), "--jobs", "1"];
    arguments.extend(options);
    desk.run(&arguments)
}

const DOORS: &str = "tests/plugins/misc/behind-doors";

/// The report without what the clock decides.
fn timeless(ran: &Ran) -> Value {
    let mut report = ran.json();
    for field in ["elapsed_seconds", "calls_per_second", "history"] {
        report.as_object_mut().unwrap().remove(field);
    }
    program::forget_durations(&mut report);
    report["fuzz"].as_object_mut().unwrap().remove("last_edge_seconds");
    report
}

/// Every file below `folder` with its content.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_defect_behind_three_doors_is_found_the_same_way_each_time_and_not_by_test() {
    let options = ["--runs", "4000", "--seed", "1", "--format", "json"];
    let (desk, again) = (Desk::new(), Desk::new());
    let ran = fuzz(&desk, DOORS, &options);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.rules().contains(&"uncaught-exception".to_owned()), "{ran:?}");
    let report = timeless(&ran);
    assert_eq!((&report["sessions"], &report["fuzz"]["ended"]), (&4000.into(), &"runs".into()));
    assert_eq!(report, timeless(&fuzz(&again, DOORS, &options)));
    assert_eq!(files(&desk.path("corpora")), files(&again.path("corpora")));

    let plugin = folder(DOORS);
    let test = Desk::new().run(&["test", plugin.to_str().unwrap(), "--runs", "4000", "--seed", "1"]);
    assert_eq!(test.status, Some(0), "{test:?}");
}

#[test]
fn what_was_learned_is_gone_on_from_and_is_no_regression_test() {
    let desk = Desk::new();
    let first = fuzz(&desk, DOORS, &["--runs", "3000", "--seed", "1", "--format", "json"]);
    let seeds = fs::read_dir(desk.path("corpora/BehindDoors/seeds")).unwrap().count();
    assert_eq!(first.json()["fuzz"]["corpus_new"], seeds);
    // Ordinary sessions, one batch of what they suggest, which opens one door at the most, and the corpus.
    let runs = (32 + 64 + seeds).to_string();
    let second = fuzz(&desk, DOORS, &["--runs", &runs, "--seed", "2", "--format", "json"]);
    assert_eq!(second.json()["fuzz"]["edges"], first.json()["fuzz"]["edges"]);
    assert!(second.rules().contains(&"uncaught-exception".to_owned()), "{second:?}");

    let plugin = folder(DOORS);
    let replayed = desk.run(&["replay", plugin.to_str().unwrap(), "--format", "json"]);
    let cases = replayed.json()["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty() && cases.iter().all(|case| case["outcome"] == "still-there"), "{cases:?}");
}

#[test]
fn a_clean_plugin_gives_silence() {
    for plugin in ["examples/clean-store", "examples/clean-aa"] {
        let ran = fuzz(&Desk::new(), plugin, &["--runs", "3000", "--seed", "1"]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stdout.starts_with("nothing found"), "{ran:?}");
    }
}

#[test]
fn what_the_configuration_in_use_sets_is_not_varied() {
    let desk = Desk::new();
    desk.write(
        "plugin/MANIFEST",
        "api: \"1.0\"\ntype: credentialstore\nname: Strict\nversion: \"1.0\"\ndescription: x\n",
    );
    desk.write("plugin/default.cfg", "[a]\nwhen = session-ended\n; extra = <extra>\n");
    desk.write(
        "plugin/main.py",
        "import configparser


class Plugin:
    def __init__(self, configuration):
        self.config = configparser.ConfigParser()
        self.config.read_string(configuration)

    def get_password_list(self):
        if self.config.get('a', 'when') != 'session-ended':
            raise ValueError('no such time')
        if self.config.has_option('a', 'extra'):
            raise KeyError('extra')

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
",
    );
    let ran = desk.run(&["fuzz", "plugin", "--runs", "3000", "--seed", "1", "--vary-config", "--format", "json"]);
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    let calling: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["rule"] == "uncaught-exception")
        .map(|finding| finding["message"].as_str().unwrap())
        .collect();
    assert_eq!(calling, ["KeyError: 'extra'"], "{report:#}");
}

#[test]
fn time_that_is_up_is_success() {
    let ran = fuzz(&Desk::new(), "examples/clean-store", &["--time", "1s", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["status"], &report["fuzz"]["ended"]), (&"ok".into(), &"time".into()));
    assert!(report["fuzz"]["instrumented"].as_u64() > Some(0), "{report}");
}

#[test]
fn events_come_line_by_line_and_end_with_the_report() {
    let desk = Desk::new();
    let ran = fuzz(&desk, DOORS, &["--runs", "3000", "--seed", "1", "--format", "ndjson"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema: Value = serde_json::from_str(&desk.run(&["schema", "ndjson"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!((events.first(), events.last()), (Some(&"start"), Some(&"end")));
    assert!(events.contains(&"coverage"), "{events:?}");
    let found: Vec<&Value> = lines.iter().filter(|line| line["event"] == "found").collect();
    let last = lines.last().unwrap();
    assert_eq!(found.len(), last["report"]["findings"].as_array().unwrap().len());
    assert!(desk.path(found[0]["finding"]["case"].as_str().unwrap()).is_file());
}

#[test]
fn wrong_use_is_reported_with_what_to_do() {
    let desk = Desk::new();
    let plugin = folder("examples/clean-store");
    let plugin = plugin.to_str().unwrap();
    for (arguments, problem) in [
        (vec!["fuzz"], "<PLUGIN>"),
        (vec!["fuzz", plugin, "--with", "other"], "runs one plugin"),
        (vec!["fuzz", plugin, "--time", "10"], "has no unit"),
        (vec!["fuzz", plugin, "--runs", "0"], "out of range"),
        (vec!["fuzz", plugin, "--stop-after-quiet", "soon"], "not a time"),
        (vec!["fuzz", plugin, "--partition", "1/2"], "--partition"),
        (vec!["fuzz", "no-such-plugin"], "no such file"),
        (vec!["fuzz", "--target", "package"], "`hookstorm selftest [manifest|package]`"),
    ] {
        let ran = desk.run(&arguments);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(problem) && ran.stdout.is_empty(), "{ran:?}");
    }
}
