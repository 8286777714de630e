//! [`ReadyQueue`]: what is to be done and when, between the thread that keeps the schedule and the workers that make
//! calls. What is due and finds no free worker waits here, and its latency goes on.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::RangeInclusive,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::runtime::{RuntimeError, SessionState};

/// Something that a worker can start.
#[derive(Debug)]
pub(super) enum Ready {
    /// A new session.
    Session { number: u64, due: Duration },
    /// The next call of a session.
    Call(Box<SessionInFlight>),
}

/// A session that has started. Moments count from the start of the run.
#[derive(Debug)]
pub(super) struct SessionInFlight {
    pub(super) state: SessionState,
    /// When it was due.
    pub(super) due: Duration,
    /// When its next call is due.
    pub(super) call_due: Duration,
    /// The think time so far, which is no part of the latency.
    pub(super) thought: Duration,
}

#[derive(Debug)]
struct Timer {
    due: Duration,
    number: u64,
    session: Box<SessionInFlight>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Ready>,
    timers: BinaryHeap<Reverse<Timer>>,
    /// Orders timers of the same moment by when they were set.
    timers_set: u64,
    /// Sessions that started and did not end, including those of users who think.
    in_flight: usize,
    is_closed: bool,
    error: Option<RuntimeError>,
}

impl State {
    fn is_done(&self) -> bool {
        self.ready.is_empty() && self.in_flight == 0
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    state: Mutex<State>,
    /// There is something for a worker.
    work: Condvar,
    /// There is something for the thread that keeps the schedule: an end, an error, a timer.
    changed: Condvar,
    /// The queue is closed.
    closed: Condvar,
}

impl ReadyQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The thread that joins the others reports a panic; it must not become a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases sessions to free workers.
    pub(super) fn release(&self, sessions: impl IntoIterator<Item = (u64, Duration)>) {
        let mut state = self.lock();
        for (number, due) in sessions {
            state.ready.push_back(Ready::Session { number, due });
            self.work.notify_one();
        }
    }

    /// Releases the calls that are due by now to free workers, and returns when they were due.
    pub(super) fn release_timers(&self, now: Duration) -> Vec<Duration> {
        let mut state = self.lock();
        let mut released = Vec::new();
        while state.timers.peek().is_some_and(|Reverse(timer)| timer.due <= now)
            && let Some(Reverse(timer)) = state.timers.pop()
        {
            released.push(timer.due);
            state.ready.push_back(Ready::Call(timer.session));
            self.work.notify_one();
        }
        released
    }

    /// Waits until a timer or the next session is due, or something changed; at least and at most as long as `nap`
    /// says. `next` is when the next session is due. If there is none and all sessions ended, it does not wait.
    pub(super) fn wait(&self, next: Option<Duration>, now: impl Fn() -> Duration, nap: RangeInclusive<Duration>) {
        let state = self.lock();
        if state.error.is_some() || (next.is_none() && state.is_done()) {
            return;
        }
        // Read under the lock: a timer that is set later wakes this thread.
        let timer = state.timers.peek().map(|Reverse(timer)| timer.due);
        let next = [next, timer].into_iter().flatten().min();
        let time = next.map_or(*nap.end(), |next| next.saturating_sub(now()).clamp(*nap.start(), *nap.end()));
        drop(self.changed.wait_timeout(state, time));
    }

    /// How many sessions and calls wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.lock().ready.len()
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.lock().is_done()
    }

    /// Waits for the next thing to do; `None` if the queue is closed.
    pub(super) fn take(&self) -> Option<Ready> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(ready) = state.ready.pop_front() {
                state.in_flight += usize::from(matches!(ready, Ready::Session { .. }));
                return Some(ready);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether no more calls may start.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// The session goes on when its next call is due.
    pub(super) fn think(&self, session: Box<SessionInFlight>) {
        let mut state = self.lock();
        let number = state.timers_set;
        state.timers_set += 1;
        state.timers.push(Reverse(Timer { due: session.call_due, number, session }));
        self.changed.notify_all();
    }

    /// A session that had started has ended.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        state.in_flight -= 1;
        if state.is_done() {
            self.changed.notify_all();
        }
    }

    /// The runtime failed: nothing more may start.
    pub(super) fn fail(&self, error: RuntimeError) {
        let mut state = self.lock();
        state.error.get_or_insert(error);
        state.is_closed = true;
        self.work.notify_all();
        self.changed.notify_all();
        self.closed.notify_all();
    }

    /// Nothing more may start. Returns what waited.
    pub(super) fn close(&self) -> Vec<Ready> {
        let mut state = self.lock();
        state.is_closed = true;
        self.work.notify_all();
        self.closed.notify_all();
        let mut left: Vec<_> = state.ready.drain(..).collect();
        left.extend(std::mem::take(&mut state.timers).into_iter().map(|Reverse(timer)| Ready::Call(timer.session)));
        left
    }

    /// Waits for `time`, or until the queue is closed. Returns whether it is closed.
    pub(super) fn wait_for_close(&self, time: Duration) -> bool {
        let state = self.lock();
        let waited = self.closed.wait_timeout_while(state, time, |state| !state.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// The error of the runtime, if it failed.
    pub(super) fn into_error(self) -> Option<RuntimeError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }
}
