//! The findings that a user knows already: read from an earlier report or from a list of fingerprints, so that a run fails
//! only on what is new. Knows fingerprints and nothing else, so that a report of any version can be one.
//!
//! Three forms are read: what `--format json` writes, a JSON list of fingerprints, and a text with one fingerprint in each
//! line, where `#` begins a remark:
//!
//! ```text
//! # open since May, see ticket 4711
//! 3f9c2a71d0b4
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use super::Fingerprint;

/// Fingerprints of known findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeSet<String>);

/// Why a text is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// It holds nothing, so that it was most likely not meant.
    #[error("it is empty")]
    Empty,
    /// It begins like JSON and is none, or JSON of another form.
    #[error("line {line}: {problem}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A JSON object that is no report.
    #[error("it is JSON, but no report of hookstorm: {0}")]
    NoReport(String),
    /// What should be a fingerprint is none.
    #[error("{}`{word}` is no fingerprint, which is twelve hexadecimal digits", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    NoFingerprint {
        /// The line, from 1; `None` in JSON.
        line: Option<usize>,
        /// What stands there, its beginning.
        word: String,
    },
}

/// What matters of a report.
#[derive(Deserialize)]
struct Report {
    findings: Vec<Known>,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Known {
    fingerprint: String,
}

/// A case that was replayed. What is still there is known, though it stands in no list of findings.
#[derive(Deserialize)]
struct Case {
    outcome: String,
    fingerprint: Option<String>,
}

impl Baseline {
    /// Reads a report or a list of fingerprints.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match text.trim_start().chars().next() {
            None => Err(BaselineError::Empty),
            Some('{') => Self::of_report(text),
            Some('[') => {
                let all: Vec<String> = serde_json::from_str(text).map_err(|error| json(&error))?;
                all.iter().map(|word| fingerprint(word, None)).collect::<Result<_, _>>().map(Self)
            }
            Some(_) => {
                let lines = text.lines().enumerate();
                let words = lines.map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()));
                let words = words.filter(|(_, word)| !word.is_empty());
                words.map(|(line, word)| fingerprint(word, Some(line))).collect::<Result<_, _>>().map(Self)
            }
        }
    }

    fn of_report(text: &str) -> Result<Self, BaselineError> {
        let report: Report = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => BaselineError::NoReport(without_place(&error)),
            _ => json(&error),
        })?;
        let still = report.cases.into_iter().filter(|case| case.outcome == "still-there");
        let known = report.findings.into_iter().map(|known| known.fingerprint);
        let all = known.chain(still.filter_map(|case| case.fingerprint));
        all.map(|word| fingerprint(&word, None)).collect::<Result<_, _>>().map(Self)
    }

    /// These fingerprints.
    pub fn of(known: impl IntoIterator<Item = String>) -> Self {
        Self(known.into_iter().collect())
    }

    /// Whether the finding with this fingerprint is known.
    pub fn holds(&self, fingerprint: &str) -> bool {
        self.0.contains(fingerprint)
    }

    /// Whether `fingerprint` is known.
    pub fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.holds(fingerprint.as_str())
    }
}

/// `word`, if it has the form of a fingerprint.
fn fingerprint(word: &str, line: Option<usize>) -> Result<String, BaselineError> {
    match Fingerprint::read(word) {
        Some(fingerprint) => Ok(fingerprint.as_str().to_owned()),
        None => Err(BaselineError::NoFingerprint { line, word: word.chars().take(40).collect() }),
    }
}

fn json(error: &serde_json::Error) -> BaselineError {
    BaselineError::Json { line: error.line(), problem: without_place(error) }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_a_json_list_and_a_plain_list_say_the_same() {
        let report = r#"{"hookstorm": "9.9.9", "findings": [{"rule": "of-tomorrow", "fingerprint": "3f9c2a71d0b4"}],
            "cases": [{"outcome": "still-there", "fingerprint": "0123456789ab"}, {"outcome": "fixed", "fingerprint": "ffffffffffff"},
                      {"outcome": "silent", "fingerprint": null}]}"#;
        let list = r#"["3f9c2a71d0b4", "0123456789ab"]"#;
        let lines = "\u{feff}# open since May\n\n3f9c2a71d0b4\r\n0123456789ab  # ticket 4711\n";
        let expected = Baseline::parse(list).unwrap();
        assert!(expected.holds("3f9c2a71d0b4") && expected.holds("0123456789ab") && !expected.holds("ffffffffffff"));
        assert_eq!(Baseline::parse(report).unwrap(), expected);
        assert_eq!(Baseline::parse(lines).unwrap(), expected);
    }

    #[test]
    fn a_report_without_findings_knows_none_and_is_no_error() {
        assert_eq!(Baseline::parse(r#"{"findings": []}"#), Ok(Baseline::default()));
        assert_eq!(Baseline::parse("# none yet\n"), Ok(Baseline::default()));
    }

    #[test]
    fn what_is_no_baseline_is_told_with_its_place() {
        let all = ["", " \n", "{", "{\"version\": 1}", "[1]", "[\"abc\"]", "a\n", "3f9c2a71d0b4\nuncaught-exception\n"];
        let told: Vec<_> = all.iter().map(|text| Baseline::parse(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        it is empty
        it is empty
        line 1: EOF while parsing an object
        it is JSON, but no report of hookstorm: missing field `findings`
        line 1: invalid type: integer `1`, expected a string
        `abc` is no fingerprint, which is twelve hexadecimal digits
        line 1: `a` is no fingerprint, which is twelve hexadecimal digits
        line 2: `uncaught-exception` is no fingerprint, which is twelve hexadecimal digits
        ");
    }
}
