//! What this process uses, as the kernel reports it.

use std::time::Duration;

use hookstorm::trace::ProcessUsage;

/// The processor time of this process and of the children that it waited for.
pub(crate) fn cpu() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN]
        .map(of)
        .iter()
        .map(|usage| time(usage.ru_utime) + time(usage.ru_stime))
        .sum()
}

/// The largest resident memory that this process ever had, in bytes.
pub(crate) fn peak_bytes() -> u64 {
    of(libc::RUSAGE_SELF).ru_maxrss.unsigned_abs() << 10
}

/// The size of this process's address space in bytes.
pub(crate) fn address_space() -> u64 {
    pages(0)
}

/// What this process uses now. A number that the kernel does not report is 0.
pub(crate) fn of_process() -> ProcessUsage {
    let count = |folder: &str| std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64);
    ProcessUsage {
        memory_bytes: pages(1),
        // Without the descriptor that lists them.
        descriptors: count("/proc/self/fd").saturating_sub(1),
        threads: count("/proc/self/task"),
    }
}

fn of(whose: i32) -> libc::rusage {
    // SAFETY: all zeros are a valid `rusage`, and the kernel writes nothing but one; if it refuses, the zeros stay.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(whose, &raw mut usage);
        usage
    }
}

fn time(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec).unwrap_or(0) * 1000)
}

/// A field of `/proc/self/statm` in bytes.
fn pages(field: usize) -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(field).and_then(|field| field.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
