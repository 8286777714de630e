//! [`CpuSample`]: how busy the processors of this machine were between two moments, as far as this process may use
//! them.

use std::time::Duration;

use crate::load::{Processors, numbers::rounded};

/// The state of the processors at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct CpuSample {
    /// For each processor that this process may use, its busy and its total time in ticks of the kernel.
    ticks: Vec<(u64, u64)>,
}

impl CpuSample {
    /// The state now. Empty if the kernel does not report it.
    pub(super) fn now() -> Self {
        Self::read(&std::fs::read_to_string("/proc/stat").unwrap_or_default(), &usable())
    }

    fn read(stat: &str, usable: &dyn Fn(usize) -> bool) -> Self {
        let line = |line: &str| {
            let mut fields = line.strip_prefix("cpu")?.split_ascii_whitespace();
            let number: usize = fields.next()?.parse().ok()?;
            let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).take(8).collect();
            // user, nice, system, idle, iowait, irq, softirq, steal. Waiting for a disk is idle time.
            let idle = ticks.get(3)? + ticks.get(4)?;
            let all: u64 = ticks.iter().sum();
            usable(number).then_some((all - idle, all))
        };
        Self { ticks: stat.lines().filter_map(line).collect() }
    }

    /// How many processors this process may use.
    pub(super) fn count(&self) -> usize {
        if self.ticks.is_empty() {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        } else {
            self.ticks.len()
        }
    }

    /// What the processors did until `later`. `plugin` is the processor time of the plugin's calls in `elapsed`.
    pub(super) fn until(&self, later: &Self, plugin: Duration, elapsed: Duration) -> Processors {
        let sum = |sample: &Self| sample.ticks.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
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

/// Whether this process may run on a processor, by its number.
fn usable() -> impl Fn(usize) -> bool {
    let set = rustix::thread::sched_getaffinity(None).ok();
    move |number| set.as_ref().is_none_or(|set| number < rustix::thread::CpuSet::MAX_CPU && set.is_set(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_usable_processors_count_and_waiting_for_a_disk_is_idle() {
        let only_first = |number: usize| number == 0;
        let before = CpuSample::read("cpu  9 9 9 9\ncpu0 100 0 0 100 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n", &only_first);
        let after = CpuSample::read("cpu0 150 10 15 150 25 0 0 0\ncpu1 900 0 0 0 0 0 0 0\nintr 1\n", &only_first);
        let processors = before.until(&after, Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(processors, Processors { count: 1, busy: 0.5, plugin: 0.5 });
    }

    #[test]
    fn without_data_of_the_kernel_nothing_is_claimed() {
        let nothing = CpuSample::read("", &|_| true);
        let processors = nothing.until(&nothing, Duration::ZERO, Duration::ZERO);
        assert!(processors.busy == 0.0 && processors.plugin == 0.0 && processors.count >= 1);
    }
}
