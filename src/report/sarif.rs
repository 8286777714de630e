//! The report as SARIF 2.1.0, which code scanning reads.
//!
//! Files are named relative to the folder in which hookstorm was started, since that is the repository's root in a
//! pipeline: the plugin's path as the user gave it, then the path inside the plugin. A file in an archive is named by
//! its path inside, as if the archive had been packed from the repository's root. A finding without a place, or with
//! one in a library, points at MANIFEST: code scanning shows no result without a place.
//!
//! ```json
//! {"ruleId": "uncaught-exception", "level": "error", "message": {"text": "get_password_list: ValueError: …"},
//!  "locations": [{"physicalLocation": {"artifactLocation": {"uri": "vault/lib/naming.py", "uriBaseId": "%SRCROOT%"},
//!                                      "region": {"startLine": 6}}}],
//!  "partialFingerprints": {"hookstorm/v1": "9716fdecf7cf"}}
//! ```

use std::path::{Component, Path};

use serde_json::{Map, Value, json};

use super::{FindingEntry, FormatOptions, Report, Status, explanation, plain};
use crate::{
    finding::{Phase, Rule},
    load::Measured,
};

/// Where the schema of SARIF is published.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The report as SARIF.
pub fn text(report: &Report, options: &FormatOptions) -> String {
    let findings = report.all_findings();
    let mut ids: Vec<&str> = Vec::new();
    for one in &findings {
        if !ids.contains(&one.rule.as_str()) {
            ids.push(&one.rule);
        }
    }
    let has_baseline = report.has_baseline();
    let root = Root::new(&report.plugin.path, options.root.as_deref());
    let results: Vec<Value> = findings.iter().map(|one| result(one, &ids, &root, has_baseline)).collect();
    let mut notes: Vec<Value> =
        report.notes.iter().map(|note| json!({"level": "note", "message": {"text": note}})).collect();
    let caution = |text: &String| json!({"level": "warning", "message": {"text": text}});
    notes.extend(report.cautions.iter().map(caution));
    notes.extend(report.load.iter().flat_map(missed));
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "hookstorm",
                "version": report.hookstorm,
                "rules": ids.iter().map(|id| rule(id)).collect::<Vec<_>>(),
            }},
            // Text after the last slash would name this one run.
            "automationDetails": {"id": format!("hookstorm/{}/{}/", report.command, report.plugin.name)},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.status != Status::Interrupted,
                "toolExecutionNotifications": notes,
            }],
            "results": results,
            "properties": {
                "plugin": report.plugin.name,
                "platform": report.platform,
                "python": report.python,
                "seed": report.seed,
                "sessions": report.sessions,
                "calls": report.calls,
            },
        }],
    });
    format!("{log:#}\n")
}

/// What fails a load run. It breaks no rule and has no place in a file, so that it cannot be a result.
fn missed(measured: &Measured) -> Vec<Value> {
    let error = |text: String| json!({"level": "error", "message": {"text": plain::harmless(&text)}});
    let objectives = measured.objectives.iter().filter(|one| !one.met).map(|one| {
        error(format!("objective {} missed: {}, off by {:.1} %", one.objective, one.measured, one.missed_by * 100.0))
    });
    let regressions = measured.baseline.iter().flat_map(|baseline| {
        baseline.changes.iter().filter(|change| change.regression).map(|change| {
            let (of, figure) = (&change.of, &change.figure);
            let (before, after, noise) = (change.before, change.after, change.noise);
            error(format!("{of} {figure} got worse: {before} before, {after} now, noise {noise} ({})", baseline.file))
        })
    });
    objectives.chain(regressions).collect()
}

fn rule(id: &str) -> Value {
    // Of a rule of a later version only the name is known.
    let Some(rule) = Rule::named(id) else { return json!({"id": id}) };
    let prose = explanation::body(rule);
    let phase = match rule.phase() {
        Phase::Package => "package",
        Phase::Loading => "loading",
        Phase::Calling => "calling",
    };
    json!({
        "id": id,
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": explanation::lead(rule)},
        "help": {"text": prose, "markdown": prose},
        "defaultConfiguration": {"level": rule.severity()},
        "properties": {"tags": [phase]},
    })
}

fn result(finding: &FindingEntry, ids: &[&str], root: &Root, has_baseline: bool) -> Value {
    let own = finding.location.as_ref().filter(|place| place.in_plugin && !place.file.is_empty());
    let mut text = finding.hook.as_ref().map(|hook| format!("{hook}: ")).unwrap_or_default();
    text.push_str(&plain::harmless(&finding.message));
    // Code scanning cannot show a place in a library.
    if let (None, Some(place)) = (own, &finding.location) {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        text.push_str(&format!(" (at {}{line})", plain::harmless(&place.file)));
    }
    for (label, more) in [("hint", &finding.hint), ("again", &finding.again)] {
        if let Some(more) = more {
            text.push_str(&format!("\n{label}: {}", plain::harmless(more)));
        }
    }
    let mut region = json!({"startLine": own.and_then(|place| place.line).unwrap_or(1)});
    if let Some(column) = own.and_then(|place| place.column) {
        region["startColumn"] = json!(column);
    }
    let file = own.map_or("MANIFEST", |place| place.file.as_str());
    let mut location = json!({"physicalLocation": {"artifactLocation": root.artifact(file), "region": region}});
    if let Some(function) = own.and_then(|place| place.function.as_ref()) {
        location["logicalLocations"] = json!([{"name": function, "kind": "function"}]);
    }
    let mut properties = Map::new();
    for (name, value) in [
        ("hook", json!(finding.hook)),
        ("case", json!(finding.case)),
        ("again", json!(finding.again)),
        ("follows", json!(finding.follows)),
        ("occurrences", json!(finding.occurrences)),
        ("foreign_cookie", json!(finding.foreign_cookie)),
        ("every_session", json!(finding.every_session)),
    ] {
        if !value.is_null() {
            properties.insert(name.to_owned(), value);
        }
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": ids.iter().position(|id| *id == finding.rule),
        "level": finding.severity,
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"hookstorm/v1": finding.fingerprint},
        "properties": properties,
    });
    if has_baseline {
        result["baselineState"] = json!(if finding.known { "unchanged" } else { "new" });
    }
    result
}

/// The folder of the plugin's files.
#[derive(Debug)]
struct Root {
    /// The plugin's path in the repository, without a slash at its end; empty for the repository's root.
    path: String,
    /// Whether it is in the repository.
    is_inside: bool,
}

impl Root {
    fn new(plugin: &str, folder: Option<&Path>) -> Self {
        let path = Path::new(plugin);
        let is_archive = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        if is_archive {
            return Self { path: String::new(), is_inside: true };
        }
        let inside = folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
        let mut parts: Vec<String> = Vec::new();
        let mut is_inside = true;
        for part in inside.components() {
            match part {
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                Component::ParentDir if parts.pop().is_none() => is_inside = false,
                Component::RootDir | Component::Prefix(_) => is_inside = false,
                Component::ParentDir | Component::CurDir => {}
            }
        }
        if is_inside {
            return Self { path: parts.join("/"), is_inside };
        }
        Self { path: inside.to_string_lossy().trim_end_matches('/').to_owned(), is_inside }
    }

    fn artifact(&self, file: &str) -> Value {
        let path = if self.path.is_empty() { file.to_owned() } else { format!("{}/{file}", self.path) };
        match () {
            () if self.is_inside => json!({"uri": encoded(&path), "uriBaseId": "%SRCROOT%"}),
            () if path.starts_with('/') => json!({"uri": format!("file://{}", encoded(&path))}),
            () => json!({"uri": encoded(&path)}),
        }
    }
}

/// A path as part of a URI.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples;

    fn report(path: &str, findings: &str) -> Report {
        let mut report = examples::read("test", &format!(r#""findings": [{findings}], "notes": ["slow"]"#));
        report.plugin.path = path.into();
        report
    }

    fn result(path: &str, location: &str) -> Value {
        let finding = format!(
            r#"{{"rule": "not-json", "severity": "error", "hook": null, "message": "bytes", "fingerprint": "3f9c2a71d0b4",
            "location": {location}}}"#
        );
        let options = FormatOptions { root: Some("/srv/repo".into()), ..FormatOptions::default() };
        let log: Value = serde_json::from_str(&super::text(&report(path, &finding), &options)).unwrap();
        log["runs"][0]["results"][0].clone()
    }

    fn artifact(path: &str, location: &str) -> Value {
        result(path, location)["locations"][0]["physicalLocation"]["artifactLocation"].clone()
    }

    #[test]
    fn code_scanning_gets_all_that_it_shows() {
        let finding = r#"{"rule": "uncaught-exception", "severity": "error", "hook": "get_password_list",
            "message": "ValueError: too many", "hint": "count", "occurrences": 118, "case": "corpora/Vault/3f.json",
            "location": {"file": "lib/naming.py", "line": 6, "column": 3, "function": "path", "in_plugin": true},
            "fingerprint": "3f9c2a71d0b4", "again": "hookstorm run vault/ --case corpora/Vault/3f.json"}"#;
        let mut log: Value =
            serde_json::from_str(&text(&report("vault/", finding), &FormatOptions::default())).unwrap();
        let rule = log["runs"][0]["tool"]["driver"]["rules"][0].take();
        assert_eq!(
            (&rule["id"], &rule["defaultConfiguration"]["level"]),
            (&"uncaught-exception".into(), &"error".into())
        );
        let full = rule["fullDescription"]["text"].as_str().unwrap();
        assert_eq!(full, "A hook raised an exception. `RecursionError` and `MemoryError` count as well.");
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("## Why it matters"));
        insta::assert_snapshot!(format!("{:#}", log["runs"][0]), @r#"
        {
          "tool": {
            "driver": {
              "name": "hookstorm",
              "version": "0.1.0",
              "rules": [
                null
              ]
            }
          },
          "automationDetails": {
            "id": "hookstorm/test/Vault/"
          },
          "columnKind": "unicodeCodePoints",
          "invocations": [
            {
              "executionSuccessful": true,
              "toolExecutionNotifications": [
                {
                  "level": "note",
                  "message": {
                    "text": "slow"
                  }
                }
              ]
            }
          ],
          "results": [
            {
              "ruleId": "uncaught-exception",
              "ruleIndex": 0,
              "level": "error",
              "message": {
                "text": "get_password_list: ValueError: too many\nhint: count\nagain: hookstorm run vault/ --case corpora/Vault/3f.json"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "vault/lib/naming.py",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 6,
                      "startColumn": 3
                    }
                  },
                  "logicalLocations": [
                    {
                      "name": "path",
                      "kind": "function"
                    }
                  ]
                }
              ],
              "partialFingerprints": {
                "hookstorm/v1": "3f9c2a71d0b4"
              },
              "properties": {
                "hook": "get_password_list",
                "case": "corpora/Vault/3f.json",
                "again": "hookstorm run vault/ --case corpora/Vault/3f.json",
                "occurrences": 118,
                "foreign_cookie": false,
                "every_session": false
              }
            }
          ],
          "properties": {
            "plugin": "Vault",
            "platform": "9.0",
            "python": "3.11.7",
            "seed": 42,
            "sessions": 0,
            "calls": 0
          }
        }
        "#);
    }

    #[test]
    fn a_missed_objective_and_a_regression_are_notifications_of_errors() {
        let mut report = report("vault/", "");
        report.load = Some(examples::measured(1));
        let log: Value = serde_json::from_str(&text(&report, &FormatOptions::default())).unwrap();
        let notes = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
        let messages: Vec<_> = notes.iter().map(|note| note["message"]["text"].as_str().unwrap()).collect();
        assert_eq!(
            messages,
            [
                "slow",
                "objective p99=500ms missed: 612ms, off by 22.4 %",
                "session p99_ms got worse: 50 before, 612 now, noise 4 (yesterday.json)"
            ]
        );
        assert_eq!(notes[1]["level"], "error");
    }

    #[test]
    fn a_file_is_named_relative_to_the_repository() {
        let place = r#"{"file": "lib/a b.py", "line": 6, "column": null, "function": "f"}"#;
        for (path, uri) in [
            (".", "lib/a%20b.py"),
            ("./", "lib/a%20b.py"),
            ("plugins/./vault/", "plugins/vault/lib/a%20b.py"),
            ("plugins/x/../vault", "plugins/vault/lib/a%20b.py"),
            ("/srv/repo/vault", "vault/lib/a%20b.py"),
            ("dist/vault.zip", "lib/a%20b.py"),
        ] {
            assert_eq!(artifact(path, place), json!({"uri": uri, "uriBaseId": "%SRCROOT%"}), "{path}");
        }
        assert_eq!(artifact("/srv/vault", place), json!({"uri": "file:///srv/vault/lib/a%20b.py"}));
        assert_eq!(artifact("../vault", place), json!({"uri": "../vault/lib/a%20b.py"}));
    }

    #[test]
    fn what_has_no_place_in_the_plugin_points_at_manifest() {
        assert_eq!(artifact("v", "null")["uri"], "v/MANIFEST");
        let library = r#"{"file": "requests/api.py", "line": 59, "column": null, "function": "f", "in_plugin": false}"#;
        let result = result("v", library);
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            (&location["artifactLocation"]["uri"], &location["region"]["startLine"]),
            (&json!("v/MANIFEST"), &json!(1))
        );
        assert_eq!(result["message"]["text"], "bytes (at requests/api.py:59)");
    }

    #[test]
    fn a_rule_of_a_later_version_and_a_known_finding_are_reported() {
        let findings = r#"{"rule": "of-tomorrow", "severity": "warning", "message": "m", "fingerprint": "3f9c2a71d0b4"},
            {"rule": "timeout", "severity": "error", "message": "m", "fingerprint": "0123456789ab", "known": true}"#;
        let log: Value = serde_json::from_str(&text(&report(".", findings), &FormatOptions::default())).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0], json!({"id": "of-tomorrow"}));
        let states: Vec<_> = run["results"].as_array().unwrap().iter().map(|one| &one["baselineState"]).collect();
        assert_eq!(states, ["new", "unchanged"]);
    }
}
