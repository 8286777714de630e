//! Sessions in isolated mode: a process for each call. The host keeps what the session carries from call to call.

use std::time::Duration;

use super::{BatchReply, RuntimeError, Worker, outcome::call_outcome, wait::WorkerEvent, worker::TRIES};
use crate::{
    case::Session,
    runtime::protocol::{
        control::command,
        session_flow::{CallOutcome, SessionFlow, Step},
        shared::{Phase, flag},
        wire::Writer,
    },
    trace::{CallTrace, CallUsage, Ending, Trace},
};

impl Worker {
    /// Runs a session, each call in a process of its own.
    pub(super) fn isolated(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError> {
        self.must_be_loaded()?;
        self.end_runner();
        self.replace_if_lost()?;
        self.prepare_scratch()?;
        self.process.fill_scratch(&session.services);
        let mut trace = Trace {
            cookie: session.cookie.clone(),
            session_cookie: session.session_cookie.clone(),
            ..Trace::default()
        };
        let mut flow = SessionFlow::default();
        while let Some(step) = flow.step(session) {
            let (call, _) = self.isolated_call(session, step, &flow.answered, &trace, timeout)?;
            let outcome = call_outcome(&call, &mut trace);
            if outcome == CallOutcome::Aborted {
                // It may have written files that it did not live to report.
                self.process.mark_scratch_used();
            }
            trace.calls.push(call);
            flow.ended(session, outcome);
        }
        if !self.process.clear_scratch() {
            self.lose(RuntimeError::Stuck);
        }
        Ok(trace)
    }

    /// Makes one call in a process of its own. Returns its trace and, if the worker measures, what it cost.
    pub(super) fn isolated_call(
        &mut self,
        session: &Session,
        step: Step,
        answered: &[(String, String)],
        trace: &Trace,
        timeout: Duration,
    ) -> Result<(CallTrace, Option<CallUsage>), RuntimeError> {
        let request = call_request(session, step, answered, trace);
        for _ in 0..TRIES {
            self.replace_if_lost()?;
            self.process.shared.clear_reply();
            if !self.process.shared.write_request(&request) {
                return Err(RuntimeError::SessionTooLarge(request.len()));
            }
            self.process.clear_output();
            self.set_flags(
                (if self.watches_isolated_lines { flag::LINES } else { 0 })
                    | (if self.measures { flag::USAGE } else { 0 }),
            );
            if !self.process.command(&[command::CALL]) {
                self.lose_gone();
                continue;
            }
            let event = self.process.wait(timeout, 2)?;
            let phase = self.process.phase();
            let mut ending = match event {
                WorkerEvent::TimedOut => Ending::TimedOut { limit: timeout, frames: self.stack_of_child() },
                WorkerEvent::ChildEnded(status) => self.ending_of_status(status),
                WorkerEvent::Gone(_) | WorkerEvent::Replied(_) | WorkerEvent::Silent => self.lose_with(event),
            };
            let BatchReply { partial, is_whole, .. } = self.read_reply(std::slice::from_ref(session));
            if !is_whole {
                ending = Ending::Corrupted;
            }
            let usage = partial.usage.first().copied();
            let reported = partial.trace.calls.into_iter().next();
            match reported.filter(|call| (call.call, call.round) == (step.call, step.round)) {
                Some(call) if event == WorkerEvent::ChildEnded(0) && is_whole => return Ok((call, usage)),
                // Something that the call left running ended the process after it.
                Some(call) => return Ok((CallTrace { ending, ..call }, usage)),
                None if phase == Phase::Idle && !matches!(ending, Ending::Corrupted | Ending::TimedOut { .. }) => {}
                None => return Ok((self.call_at(session, step, ending), None)),
            }
        }
        Err(self.lost.take().unwrap_or(RuntimeError::Stuck))
    }

    /// The call of that step, with its ending.
    fn call_at(&self, session: &Session, step: Step, ending: Ending) -> CallTrace {
        CallTrace {
            call: step.call,
            round: step.round,
            hook: session.calls[step.call].hook,
            answer_is_secret: step.answer_is_secret,
            attempts: self.attempts(),
            ..self.process.current_call(ending)
        }
    }
}

/// What the process of a call gets.
fn call_request(session: &Session, step: Step, answered: &[(String, String)], trace: &Trace) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(step.call as u64);
    writer.number(step.round as u64);
    writer.byte(u8::from(step.answer_is_secret));
    writer.value(&trace.cookie);
    writer.value(&trace.session_cookie);
    writer.options(&session.options);
    writer.value(&session.services);
    writer.number(answered.len() as u64);
    for (key, answer) in answered {
        writer.blob(key.as_bytes());
        writer.blob(answer.as_bytes());
    }
    writer.call(&session.calls[step.call]);
    writer.bytes
}
