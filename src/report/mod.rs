//! What people and machines read at the end: [`text`] for a terminal, [`json`] for a pipe, `ndjson` for who watches, [`schema`] for who reads that,
//! and the `progress` line meanwhile.
//!
//! Every other form is made from the JSON alone, read back as a [`Document`], so that `hookstorm report` makes the same of
//! a file as `--format` makes of a run: [`sarif`], [`junit`], [`markdown`], [`page`]. One more form is one more file with a function
//! `(&Document) -> String`, and one line in `cli/formats.rs`.
//!
//! Everything here turns values into text and decides nothing. What a plugin supplied reaches no terminal raw
//! (`plain`), and no secret is shown ([`Mask`]).
#![forbid(unsafe_code)]

pub mod json;
pub mod junit;
pub mod markdown;
pub mod page;
pub mod sarif;
pub mod schema;
pub mod text;

mod diagnosis;
mod document;
mod excerpt;
mod history;
mod mask;
pub(crate) mod ndjson;
pub(crate) mod plain;
pub(crate) mod progress;
mod sandbox_status;
pub(crate) mod style;

pub use diagnosis::{Check, CheckGroup, Diagnosis, State};
pub use document::{Document, DocumentError};
pub use history::{History, Point};
pub use mask::Mask;
pub use sandbox_status::{SandboxMode, SandboxStatus};

use std::path::{Path, PathBuf};

use crate::{
    case::{Case, RecordedFinding, Session},
    contract::{Platform, PluginType},
    engine::Summary,
    finding::{Baseline, Finding, Rule, Severity},
    trace::Trace,
};

/// What a run was about: the line that it opens with, and the head of its JSON.
#[derive(Clone, Debug)]
pub struct Head {
    /// The command, `test`.
    pub command: &'static str,
    /// The name in MANIFEST, or the file's name where MANIFEST tells none.
    pub name: String,
    /// The type, where MANIFEST tells one that is known.
    pub plugin_type: Option<PluginType>,
    /// The plugin's own version, where MANIFEST tells one.
    pub version: Option<String>,
    /// The plugin as the user typed it.
    pub path: String,
    /// The platform that was played.
    pub platform: &'static Platform,
    /// The embedded CPython, where it was started.
    pub python: Option<String>,
    /// The seed, where there is one.
    pub seed: Option<u64>,
    /// What held the plugin, where it was started.
    pub held: Option<SandboxStatus>,
}

/// How to say it again: the user's own options that a command must repeat to show the same. What hookstorm.toml says is
/// read again anyway.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// PLUGIN as the user typed it.
    pub plugin: String,
    /// Options and their values, in order, one word each.
    pub options: Vec<String>,
    /// Options and their values that only this command takes, in order, one word each: how much, and which.
    pub own: Vec<String>,
    /// Levels of rules that the user set, `ID=LEVEL`; a command repeats the one that it is about.
    pub levels: Vec<(Rule, String)>,
    /// Whether the plugin got a configuration from the user rather than its own default.cfg.
    pub is_configured: bool,
    /// The file of known findings, where the user named one.
    pub baseline: Option<String>,
}

impl Again {
    /// The command that runs `case` again to show `rule`, to be pasted into a shell.
    pub fn run(&self, case: &Path, rule: Rule) -> String {
        self.case(case, Some(rule))
    }

    /// The command that runs `case` again, to show `rule` where one is known.
    pub fn case(&self, case: &Path, rule: Option<Rule>) -> String {
        let level = self.levels.iter().rev().find(|(known, _)| Some(*known) == rule);
        let mut words = vec!["--case".to_owned(), case.to_string_lossy().into_owned()];
        words.extend(level.into_iter().flat_map(|(_, text)| ["--rule".to_owned(), text.clone()]));
        self.command("run", &words)
    }

    /// The whole command once more, as the user typed it, with the seed that it had.
    pub fn whole(&self, command: &str, seed: Option<u64>) -> String {
        let mut words = self.own.clone();
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        seed.into_iter().for_each(|seed| option("--seed", seed.to_string()));
        self.levels.iter().for_each(|(_, level)| option("--rule", level.clone()));
        self.baseline.iter().for_each(|file| option("--baseline", file.clone()));
        self.command(command, &words)
    }

    /// `hookstorm COMMAND PLUGIN`, then `words`, then the user's options.
    pub fn command(&self, command: &str, words: &[String]) -> String {
        let words = words.iter().chain(&self.options).map(|word| plain::shell_word(word));
        let mut line = format!("hookstorm {command} {}", plain::shell_word(&self.plugin));
        for word in words {
            line.push(' ');
            line.push_str(&word);
        }
        line
    }
}

/// Reads a line of a file of the plugin: its path inside the package, the line from 1.
pub type Source<'a> = &'a dyn Fn(&str, u32) -> Option<String>;

/// All that a report is made of.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// What it is about.
    pub head: &'a Head,
    /// What was done and found.
    pub summary: &'a Summary,
    /// How to say it again.
    pub again: &'a Again,
    /// Where lines of source come from.
    pub source: Source<'a>,
    /// Secrets that are known from elsewhere than the cases: the configuration's.
    pub secrets: &'a [String],
    /// How many sessions there should have been.
    pub planned: Option<u64>,
    /// How wide the screen is, in characters.
    pub width: usize,
    /// Whether every finding is told whole, however many there are.
    pub is_verbose: bool,
    /// What is known already: not told again, and no failure.
    pub baseline: &'a Baseline,
}

impl Report<'_> {
    /// Whether `finding` is known already.
    pub fn knows(&self, finding: &Finding) -> bool {
        self.baseline.knows(&finding.fingerprint)
    }

    /// Whether an error was found that is not known already.
    pub fn has_new_errors(&self) -> bool {
        let mut found = self.summary.reported.iter().map(|one| &one.finding);
        found.any(|finding| finding.severity == Severity::Error && !self.knows(finding))
    }
}

/// A case that was run for the user to look at.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What was run.
    pub session: &'a Session,
    /// What was seen.
    pub trace: &'a Trace,
    /// Hides what must not be shown.
    pub mask: &'a Mask,
}

/// A case of a corpus that was run again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The case's file.
    pub path: PathBuf,
    /// What it once showed.
    pub found: Option<RecordedFinding>,
    /// What it shows now.
    pub outcome: Outcome,
}

impl Replayed {
    /// Whether it shows something, and nothing that `baseline` does not hold.
    pub fn is_known(&self, baseline: &Baseline) -> bool {
        match &self.outcome {
            Outcome::StillThere(_) => self.found.as_ref().is_some_and(|found| baseline.holds(&found.fingerprint)),
            Outcome::Became(findings) | Outcome::Broke(findings) => {
                !findings.is_empty() && findings.iter().all(|finding| baseline.knows(&finding.fingerprint))
            }
            _ => false,
        }
    }

    /// Whether it fails a run to which `baseline` is known.
    pub fn is_failure(&self, baseline: &Baseline) -> bool {
        let is_new = |finding: &&Finding| !baseline.knows(&finding.fingerprint);
        match &self.outcome {
            Outcome::Became(findings) | Outcome::Broke(findings) => {
                findings.iter().filter(is_new).any(|finding| finding.severity == Severity::Error)
            }
            outcome => outcome.is_failure() && !self.is_known(baseline),
        }
    }
}

/// How a case fares today.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its defect still shows, at the level that its rule has for the user.
    StillThere(Severity),
    /// Its defect is gone and nothing came instead.
    Fixed,
    /// Its defect is gone and others came instead.
    Became(Vec<Finding>),
    /// A regression test that is silent, as it must be.
    Silent,
    /// A regression test that is silent no more.
    Broke(Vec<Finding>),
    /// It is for a plugin of another type and was not run.
    OtherType,
    /// Some of its calls go to another plugin, none was given, and it was not run.
    WantsOther,
    /// It could not be run, for this reason: the plugin does not load with its configuration, for instance.
    Broken(String),
    /// The user stopped the replay before its turn.
    NotRun,
}

impl Outcome {
    /// The word for it in JSON and in the count at the end.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StillThere(_) => "still-there",
            Self::Fixed => "fixed",
            Self::Became(_) => "became-another",
            Self::Silent => "silent",
            Self::Broke(_) => "broke",
            Self::OtherType => "other-type",
            Self::WantsOther => "wants-other",
            Self::Broken(_) => "broken",
            Self::NotRun => "not-run",
        }
    }

    /// What it shows that was not known of this case.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Became(findings) | Self::Broke(findings) => findings,
            Self::StillThere(_)
            | Self::Fixed
            | Self::Silent
            | Self::OtherType
            | Self::WantsOther
            | Self::Broken(_)
            | Self::NotRun => &[],
        }
    }

    /// Whether it fails a run.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::StillThere(severity) => *severity == Severity::Error,
            Self::Became(findings) | Self::Broke(findings) => {
                findings.iter().any(|finding| finding.severity == Severity::Error)
            }
            // What cannot be run any more says nothing, and silence would be taken for health.
            Self::Broken(_) => true,
            Self::Fixed | Self::Silent | Self::OtherType | Self::WantsOther | Self::NotRun => false,
        }
    }
}

/// What became of a case that was shrunk.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The case's file.
    pub path: PathBuf,
    /// As it was.
    pub before: Size,
    /// What it is now.
    pub after: After,
}

/// What a case is after shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// It stays, with this size.
    Stays(Size),
    /// It was taken out of the corpus, for this reason.
    TakenOut(String),
}

/// How large a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its calls.
    pub calls: usize,
    /// The arguments of all of them.
    pub arguments: usize,
}

impl Size {
    /// The size of `case`.
    pub fn of(case: &Case) -> Self {
        let calls = &case.session.calls;
        Self { calls: calls.len(), arguments: calls.iter().map(|call| call.arguments.len()).sum() }
    }
}

#[cfg(test)]
pub(crate) mod examples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_runs_a_case_again_can_be_pasted() {
        let again = Again {
            plugin: "my vault/".into(),
            options: ["--config", "it's.cfg", "--timeout", "500ms", "--allow-network", "all"]
                .map(str::to_owned)
                .to_vec(),
            own: ["--runs", "50"].map(str::to_owned).to_vec(),
            levels: vec![
                (Rule::ReturnKeyUnknown, "return-key-unknown=off".into()),
                (Rule::ReturnKeyUnknown, "return-key-unknown=error".into()),
            ],
            is_configured: true,
            baseline: None,
        };
        assert_eq!(
            again.run(Path::new("corpora/vault/3f.json"), Rule::ReturnKeyUnknown),
            r"hookstorm run 'my vault/' --case corpora/vault/3f.json --rule return-key-unknown=error --config 'it'\''s.cfg' --timeout 500ms --allow-network all"
        );
        assert!(!again.run(Path::new("x.json"), Rule::Timeout).contains("--rule"));
    }
}
