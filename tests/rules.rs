//! Each rule on plugins: one that breaks it, and a near miss that stays silent. `tests/plugins/expected.toml` says what is
//! found in each; here the program says it too. The rules of archives have their plugins in `packages.rs`.

mod program;

use std::{collections::BTreeSet, fs};

use hookstorm::finding::{Phase, Rule, Severity};
use program::Desk;

/// A row of expected.toml.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    folder: String,
    command: String,
    rules: Vec<String>,
    hook: Option<String>,
    needs: Option<String>,
    config: Option<String>,
    timeout: Option<String>,
}

fn rows() -> Vec<Row> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        plugin: Vec<Row>,
    }
    let text = fs::read_to_string(program::folder("tests/plugins/expected.toml")).unwrap();
    toml::from_str::<Table>(&text).unwrap().plugin
}

/// Whether the row belongs to a rule of this phase.
fn is_of(row: &Row, phase: Phase) -> bool {
    row.folder.split('/').next().and_then(Rule::named).is_some_and(|rule| rule.phase() == phase)
}

/// Runs hookstorm on the plugin of a row; what differs from the row, as a text.
fn differences(row: &Row) -> Option<String> {
    let desk = Desk::new();
    let folder = program::folder("tests/plugins").join(&row.folder);
    let mut arguments = vec![row.command.clone(), folder.to_string_lossy().into_owned()];
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    option("--format", "json".into());
    if row.command == "test" {
        option("--runs", "300".into());
        option("--seed", "1".into());
        option("--jobs", "1".into());
    }
    if let Some(needs) = &row.needs {
        assert_eq!(needs, "sdk", "{}", row.folder);
        option("--venv", program::venv().to_string_lossy().into_owned());
    }
    if let Some(config) = &row.config {
        option("--config", folder.join(config).to_string_lossy().into_owned());
    }
    if let Some(timeout) = &row.timeout {
        option("--timeout", timeout.clone());
    }
    let ran = desk.run(&arguments);
    if !matches!(ran.status, Some(0 | 1)) {
        return Some(format!("{}: {ran:?}", row.folder));
    }

    let is_error = |id: &String| Rule::named(id).is_some_and(|rule| rule.severity() == Severity::Error);
    let status = i32::from(row.rules.iter().any(is_error));
    let expected: BTreeSet<&str> = row.rules.iter().map(String::as_str).collect();
    let report = ran.json();
    let hooks: Vec<_> = report["findings"].as_array().unwrap().iter().filter_map(|one| one["hook"].as_str()).collect();
    let has_hook = row.hook.as_ref().is_none_or(|hook| hooks.contains(&hook.as_str()));
    let as_expected = ran.rules().iter().map(String::as_str).collect::<BTreeSet<_>>() == expected;
    let is_same = as_expected && has_hook && ran.status == Some(status);
    (!is_same).then(|| {
        let findings = serde_json::to_string_pretty(&report["findings"]).unwrap();
        format!("{row:?}\nended with status {:?}, which should be {status}, and found {findings}", ran.status)
    })
}

fn all_hold(belongs: impl Fn(&Row) -> bool) {
    let rows: Vec<Row> = rows().into_iter().filter(belongs).collect();
    assert!(!rows.is_empty());
    let differences: Vec<String> = rows.iter().filter_map(differences).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn packages_show_what_they_should() {
    all_hold(|row| is_of(row, Phase::Package));
}

#[test]
fn loading_shows_what_it_should() {
    all_hold(|row| is_of(row, Phase::Loading));
}

#[test]
fn calling_shows_what_it_should() {
    all_hold(|row| is_of(row, Phase::Calling) && !row.rules.is_empty());
}

#[test]
fn near_misses_of_calls_stay_silent() {
    all_hold(|row| is_of(row, Phase::Calling) && row.rules.is_empty());
}

#[test]
fn plugins_on_the_sdk_show_what_they_should() {
    all_hold(|row| row.folder.starts_with("sdk/"));
}

#[test]
fn odd_plugins_show_what_they_should() {
    all_hold(|row| row.folder.starts_with("misc/"));
}

#[test]
fn every_rule_has_its_pair_of_plugins_and_its_explanation() {
    let rows = rows();
    let archives = fs::read_to_string(program::folder("tests/packages.rs")).unwrap();
    for &rule in Rule::ALL {
        let id = rule.id();
        assert!(rule.explanation().starts_with(&format!("# {id}\n")), "{id} has no explanation");
        if id.starts_with("archive-") {
            assert!(archives.contains(&format!("\"{id}\"")), "packages.rs does not look for {id}");
            continue;
        }
        let is_there = |name: &str, rules: &[&str]| {
            rows.iter().any(|row| row.folder == format!("{id}/{name}") && row.rules == rules)
        };
        assert!(is_there("breaks", &[id]), "{id} has no plugin that breaks it and nothing else");
        assert!(is_there("near-miss", &[]), "{id} has no near miss");
    }
}

#[test]
fn every_plugin_is_expected_to_show_something_or_nothing() {
    let known: BTreeSet<String> = rows().into_iter().map(|row| row.folder).collect();
    for group in fs::read_dir(program::folder("tests/plugins")).unwrap().flatten() {
        if !group.path().is_dir() {
            continue;
        }
        for plugin in fs::read_dir(group.path()).unwrap().flatten() {
            let name = format!("{}/{}", group.file_name().display(), plugin.file_name().display());
            assert!(known.contains(&name), "expected.toml does not name {name}");
        }
    }
}
