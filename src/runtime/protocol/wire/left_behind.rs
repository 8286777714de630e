//! How things that a call left behind cross the wire.

use super::{LEFT_LIMIT, Reader, WireError, Writer};
use crate::trace::{Leftover, LeftoverKind};

impl Writer {
    /// What a call left behind, with its count before it.
    pub fn left(&mut self, left: &[Leftover]) {
        self.number(left.len() as u64);
        for one in left {
            self.byte(one.kind as u8);
            self.blob(one.what.as_bytes());
            self.frames(&one.frames);
        }
    }
}

impl Reader<'_> {
    /// What a call left behind.
    ///
    /// # Errors
    /// Where there is nothing of it.
    pub fn left(&mut self) -> Result<Vec<Leftover>, WireError> {
        let count = self.count_within(LEFT_LIMIT)?;
        let mut left = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            left.push(Leftover {
                kind: LeftoverKind::numbered(self.byte()?).ok_or(self.error())?,
                what: self.text()?.to_owned(),
                frames: self.frames()?,
            });
        }
        Ok(left)
    }
}
