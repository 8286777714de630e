//! [`Reach`]: how far sessions got. A plugin that denies every user, or never has a credential, shows few findings
//! because little of it ran: a report must say so.

use std::collections::BTreeSet;

use crate::{
    case::Session,
    contract::Hook,
    engine::{Plan, Setup, exclusive_run::ExclusiveRun, reproducer::Reproducer},
    finding::Location,
    runtime::RuntimeError,
    trace::{CallTrace, Ending, Exception, Observed, Origin, Trace},
};

/// The keys of results that are credentials.
const CREDENTIALS: [&str; 3] = ["passwords", "private_keys", "totp_codes"];

/// How many different keys of results are kept.
const KEYS_LIMIT: usize = 8;

/// How many nominal sessions run again to find the lines that they reach.
const PROBED_SESSIONS: u64 = 4;

/// How far sessions got. Only calls of the plugin under test count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// Sessions with a call that could accept a user or return a credential.
    pub sessions: u64,
    /// The nominal sessions among them.
    pub nominal: u64,
    /// Sessions that accepted a user or returned a credential.
    pub successes: u64,
    /// The nominal sessions among them.
    pub nominal_successes: u64,
    /// The keys of results of nominal sessions, without cookies. A few of them.
    pub keys: BTreeSet<String>,
    /// The hook that no session reached, because the other plugin ended every session before.
    pub unreached: Option<Hook>,
    /// Where every session ended: its first such call raised there.
    pub end: End,
    /// The lines that nominal sessions reached, each an index into
    /// [`Loading::files`](crate::trace::Loading::files) and a line. Empty unless no nominal session succeeded.
    pub lines: Vec<(usize, u32)>,
}

/// Where the sessions of a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum End {
    /// No session ran.
    #[default]
    Unknown,
    /// All of them here, with this exception.
    Same(EndPlace),
    /// At different places, or some of them nowhere.
    Different,
}

/// The place of an exception.
#[derive(Clone, Debug, PartialEq)]
pub struct EndPlace {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The exception's type.
    pub type_name: String,
}

impl Reach {
    /// Counts a session.
    pub(super) fn add(&mut self, session: &Session, trace: &Trace, is_nominal: bool) {
        let is_own = |call: &&CallTrace| session.calls.get(call.call).is_some_and(|call| !call.other);
        let may_succeed = |call: &&CallTrace| {
            may_succeed(call.hook) && !matches!(call.ending, Ending::CutOff | Ending::EndedEarly { .. })
        };
        let mut calls = trace.calls.iter().filter(is_own).filter(may_succeed).peekable();
        let Some(first) = calls.peek() else { return };
        self.sessions += 1;
        self.nominal += u64::from(is_nominal);
        if self.end != End::Different {
            self.add_end(end_of(first));
        }
        let mut is_success = false;
        for call in calls {
            let Ending::Returned(Observed::Dict(entries)) = &call.ending else { continue };
            for (key, value) in entries {
                let Some(key) = key.as_str() else { continue };
                is_success |= is_credential(key, value);
                if is_nominal && self.keys.len() < KEYS_LIMIT && !key.ends_with("cookie") && !self.keys.contains(key) {
                    self.keys.insert(key.to_owned());
                }
            }
        }
        self.successes += u64::from(is_success);
        self.nominal_successes += u64::from(is_success && is_nominal);
    }

    fn add_end(&mut self, end: Option<EndPlace>) {
        self.end = match (std::mem::take(&mut self.end), end) {
            (End::Unknown, Some(place)) => End::Same(place),
            (End::Same(known), Some(place)) if known == place => End::Same(known),
            _ => End::Different,
        };
    }

    /// Adds the counts of other sessions.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.nominal += other.nominal;
        self.successes += other.successes;
        self.nominal_successes += other.nominal_successes;
        let room = KEYS_LIMIT.saturating_sub(self.keys.len());
        self.keys.extend(other.keys.iter().take(room).cloned());
        match &other.end {
            End::Unknown => {}
            End::Same(place) => self.add_end(Some(place.clone())),
            End::Different => self.end = End::Different,
        }
    }

    /// Whether nominal sessions ran and none of them succeeded.
    pub fn has_no_nominal_success(&self) -> bool {
        self.nominal > 0 && self.nominal_successes == 0
    }

    /// Finds the lines that nominal sessions reach, if none of them succeeded.
    pub(super) fn probe(&mut self, plan: &Plan<'_>) -> Result<(), RuntimeError> {
        if !self.has_no_nominal_success() {
            return Ok(());
        }
        let mut reproducer = Reproducer::start(plan, &Setup::default(), &ExclusiveRun::default())?;
        reproducer.record_lines();
        for index in 0..PROBED_SESSIONS.min(self.nominal) {
            reproducer.isolated(&plan.source.nominal(index))?;
        }
        self.lines = reproducer.lines_hit();
        Ok(())
    }
}

const fn may_succeed(hook: Hook) -> bool {
    !matches!(hook, Hook::AuthenticationCompleted | Hook::SessionEnded)
}

fn is_credential(key: &str, value: &Observed) -> bool {
    let is_filled = match value {
        Observed::List(items) | Observed::Tuple(items) => !items.is_empty(),
        _ => false,
    };
    (is_filled && CREDENTIALS.contains(&key)) || (key == "verdict" && value.as_str() == Some("ACCEPT"))
}

/// Where a call raised: the innermost line of the plugin, else the innermost one outside of the standard library.
fn end_of(call: &CallTrace) -> Option<EndPlace> {
    let Ending::Raised(Exception { type_name, frames, .. }) = &call.ending else { return None };
    let of = |origin: Origin| frames.iter().find(|frame| frame.origin == origin);
    let frame = of(Origin::Plugin).or_else(|| of(Origin::Other))?;
    Some(EndPlace { file: frame.file.clone(), line: frame.line, type_name: type_name.clone() })
}

impl EndPlace {
    /// Whether it is the place of a finding.
    pub(crate) fn is_at(&self, location: &Location) -> bool {
        self.line == location.line && self.file.ends_with(&location.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::fake, trace::Frame};

    fn returned(key: &str, value: Observed) -> Ending {
        Ending::Returned(Observed::Dict(vec![(Observed::Str(key.into()), value)]))
    }

    fn raised(line: u32) -> Ending {
        let frame = Frame { origin: Origin::Plugin, file: "main.py".into(), function: "f".into(), line };
        Ending::Raised(Exception { type_name: "OSError".into(), frames: vec![frame], ..Exception::default() })
    }

    fn reach(endings: Vec<Ending>) -> Reach {
        let mut reach = Reach::default();
        for (index, ending) in endings.into_iter().enumerate() {
            reach.add(&fake::session(1), &fake::trace_of(ending), index == 0);
        }
        reach
    }

    fn list(items: usize) -> Observed {
        Observed::List(vec![Observed::Str("x".into()); items])
    }

    #[test]
    fn only_a_filled_list_of_credentials_is_a_success() {
        let reach = reach(vec![
            returned("passwords", list(0)),
            returned("passwords", list(1)),
            returned("password", list(1)),
            returned("passwords", Observed::Str("x".into())),
            returned("private_keys", list(1)),
            Ending::Returned(Observed::None),
            returned("verdict", Observed::Str("ACCEPT".into())),
        ]);
        assert_eq!((reach.sessions, reach.successes, reach.nominal, reach.nominal_successes), (7, 3, 1, 0));
        assert_eq!(reach.end, End::Different);
    }

    #[test]
    fn sessions_end_at_one_line_only_if_all_of_them_do() {
        let same = reach(vec![raised(41), raised(41)]);
        assert!(matches!(&same.end, End::Same(place) if place.line == 41), "{same:?}");
        assert_eq!(reach(vec![raised(41), raised(42)]).end, End::Different);
        assert_eq!(reach(vec![raised(41), returned("passwords", list(0))]).end, End::Different);
        let mut merged = same.clone();
        merged.merge(&Reach::default());
        merged.merge(&same);
        assert_eq!((merged.sessions, &merged.end), (4, &same.end));
        merged.merge(&reach(vec![raised(7)]));
        assert_eq!(merged.end, End::Different);
    }
}
