//! Totals of a run: [`Counts`], and [`HookTotals`] for each hook.

use std::time::Duration;

use super::{timeline::Now, times::Fine};
use crate::{
    contract::Hook,
    load::{measured::HookMeasured, numbers::rounded},
};

pub(super) const HOOKS: usize = Hook::ALL.len();

/// The bytes of a megabyte in reports.
pub(super) const MB: f64 = (1u64 << 20) as f64;

/// Counts of sessions and calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) due: u64,
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) unfinished: u64,
    pub(super) calls: u64,
    pub(super) errors: u64,
}

impl Counts {
    pub(super) fn now(&self) -> Now {
        Now {
            in_flight: self.begun.saturating_sub(self.ended),
            // A session without calls ends without having started. It does not wait either.
            waiting: self.due.saturating_sub(self.begun.max(self.ended)),
        }
    }
}

/// The calls of one hook.
#[derive(Debug, Default)]
pub(super) struct HookTotals {
    pub(super) latency: Fine,
    pub(super) plugin: Fine,
    pub(super) waiting: Fine,
    pub(super) errors: u64,
    pub(super) cpu: Duration,
    pub(super) peak_bytes: u64,
}

impl HookTotals {
    pub(super) fn measured(&self) -> HookMeasured {
        HookMeasured {
            latency: self.latency.percentiles(),
            errors: self.errors,
            plugin: self.plugin.percentiles(),
            waiting: self.waiting.percentiles(),
            cpu_ms: mean_ms(self.cpu, self.latency.count()),
            peak_mb: rounded(self.peak_bytes as f64 / MB),
        }
    }
}

/// The mean of `count` times in milliseconds, with three decimals.
pub(super) fn mean_ms(sum: Duration, count: u64) -> f64 {
    if count == 0 { 0.0 } else { (sum.as_secs_f64() * 1e6 / count as f64).round() / 1000.0 }
}
