//! What a call costs and what a runner holds: measured by the worker, for whoever asks how much a plugin carries. Nothing
//! is measured unless it is asked for.

use std::time::Duration;

use crate::runtime::wire::{Reader, WireError, Writer, record};

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// When it began, in nanoseconds of the monotonic clock, which host and worker share.
    pub began_ns: u64,
    /// Processor time, child processes that it waited for included.
    pub cpu: Duration,
    /// The most memory that the process ever had resident, interpreter and plugin included, in bytes.
    pub peak_bytes: u64,
}

/// What a process of many sessions holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Memory that is resident, in bytes.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Writer {
    /// What a call cost, as a record.
    pub fn usage(&mut self, usage: &Usage) {
        self.byte(record::USAGE);
        self.number(usage.began_ns);
        self.number(u64::try_from(usage.cpu.as_nanos()).unwrap_or(u64::MAX));
        self.number(usage.peak_bytes);
    }

    /// What the process holds, as a record.
    pub fn holding(&mut self, holding: &Holding) {
        self.byte(record::HOLDING);
        self.number(holding.memory_bytes);
        self.number(holding.descriptors);
        self.number(holding.threads);
    }
}

impl Reader<'_> {
    /// What a call cost.
    ///
    /// # Errors
    /// Where there is none.
    pub fn usage(&mut self) -> Result<Usage, WireError> {
        Ok(Usage { began_ns: self.number()?, cpu: Duration::from_nanos(self.number()?), peak_bytes: self.number()? })
    }

    /// What the process holds.
    ///
    /// # Errors
    /// Where there is nothing of it.
    pub fn holding(&mut self) -> Result<Holding, WireError> {
        Ok(Holding { memory_bytes: self.number()?, descriptors: self.number()?, threads: self.number()? })
    }
}
