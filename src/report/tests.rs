//! Reports as JSON: written in the documented form, and read again, also those of other versions.

use super::{
    Baseline, CaseOutcome, CaseSize, Format, FormatOptions, Report, RunContext, SandboxMode, Status, examples,
};
use crate::{
    case::{Case, RecordedFinding},
    engine::{ReplayOutcome, ReplayedCase},
    finding::{Rule, RuleLevels, Severity},
};

#[test]
fn the_report_has_the_documented_fields_in_the_documented_order() {
    let summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
    let source = |_: &str, line: u32| (line <= 92).then(|| format!("line {line}"));
    let mut report = examples::begun("test");
    report.add_run(&summary, RunContext { source: &source, ..examples::context() });
    let text = report.to_json();
    let text = text.replace("a\u{202e}b", "alice").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let text = text.replace(summary.reported[0].finding.fingerprint.as_str(), "FINGERPRINT");
    insta::assert_snapshot!(text, @r#"
    {
      "hookstorm": "VERSION",
      "command": "test",
      "status": "findings",
      "plugin": {
        "name": "MyVault",
        "type": "credentialstore",
        "version": "1.0",
        "path": "vault/"
      },
      "again": {
        "options": [],
        "levels": [],
        "configured": false,
        "baseline": null
      },
      "platform": "9.0",
      "python": "3.11.7",
      "seed": 42,
      "sessions": 1000,
      "calls": 3712,
      "elapsed_seconds": 1.93,
      "calls_per_second": 1923.316,
      "coverage": {
        "lines_hit": 61,
        "lines": 74,
        "sampled": false
      },
      "findings": [
        {
          "rule": "uncaught-exception",
          "severity": "error",
          "hook": "get_password_list",
          "message": "AttributeError: 'list' object has no attribute 'get'",
          "hint": null,
          "location": {
            "file": "lib/plugin.py",
            "line": 92,
            "column": null,
            "function": "user_defined_path",
            "in_plugin": true
          },
          "fingerprint": "FINGERPRINT",
          "occurrences": 118,
          "foreign_cookie": false,
          "every_session": false,
          "group": 0,
          "case": "corpora/MyVault/FINGERPRINT.json",
          "known": false,
          "again": "hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json",
          "source": [
            {
              "line": 89,
              "text": "line 89"
            },
            {
              "line": 90,
              "text": "line 90"
            },
            {
              "line": 91,
              "text": "line 91"
            },
            {
              "line": 92,
              "text": "line 92"
            }
          ],
          "call": {
            "call": 1,
            "round": 0,
            "hook": "get_password_list",
            "arguments": {
              "session_id": "s-1",
              "client_ip": "fe80::1",
              "gateway_password": "***",
              "gateway_domain": null,
              "server_username": "alice"
            },
            "ending": "returned",
            "result": "{'passwords': ['***'], 'cookie': {'lease': b'7'}}",
            "frames": [],
            "stdout": {
              "text": "",
              "bytes": 0
            },
            "stderr": {
              "text": "INFO vault: \u001b[31mgot *** for ***\n",
              "bytes": 48
            },
            "elapsed_ms": 1.24,
            "files": []
          }
        }
      ],
      "notes": []
    }
    "#);
}

#[test]
fn warnings_are_no_failure_and_an_interruption_is_reported() {
    let status = |summary: &_| examples::report("test", summary).status;
    assert_eq!(status(&examples::summary(vec![examples::reported(Rule::LossyJson, 0)])), Status::Ok);
    let mut error = examples::summary(vec![examples::reported(Rule::Timeout, 0)]);
    assert_eq!(status(&error), Status::Findings);
    error.interrupted = true;
    assert_eq!(status(&error), Status::Interrupted);
}

fn replayed(found: Option<&str>, outcome: ReplayOutcome) -> ReplayedCase {
    let found = found.map(|fingerprint| RecordedFinding {
        rule: "timeout".into(),
        fingerprint: fingerprint.into(),
        message: "it hangs".into(),
    });
    ReplayedCase { path: "corpora/a.json".into(), case: Case { found, ..examples::case() }, outcome }
}

fn replay(cases: &[ReplayedCase], levels: &str, baseline: &Baseline) -> Report {
    let levels: RuleLevels = levels.parse().unwrap();
    let mut report = examples::begun("replay");
    report.add_replayed(cases, &levels, RunContext { baseline, ..examples::context() });
    report
}

#[test]
fn what_replay_newly_shows_is_among_the_findings_and_decides_the_status() {
    let nothing_known = Baseline::default();
    let broke = replay(
        &[replayed(None, ReplayOutcome::Failed(vec![examples::finding(Rule::Timeout)]))],
        "timeout=error",
        &nothing_known,
    );
    assert_eq!((broke.status, broke.findings.len()), (Status::Findings, 1));
    let still = || [replayed(Some("0123456789ab"), ReplayOutcome::StillThere(examples::finding(Rule::Timeout)))];
    assert_eq!(replay(&still(), "timeout=error", &nothing_known).status, Status::Findings);
    assert_eq!(replay(&still(), "timeout=warning", &nothing_known).status, Status::Ok);
    assert_eq!(replay(&still(), "timeout=error", &Baseline::of(["0123456789ab".into()])).status, Status::Ok);
    let broken = [replayed(None, ReplayOutcome::CannotRun("no such hook".into()))];
    assert_eq!(replay(&broken, "timeout=error", &nothing_known).status, Status::Findings);
}

#[test]
fn cases_that_still_break_are_findings_with_the_baseline_applied() {
    let baseline = Baseline::of(["0123456789ab".to_owned()]);
    let timeout = || ReplayOutcome::StillThere(examples::finding(Rule::Timeout));
    let cases = [
        replayed(Some("ba9876543210"), timeout()),
        replayed(Some("0123456789ab"), timeout()),
        replayed(None, ReplayOutcome::Failed(vec![examples::finding(Rule::NotJson)])),
    ];
    let report = replay(&cases, "timeout=error", &baseline);
    let read = Report::parse(&report.to_json()).unwrap();
    let rules: Vec<_> = read.all_findings().into_iter().map(|one| (one.rule, one.known)).collect();
    assert_eq!(rules, [("not-json".into(), false), ("timeout".into(), false), ("timeout".to_owned(), true)]);
}

#[test]
fn a_report_of_another_version_is_read_as_far_as_it_goes() {
    let text = r#"{"hookstorm": "7.0.0", "command": "dream", "status": "ok", "colour": "red",
        "plugin": {"name": "A", "type": "oracle", "version": null, "path": "a/"}, "platform": "11.0", "python": null,
        "elapsed_seconds": -1e300, "sandbox": {"mode": "of-tomorrow"}, "findings": [{"rule": "of-tomorrow",
        "severity": "grave", "message": "bad", "fingerprint": "3f9c2a71d0b4"}],
        "cases": [{"path": "a.json", "outcome": "of-tomorrow"}]}"#;
    let report = Report::parse(text).unwrap();
    let finding = &report.findings[0];
    assert_eq!((finding.severity, finding.occurrences, finding.known_rule()), (Severity::Warning, 1, None));
    assert_eq!(report.replayed()[0].outcome, CaseOutcome::Unknown("of-tomorrow".into()));
    for form in Format::ALL {
        let written = form.write(&report, &FormatOptions::default());
        assert!(written.contains("of-tomorrow"), "{}: {written}", form.name);
    }
}

#[test]
fn what_is_no_report_is_refused_with_its_line() {
    let error = |text: &str| Report::parse(text).unwrap_err().to_string();
    assert_eq!(error(" \n"), "line 1: it is no JSON object");
    assert_eq!(error("{\n\"version\": \"2.1.0\"\n}"), "line 3: missing field `hookstorm`");
    assert_eq!(error("[]"), "line 1: it is no JSON object");
}

/// Reports that hookstorm 0.1.0 wrote of `examples/faulty-store`, shortened.
const WRITTEN: [(&str, &str); 7] = [
    ("check", include_str!("../../tests/reports/check.json")),
    ("run", include_str!("../../tests/reports/run.json")),
    ("test", include_str!("../../tests/reports/test.json")),
    ("fuzz", include_str!("../../tests/reports/fuzz.json")),
    ("replay", include_str!("../../tests/reports/replay.json")),
    ("load", include_str!("../../tests/reports/load.json")),
    ("minimize", include_str!("../../tests/reports/minimize.json")),
];

fn written(command: &str) -> Report {
    let text = WRITTEN.iter().find(|(name, _)| *name == command).expect("there is one of each command").1;
    Report::parse(text).unwrap()
}

#[test]
fn reports_that_were_written_before_are_read_whole_and_become_every_form() {
    for (command, text) in WRITTEN {
        let report = Report::parse(text).unwrap();
        assert_eq!(report.command, command);
        let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(same(&report.to_json()), same(text), "{command}");
        // The order of the fields stays, too.
        assert_eq!(report.to_json(), text, "{command}");
        for format in Format::ALL {
            let written = format.write(&report, &FormatOptions { width: 100, ..FormatOptions::default() });
            for finding in &report.findings {
                let is_only_counted = finding.known && matches!(format.name, "text" | "markdown");
                let name = if is_only_counted { "known finding" } else { &finding.rule };
                assert!(written.contains(name), "{command}, {}: {}", format.name, finding.rule);
            }
            assert!(!written.is_empty(), "{command}, {}", format.name);
        }
    }
}

#[test]
fn reports_that_were_written_before_serve_as_baselines() {
    for (command, text) in WRITTEN {
        let report = Report::parse(text).unwrap();
        let known: Vec<String> = report.all_findings().into_iter().map(|one| one.fingerprint).collect();
        assert!(!known.is_empty() || matches!(command, "run" | "minimize" | "load" | "check"), "{command}");
        assert_eq!(Baseline::parse(text).unwrap(), Baseline::of(known), "{command}");
    }
}

/// Places in JSON: keys and indices.
type Place = Vec<String>;

/// The places of all objects in `json` that are parts of a report. Under other keys, all names are the plugin's.
fn objects(json: &serde_json::Value, place: &Place, found: &mut Vec<Place>) {
    const OF_THE_PLUGIN: [&str; 4] = ["arguments", "services", "cookie", "session_cookie"];
    let inside = |key: &str| place.iter().cloned().chain([key.to_owned()]).collect::<Place>();
    match json {
        serde_json::Value::Object(entries) => {
            // The keys of these are names of hooks.
            if place.last().is_none_or(|key| key != "hooks") {
                found.push(place.clone());
            }
            for (key, value) in entries.iter().filter(|(key, _)| !OF_THE_PLUGIN.contains(&key.as_str())) {
                objects(value, &inside(key), found);
            }
        }
        // The items of a list have one form.
        serde_json::Value::Array(items) => {
            items.iter().take(1).for_each(|item| objects(item, &inside("0"), found));
        }
        _ => {}
    }
}

#[test]
fn a_field_that_this_version_does_not_know_disturbs_no_part_of_a_report() {
    let mut places = std::collections::BTreeSet::new();
    for (command, text) in WRITTEN {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut found = Vec::new();
        objects(&json, &Vec::new(), &mut found);
        for place in found {
            let mut later = json.clone();
            let object = place.iter().fold(&mut later, |json, key| match json {
                serde_json::Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
                json => &mut json[key],
            });
            object["of_tomorrow"] = serde_json::json!({"a": [1, null]});
            let later = later.to_string();
            let report = Report::parse(&later).unwrap_or_else(|error| panic!("{command}, {place:?}: {error}"));
            assert_eq!(report.to_json(), text, "{command}, {place:?}");
            assert_eq!(Baseline::parse(&later), Baseline::parse(text), "{command}, {place:?}");
            places.insert(place.join("."));
        }
    }
    for place in ["", "plugin", "again", "sandbox", "coverage.files.0", "findings.0.location", "findings.0.call.stdout"]
    {
        assert!(places.contains(place), "{places:?}");
    }
    for place in ["history.0", "trace.calls.0", "cases.0", "minimized.0.before", "fuzz", "load.baseline.changes.0"] {
        assert!(places.contains(place), "{places:?}");
    }
}

#[test]
fn reports_that_were_written_before_have_the_values_that_they_had() {
    let test = written("test");
    assert_eq!((test.status, test.seed, test.sessions, test.calls), (Status::Findings, Some(1), 200, 593));
    assert_eq!((test.findings.len(), test.is_failure(), test.has_baseline()), (5, true, true));
    let finding = &test.findings[0];
    assert_eq!(
        (finding.rule.as_str(), finding.severity, finding.occurrences),
        ("uncaught-exception", Severity::Error, 38)
    );
    let place = finding.location.as_ref().unwrap();
    assert_eq!((place.file_and_line().as_str(), place.function.as_deref()), ("lib/naming.py:6", Some("secret_path")));
    assert_eq!(finding.source.len(), 7);
    let call = finding.call.as_ref().unwrap();
    assert_eq!((call.hook.as_str(), call.ending.as_str(), call.frames.len()), ("get_password_list", "raised", 2));
    assert_eq!(test.command_line(), "hookstorm test examples/faulty-store --runs 200 --seed 1 --baseline test.json");
    assert_eq!((test.coverage.counts().as_str(), test.history.last().unwrap().calls), ("37 of 37 lines", 593));

    let fuzz = written("fuzz").fuzz.unwrap();
    assert_eq!((fuzz.ended.as_str(), fuzz.corpus > 0, fuzz.edges > 0), ("runs", true, true));
    let cases = written("replay").cases.unwrap();
    assert!(cases.iter().all(|case| case.outcome == CaseOutcome::StillThere && case.severity == Some(Severity::Error)));
    let run = written("run").trace.unwrap();
    assert_eq!((run.calls.len(), run.calls[0].ending.as_str()), (1, "returned"));
    let load = written("load");
    assert!(load.is_failure() && load.load.unwrap().baseline.is_some());
    let minimized = written("minimize").minimized.unwrap();
    assert_eq!(
        (minimized[0].before, minimized[0].after),
        (CaseSize { calls: 1, arguments: 6 }, Some(CaseSize { calls: 1, arguments: 6 }))
    );
    assert_eq!(written("check").sandbox.unwrap().mode, SandboxMode::On);
}
