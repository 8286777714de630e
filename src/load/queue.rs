//! What is to be done and by when: [`ReadyQueue`], between the one who keeps the schedule and the lanes that make
//! calls. What is due and finds no lane waits here, and its latency goes on.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::RangeInclusive,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::runtime::{RuntimeError, SessionState};

/// Something that a lane may begin with.
#[derive(Debug)]
pub(super) enum Ready {
    /// A session that was due at that moment.
    Session {
        /// Its number.
        number: u64,
        /// When it was due.
        due: Duration,
    },
    /// The next call of a session.
    Call(Box<SessionInFlight>),
}

/// A session under way. Moments count from the beginning of the run.
#[derive(Debug)]
pub(super) struct SessionInFlight {
    pub(super) underway: SessionState,
    /// When it was due.
    pub(super) due: Duration,
    /// When its next call is due.
    pub(super) call_due: Duration,
    /// How long the user thought so far: no part of the latency.
    pub(super) thought: Duration,
}

#[derive(Debug)]
struct Timer {
    due: Duration,
    number: u64,
    visit: Box<SessionInFlight>,
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
    /// Makes timers of one moment go in the order in which they were set.
    timers_set: u64,
    /// Sessions that a lane has taken and not ended, those that think included.
    underway: usize,
    is_closed: bool,
    error: Option<RuntimeError>,
}

impl State {
    fn is_done(&self) -> bool {
        self.ready.is_empty() && self.underway == 0
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    state: Mutex<State>,
    /// There is something for a lane.
    work: Condvar,
    /// There is something for the one who keeps the schedule: an end, an error, a timer.
    news: Condvar,
    /// It is closed.
    closed: Condvar,
}

impl ReadyQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of ours elsewhere is told by whoever joins the threads; it must not become a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands sessions to whoever is free.
    pub(super) fn release(&self, sessions: impl IntoIterator<Item = (u64, Duration)>) {
        let mut state = self.lock();
        for (number, due) in sessions {
            state.ready.push_back(Ready::Session { number, due });
            self.work.notify_one();
        }
    }

    /// Hands calls whose time has come to whoever is free, and gives back when they were due.
    pub(super) fn release_timers(&self, now: Duration) -> Vec<Duration> {
        let mut state = self.lock();
        let mut released = Vec::new();
        while state.timers.peek().is_some_and(|Reverse(timer)| timer.due <= now)
            && let Some(Reverse(timer)) = state.timers.pop()
        {
            released.push(timer.due);
            state.ready.push_back(Ready::Call(timer.visit));
            self.work.notify_one();
        }
        released
    }

    /// Waits until a timer or the next session is due, or there are news: as long as `nap` says, for that is the most
    /// and the least of it. `next` is when the next session is due; without one there is nothing to wait for when all
    /// have ended.
    pub(super) fn wait(&self, next: Option<Duration>, now: impl Fn() -> Duration, nap: RangeInclusive<Duration>) {
        let state = self.lock();
        if state.error.is_some() || (next.is_none() && state.is_done()) {
            return;
        }
        // Looked at under the lock: a timer that is set from now on wakes us.
        let timer = state.timers.peek().map(|Reverse(timer)| timer.due);
        let next = [next, timer].into_iter().flatten().min();
        let time = next.map_or(*nap.end(), |next| next.saturating_sub(now()).clamp(*nap.start(), *nap.end()));
        drop(self.news.wait_timeout(state, time));
    }

    /// How many wait for a lane.
    pub(super) fn waiting(&self) -> usize {
        self.lock().ready.len()
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_done(&self) -> bool {
        self.lock().is_done()
    }

    /// The next thing to do; `None` when the queue is closed.
    pub(super) fn take(&self) -> Option<Ready> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(ready) = state.ready.pop_front() {
                state.underway += usize::from(matches!(ready, Ready::Session { .. }));
                return Some(ready);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether no more calls are to be begun.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// A session goes on when its next call is due.
    pub(super) fn think(&self, visit: Box<SessionInFlight>) {
        let mut state = self.lock();
        let number = state.timers_set;
        state.timers_set += 1;
        state.timers.push(Reverse(Timer { due: visit.call_due, number, visit }));
        self.news.notify_all();
    }

    /// A session that a lane had taken has ended.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        state.underway -= 1;
        if state.is_done() {
            self.news.notify_all();
        }
    }

    /// The runtime failed: nothing more is begun.
    pub(super) fn fail(&self, error: RuntimeError) {
        let mut state = self.lock();
        state.error.get_or_insert(error);
        state.is_closed = true;
        self.work.notify_all();
        self.news.notify_all();
        self.closed.notify_all();
    }

    /// Nothing more is begun; gives back what waited.
    pub(super) fn close(&self) -> Vec<Ready> {
        let mut state = self.lock();
        state.is_closed = true;
        self.work.notify_all();
        self.closed.notify_all();
        let mut left: Vec<_> = state.ready.drain(..).collect();
        left.extend(std::mem::take(&mut state.timers).into_iter().map(|Reverse(timer)| Ready::Call(timer.visit)));
        left
    }

    /// Waits until `time` has gone by or the queue is closed; whether it is.
    pub(super) fn wait_for_close(&self, time: Duration) -> bool {
        let state = self.lock();
        let waited = self.closed.wait_timeout_while(state, time, |state| !state.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Why the runtime failed, if it did.
    pub(super) fn into_error(self) -> Option<RuntimeError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }
}
