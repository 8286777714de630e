//! Sessions in persistent mode: batches of them in a runner, which is replaced when state cannot be put back or when it
//! ended.

use super::{BatchReply, RuntimeError, Worker, outcome::call_outcome, wait::WorkerEvent, worker::TRIES};
use crate::{
    case::Session,
    runtime::protocol::{
        control::{command, reply},
        shared::{Phase, REQUEST_LIMIT, flag},
        wire::Writer,
    },
    trace::{CallTrace, Ending, Observation},
};

/// How many sessions go to the runner at once.
const BATCH: usize = 64;

impl Worker {
    /// Ends the runner, if there is one.
    pub(super) fn end_runner(&mut self) {
        if self.has_runner && !self.process.kill_child() {
            self.lose(RuntimeError::Stuck);
        }
        self.has_runner = false;
    }

    /// Makes sure that a runner waits for a batch. False if that failed this time.
    fn ensure_runner(&mut self) -> Result<bool, RuntimeError> {
        self.replace_if_lost()?;
        if self.has_runner {
            return Ok(true);
        }
        self.process.clear_output();
        self.prepare_scratch()?;
        self.has_runner = self.process.command(&[command::RUNNER]);
        if !self.has_runner {
            self.lose_gone();
        }
        Ok(self.has_runner)
    }

    /// Runs sessions in one runner after another; bits of [`flag`] say how. With `until_timeout` it leaves out those
    /// after one that reached the time limit.
    pub(super) fn persistent(
        &mut self,
        sessions: &[Session],
        flags: u32,
        until_timeout: bool,
    ) -> Result<Vec<Observation>, RuntimeError> {
        self.must_be_loaded()?;
        let mut observations: Vec<Observation> = Vec::with_capacity(sessions.len());
        let mut failures = 0;
        let mut batch = BATCH;
        while observations.len() < sessions.len() {
            if failures > TRIES {
                return Err(self.lost.take().unwrap_or(RuntimeError::Stuck));
            }
            let before = observations.len();
            let rest = &sessions[before..];
            let rest = &rest[..rest.len().min(batch)];
            failures += 1;
            if !self.ensure_runner()? {
                continue;
            }
            self.write_batch(rest, flags)?;
            if !self.process.send_batch() {
                // The runner has ended or is about to.
                self.end_runner();
                continue;
            }
            let most = rest.iter().flat_map(|session| &session.calls).map(|call| 2 + call.answers.len()).sum();
            let (event, hang) = self.wait_for_batch(most)?;
            let phase = self.process.phase();
            // The runner could go on writing, so it is ended before its reply is read.
            let ending = match hang {
                Some(frames) => {
                    self.end_runner();
                    Some(Ending::EndedEarly { frames })
                }
                None => self.batch_ending(event, phase),
            };
            let BatchReply { complete, partial, is_whole } = self.read_reply(rest);
            complete.iter().for_each(|observation| self.early_end.learn(&observation.trace));
            observations.extend(complete);
            let ending = match ending {
                _ if !is_whole => {
                    self.end_runner();
                    Some(Ending::Corrupted)
                }
                // It died between sessions. That is no session's fault, so it is tried again.
                Some(Ending::Signalled { .. } | Ending::Exited { .. })
                    if phase == Phase::Idle && partial.trace.calls.is_empty() =>
                {
                    None
                }
                ending => ending,
            };
            if matches!(ending, Some(Ending::Corrupted)) && rest.len() > 1 && flags & flag::KEEP_STATE == 0 {
                // The reply cannot say which session did it. So each runs alone.
                batch = 1;
                observations.truncate(before);
                failures = 0;
                continue;
            }
            if let Some(ending) = ending
                && let Some(session) = sessions.get(observations.len())
            {
                let is_timeout = matches!(ending, Ending::TimedOut { .. });
                observations.push(self.aborted_session(session, partial, ending, flags));
                if until_timeout && is_timeout {
                    break;
                }
            }
            if observations.len() > before {
                failures = 0;
            }
        }
        Ok(observations)
    }

    /// How the call ended that ended the batch; `None` if the runner ended the batch by itself.
    fn batch_ending(&mut self, event: WorkerEvent, phase: Phase) -> Option<Ending> {
        match event {
            // A runner replies between sessions only; a plugin that forges a reply does not.
            WorkerEvent::Replied(reply::DONE) if phase == Phase::Idle => None,
            WorkerEvent::Replied(reply::RETIRED) if phase == Phase::Idle => {
                if !self.process.wait_for_end() {
                    self.lose(RuntimeError::Stuck);
                }
                self.has_runner = false;
                None
            }
            WorkerEvent::Replied(_) => {
                self.end_runner();
                Some(Ending::Corrupted)
            }
            WorkerEvent::TimedOut => {
                let frames = self.stack_of_child();
                Some(Ending::TimedOut { limit: self.target.limits.timeout, frames })
            }
            WorkerEvent::ChildEnded(status) => {
                self.has_runner = false;
                Some(self.ending_of_status(status))
            }
            WorkerEvent::Gone(_) | WorkerEvent::Silent => Some(self.lose_with(event)),
        }
    }

    fn write_batch(&mut self, sessions: &[Session], flags: u32) -> Result<(), RuntimeError> {
        let mut body = Writer::default();
        let mut count = 0;
        for session in sessions {
            let before = body.bytes.len();
            body.session(session);
            if body.bytes.len() + 16 > REQUEST_LIMIT {
                if count == 0 {
                    return Err(RuntimeError::SessionTooLarge(body.bytes.len() - before));
                }
                body.bytes.truncate(before);
                break;
            }
            count += 1;
        }
        let mut writer = Writer { bytes: Vec::with_capacity(body.bytes.len() + 16) };
        writer.number(count);
        writer.bytes.append(&mut body.bytes);
        self.process.shared.clear_reply();
        self.set_flags(flags);
        self.process.shared.write_request(&writer.bytes);
        Ok(())
    }

    /// What the worker wrote about `sessions`.
    pub(super) fn read_reply(&self, sessions: &[Session]) -> BatchReply {
        BatchReply::read(&self.process.shared.read_reply(), Some(sessions), self.target.limits.memory_bytes)
    }

    /// The observation of a session whose process a call ended. The cookies are lost with the process, so they are
    /// taken from the calls again. The edges are still in the shared memory; comparisons are not.
    fn aborted_session(&mut self, session: &Session, partial: Observation, ending: Ending, flags: u32) -> Observation {
        let Observation { mut trace, mut edges, comparisons, usage, process_usage } = partial;
        let shared = &self.process.shared;
        let is_instrumented = flags & (flag::EDGES | flag::COMPARISONS) != 0;
        if is_instrumented && edges.is_empty() && (flags & flag::COMPARISONS != 0 || shared.has_new_edges()) {
            edges = shared.edges();
            shared.mark_seen(&edges);
        }
        self.process.mark_scratch_used();
        if self.process.phase() == Phase::Call || trace.calls.is_empty() {
            let mut call = self.current_call(session, ending);
            if let Some(last) = trace.calls.last()
                && (last.call, last.round) == (call.call, call.round)
            {
                // The process died after it had written the call.
                call = CallTrace { ending: call.ending, ..last.clone() };
                trace.calls.pop();
            }
            trace.calls.push(call);
        } else if let Some(last) = trace.calls.last_mut() {
            // Something that the call left behind ended the process.
            last.ending = ending;
        }
        trace.cookie.clone_from(&session.cookie);
        trace.session_cookie.clone_from(&session.session_cookie);
        for call in std::mem::take(&mut trace.calls) {
            call_outcome(&call, &mut trace);
            trace.calls.push(call);
        }
        Observation { trace, edges, comparisons, usage, process_usage }
    }
}
