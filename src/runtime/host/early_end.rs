//! Ends calls early at places where calls are known to hang: each would cost the whole time limit again.
//!
//! Nothing depends on it but time. No oracle judges a call that is ended so. The durations and the stack come from a
//! worker in which a plugin may write over everything: the host waits up to the limit for a plugin that forges them, or
//! the plugin hides its own sessions from its own author.

use std::time::Duration;

use super::{RuntimeError, Worker, wait::WorkerEvent};
use crate::{
    contract::Hook,
    runtime::KnownHang,
    trace::{Ending, Frame, Trace},
};

/// How many times as long as its hook usually takes a call may take.
const FACTOR: u32 = 10;
/// A call may take at least this long.
const LEAST: Duration = Duration::from_millis(5);
/// The least time between two looks at a call. Whoever writes down a stack has the processor: a call that was only kept
/// waiting by a busy machine is over by the second look.
const PAUSE: Duration = Duration::from_millis(2);
/// The call with this number, among those that would be ended early, runs to its limit, and so does each of twice the
/// number. If it ends before, later ones may take longer.
const FIRST_SAMPLE: u32 = 64;
/// One of so many calls of a hook may take longer than the hook usually does: on a busy machine many calls wait for the
/// processor in their midst.
const OUTLIERS: u64 = 10;

/// What is known about calls that hang.
#[derive(Debug, Default)]
pub(super) struct EarlyEnd {
    hangs: Vec<KnownHang>,
    hooks: [Calls; Hook::ALL.len()],
    /// How many calls were to be ended early.
    count: u32,
}

/// The calls of one hook.
#[derive(Debug, Default)]
struct Calls {
    /// How many calls that ended by themselves took less than 1, 2, 4, 8, … microseconds, and at least half of that.
    durations: [u64; 32],
}

impl Calls {
    fn add(&mut self, elapsed: Duration) {
        let bits = 128 - elapsed.as_micros().leading_zeros() as usize;
        self.durations[bits.min(self.durations.len() - 1)] += 1;
    }

    /// How long all but a few calls take, at most.
    fn usual(&self) -> Duration {
        let mut outliers_left = self.durations.iter().sum::<u64>() / OUTLIERS;
        let is_usual = |(_, count): &(usize, &u64)| {
            let is_outlier = **count <= outliers_left;
            outliers_left = outliers_left.saturating_sub(**count);
            !is_outlier
        };
        let longest = self.durations.iter().enumerate().rev().find(is_usual);
        longest.map_or(Duration::ZERO, |(bits, _)| Duration::from_micros(1 << bits))
    }
}

impl EarlyEnd {
    pub(super) fn set(&mut self, hangs: &[KnownHang]) {
        self.hangs = hangs.to_vec();
    }

    /// Learns how long the calls of a trace took.
    pub(super) fn learn(&mut self, trace: &Trace) {
        for call in trace.calls.iter().filter(|call| matches!(call.ending, Ending::Returned(_) | Ending::Raised(_))) {
            self.hooks[call.hook as usize].add(call.elapsed);
        }
    }

    /// How long a call of that hook may stay at a known place.
    fn time_of(&self, hook: Hook) -> Duration {
        self.hooks[hook as usize].usual().saturating_mul(FACTOR).max(LEAST)
    }

    /// The shortest of these times; `None` if no hang is known.
    fn shortest(&self) -> Option<Duration> {
        self.hangs.iter().map(|hang| self.time_of(hang.hook())).min()
    }

    /// Whether a call of `hook` with this stack is at a known place.
    fn is_at_hang(&self, hook: Hook, frames: &[Frame]) -> bool {
        KnownHang::of(hook, frames).is_some_and(|place| self.hangs.contains(&place))
    }

    /// Counts a call that hangs. False if it has to run to its limit.
    fn ends(&mut self) -> bool {
        self.count = self.count.wrapping_add(1);
        self.count < FIRST_SAMPLE || !self.count.is_power_of_two()
    }
}

impl Worker {
    /// Waits for what becomes of a batch with so many calls. The second result is the stack of a call that hangs at a
    /// known place, and is still running.
    pub(super) fn wait_for_batch(&mut self, calls: usize) -> Result<(WorkerEvent, Option<Vec<Frame>>), RuntimeError> {
        let limit = self.target.limits.timeout;
        let mut time = self.early_end.shortest().unwrap_or(limit);
        loop {
            time = time.min(limit);
            let event = self.process.wait(time, calls)?;
            if event != WorkerEvent::TimedOut || time >= limit {
                return Ok((event, None));
            }
            time = time.saturating_mul(2);
            let Some((hook, elapsed)) = self.process.current_hook() else { continue };
            if elapsed < self.early_end.time_of(hook) || !self.early_end.hangs.iter().any(|hang| hang.hook() == hook) {
                continue;
            }
            if !self.is_at_hang(hook) {
                continue;
            }
            std::thread::sleep(PAUSE.max(self.early_end.hooks[hook as usize].usual()));
            let is_same = self.process.current_hook().is_some_and(|(now, longer)| now == hook && longer > elapsed);
            if is_same && self.is_at_hang(hook) {
                if self.early_end.ends() {
                    let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
                    return Ok((event, Some(frames)));
                }
                time = limit;
            }
        }
    }
}

impl Worker {
    /// Whether the child, which calls `hook`, is at a known place now.
    fn is_at_hang(&mut self, hook: Hook) -> bool {
        let frames = self.process.ask_child_for_place(&self.target.root, &self.standard_library);
        self.early_end.is_at_hang(hook, &frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Origin;

    fn frame(function: &str) -> Frame {
        Frame { origin: Origin::Plugin, file: "main.py".into(), function: function.into(), line: 3 }
    }

    #[test]
    fn what_a_hook_usually_takes_does_not_depend_on_a_few_calls() {
        let mut early_end = EarlyEnd::default();
        let hook = Hook::GetPasswordList;
        assert_eq!(early_end.time_of(hook), LEAST);
        let calls = &mut early_end.hooks[hook as usize];
        (0..950).for_each(|_| calls.add(Duration::from_millis(20)));
        (0..50).for_each(|_| calls.add(Duration::from_secs(100)));
        // Less than twice as long as it took.
        let usual = calls.usual();
        assert!((Duration::from_millis(20)..Duration::from_millis(40)).contains(&usual), "{usual:?}");
        assert_eq!(early_end.time_of(hook), usual * FACTOR);
        (0..100).for_each(|_| early_end.hooks[hook as usize].add(Duration::from_secs(100)));
        assert!(early_end.time_of(hook) > Duration::from_secs(1000));
    }

    #[test]
    fn from_time_to_time_a_call_runs_to_its_limit() {
        let mut early_end = EarlyEnd::default();
        let samples: Vec<u32> = (1..=1000).filter(|_| !early_end.ends()).collect();
        assert_eq!(samples, [64, 128, 256, 512]);
    }

    #[test]
    fn a_call_is_at_a_hang_in_the_same_hook_and_function_only() {
        let mut early_end = EarlyEnd::default();
        assert_eq!(early_end.shortest(), None);
        early_end.set(&[KnownHang::of(Hook::GetPasswordList, &[frame("wait")]).unwrap()]);
        let other_line = Frame { line: 9, ..frame("wait") };
        let in_library = Frame { origin: Origin::StandardLibrary, ..frame("sleep") };
        assert!(early_end.is_at_hang(Hook::GetPasswordList, &[in_library.clone(), other_line, frame("hook")]));
        assert!(!early_end.is_at_hang(Hook::GetPasswordList, &[frame("other"), frame("wait")]));
        assert!(!early_end.is_at_hang(Hook::SessionEnded, &[frame("wait")]));
        assert!(!early_end.is_at_hang(Hook::GetPasswordList, &[in_library]));
    }
}
