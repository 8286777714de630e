//! How the cost of a call, and what a runner holds, cross the wire.

use std::time::Duration;

use super::{Reader, WireError, Writer, record};
use crate::trace::{CallUsage, ProcessUsage};

impl Writer {
    /// What a call cost, as a record.
    pub fn usage(&mut self, usage: &CallUsage) {
        self.byte(record::USAGE);
        self.number(usage.began_ns);
        self.number(u64::try_from(usage.cpu.as_nanos()).unwrap_or(u64::MAX));
        self.number(usage.peak_bytes);
    }

    /// What the process holds, as a record.
    pub fn holding(&mut self, holding: &ProcessUsage) {
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
    pub fn usage(&mut self) -> Result<CallUsage, WireError> {
        Ok(CallUsage {
            began_ns: self.number()?,
            cpu: Duration::from_nanos(self.number()?),
            peak_bytes: self.number()?,
        })
    }

    /// What the process holds.
    ///
    /// # Errors
    /// Where there is nothing of it.
    pub fn holding(&mut self) -> Result<ProcessUsage, WireError> {
        Ok(ProcessUsage { memory_bytes: self.number()?, descriptors: self.number()?, threads: self.number()? })
    }
}
