//! What this process has used and holds, as the kernel tells it.

use std::time::Duration;

use hookstorm::trace::ProcessUsage;

/// Processor time of this process and of children that it waited for.
pub(crate) fn cpu() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN]
        .map(of)
        .iter()
        .map(|usage| time(usage.ru_utime) + time(usage.ru_stime))
        .sum()
}

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak_bytes() -> u64 {
    of(libc::RUSAGE_SELF).ru_maxrss.unsigned_abs() << 10
}

/// What this process holds now. What the kernel does not tell is 0.
pub(crate) fn holding() -> ProcessUsage {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
    let count = |folder: &str| std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64);
    ProcessUsage {
        memory_bytes: pages * rustix::param::page_size() as u64,
        // The one that lists them is none of the plugin's.
        descriptors: count("/proc/self/fd").saturating_sub(1),
        threads: count("/proc/self/task"),
    }
}

fn of(whose: i32) -> libc::rusage {
    // SAFETY: all zeros are a `rusage`, and the kernel writes nothing but one; where it refuses the zeros stay.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(whose, &raw mut usage);
        usage
    }
}

fn time(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec).unwrap_or(0) * 1000)
}
