//! [`Workload`]: the sessions of a load test. A session is found by its number in any thread.

use std::sync::Arc;

use crate::{case::Session, engine::SessionSource};

/// Returns sessions.
pub trait Workload: Sync {
    /// The session with this number; the same number always gives the same session.
    fn session(&self, number: u64) -> Arc<Session>;

    /// Whether all sessions are nominal. A finding that all of them show is a sign of a missing configuration.
    fn are_nominal(&self) -> bool {
        false
    }
}

/// Nominal sessions, or generated ones with all that the platform may pass.
#[derive(Clone, Copy)]
pub struct GeneratedWorkload<'a> {
    /// Makes the sessions.
    pub source: &'a dyn SessionSource,
    /// The seed.
    pub seed: u64,
    /// Whether the sessions are nominal.
    pub are_nominal: bool,
}

impl Workload for GeneratedWorkload<'_> {
    fn session(&self, number: u64) -> Arc<Session> {
        Arc::new(match self.are_nominal {
            // Each number is another nominal session; the seed only decides which is the first.
            true => self.source.nominal(self.seed.wrapping_mul(1 << 32).wrapping_add(number)),
            false => self.source.generated(self.seed, number),
        })
    }

    fn are_nominal(&self) -> bool {
        self.are_nominal
    }
}

/// The sessions of cases, over and over.
#[derive(Clone, Debug)]
pub struct RecordedWorkload(Vec<Arc<Session>>);

impl RecordedWorkload {
    /// These sessions; `None` if there are none.
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
    fn recorded_sessions_come_in_turn_and_an_empty_list_is_no_workload() {
        let session = |key: &str| Session { cookie: key.into(), ..Session::new(Vec::new()) };
        let workload = RecordedWorkload::new([session("a"), session("b")]).unwrap();
        let keys: Vec<_> = (0..4).map(|number| workload.session(number).cookie.clone()).collect();
        assert_eq!(keys, ["a".into(), "b".into(), "a".into(), "b".into()]);
        assert!(RecordedWorkload::new([]).is_none());
    }
}
