//! Runs the program on the plugins of each rule: one that breaks it, and a near miss without a finding. The findings
//! must be those that `tests/plugins/expected.toml` names. The archives of the rules `archive-*` are in `packages.rs`.

mod program;

use std::{collections::BTreeSet, fs, path::Path};

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
    platform: Option<String>,
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

/// Runs hookstorm on the plugin of a row. Returns what differs from the row.
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
    if let Some(platform) = &row.platform {
        option("--platform", platform.clone());
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
fn packages_show_what_is_expected() {
    all_hold(|row| is_of(row, Phase::Package));
}

#[test]
fn loading_shows_what_is_expected() {
    all_hold(|row| is_of(row, Phase::Loading));
}

#[test]
fn calling_shows_what_is_expected() {
    all_hold(|row| is_of(row, Phase::Calling) && !row.rules.is_empty());
}

#[test]
fn near_misses_of_calls_have_no_finding() {
    all_hold(|row| is_of(row, Phase::Calling) && row.rules.is_empty());
}

#[test]
fn plugins_on_the_sdk_show_what_is_expected() {
    all_hold(|row| row.folder.starts_with("sdk/"));
}

#[test]
fn other_plugins_show_what_is_expected() {
    all_hold(|row| row.folder.starts_with("misc/"));
}

/// The text of all Rust files below `folder`, without their tests.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else {
            text.push_str(fs::read_to_string(&path).unwrap().split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
    text
}

#[test]
fn every_rule_has_a_check_and_a_pair_of_plugins() {
    let rows = rows();
    let checks = ["src/package", "src/oracle"].map(|room| sources(&program::folder(room))).concat();
    let archives = fs::read_to_string(program::folder("tests/packages.rs")).unwrap();
    for &rule in Rule::ALL {
        let id = rule.id();
        assert!(checks.contains(&format!("Rule::{rule:?}")), "no check below src/package or src/oracle reports {id}");
        if id.starts_with("archive-") {
            assert!(archives.contains(&format!("\"{id}\"")), "tests/packages.rs has no archive that breaks {id}");
            continue;
        }
        let has = |name: &str, rules: &[&str]| {
            rows.iter().any(|row| row.folder == format!("{id}/{name}") && row.rules == rules)
        };
        assert!(has("breaks", &[id]), "expected.toml has no plugin `{id}/breaks` that breaks {id} and nothing else");
        assert!(has("near-miss", &[]), "expected.toml has no plugin `{id}/near-miss` without a finding");
    }
}

#[test]
fn every_plugin_has_a_row_in_expected_toml() {
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
