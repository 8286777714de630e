//! The planted defects of `benches/planted`, which measure `fuzz`: each shows in its case and not in its near miss, and
//! plain runs find nothing else. Otherwise a figure would measure another defect.

mod program;

use std::{collections::BTreeSet, fs, path::PathBuf};

use program::{Desk, Ran};
use serde_json::Value;

/// A row of expected.toml.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    folder: String,
    depth: u32,
    needs: String,
    rule: String,
    hook: String,
    line: usize,
}

fn rows() -> Vec<Row> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        plugin: Vec<Row>,
    }
    let text = fs::read_to_string(program::folder("benches/planted/expected.toml")).unwrap();
    toml::from_str::<Table>(&text).unwrap().plugin
}

impl Row {
    fn path(&self) -> PathBuf {
        program::folder("benches/planted").join(&self.folder)
    }

    fn run_case(&self, name: &str) -> Ran {
        let case = program::folder("benches/planted/cases").join(format!("{}.{name}.json", self.folder));
        let [plugin, case] = [self.path(), case].map(|path| path.to_string_lossy().into_owned());
        Desk::new().run(&["run", &plugin, "--case", &case, "--format", "json"])
    }

    /// Whether a finding is what is planted. Results and output have no line, what is raised has one.
    fn is(&self, finding: &Value) -> bool {
        let line = finding["location"]["line"].as_u64();
        finding["rule"] == *self.rule
            && finding["hook"] == *self.hook
            && line.is_none_or(|line| line == self.line as u64)
            && line.is_some() == (self.rule == "uncaught-exception")
    }
}

/// Runs `check` on every row; all failures are reported together.
fn all_hold(check: impl Fn(&Row) -> Result<(), String>) {
    let wrong: Vec<String> =
        rows().iter().filter_map(|row| check(row).err().map(|problem| format!("{}: {problem}", row.folder))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_planted_defect_shows_in_its_case_and_alone() {
    all_hold(|row| {
        let ran = row.run_case("shows");
        let report = ran.json();
        match report["findings"].as_array().map(Vec::as_slice) {
            Some([one]) if row.is(one) && ran.status == Some(1) => Ok(()),
            _ => Err(format!("{row:?}\nended with {:?} and found {:#}", ran.status, report["findings"])),
        }
    });
}

#[test]
fn near_misses_stay_silent() {
    all_hold(|row| {
        let ran = row.run_case("near-miss");
        let report = ran.json();
        match report["findings"].as_array().map(Vec::as_slice) {
            Some([]) if ran.status == Some(0) => Ok(()),
            _ => Err(format!("ended with {:?} and found {:#}", ran.status, report["findings"])),
        }
    });
}

#[test]
fn plain_runs_find_what_is_planted_or_nothing() {
    all_hold(|row| {
        let plugin = row.path().to_string_lossy().into_owned();
        let desk = Desk::new();
        let ran = desk.run(&["test", &plugin, "--runs", "2000", "--seed", "3", "--jobs", "1", "--format", "json"]);
        let report = ran.json();
        let others: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|one| !row.is(one)).collect();
        if others.is_empty() && matches!(ran.status, Some(0 | 1)) {
            Ok(())
        } else {
            Err(format!("ended with {:?} and found {others:#?}", ran.status))
        }
    });
}

#[test]
fn the_table_names_every_plugin_once_and_each_line_holds_code() {
    let rows = rows();
    let named: BTreeSet<&str> = rows.iter().map(|row| row.folder.as_str()).collect();
    assert_eq!(named.len(), rows.len());
    let entries = fs::read_dir(program::folder("benches/planted")).unwrap().flatten();
    let there: BTreeSet<String> = entries
        .filter(|entry| entry.path().join("MANIFEST").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(there.iter().map(String::as_str).eq(named), "{there:?}");
    assert_eq!(rows.iter().map(|row| row.depth).max(), Some(4));
    assert_eq!(rows.iter().filter(|row| row.needs.starts_with("across calls: ")).count(), 2);
    for row in &rows {
        let source = fs::read_to_string(row.path().join("main.py")).unwrap();
        let line = source.lines().nth(row.line - 1).unwrap_or_default().trim();
        assert!(!line.is_empty() && !line.starts_with('#'), "{}:{}: `{line}`", row.folder, row.line);
    }
}
