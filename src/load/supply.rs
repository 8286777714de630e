//! Where the sessions of a load run come from: [`Supply`]. A session is found by its number, in whatever thread.

use std::sync::Arc;

use crate::{case::Session, engine::Source};

/// Gives sessions.
pub trait Supply: Sync {
    /// The session with that number; the same number, the same session.
    fn session(&self, number: u64) -> Arc<Session>;

    /// Whether they are everyday sessions, so that what all of them show hints at the configuration.
    fn are_ordinary(&self) -> bool {
        false
    }
}

/// Everyday sessions, or generated ones that hold what the platform may pass too.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// Who makes them.
    pub source: &'a dyn Source,
    /// The seed.
    pub seed: u64,
    /// Whether they are everyday ones.
    pub are_ordinary: bool,
}

impl Supply for Made<'_> {
    fn session(&self, number: u64) -> Arc<Session> {
        Arc::new(match self.are_ordinary {
            // Each number is another session; the seed only says where to begin.
            true => self.source.ordinary(self.seed.wrapping_mul(1 << 32).wrapping_add(number)),
            false => self.source.generated(self.seed, number),
        })
    }

    fn are_ordinary(&self) -> bool {
        self.are_ordinary
    }
}

/// The same sessions over and over: of cases.
#[derive(Clone, Debug)]
pub struct Recorded(Vec<Arc<Session>>);

impl Recorded {
    /// Those; `None` where there are none.
    pub fn new(sessions: impl IntoIterator<Item = Session>) -> Option<Self> {
        let sessions: Vec<_> = sessions.into_iter().map(Arc::new).collect();
        (!sessions.is_empty()).then_some(Self(sessions))
    }
}

impl Supply for Recorded {
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
        let supply = Recorded::new([session("a"), session("b")]).unwrap();
        let keys: Vec<_> = (0..4).map(|number| supply.session(number).cookie.clone()).collect();
        assert_eq!(keys, ["a".into(), "b".into(), "a".into(), "b".into()]);
        assert!(Recorded::new([]).is_none());
    }
}
