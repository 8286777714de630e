//! How the cost of a call, and what a runner holds, cross the wire.

use std::time::Duration;

use super::{Reader, WireError, Writer, record};
use crate::trace::{Holding, Usage};

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
