//! Proposes the sessions, from the largest step to the smallest.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    leaves::LeafCursor,
    stages::{Stage, keeps_files_whole},
};
use crate::{
    case::{Session, Value, check_services},
    contract::{Argument, Hook},
    generate::violation::keep_order,
};

/// The most candidates that one shrinker proposes. A typical session needs a fifth of them.
pub(super) const TRIES_LIMIT: usize = 800;

/// The most rounds through all stages: with simpler values, more calls may be unnecessary.
const ROUNDS_LIMIT: usize = 3;

/// Proposes simpler sessions until there is none.
///
/// ```
/// use hookstorm::{
///     contract::{Argument, Hook, Platform, PluginType},
///     generate::{Domain, Shrinker, nth_session},
///     trace::PluginTokens,
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let mut shrinker = Shrinker::new(nth_session(&domain, 1, 1));
/// while let Some(candidate) = shrinker.next_candidate() {
///     // A real caller runs the plugin here.
///     if candidate.calls.iter().any(|call| call.hook == Hook::Authenticate) {
///         shrinker.accept(candidate);
///     }
/// }
/// assert_eq!(shrinker.session().calls.len(), 1);
/// assert_eq!(shrinker.session().calls[0].argument(Argument::ClientIp), Some(&"10.0.0.2".into()));
/// ```
#[derive(Clone, Debug)]
pub struct Shrinker {
    session: Session,
    /// Arguments that the hooks do not take, so that a plugin cannot see whether they are there.
    unseen: HashSet<(Hook, Argument)>,
    /// Whether the session keeps the order of calls, so that the smaller ones must keep it too.
    is_ordered: bool,
    stage: Stage,
    range: RangeCursor,
    leaf: LeafCursor,
    round: usize,
    /// Whether the caller accepted a candidate in this round.
    changed: bool,
    /// Whether the caller has a candidate that it has not accepted.
    pending: bool,
    /// Digests of the sessions that were proposed.
    proposed: HashSet<u64>,
}

/// The items of a stage that are tried together: all, then halves, and so on down to single items.
#[derive(Clone, Copy, Debug)]
struct RangeCursor {
    size: usize,
    start: usize,
}

impl RangeCursor {
    const FRESH: Self = Self { size: usize::MAX, start: 0 };
}

impl Shrinker {
    /// A shrinker for a session that shows a finding. All arguments stay, because the platform passes every argument
    /// that a hook takes \[G\]: without one the session would show a defect that the platform cannot cause.
    pub fn new(session: Session) -> Self {
        Self::dropping(session, [])
    }

    /// The same, without arguments that the hooks do not take.
    pub fn dropping(session: Session, unseen: impl IntoIterator<Item = (Hook, Argument)>) -> Self {
        Self {
            is_ordered: keep_order(&session.calls),
            proposed: HashSet::from([digest(&session)]),
            session,
            unseen: unseen.into_iter().collect(),
            stage: Stage::FIRST,
            range: RangeCursor::FRESH,
            leaf: LeafCursor::default(),
            round: 0,
            changed: false,
            pending: false,
        }
    }

    /// The smallest session that the caller accepted.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The smallest session that the caller accepted.
    pub fn into_session(self) -> Session {
        self.session
    }

    /// A simpler session to try; `None` if there is none. If the caller does not pass it to [`Shrinker::accept`] before
    /// the next call, it does not show the finding.
    pub fn next_candidate(&mut self) -> Option<Session> {
        if std::mem::take(&mut self.pending) {
            self.advance();
        }
        while self.proposed.len() <= TRIES_LIMIT {
            match self.propose() {
                Some(Some(candidate)) if self.is_allowed(&candidate) && self.proposed.insert(digest(&candidate)) => {
                    self.pending = true;
                    return Some(candidate);
                }
                Some(_) => self.advance(),
                None => self.next_stage()?,
            }
        }
        None
    }

    /// Accepts the last candidate: it still shows the finding.
    pub fn accept(&mut self, session: Session) {
        self.session = session;
        self.changed = true;
        if std::mem::take(&mut self.pending) && self.stage == Stage::Leaves {
            self.leaf.accepted();
        }
        // Items that were removed or made plain are gone, so the range is at the next items without a move.
    }

    /// The next candidate of this stage: `None` at the end of the stage, `Some(None)` if these items allow no change.
    fn propose(&mut self) -> Option<Option<Session>> {
        if self.stage == Stage::Leaves {
            return self.leaf.propose(&self.session);
        }
        let count = self.stage.count(&self.session, &self.unseen);
        let RangeCursor { size, start } = &mut self.range;
        *size = (*size).min(count);
        if *start >= count {
            *start = 0;
            *size = if *size > 1 { size.div_ceil(2) } else { 0 };
        }
        if *size == 0 {
            return None;
        }
        Some(self.stage.apply(&self.session, &self.unseen, *start..(*start + *size).min(count)))
    }

    fn advance(&mut self) {
        if self.stage == Stage::Leaves {
            self.leaf.advance();
        } else {
            self.range.start = self.range.start.saturating_add(self.range.size);
        }
    }

    /// Starts the next stage or round; `None` after the last one.
    fn next_stage(&mut self) -> Option<()> {
        self.range = RangeCursor::FRESH;
        self.leaf = LeafCursor::default();
        match self.stage.next() {
            Some(stage) => self.stage = stage,
            None => {
                self.round += 1;
                if !std::mem::take(&mut self.changed) || self.round >= ROUNDS_LIMIT {
                    return None;
                }
                self.stage = Stage::FIRST;
            }
        }
        Some(())
    }

    fn is_allowed(&self, candidate: &Session) -> bool {
        !candidate.calls.is_empty()
            && (!self.is_ordered || keep_order(&candidate.calls))
            // Services must stay valid: a certificate without its middle is not a simpler certificate.
            && (candidate.services == self.session.services
                || keeps_files_whole(&self.session, candidate) && check_services(&candidate.services).is_ok())
    }
}

/// A number that differs for different sessions.
pub(super) fn digest(session: &Session) -> u64 {
    let mut hasher = DefaultHasher::new();
    digest_value(&session.cookie, &mut hasher);
    digest_value(&session.session_cookie, &mut hasher);
    digest_value(&session.services, &mut hasher);
    for option in &session.options {
        (&option.section, &option.name, &option.value).hash(&mut hasher);
    }
    for call in &session.calls {
        (call.hook, call.other, &call.answers, call.cut_off, call.arguments.len()).hash(&mut hasher);
        for (argument, value) in &call.arguments {
            argument.hash(&mut hasher);
            digest_value(value, &mut hasher);
        }
    }
    hasher.finish()
}

fn digest_value(value: &Value, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(flag) => flag.hash(hasher),
        Value::Int(number) => number.hash(hasher),
        Value::BigInt(digits) => digits.hash(hasher),
        Value::Float(number) => number.to_bits().hash(hasher),
        Value::Str(text) => text.hash(hasher),
        Value::List(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| digest_value(item, hasher));
        }
        Value::Dict(entries) => {
            entries.len().hash(hasher);
            for (key, value) in entries {
                key.hash(hasher);
                digest_value(value, hasher);
            }
        }
    }
}
