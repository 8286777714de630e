//! What a run did and found: [`Summary`], [`ReportedFinding`].

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    case::{Case, is_usual},
    contract::{Argument, Hook},
    corpus::CorpusError,
    engine::{Coverage, FuzzStats, Reach},
    finding::{Finding, Fingerprint},
    trace::CallTrace,
};

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// The hooks of the plugin under test that generated sessions, or sessions under load, called.
    pub hooks: BTreeSet<Hook>,
    /// How long the run took.
    pub elapsed: Duration,
    /// Which lines of the plugin's own files ran.
    pub coverage: Coverage,
    /// The findings: first those that every session shows, then by severity.
    pub reported: Vec<ReportedFinding>,
    /// Whether the user stopped the run before its end.
    pub interrupted: bool,
    /// Why a finding could not be written to the corpus: for example, the disk is full. This ends the run.
    pub unwritten: Option<Arc<CorpusError>>,
    /// How many candidate findings did not reproduce in a fresh process, and so are not reported.
    pub unconfirmed: u64,
    /// Why few findings prove little, each a sentence.
    pub cautions: Vec<String>,
    /// Notes for the user beside the findings, each once: for example, versions that do not match.
    pub notes: Vec<String>,
    /// How far the sessions got.
    pub reach: Reach,
    /// What fuzzing learned.
    pub fuzz: Option<FuzzStats>,
}

/// A finding with all that a report shows of it.
#[derive(Clone, Debug)]
pub struct ReportedFinding {
    /// The finding, as the smallest case shows it.
    pub finding: Finding,
    /// How many sessions showed it.
    pub occurrences: u64,
    /// The smallest case. `None` for package and loading rules.
    pub case: Option<Case>,
    /// The case's file.
    pub case_path: Option<PathBuf>,
    /// The call of the smallest case that shows the finding.
    pub call: Option<CallTrace>,
    /// Findings with the same number have the same cause. Reports show the first of them.
    pub group: usize,
    /// Whether every nominal session shows it.
    pub every_session: bool,
    /// Whether it lies in the Plugin SDK alone: no line of the plugin is among the frames.
    pub in_sdk: bool,
    /// The finding of an earlier call from which this one only follows.
    pub follows: Option<Fingerprint>,
    /// The arguments that make the difference: with a nominal value instead, the case does not show the finding. `None`
    /// if that was not tried.
    pub decisive: Option<Vec<DecisiveArgument>>,
}

/// An argument without which a case does not show its finding.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisiveArgument {
    /// The index of the call in the case.
    pub call: usize,
    /// The argument.
    pub argument: Argument,
}

impl ReportedFinding {
    /// A finding of a package or loading rule, which no session shows.
    pub const fn without_case(finding: Finding) -> Self {
        Self {
            finding,
            occurrences: 1,
            case: None,
            case_path: None,
            call: None,
            group: 0,
            every_session: false,
            in_sdk: false,
            follows: None,
            decisive: None,
        }
    }

    /// How many values are decisive that no nominal session has.
    pub(super) fn odd_values(&self) -> usize {
        let value = |one: &DecisiveArgument| {
            self.case.as_ref()?.session.calls.get(one.call)?.argument(one.argument).map(|value| (one.argument, value))
        };
        let values = self.decisive.iter().flatten().filter_map(value);
        values.filter(|(argument, value)| !is_usual(*argument, value)).count()
    }
}
