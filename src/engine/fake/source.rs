//! The sessions of a [`FakeSource`], and how a [`FakeShrinker`] makes them smaller.

use super::{port, set_port};
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook},
    engine::{SessionShrinker, SessionSource},
    generate::Dictionary,
    trace::CmpLogEntry,
};

/// Makes sessions of three calls. The port is the session's number, for nominal sessions plus 1000.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct FakeSource {
    /// One of this many generated sessions has a foreign cookie; 0 for none.
    pub(in crate::engine) foreign_every: u64,
}

/// A session with this port in all of its calls.
pub(in crate::engine) fn session(port: u64) -> Session {
    let port = i64::try_from(port).unwrap_or(i64::MAX);
    let arguments =
        vec![(Argument::ServerPort, Value::Int(port)), (Argument::SessionId, Value::text(format!("s-{port}")))];
    let hooks = [Hook::GetPasswordList, Hook::GetPrivateKeyList, Hook::SessionEnded];
    Session::new(hooks.map(|hook| Call::new(hook, arguments.clone())).to_vec())
}

impl SessionSource for FakeSource {
    fn nominal(&self, index: u64) -> Session {
        session(1000 + index)
    }

    fn generated(&self, seed: u64, index: u64) -> Session {
        let mut session = session(seed * 100_000 + index);
        if self.foreign_every > 0 && index.is_multiple_of(self.foreign_every) {
            session.cookie = Value::Dict(vec![("k".into(), Value::Null)]);
        }
        session
    }

    fn mutated(&self, _: &Dictionary, seed: u64, parent: &Session, donor: Option<&Session>) -> Option<Session> {
        let mut session = if seed & 1 == 0 { donor.unwrap_or(parent).clone() } else { parent.clone() };
        let at = seed as usize / 2 % session.calls.len().max(1);
        set_port(session.calls.get_mut(at)?, i64::from(seed as u32 >> 8));
        Some(session)
    }

    fn input_to_state(&self, session: &Session, comparisons: &[CmpLogEntry]) -> Vec<Session> {
        let mut found = Vec::new();
        for comparison in comparisons {
            for at in 0..session.calls.len() {
                if let (Value::Int(left), Value::Int(right)) = (&comparison.left, &comparison.right)
                    && port(&session.calls[at]) == *left
                {
                    let mut session = session.clone();
                    set_port(&mut session.calls[at], *right);
                    found.push(session);
                }
            }
        }
        found
    }

    fn shrinker(&self, session: &Session) -> Box<dyn SessionShrinker> {
        Box::new(FakeShrinker { best: session.clone(), step: 0 })
    }
}

/// Removes one call after another, then one argument after another.
#[derive(Clone)]
struct FakeShrinker {
    best: Session,
    step: usize,
}

impl SessionShrinker for FakeShrinker {
    fn next_candidate(&mut self) -> Option<Session> {
        let mut step = self.step;
        self.step += 1;
        let mut session = self.best.clone();
        if step < session.calls.len() {
            session.calls.remove(step);
            return Some(session);
        }
        step -= session.calls.len();
        for call in &mut session.calls {
            if step < call.arguments.len() {
                call.arguments.remove(step);
                return Some(session);
            }
            step -= call.arguments.len();
        }
        None
    }

    fn accept(&mut self, session: Session) {
        *self = Self { best: session, step: 0 };
    }

    fn fork(&self) -> Box<dyn SessionShrinker> {
        Box::new(self.clone())
    }
}
