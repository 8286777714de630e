//! How attempts cross the wire.

use super::{LEFT_LIMIT, Reader, WireError, Writer};
use crate::trace::{Attempt, AttemptKind};

impl Writer {
    /// Attempts, with their count before them.
    pub fn attempts(&mut self, attempts: &[Attempt]) {
        self.number(attempts.len() as u64);
        for attempt in attempts {
            self.byte(attempt.kind as u8);
            self.blob(attempt.target.as_bytes());
            self.frames(&attempt.frames);
        }
    }
}

impl Reader<'_> {
    /// Attempts.
    ///
    /// # Errors
    /// Where there are none.
    pub fn attempts(&mut self) -> Result<Vec<Attempt>, WireError> {
        let count = self.count_within(LEFT_LIMIT)?;
        let mut attempts = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            attempts.push(Attempt {
                kind: AttemptKind::numbered(self.byte()?).ok_or(self.error())?,
                target: self.text()?.to_owned(),
                frames: self.frames()?,
            });
        }
        Ok(attempts)
    }
}
