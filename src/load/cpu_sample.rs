//! How busy this machine's processors were between two moments, as far as they are ours to use.

use std::time::Duration;

use crate::load::{Processors, measured::rounded};

/// The processors at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct CpuSample {
    /// For each processor that we may use its busy and its whole time, in the kernel's ticks.
    ticks: Vec<(u64, u64)>,
}

impl CpuSample {
    /// Now. Where the kernel does not tell, nothing is known.
    pub(super) fn now() -> Self {
        Self::read(&std::fs::read_to_string("/proc/stat").unwrap_or_default(), &usable())
    }

    fn read(stat: &str, usable: &dyn Fn(usize) -> bool) -> Self {
        let line = |line: &str| {
            let mut fields = line.strip_prefix("cpu")?.split_ascii_whitespace();
            let number: usize = fields.next()?.parse().ok()?;
            let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).take(8).collect();
            // user, nice, system, idle, iowait, irq, softirq, steal: waiting for a disk is idle.
            let idle = ticks.get(3)? + ticks.get(4)?;
            let all: u64 = ticks.iter().sum();
            usable(number).then_some((all - idle, all))
        };
        Self { ticks: stat.lines().filter_map(line).collect() }
    }

    /// How many there are for us.
    pub(super) fn count(&self) -> usize {
        if self.ticks.is_empty() {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        } else {
            self.ticks.len()
        }
    }

    /// What there was from then until `later`, with `plugin` as the processor time of the plugin's calls in `elapsed`.
    pub(super) fn until(&self, later: &Self, plugin: Duration, elapsed: Duration) -> Processors {
        let sum = |look: &Self| look.ticks.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let (before, after) = (sum(self), sum(later));
        let share = |part: u64, all: u64| if all == 0 { 0.0 } else { (part as f64 / all as f64).clamp(0.0, 1.0) };
        let count = later.count();
        let seconds = elapsed.as_secs_f64() * count as f64;
        Processors {
            count,
            busy: rounded(share(after.0.saturating_sub(before.0), after.1.saturating_sub(before.1))),
            plugin: rounded(if seconds > 0.0 { (plugin.as_secs_f64() / seconds).min(1.0) } else { 0.0 }),
        }
    }
}

/// The processors that this process may run on.
fn usable() -> impl Fn(usize) -> bool {
    let set = rustix::thread::sched_getaffinity(None).ok();
    move |number| set.as_ref().is_none_or(|set| number < rustix::thread::CpuSet::MAX_CPU && set.is_set(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processors_that_we_may_use_count_and_waiting_for_a_disk_is_idle() {
        let only_first = |number: usize| number == 0;
        let before = CpuSample::read("cpu  9 9 9 9\ncpu0 100 0 0 100 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n", &only_first);
        let after = CpuSample::read("cpu0 150 10 15 150 25 0 0 0\ncpu1 900 0 0 0 0 0 0 0\nintr 1\n", &only_first);
        let seen = before.until(&after, Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(seen, Processors { count: 1, busy: 0.5, plugin: 0.5 });
    }

    #[test]
    fn a_kernel_that_tells_nothing_makes_no_claim() {
        let nothing = CpuSample::read("", &|_| true);
        let seen = nothing.until(&nothing, Duration::ZERO, Duration::ZERO);
        assert!(seen.busy == 0.0 && seen.plugin == 0.0 && seen.count >= 1);
    }
}
