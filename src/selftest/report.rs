//! The result of a selftest, as text and as JSON.

use std::{fmt::Write as _, path::PathBuf};

use serde::Serialize;

use super::{Difference, SelftestSettings, SelftestSummary, keep};
use crate::report::plain;

/// A selftest of one or more kinds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SelftestReport {
    hookstorm: &'static str,
    command: &'static str,
    /// clean, differences or interrupted.
    status: &'static str,
    seed: u64,
    skip: u64,
    kinds: Vec<KindReport>,
}

/// The part of one kind.
#[derive(Clone, Debug, Serialize)]
struct KindReport {
    kind: &'static str,
    runs: u64,
    elapsed_seconds: f64,
    differences: Vec<DifferenceReport>,
    notes: Vec<String>,
    #[serde(skip)]
    interrupted: bool,
}

#[derive(Clone, Debug, Serialize)]
struct DifferenceReport {
    problem: String,
    /// What is special about the input, in words.
    input: Vec<String>,
    platform: &'static str,
    path: Option<PathBuf>,
    /// The command that finds it again.
    reproduce: String,
}

impl SelftestReport {
    /// A report without results.
    pub(crate) fn new(seed: u64, skip: u64) -> Self {
        Self {
            hookstorm: env!("CARGO_PKG_VERSION"),
            command: "selftest",
            status: "clean",
            seed,
            skip,
            kinds: Vec::new(),
        }
    }

    /// Adds the result of one kind.
    pub(crate) fn add(&mut self, settings: &SelftestSettings, summary: &SelftestSummary) {
        self.kinds.push(KindReport {
            kind: settings.kind.name(),
            runs: summary.runs,
            elapsed_seconds: (summary.elapsed.as_secs_f64() * 1e3).round() / 1e3,
            differences: summary.differences.iter().map(|one| DifferenceReport::new(settings, one)).collect(),
            notes: summary.notes.clone(),
            interrupted: summary.interrupted,
        });
        self.status = match self.has_differences() {
            true => "differences",
            false if self.kinds.iter().any(|kind| kind.interrupted) => "interrupted",
            false => "clean",
        };
    }

    /// Whether hookstorm differs from its generators.
    pub(crate) fn has_differences(&self) -> bool {
        self.kinds.iter().any(|kind| !kind.differences.is_empty())
    }

    /// A line for each kind.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for KindReport { kind, runs, elapsed_seconds, differences, interrupted, .. } in &self.kinds {
            let found = match differences.len() {
                0 => "no differences".to_owned(),
                1 => "1 difference, a defect of hookstorm: please report it".to_owned(),
                count => format!("{count} differences, defects of hookstorm: please report them"),
            };
            let rate = *runs as f64 / elapsed_seconds.max(0.001);
            let ended = if *interrupted { ", interrupted" } else { "" };
            let _ = writeln!(
                text,
                "{runs} {kind}s in {elapsed_seconds:.1} s ({rate:.1}/s), seed {}{ended}: {found}",
                self.seed
            );
        }
        text
    }

    /// One JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

impl DifferenceReport {
    fn new(settings: &SelftestSettings, difference: &Difference) -> Self {
        Self {
            problem: difference.problem.clone(),
            input: difference.parts.clone(),
            platform: difference.platform.name,
            path: difference.path.clone(),
            reproduce: keep::reproducer(settings, difference),
        }
    }
}

impl Difference {
    /// The difference, in several lines.
    pub(crate) fn to_text(&self, settings: &SelftestSettings) -> String {
        let mut text = String::from("difference: hookstorm does not do what its generator expects\n");
        for line in self.problem.lines() {
            let _ = writeln!(text, "  {}", plain::harmless(line));
        }
        let _ = writeln!(text, "  input:     platform {}, {}", self.platform, self.parts.join(", "));
        if let Some(path) = &self.path {
            let _ = writeln!(text, "  kept in:   {}", plain::harmless(&path.display().to_string()));
        }
        let _ = writeln!(text, "  reproduce: {}", keep::reproducer(settings, self));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::SelftestKind, *};
    use crate::contract::Platform;

    fn settings() -> SelftestSettings {
        SelftestSettings {
            kind: SelftestKind::Package,
            runs: None,
            time: None,
            seed: 7,
            skip: 0,
            jobs: 1,
            corpus: PathBuf::new(),
            venv: None,
        }
    }

    #[test]
    fn a_difference_is_reported_with_the_command_that_finds_it_again() {
        let difference = Difference {
            cause: "k".into(),
            problem: "wrong ending\u{1b}[2J".into(),
            number: 17,
            bytes: vec![1],
            parts: vec!["a prefix".into(), "a hook dies".into()],
            platform: Platform::newest(),
            files: Vec::new(),
            path: Some("corpora/differences/package/0123".into()),
        };
        insta::assert_snapshot!(difference.to_text(&settings()), @r"
        difference: hookstorm does not do what its generator expects
          wrong ending\x1b[2J
          input:     platform 9.0, a prefix, a hook dies
          kept in:   corpora/differences/package/0123
          reproduce: hookstorm selftest package --seed 7 --skip 17 --runs 1
        ");
        let mut report = SelftestReport::new(7, 0);
        let elapsed = Duration::from_millis(1500);
        report.add(&settings(), &SelftestSummary { runs: 30, elapsed, ..SelftestSummary::default() });
        assert_eq!(report.to_text(), "30 packages in 1.5 s (20.0/s), seed 7: no differences\n");
        let interrupted = SelftestSummary { interrupted: true, ..SelftestSummary::default() };
        report.add(&settings(), &interrupted);
        assert!(report.to_json().contains(r#""status":"interrupted""#) && !report.has_differences());
        report.add(&settings(), &SelftestSummary { differences: vec![difference], ..SelftestSummary::default() });
        assert!(report.to_json().contains(r#""status":"differences""#) && report.has_differences());
        assert!(report.to_text().ends_with("1 difference, a defect of hookstorm: please report it\n"));
    }
}
