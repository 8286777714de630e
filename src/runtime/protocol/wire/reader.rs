//! Reads numbers and bytes, and bounds what may follow. The other files of this folder add a method for each kind of
//! record.

use thiserror::Error;

use crate::trace::Observed;

/// How many objects one reply may contain: what two calls may show at most. A runner ends a batch when half of it is
/// used.
pub const REPLY_OBJECTS: usize = 2 * Observed::NODES_LIMIT;

/// Bytes that are no record of ours.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the worker's record is malformed at byte {0}")]
pub struct WireError(pub usize);

/// Reads records.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many objects may still be read.
    objects_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their beginning.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, objects_left: usize::MAX }
    }

    /// Reads a worker's reply, of at most [`REPLY_OBJECTS`].
    pub const fn of_reply(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, objects_left: REPLY_OBJECTS }
    }

    /// Whether everything was read.
    pub const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) const fn error(&self) -> WireError {
        WireError(self.at)
    }

    /// Reads a byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let byte = *self.bytes.get(self.at).ok_or(WireError(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    /// Reads an unsigned number.
    ///
    /// # Errors
    /// At the end, or if the number has more than 64 bits.
    pub fn number(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.error())
    }

    /// Reads a signed number.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn signed(&mut self) -> Result<i64, WireError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Reads how many objects follow, each of at least one byte.
    ///
    /// # Errors
    /// If fewer bytes are left than objects should follow, or if they are more than may be read.
    pub fn count(&mut self) -> Result<usize, WireError> {
        let count = self.length()?;
        self.spend(count)?;
        Ok(count)
    }

    /// Reads how many bytes follow.
    pub(super) fn length(&mut self) -> Result<usize, WireError> {
        let length = usize::try_from(self.number()?).map_err(|_| self.error())?;
        if length > self.bytes.len() - self.at { Err(self.error()) } else { Ok(length) }
    }

    /// Counts so many objects as read.
    pub(super) fn spend(&mut self, objects: usize) -> Result<(), WireError> {
        self.objects_left = self.objects_left.checked_sub(objects).ok_or(self.error())?;
        Ok(())
    }

    /// Reads how many objects follow, of which a worker of ours never writes more than `limit`.
    ///
    /// # Errors
    /// As [`Reader::count`], and if more should follow.
    pub fn count_within(&mut self, limit: usize) -> Result<usize, WireError> {
        let count = self.count()?;
        if count > limit { Err(self.error()) } else { Ok(count) }
    }

    /// Reads bytes with their length before them.
    ///
    /// # Errors
    /// If fewer are left.
    pub fn blob(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.length()?;
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    /// Reads text.
    ///
    /// # Errors
    /// As [`Reader::blob`], and if the bytes are no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        let at = self.at;
        std::str::from_utf8(self.blob()?).map_err(|_| WireError(at))
    }

    pub(super) fn float(&mut self) -> Result<f64, WireError> {
        let bytes = self.bytes.get(self.at..self.at + 8).ok_or(WireError(self.at))?;
        self.at += 8;
        Ok(f64::from_le_bytes(bytes.try_into().expect("the slice has eight bytes")))
    }
}
