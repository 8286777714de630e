//! Where the sessions of a load run come from: [`Workload`]. A session is found by its number, in whatever thread.

use std::sync::Arc;

use crate::{case::Session, engine::SessionSource};

/// Gives sessions.
pub trait Workload: Sync {
    /// The session with that number; the same number, the same session.
    fn session(&self, number: u64) -> Arc<Session>;

    /// Whether they are everyday sessions, so that what all of them show hints at the configuration.
    fn are_nominal(&self) -> bool {
        false
    }
}

/// Everyday sessions, or generated ones that hold what the platform may pass too.
#[derive(Clone, Copy)]
pub struct GeneratedWorkload<'a> {
    /// Who makes them.
    pub source: &'a dyn SessionSource,
    /// The seed.
    pub seed: u64,
    /// Whether they are everyday ones.
    pub are_nominal: bool,
}

impl Workload for GeneratedWorkload<'_> {
    fn session(&self, number: u64) -> Arc<Session> {
        Arc::new(match self.are_nominal {
            // Each number is another session; the seed only says where to begin.
            true => self.source.nominal(self.seed.wrapping_mul(1 << 32).wrapping_add(number)),
            false => self.source.generated(self.seed, number),
        })
    }

    fn are_nominal(&self) -> bool {
        self.are_nominal
    }
}

/// The same sessions over and over: of cases.
#[derive(Clone, Debug)]
pub struct RecordedWorkload(Vec<Arc<Session>>);

impl RecordedWorkload {
    /// Those; `None` where there are none.
    pub fn new(sessions: impl IntoIterator<Item = Session>) -> Option<Self> {
        let sessions: Vec<_> = sessions.into_iter().map(Arc::new).collect();
        (!sessions.is_empty()).then_some(Self(sessions))
    }
}

impl Workload for RecordedWorkload {
    fn session(&self, number: u64) -> Arc<Session> {
        Arc::clone(&self.0[(number % self.0.len() as u64) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_sessions_come_in_turn_and_none_are_no_supply() {
        let session = |key: &str| Session { cookie: key.into(), ..Session::new(Vec::new()) };
        let workload = RecordedWorkload::new([session("a"), session("b")]).unwrap();
        let keys: Vec<_> = (0..4).map(|number| workload.session(number).cookie.clone()).collect();
        assert_eq!(keys, ["a".into(), "b".into(), "a".into(), "b".into()]);
        assert!(RecordedWorkload::new([]).is_none());
    }
}
