//! The report as Markdown, for the issue that a nightly job files, or a pipeline's summary page. Never longer than an
//! issue may be.
//!
//! The first line is a title. Text of a plugin stands in spans of code, where no tracker reads a name as a mention or a
//! number as an issue. Arguments are left out: more people may read an issue than a case.

use std::collections::BTreeSet;

use super::{FindingEntry, Report, SandboxStatus, Status, explanation, plain};
use crate::finding::Severity;

/// How many findings have a line of their own; the report has all.
const FINDINGS_LIMIT: usize = 50;
/// How many characters a message has at most.
const MESSAGE_LIMIT: usize = 300;
/// How wide the table of a load run is.
const LOAD_WIDTH: usize = 100;
/// How many bytes the text has at most: GitHub takes 65,536 characters.
const BYTES_LIMIT: usize = 60_000;

/// The report as Markdown.
pub fn text(report: &Report) -> String {
    let (known, new): (Vec<_>, Vec<_>) = report.all_findings().into_iter().partition(|one| one.known);
    let name = plain::harmless(&report.plugin.name).into_owned();
    let version = report.plugin.version.as_ref().map(|version| format!(" {}", plain::harmless(version)));
    let count = match new.len() as u64 {
        0 if known.is_empty() => "nothing found".to_owned(),
        0 => "nothing new".to_owned(),
        number => plain::counted(number, "finding"),
    };
    let mut text = format!("# hookstorm: {count} in {}{}\n\n", bare(&name), bare(&version.unwrap_or_default()));
    text.push_str(&run(report));
    for caution in &report.cautions {
        text.push_str(&format!("\nCaution: {}\n", code(&plain::harmless(caution))));
    }
    if !known.is_empty() {
        let verb = if known.len() == 1 { "is" } else { "are" };
        let known = plain::counted(known.len() as u64, "known finding");
        text.push_str(&format!("\n{known} {verb} in the baseline and not shown again.\n"));
    }
    if let Some(measured) = &report.load {
        // Only names of hooks in it come from a plugin, and a tracker obeys nothing in a block of code.
        let table = anstream::adapter::strip_str(&super::text::load(measured, LOAD_WIDTH)).to_string();
        let fence = "`".repeat(fence(&table).max(3));
        text.push_str(&format!("\n{fence}text\n{table}{fence}\n"));
    }
    if !new.is_empty() {
        text.push_str(&table(&new));
        text.push_str(&again(&new));
    }
    for note in &report.notes {
        text.push_str(&format!("\nNote: {}\n", code(&plain::harmless(note))));
    }
    explanations(&mut text, &new);
    text
}

/// What was done, in a sentence.
fn run(report: &Report) -> String {
    let mut parts = vec![format!("platform {}", bare(&report.platform))];
    parts.extend(report.python.as_ref().map(|python| format!("Python {}", bare(python))));
    parts.extend(report.seed.map(|seed| format!("seed {seed}")));
    let weakness = report.sandbox.as_ref().and_then(SandboxStatus::weakness);
    parts.extend(weakness.map(|weakness| format!("sandbox {}", bare(&weakness))));
    if report.sessions > 0 {
        parts.push(plain::counted(report.sessions, "session"));
        parts.push(plain::counted(report.calls, "call"));
    }
    if report.coverage.lines > 0 {
        parts.push(report.coverage.counts());
    }
    let interrupted = match report.status {
        Status::Interrupted => " It was stopped before its end.",
        Status::Ok | Status::Findings => "",
    };
    let command = code(&format!("hookstorm {} {}", report.command, plain::shell_word(&report.plugin.path)));
    format!("{command} (hookstorm {}): {}.{interrupted}\n", bare(&report.hookstorm), parts.join(", "))
}

fn table(new: &[FindingEntry]) -> String {
    let mut text = String::from("\n| level | rule | what | where | fingerprint |\n| --- | --- | --- | --- | --- |\n");
    for finding in new.iter().take(FINDINGS_LIMIT) {
        let hook = finding.hook.as_ref().map(|hook| format!("{hook}: ")).unwrap_or_default();
        let what = plain::cut(&plain::harmless(&format!("{hook}{}", finding.message)), MESSAGE_LIMIT);
        let place = finding.location.as_ref().map(|place| code(&plain::harmless(&place.file_and_line())));
        let place = place.unwrap_or_default();
        let level = match finding.severity {
            Severity::Error => "**error**",
            Severity::Warning => "warning",
        };
        let row = [level.to_owned(), code(&finding.rule), code(&what), place, code(&finding.fingerprint)];
        // Also inside code a bar would end the cell.
        let row = row.map(|cell| cell.replace('|', "\\|"));
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    if new.len() > FINDINGS_LIMIT {
        text.push_str(&format!("\nAnd {} more, in the report.\n", new.len() - FINDINGS_LIMIT));
    }
    text
}

/// The commands that show the findings again, if the repository has the cases.
fn again(new: &[FindingEntry]) -> String {
    let commands: Vec<String> = new
        .iter()
        .take(FINDINGS_LIMIT)
        .filter_map(|finding| finding.again.as_deref())
        .map(|command| plain::harmless(command).into_owned())
        .collect();
    if commands.is_empty() {
        return String::new();
    }
    let longest = commands.iter().map(|command| fence(command)).max().unwrap_or(0).max(3);
    let fence = "`".repeat(longest);
    format!(
        "\n## Reproduce\n\nWith the cases of this run in the plugin's corpus:\n\n{fence}console\n{}\n{fence}\n",
        commands.join("\n")
    )
}

/// What each rule means, folded away; as many rules as there is room for.
fn explanations(text: &mut String, new: &[FindingEntry]) {
    let mut explained = BTreeSet::new();
    let rules = new.iter().filter_map(FindingEntry::known_rule).filter(|rule| explained.insert(*rule));
    let mut is_headed = false;
    for rule in rules {
        // The headings of an explanation are two levels below that of the section.
        let mut is_code = false;
        let lines = explanation::body(rule).lines().map(|line| {
            is_code ^= line.starts_with("```");
            if line.starts_with('#') && !is_code { format!("##{line}") } else { line.to_owned() }
        });
        let prose = lines.collect::<Vec<_>>().join("\n");
        let heading = if is_headed { "" } else { "\n## What it means\n" };
        let section =
            format!("{heading}\n<details><summary>{rule}: {}</summary>\n\n{prose}\n\n</details>\n", rule.summary());
        if text.len() + section.len() > BYTES_LIMIT {
            text.push_str(&format!("\n{rule}: see `hookstorm explain {rule}`.\n"));
        } else {
            text.push_str(&section);
            is_headed = true;
        }
    }
}

/// `text` as a span of code, on one line.
fn code(text: &str) -> String {
    let text = &plain::harmless(text);
    let fence = "`".repeat(match fence(text) {
        2.. => fence(text),
        _ => 1,
    });
    if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        return format!("{fence} {text} {fence}");
    }
    format!("{fence}{text}{fence}")
}

/// How many backticks open a span or block of `text`: one more than follow each other in it.
fn fence(text: &str) -> usize {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    longest + 1
}

/// A word in running text, without what Markdown or a tracker would obey.
fn bare(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric() || " ._-+".contains(*character)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Rule, report::examples};

    #[test]
    fn nothing_in_a_span_of_code_ends_its_line() {
        assert_eq!(code("3f\n| a\0"), "`3f\\n| a\\x00`");
    }

    fn report(findings: &[String]) -> Report {
        let coverage = r#""coverage": {"lines_hit": 61, "lines": 74, "sampled": true}"#;
        let findings = findings.join(",");
        examples::read("fuzz", &format!(r#""sessions": 1000, "calls": 3712, {coverage}, "findings": [{findings}]"#))
    }

    fn finding(rule: &str, message: &str) -> String {
        serde_json::json!({
            "rule": rule, "severity": "error", "hook": "get_password_list", "message": message,
            "location": {"file": "lib/naming.py", "line": 6, "column": null, "function": "path"},
            "fingerprint": "3f9c2a71d0b4", "occurrences": 118, "case": "corpora/Vault/3f9c2a71d0b4.json",
            "again": "hookstorm run vault/ --case corpora/Vault/3f9c2a71d0b4.json",
        })
        .to_string()
    }

    #[test]
    fn an_issue_says_what_where_and_how_to_show_it_again() {
        let text = text(&report(&[finding("timeout", "took 2 s | and more")]));
        let (findings, explained) = text.split_once("<details>").unwrap();
        insta::assert_snapshot!(findings, @r"
        # hookstorm: 1 finding in Vault 1.0

        `hookstorm fuzz vault/` (hookstorm 0.1.0): platform 9.0, Python 3.11.7, seed 42, 1000 sessions, 3712 calls, at least 61 of 74 lines.

        | level | rule | what | where | fingerprint |
        | --- | --- | --- | --- | --- |
        | **error** | `timeout` | `get_password_list: took 2 s \| and more` | `lib/naming.py:6` | `3f9c2a71d0b4` |

        ## Reproduce

        With the cases of this run in the plugin's corpus:

        ```console
        hookstorm run vault/ --case corpora/Vault/3f9c2a71d0b4.json
        ```

        ## What it means
        ");
        assert!(explained.contains("#### Why it matters") && explained.ends_with("</details>\n"), "{explained}");
    }

    #[test]
    fn a_load_run_is_reported_with_its_table() {
        let mut report = report(&[]);
        report.load = Some(examples::measured(2));
        let text = text(&report);
        let (_, table) = text.split_once("\n```text\n").unwrap();
        assert!(
            table.contains("saturated: ") && table.contains("\nwhole session ") && table.ends_with("```\n"),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn nothing_of_a_plugin_is_obeyed_by_a_tracker() {
        let text = text(&report(&[finding("timeout", "``` @admin <img src=x> [a](b)\n# #1 `x`\u{202e}")]));
        let line = text.lines().find(|line| line.contains("@admin")).unwrap();
        assert!(line.contains(r"````get_password_list: ``` @admin <img src=x> [a](b)\n# #1 `x`\u202e````"), "{line}");
        assert_eq!(text.matches("@admin").count(), 1, "{text}");
    }

    #[test]
    fn silence_and_known_findings_are_said() {
        assert!(text(&report(&[])).starts_with("# hookstorm: nothing found in Vault 1.0\n\n"));
        let known = finding("timeout", "m").replace("\"rule\"", "\"known\":true,\"rule\"");
        let text = text(&report(&[known]));
        assert!(text.starts_with("# hookstorm: nothing new in Vault 1.0\n"), "{text}");
        assert!(text.contains("\n1 known finding is in the baseline and not shown again.\n"), "{text}");
        assert!(!text.contains("| timeout") && !text.contains("<details>"), "{text}");
    }

    #[test]
    fn a_report_of_everything_fits_an_issue() {
        let all = Rule::ALL.iter().cycle().take(2000);
        let findings: Vec<_> = all.map(|rule| finding(rule.id(), &"long ".repeat(2000))).collect();
        let text = text(&report(&findings));
        assert!(text.chars().count() < 65_536, "{}", text.len());
        assert!(text.contains("And 1950 more, in the report."), "{text}");
    }
}
