//! Two plugins in one session: an Authentication and Authorization plugin, then a credential store. Both see the same
//! `session_cookie`, and each its own `cookie`.

use std::time::Duration;

use crate::{
    case::{Session, Value},
    contract::Hook,
    runtime::{Executor, Isolation, KnownHang, RuntimeError, Worker, host},
    trace::{Ending, Instrumentation, Observation, Trace},
};

/// The executors of the plugin under test and of the other one.
#[derive(Debug)]
pub struct Pair<M = Worker, O = Worker> {
    tested: M,
    other: O,
}

impl<M: Executor, O: Executor> Pair<M, O> {
    /// Runs calls that are marked `other` in `other`, and all others in `tested`.
    pub const fn new(tested: M, other: O) -> Self {
        Self { tested, other }
    }

    /// Runs a session. `run` runs each series of calls of one plugin in that plugin's executor.
    fn session(
        &mut self,
        session: &Session,
        run: &mut dyn FnMut(&mut dyn Executor, &Session) -> Result<Trace, RuntimeError>,
    ) -> Result<Trace, RuntimeError> {
        let mut trace = Trace { session_cookie: session.session_cookie.clone(), ..Trace::default() };
        let mut cookies = [session.cookie.clone(), Value::empty_dict()];
        let mut refused = false;
        let mut begin = 0;
        while begin < session.calls.len() {
            let other = session.calls[begin].other;
            let end = session.calls[begin..]
                .iter()
                .position(|call| call.other != other)
                .map_or(session.calls.len(), |length| begin + length);
            // The indices of these calls in the session. For a refused user only `session_ended` is called.
            let indices: Vec<usize> =
                (begin..end).filter(|&at| !refused || session.calls[at].hook == Hook::SessionEnded).collect();
            begin = end;
            if indices.is_empty() {
                continue;
            }
            let part = Session {
                cookie: cookies[usize::from(other)].clone(),
                session_cookie: trace.session_cookie.clone(),
                calls: indices
                    .iter()
                    .map(|&at| crate::case::Call { other: false, ..session.calls[at].clone() })
                    .collect(),
                // They belong to the plugin under test.
                options: if other { Vec::new() } else { session.options.clone() },
                services: session.services.clone(),
            };
            let worker: &mut dyn Executor = if other { &mut self.other } else { &mut self.tested };
            let part_trace = run(worker, &part)?;
            for mut call in part_trace.calls {
                call.call = indices[call.call];
                trace.calls.push(call);
            }
            trace.changes.extend(part_trace.changes);
            cookies[usize::from(other)] = part_trace.cookie;
            trace.session_cookie = part_trace.session_cookie;
            match trace.calls.last() {
                Some(last) if !matches!(last.ending, Ending::Returned(_) | Ending::CutOff) => break,
                Some(last) if host::refuses(last) => refused = true,
                _ => {}
            }
        }
        [trace.cookie, _] = cookies;
        Ok(trace)
    }
}

impl<M: Executor, O: Executor> Executor for Pair<M, O> {
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
        let mut run = |worker: &mut dyn Executor, part: &Session| {
            let traces = worker.run(std::slice::from_ref(part), isolation)?;
            traces.into_iter().next().ok_or(RuntimeError::Stuck)
        };
        sessions.iter().map(|session| self.session(session, &mut run)).collect()
    }

    fn run_until_timeout(
        &mut self,
        sessions: &[Session],
        _instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        let mut observed = Vec::new();
        for session in sessions {
            let traces = self.run(std::slice::from_ref(session), Isolation::Persistent)?;
            let is_timeout =
                |trace: &Trace| trace.calls.last().is_some_and(|call| matches!(call.ending, Ending::TimedOut { .. }));
            let is_last = traces.iter().any(is_timeout);
            observed.extend(traces.into_iter().map(|trace| Observation { trace, ..Observation::default() }));
            if is_last {
                break;
            }
        }
        Ok(observed)
    }

    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
        // The calls of the other plugin in the earlier sessions cannot change the state of this one.
        let earlier: Vec<Session> = earlier
            .iter()
            .map(|session| Session {
                calls: session.calls.iter().filter(|call| !call.other).cloned().collect(),
                ..session.clone()
            })
            .collect();
        self.session(session, &mut |worker, part| worker.run_after(&earlier, part))
    }

    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError> {
        self.session(session, &mut |worker, part| worker.run_with_timeout(part, timeout))
    }

    fn end_early(&mut self, hangs: &[KnownHang]) {
        self.tested.end_early(hangs);
    }

    fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.tested.lines_hit()
    }

    fn watch_isolated_lines(&mut self, watch: bool) {
        self.tested.watch_isolated_lines(watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        trace::{CallTrace, CapturedOutput, Observed},
    };

    /// A plugin that returns the result of a function, and adds to its cookies.
    struct FakePlugin(fn(Hook) -> Observed);

    impl Executor for FakePlugin {
        fn run(&mut self, sessions: &[Session], _isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
            let trace = |session: &Session| {
                let mut session_cookie = session.session_cookie.clone();
                let mut cookie = session.cookie.clone();
                let calls = session.calls.iter().enumerate().map(|(at, call)| {
                    session_cookie.set(call.hook.name(), Value::Int(at as i64));
                    cookie.set(call.hook.name(), Value::Int(at as i64));
                    CallTrace {
                        call: at,
                        round: 0,
                        hook: call.hook,
                        answer_is_secret: false,
                        ending: Ending::Returned((self.0)(call.hook)),
                        stdout: CapturedOutput::default(),
                        stderr: CapturedOutput::default(),
                        elapsed: Duration::ZERO,
                        files: Vec::new(),
                        attempts: Vec::new(),
                        leftovers: Vec::new(),
                        changed_types: Vec::new(),
                    }
                });
                let calls = calls.collect();
                Trace { calls, changes: Vec::new(), cookie, session_cookie }
            };
            Ok(sessions.iter().map(trace).collect())
        }

        fn run_after(&mut self, _: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
            Ok(self.run(std::slice::from_ref(session), Isolation::Persistent)?.remove(0))
        }

        fn run_with_timeout(&mut self, session: &Session, _: Duration) -> Result<Trace, RuntimeError> {
            self.run_after(&[], session)
        }

        fn lines_hit(&self) -> Vec<(usize, u32)> {
            Vec::new()
        }
    }

    fn verdict(word: &str) -> Observed {
        Observed::Dict(vec![(Observed::Str("verdict".into()), Observed::Str(word.into()))])
    }

    fn session() -> Session {
        let call = |hook, other| Call { other, ..Call::new(hook, Vec::new()) };
        Session::new(vec![
            call(Hook::Authenticate, true),
            call(Hook::Authorize, true),
            call(Hook::GetPasswordList, false),
            call(Hook::SessionEnded, false),
            call(Hook::SessionEnded, true),
        ])
    }

    #[test]
    fn the_session_cookie_is_shared_and_the_cookie_is_not() {
        let mut pair = Pair::new(FakePlugin(|_| Observed::None), FakePlugin(|_| verdict("ACCEPT")));
        let trace = pair.run(&[session()], Isolation::Persistent).unwrap().remove(0);
        assert_eq!(trace.calls.iter().map(|call| call.call).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(trace.cookie.to_string(), r#"{"get_password_list":0,"session_ended":1}"#);
        assert_eq!(
            trace.session_cookie.to_string(),
            r#"{"authenticate":0,"authorize":1,"get_password_list":0,"session_ended":0}"#
        );
    }

    #[test]
    fn a_refused_user_gets_no_password() {
        let mut pair = Pair::new(FakePlugin(|_| Observed::None), FakePlugin(|_| verdict("DENY")));
        let trace = pair.run(&[session()], Isolation::Persistent).unwrap().remove(0);
        assert_eq!(trace.calls.iter().map(|call| call.call).collect::<Vec<_>>(), [0, 1, 3, 4]);
    }
}
