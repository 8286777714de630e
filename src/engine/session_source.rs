//! [`SessionSource`] makes sessions. A run uses `Generator`; the tests of this room use a simpler source of
//! their own.

use crate::{case::Session, generate::Dictionary, trace::CmpLogEntry};

/// Makes sessions. The same arguments give the same session in any thread.
pub trait SessionSource: Sync {
    /// A nominal session: all arguments have common values.
    fn nominal(&self, index: u64) -> Session;

    /// A generated session.
    fn generated(&self, seed: u64, index: u64) -> Session;

    /// A session of the corpus with the arguments that it lacks and without a cookie that the platform would not pass.
    fn completed(&self, session: Session) -> Session {
        session
    }

    /// The dictionary before anything ran.
    fn dictionary(&self) -> Dictionary {
        Dictionary::default()
    }

    /// A mutation of `parent`, perhaps with parts of `donor`; `None` if nothing can be changed.
    fn mutated(
        &self,
        _dictionary: &Dictionary,
        _seed: u64,
        _parent: &Session,
        _donor: Option<&Session>,
    ) -> Option<Session> {
        None
    }

    /// Sessions in which one operand of a comparison replaces the other where that one came from the session
    /// (RedQueen's input-to-state), the likeliest first.
    fn input_to_state(&self, _session: &Session, _comparisons: &[CmpLogEntry]) -> Vec<Session> {
        Vec::new()
    }

    /// The same session with one argument changed, then with two.
    fn neighbours(&self, _session: &Session) -> Vec<Session> {
        Vec::new()
    }

    /// Tries to make `session` smaller.
    fn shrinker(&self, session: &Session) -> Box<dyn SessionShrinker>;
}

/// Proposes ever smaller sessions, and ends by itself.
pub trait SessionShrinker {
    /// The next session to try; `None` if there is nothing more to try.
    fn next_candidate(&mut self) -> Option<Session>;

    /// The last candidate still showed the finding: go on from there.
    fn accept(&mut self, session: Session);

    /// A copy in the same state.
    fn fork(&self) -> Box<dyn SessionShrinker>;
}
