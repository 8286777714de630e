//! Ways to spend runs: [`property()`] (seeded, in parallel), [`fuzz()`] (steered by coverage), [`replay()`],
//! [`minimize_case`] and [`minimize_corpus`], [`run_case`]. They share `bench`, which sees a finding again in a fresh
//! process, and `shrink`.
//!
//! A campaign emits [`Event`]s and gives back a summary. It prints nothing. What it needs comes in a [`Plan`]. Start
//! reading at [`property()`] and follow it to `batch` (what threads do), `in_order`, and `clerk` (what is decided).
#![forbid(unsafe_code)]

mod batch;
mod bench;
mod clerk;
mod course;
mod cover;
mod distill;
#[cfg(test)]
mod fake;
mod fuzz;
mod group;
mod in_order;
mod leak;
mod ledger;
mod minimize;
mod plan;
mod property;
mod replay;
mod seams;
mod shrink;
mod single;
mod suspected;
mod target;

pub use distill::{Cases, Superfluous, minimize_corpus};
pub use fuzz::{Covered, Ended, FuzzSettings, Fuzzed, Pulse, fuzz};
pub use minimize::{Minimize, Minimized, minimize_case};
pub use plan::{EngineError, Plan, Setup, Workers, workers};
pub use property::{PropertySettings, property};
pub use replay::{Outcome, ReplaySummary, Replayed, replay};
pub use seams::{Generator, Judge, Oracles, Shrink, Source};
pub use single::run_case;
pub use suspected::{Suspected, look_again};
#[doc(hidden)]
pub use target::bodies;
pub use target::{
    Difference, TargetEvent, TargetKind, TargetSettings, TargetSummary, against_generator, fuzz_target, target_again,
};

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    case::Case,
    contract::Hook,
    finding::Finding,
    trace::{CallTrace, Loading},
};

/// Asks a campaign to end: set by Ctrl-C, looked at between batches.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// What happens while a campaign runs. Reporters listen and decide nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// So far.
    Progress {
        /// Sessions that ran.
        sessions: u64,
        /// Sessions that will.
        of: Option<u64>,
        /// Calls that ran.
        calls: u64,
        /// Findings that were confirmed.
        findings: usize,
    },
    /// A suspicion is seen again and shrunk; it takes its time.
    Confirming {
        /// What it says.
        finding: Finding,
    },
    /// A finding was confirmed, shrunk and is on disk.
    Found(Box<Reported>),
    /// Something ran for the first time in a steered campaign.
    Covered(Covered),
    /// How far a steered campaign is; often.
    Pulse(Pulse),
    /// What the user should know before the end. It stands among the summary's notes too.
    Note(String),
}

/// A finding with all that a report says of it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The finding, as the smallest case shows it.
    pub finding: Finding,
    /// How many sessions showed it.
    pub occurrences: u64,
    /// The smallest case, and where it lies. `None` for package and loading rules.
    pub case: Option<Case>,
    /// The case's file.
    pub case_path: Option<PathBuf>,
    /// The call of the smallest case that shows it, as it was seen.
    pub call: Option<CallTrace>,
    /// Findings with the same number have one cause; the first of them stands for it.
    pub group: usize,
    /// Whether it shows in every ordinary session, so that most likely the plugin wants configuration.
    pub every_session: bool,
}

impl Reported {
    /// A finding that no session shows: of package and loading rules.
    pub const fn without_case(finding: Finding) -> Self {
        Self { finding, occurrences: 1, case: None, case_path: None, call: None, group: 0, every_session: false }
    }
}

/// What a campaign did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// The hooks of the plugin under test that were called in sessions that were made, or run under load.
    pub hooks: BTreeSet<Hook>,
    /// How long it took.
    pub elapsed: Duration,
    /// What of the plugin's own files ran.
    pub coverage: Coverage,
    /// What was found, those that show in every session first, then by severity.
    pub reported: Vec<Reported>,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
    /// Why something that was found is not in the corpus, and what to do: a full disk, for instance. It ended the campaign.
    pub unwritten: Option<String>,
    /// How many suspicions never showed again in a fresh process, and so are not told.
    pub unconfirmed: u64,
    /// What the user should know beside findings, each once: a mismatch of versions, for instance.
    pub notes: Vec<String>,
    /// What a steered campaign learned.
    pub fuzz: Option<Fuzzed>,
}

/// Lines of the plugin's own files that ran, of those that hold code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines that ran.
    pub lines_hit: u64,
    /// Lines that hold code.
    pub lines: u64,
    /// Whether only some of the sessions were watched, as before CPython 3.12: then more lines may have run.
    pub is_sampled: bool,
    /// For each file its path, its lines that hold code, and whether each ran.
    pub files: Vec<(String, Vec<(u32, bool)>)>,
}

impl Coverage {
    /// The coverage of a plugin whose workers hit `hit`: (index into [`Loading::files`], line).
    pub fn new(loading: &Loading, hit: impl IntoIterator<Item = (usize, u32)>) -> Self {
        let hit: std::collections::HashSet<(usize, u32)> = hit.into_iter().collect();
        let files: Vec<(String, Vec<(u32, bool)>)> = loading
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                (file.path.clone(), file.lines.iter().map(|&line| (line, hit.contains(&(index, line)))).collect())
            })
            .collect();
        let lines = files.iter().map(|(_, lines)| lines.len() as u64).sum();
        let lines_hit = files.iter().flat_map(|(_, lines)| lines).filter(|(_, hit)| *hit).count() as u64;
        let minor = loading.python.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        Self { lines_hit, lines, is_sampled: minor.is_some_and(|minor| minor < 12), files }
    }
}
