//! [`Baseline`]: the findings that a user knows already. A run fails only on new ones.
//!
//! It reads fingerprints and nothing else, so that the report of any version serves as one.
//!
//! Three forms are read: what `--format json` writes, a JSON list of fingerprints, and a text with one fingerprint in
//! each line, where `#` begins a comment:
//!
//! ```text
//! # open since May, see ticket 4711
//! 3f9c2a71d0b4
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use super::{CaseOutcome, model::without_place};
use crate::finding::{Finding, Fingerprint};

/// Fingerprints of known findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeSet<String>);

/// Why a text is not a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// An empty file was most likely not meant.
    #[error("it is empty")]
    Empty,
    /// It begins like JSON and is not JSON, or not a list of fingerprints.
    #[error("line {line}: {problem}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A JSON object that is not a report.
    #[error("it is JSON, but no report of hookstorm: {0}")]
    NoReport(String),
    /// A word that is not a fingerprint.
    #[error(
        "{}`{word}` is no fingerprint, which is twelve hexadecimal digits",
        .line.map(|line| format!("line {line}: ")).unwrap_or_default()
    )]
    NoFingerprint {
        /// The line, from 1; `None` in JSON.
        line: Option<usize>,
        /// The beginning of the word.
        word: String,
    },
}

/// The part of a report that a baseline needs.
#[derive(Deserialize)]
struct KnownFindings {
    findings: Vec<KnownFinding>,
    #[serde(default)]
    cases: Option<Vec<KnownCase>>,
}

#[derive(Deserialize)]
struct KnownFinding {
    fingerprint: String,
}

/// A case that was replayed. If its finding is still there, the finding is known, though `findings` does not have it.
#[derive(Deserialize)]
struct KnownCase {
    outcome: CaseOutcome,
    fingerprint: Option<String>,
}

impl Baseline {
    /// Reads a report or a list of fingerprints.
    ///
    /// # Errors
    /// [`BaselineError`] if `text` has none of the three forms.
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

    /// The findings of a report, and those of cases that were still there.
    fn of_report(text: &str) -> Result<Self, BaselineError> {
        let report: KnownFindings = serde_json::from_str(text).map_err(|error| match error.is_data() {
            true => BaselineError::NoReport(without_place(&error)),
            false => json(&error),
        })?;
        let cases = report.cases.unwrap_or_default().into_iter();
        let still = cases.filter(|case| case.outcome == CaseOutcome::StillThere).filter_map(|case| case.fingerprint);
        let all = report.findings.into_iter().map(|one| one.fingerprint).chain(still);
        all.map(|word| fingerprint(&word, None)).collect::<Result<_, _>>().map(Self)
    }

    /// These fingerprints.
    pub fn of(known: impl IntoIterator<Item = String>) -> Self {
        Self(known.into_iter().collect())
    }

    /// Whether the finding with this fingerprint is known.
    pub fn knows(&self, fingerprint: &str) -> bool {
        self.0.contains(fingerprint)
    }

    /// Whether a finding is known, by its fingerprint or by that of an earlier version.
    pub(crate) fn knows_finding(&self, finding: &Finding) -> bool {
        self.0.iter().any(|known| finding.has_fingerprint(known))
    }
}

fn json(error: &serde_json::Error) -> BaselineError {
    BaselineError::Json { line: error.line(), problem: without_place(error) }
}

/// `word`, if it has the form of a fingerprint.
fn fingerprint(word: &str, line: Option<usize>) -> Result<String, BaselineError> {
    match Fingerprint::read(word) {
        Some(fingerprint) => Ok(fingerprint.as_str().to_owned()),
        None => Err(BaselineError::NoFingerprint { line, word: word.chars().take(40).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_a_json_list_and_a_plain_list_say_the_same() {
        let case =
            |outcome: &str, fingerprint: &str| format!(r#"{{"outcome": "{outcome}", "fingerprint": {fingerprint}}}"#);
        let report = format!(
            r#"{{"hookstorm": "9.9.9", "findings": [{{"rule": "of-tomorrow", "fingerprint": "3f9c2a71d0b4"}}],
            "cases": [{}, {}, {}]}}"#,
            case("still-there", "\"0123456789ab\""),
            case("fixed", "\"ffffffffffff\""),
            case("silent", "null")
        );
        let list = r#"["3f9c2a71d0b4", "0123456789ab"]"#;
        let lines = "\u{feff}# open since May\n\n3f9c2a71d0b4\r\n0123456789ab  # ticket 4711\n";
        let expected = Baseline::parse(list).unwrap();
        assert!(expected.knows("3f9c2a71d0b4") && expected.knows("0123456789ab") && !expected.knows("ffffffffffff"));
        assert_eq!(Baseline::parse(&report).unwrap(), expected);
        assert_eq!(Baseline::parse(lines).unwrap(), expected);
    }

    #[test]
    fn a_report_without_findings_knows_none_and_is_no_error() {
        assert_eq!(Baseline::parse(r#"{"findings": []}"#), Ok(Baseline::default()));
        assert_eq!(Baseline::parse("# none yet\n"), Ok(Baseline::default()));
    }

    #[test]
    fn only_the_fingerprints_of_a_report_must_be_what_this_version_knows() {
        let known = Baseline::of(["3f9c2a71d0b4".to_owned()]);
        let deep = "[".repeat(200) + &"]".repeat(200);
        for more in [
            r#""status": "of-tomorrow""#,
            r#""status": null, "plugin": null, "again": null, "platform": 12"#,
            r#""history": [{"at": "noon"}], "coverage": "all", "trace": []"#,
            r#""cases": null"#,
            r#""cases": [{"outcome": "of-tomorrow"}, {"outcome": "still-there", "fingerprint": "3f9c2a71d0b4"}]"#,
            r#""number": 1e999, "text": "\ud800""#,
            &format!(r#""deep": {deep}"#),
        ] {
            let text = format!(r#"{{"findings": [{{"fingerprint": "3f9c2a71d0b4", "severity": 7}}], {more}}}"#);
            assert_eq!(Baseline::parse(&text), Ok(known.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_baseline_is_refused_with_its_place() {
        let all = ["", " \n", "{", "{\"version\": 1}", "[1]", "[\"abc\"]", "a\n", "3f9c2a71d0b4\nuncaught-exception\n"];
        let errors: Vec<_> = all.iter().map(|text| Baseline::parse(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
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
