//! What a call costs, and what the process of a runner uses.

use std::time::Duration;

use super::{Reader, WireError, Writer, record};
use crate::trace::{CallUsage, ProcessUsage};

impl Writer {
    /// Writes a record of what a call cost.
    pub fn call_usage(&mut self, usage: &CallUsage) {
        self.byte(record::CALL_USAGE);
        self.number(usage.began_ns);
        self.number(u64::try_from(usage.cpu.as_nanos()).unwrap_or(u64::MAX));
        self.number(usage.peak_bytes);
    }

    /// Writes a record of what the process uses.
    pub fn process_usage(&mut self, usage: &ProcessUsage) {
        self.byte(record::PROCESS_USAGE);
        self.number(usage.memory_bytes);
        self.number(usage.descriptors);
        self.number(usage.threads);
    }
}

impl Reader<'_> {
    /// Reads what a call cost.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn call_usage(&mut self) -> Result<CallUsage, WireError> {
        Ok(CallUsage {
            began_ns: self.number()?,
            cpu: Duration::from_nanos(self.number()?),
            peak_bytes: self.number()?,
        })
    }

    /// Reads what the process uses.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn process_usage(&mut self) -> Result<ProcessUsage, WireError> {
        Ok(ProcessUsage { memory_bytes: self.number()?, descriptors: self.number()?, threads: self.number()? })
    }
}
